//! An S3 service for tests: `s3s` over a folder, with a layer in front that does what services do on bad
//! days. Objects lie as files below `folder`, so that a test can look at them, cut them off or swap them.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use http::request::Parts;
use http::{Method, Request, Response};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use ruko::config::Config;
use s3s::auth::SimpleAuth;
use s3s::service::{S3Service, S3ServiceBuilder};

pub const NAME: &str = "copies";
pub const KEY_ID: &str = "AKIARUKOTEST";
pub const SECRET: &str = "a-secret-that-is-never-shown";

/// What the service does instead of its work.
#[derive(Debug, Clone, Copy)]
pub enum Fault {
    /// Answers with this status and S3 code.
    Answer(u16, &'static str),
    /// Never answers.
    Hang,
    /// Ends the connection.
    CutOff,
}

type Rule = Box<dyn FnMut(&Parts) -> Option<Fault> + Send>;

/// A running service with one bucket. It stops with the test.
pub struct Bucket {
    pub url: String,
    folder: tempfile::TempDir,
    rule: Arc<Mutex<Rule>>,
    seen: Arc<Mutex<Vec<String>>>,
}

impl Bucket {
    pub async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join(NAME)).unwrap();
        let service = {
            let mut builder = S3ServiceBuilder::new(s3s_fs::FileSystem::new(folder.path()).unwrap());
            builder.set_auth(SimpleAuth::from_single(KEY_ID, SECRET));
            builder.build()
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let rule: Arc<Mutex<Rule>> = Arc::new(Mutex::new(Box::new(|_| None)));
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (rule_of_all, seen_by_all) = (rule.clone(), seen.clone());
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let (service, rule, seen) = (service.clone(), rule_of_all.clone(), seen_by_all.clone());
                tokio::spawn(async move {
                    let answer =
                        service_fn(move |request| answer(service.clone(), rule.clone(), seen.clone(), request));
                    let server = hyper_util::server::conn::auto::Builder::new(TokioExecutor::new());
                    // A connection that is cut off ends in an error.
                    let _ = server.serve_connection(TokioIo::new(socket), answer).await;
                });
            }
        });
        Self { url, folder, rule, seen }
    }

    /// Settings of a server that copies its backups here.
    pub fn set(&self, config: &mut Config) {
        config.s3.bucket = Some(NAME.into());
        config.s3.access_key_id = Some(KEY_ID.into());
        config.s3.secret_access_key = Some(SECRET.into());
        config.s3.endpoint = Some(ruko::config::BaseUrl::read(&self.url).unwrap());
        config.s3.path_style = true;
        config.s3.timeout_secs = 1;
    }

    /// From now on requests for which the rule says so meet a fault.
    pub fn fault(&self, rule: impl FnMut(&Parts) -> Option<Fault> + Send + 'static) {
        *self.rule.lock().unwrap() = Box::new(rule);
    }

    /// Credentials that may only put.
    pub fn allow_only_puts(&self) {
        self.fault(|request| {
            let may = request.method == Method::PUT || request.method == Method::POST;
            (!may).then_some(Fault::Answer(403, "AccessDenied"))
        });
    }

    /// All is well again.
    pub fn heal(&self) {
        self.fault(|_| None);
    }

    /// The requests so far, each as `PUT /copies/key?query`.
    pub fn seen(&self) -> Vec<String> {
        self.seen.lock().unwrap().clone()
    }

    /// The files of the objects there are.
    pub fn objects(&self) -> Vec<PathBuf> {
        let mut found = Vec::new();
        walk(&self.folder.path().join(NAME), &mut found);
        found
    }
}

fn walk(folder: &std::path::Path, found: &mut Vec<PathBuf>) {
    for entry in folder.read_dir().unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { walk(&path, found) } else { found.push(path) }
    }
}

type Broken = Box<dyn std::error::Error + Send + Sync>;

async fn answer(
    service: S3Service,
    rule: Arc<Mutex<Rule>>,
    seen: Arc<Mutex<Vec<String>>>,
    request: Request<Incoming>,
) -> Result<Response<s3s::Body>, Broken> {
    let (parts, body) = request.into_parts();
    seen.lock().unwrap().push(format!("{} {}", parts.method, parts.uri));
    let fault = (rule.lock().unwrap())(&parts);
    match fault {
        None => Ok(service.call(Request::from_parts(parts, s3s::Body::from(body))).await?),
        Some(Fault::Hang) => std::future::pending().await,
        Some(Fault::CutOff) => Err("cut off".into()),
        Some(Fault::Answer(status, code)) => {
            let text = format!("<?xml version=\"1.0\"?><Error><Code>{code}</Code><Region>eu-west-1</Region></Error>");
            let text = if parts.method == Method::HEAD { String::new() } else { text };
            Ok(Response::builder().status(status).body(s3s::Body::from(text))?)
        }
    }
}
