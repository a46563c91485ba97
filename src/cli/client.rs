//! Calls of API operations with the operator's rights: through the local socket while a server
//! holds the data directory, else in this process, which then holds it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use http::{Method, Request, Response, StatusCode, header, request};
use http_body_util::BodyExt;
use hyper::body::Bytes;
use poem::Endpoint;
use serde_json::Value;
use tokio::net::UnixStream;
use tokio::time::{Instant, sleep};

use super::exchange::{Body, exchange, full};
use super::failure::{Failure, IN_USE, Outcome};
use super::output;
use crate::api::kit::request::{LocalOperator, PeerAddr};
use crate::app::App;
use crate::clock::Clock;
use crate::config::{Config, LogFormat, LogLevel, Storage, Telemetry};
use crate::data_dir::{DataDir, DataDirError, RIGHT_DATA_DIR};
use crate::server::router;
use crate::server::site::Site;
use crate::telemetry::logging;

/// How long to wait for a process that starts, stops, or is a command like this one.
const PATIENCE: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(50);

/// Calls operations.
pub enum Client {
    /// A server runs; the path of its socket.
    Beside(PathBuf),
    /// Nobody else is there.
    Alone(Box<Alone>),
}

/// The application in this process.
pub struct Alone {
    app: App,
    site: Site,
    is_new: bool,
    _logging: logging::Logging,
}

impl Client {
    /// Finds out who holds the data directory, and waits a moment for somebody who is about to let
    /// go of it or to open its socket. One that is not there is a slip of the pen.
    pub async fn connect(config: Config) -> Outcome<Self> {
        Self::reach(config, expect_tenants).await
    }

    /// As [`Client::connect`], but makes a data directory that is not there, with its server key; see
    /// [`Client::begun`].
    pub async fn connect_or_begin(config: Config) -> Outcome<Self> {
        Self::reach(config, |_| Ok(())).await
    }

    async fn reach(config: Config, expect: impl Fn(&Storage) -> Outcome) -> Outcome<Self> {
        let storage = config.storage.clone();
        let deadline = Instant::now() + PATIENCE;
        loop {
            expect(&storage)?;
            let error = match DataDir::open(&storage.data_dir) {
                Ok(data_dir) => {
                    // Large, and most commands are a future around this one.
                    let alone = Self::alone(config, data_dir.with_central_file(storage.central_file));
                    return Box::pin(alone).await;
                }
                Err(error @ DataDirError::Locked { .. }) => error,
                Err(other) => return Err(other.into()),
            };
            let socket = DataDir::look(&storage.data_dir)?.socket();
            match UnixStream::connect(&socket).await {
                Ok(_) => return Ok(Self::Beside(socket)),
                Err(reason) if Instant::now() >= deadline => return Err(silent_holder(&error, &socket, &reason)),
                Err(_) => sleep(PAUSE).await,
            }
        }
    }

    /// The application in this process, when nobody else holds the data directory.
    pub async fn if_free(config: Config) -> Outcome<Option<Self>> {
        let storage = config.storage.clone();
        expect_tenants(&storage)?;
        match DataDir::open(&storage.data_dir) {
            Ok(data_dir) => Ok(Some(Self::alone(config, data_dir.with_central_file(storage.central_file)).await?)),
            Err(DataDirError::Locked { .. }) => Ok(None),
            Err(other) => Err(other.into()),
        }
    }

    async fn alone(config: Config, data_dir: DataDir) -> Outcome<Self> {
        let quiet = Telemetry { log_level: LogLevel::Warn, log_format: LogFormat::Text, ..config.telemetry.clone() };
        let logging = logging::init(&quiet);
        let is_new = !data_dir.central_db().exists();
        let app = App::start_for_command(config, data_dir, Clock::system()).await?;
        let site = router::build(&app);
        Ok(Self::Alone(Box::new(Alone { app, site, is_new, _logging: logging })))
    }

    /// The data directory, when it is one since this command.
    pub fn begun(&self) -> Option<&Path> {
        match self {
            Self::Alone(alone) if alone.is_new => Some(alone.app.data_dir.root()),
            _ => None,
        }
    }

    /// The application, when it is in this process.
    pub fn app(&self) -> Option<&App> {
        match self {
            Self::Alone(alone) => Some(&alone.app),
            Self::Beside(_) => None,
        }
    }

    /// Leaves all files complete.
    pub async fn close(self) {
        if let Self::Alone(alone) = self {
            alone.app.shut_down().await;
        }
    }

    /// Calls an operation; gives the JSON it answers.
    pub async fn call(&self, method: Method, path: &str, body: Option<&Value>) -> Outcome<Value> {
        let request = Request::builder().method(method).uri(path);
        Ok(self.call_as(request, body).await?.1)
    }

    /// As [`Client::call`], and says what is preferred of the answer (RFC 7240). Gives its status too.
    pub async fn post_preferring(
        &self,
        prefer: &str,
        path: &str,
        body: Option<&Value>,
    ) -> Outcome<(StatusCode, Value)> {
        self.call_as(Request::builder().method(Method::POST).uri(path).header("prefer", prefer), body).await
    }

    async fn call_as(&self, request: request::Builder, body: Option<&Value>) -> Outcome<(StatusCode, Value)> {
        let bytes = body.map_or_else(Bytes::new, |value| Bytes::from(value.to_string()));
        let response = self.send_as(request, "application/json", full(bytes)).await?;
        let status = response.status();
        let collected = response.into_body().collect().await?.to_bytes();
        if collected.is_empty() {
            return Ok((status, Value::Null));
        }
        let answer = serde_json::from_slice(&collected);
        Ok((status, answer.map_err(|error| Failure::new(format!("the answer is no JSON: {error}")))?))
    }

    /// Sends a body of any kind; gives the answer with its body still to come. What is not a
    /// success becomes a failure.
    pub async fn send(&self, method: Method, path: &str, content_type: &str, body: Body) -> Outcome<Response<Body>> {
        self.send_as(Request::builder().method(method).uri(path), content_type, body).await
    }

    async fn send_as(&self, request: request::Builder, content_type: &str, body: Body) -> Outcome<Response<Body>> {
        let request = request.header(header::HOST, "localhost").header(header::CONTENT_TYPE, content_type);
        let request = request.body(body).map_err(|error| Failure::new(error.to_string()))?;
        let response = match self {
            Self::Beside(socket) => over_socket(socket, request).await?,
            Self::Alone(alone) => in_process(&alone.site, request).await,
        };
        if response.status().is_success() { Ok(response) } else { Err(refusal(response).await) }
    }
}

/// A data directory without a central file is none of a server's.
fn expect_tenants(storage: &Storage) -> Outcome {
    let data_dir = DataDir::look(&storage.data_dir)?.with_central_file(storage.central_file.clone());
    match data_dir.central_db().try_exists() {
        Ok(true) => return Ok(()),
        // Whoever holds it is just making it.
        Ok(false) if data_dir.holder()?.is_some() => return Ok(()),
        Ok(false) => {}
        Err(error) => {
            let what = format!("cannot look into {}: {error}", data_dir.root().display());
            return Err(Failure::new(what).hint("run the command as the user that the server runs as"));
        }
    }
    let (root, central_file) = (data_dir.root().display(), storage.central_file.as_str());
    let hint = format!("name {RIGHT_DATA_DIR}");
    Err(Failure::new(format!("there is no {central_file} in {root}, so it is no data directory")).hint(hint))
}

async fn in_process(site: &Site, request: Request<Body>) -> Response<Body> {
    let (head, body) = request.into_parts();
    let mut request = poem::Request::builder().method(head.method).uri(head.uri).body(poem::Body::from(body));
    *request.headers_mut() = head.headers;
    request.set_data(PeerAddr::Local);
    request.set_data(LocalOperator::granted());
    site.get_response(request).await.into()
}

async fn over_socket(path: &Path, request: Request<Body>) -> Outcome<Response<Body>> {
    let lost = |error: &dyn std::fmt::Display| {
        Failure::new(format!("the server at {} went away: {error}", path.display())).hint("look into its log")
    };
    let stream = UnixStream::connect(path).await.map_err(|error| lost(&error))?;
    exchange(stream, request).await.map_err(|error| lost(&error))
}

fn silent_holder(error: &DataDirError, socket: &Path, reason: &std::io::Error) -> Failure {
    let hint = format!("it does not answer at {} ({reason}); wait for it, or stop it", socket.display());
    let text = error.to_string();
    Failure::new(text.split_once("; ").map_or(text.as_str(), |(what, _)| what)).hint(hint).with_code(IN_USE)
}

/// Turns an error answer of any family into words.
async fn refusal(response: Response<Body>) -> Failure {
    let status = response.status();
    let bytes = response.into_body().collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    let body: Value = serde_json::from_slice(&bytes).unwrap_or_default();
    let mut lines: Vec<String> = Vec::new();
    if let Some(errors) = body["errors"].as_object() {
        lines.extend(
            errors
                .values()
                .flat_map(|texts| texts.as_array().cloned().unwrap_or_default())
                .map(|text| output::plain(&text)),
        );
    }
    if lines.is_empty() {
        let text = ["message", "error", "detail"].into_iter().find_map(|field| body[field].as_str());
        lines.push(text.map_or_else(|| format!("the server answered {status}"), str::to_owned));
    }
    let failure = Failure::new(lines.join(" "));
    match body["hint"].as_str() {
        Some(hint) => failure.hint(hint),
        None => failure,
    }
}
