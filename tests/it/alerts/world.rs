//! A mail server, a web server and rows of backups, for tests of alerts.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{IpAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mailin_embedded::{AuthMechanism, Handler, Response, response};
use ruko::clock::{Clock, Timestamp};
use ruko::config::{Config, Encryption};
use ruko::vals;
use serde_json::Value;

use crate::support::Server;

pub const HOUR: Duration = Duration::from_secs(3600);
pub const DAY: Duration = Duration::from_secs(86_400);
/// Friday, 27 November 2026, 12:00 in Jakarta.
pub const NOON: Timestamp = Timestamp(1_795_755_600_000);

/// How the mail server receives people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mood {
    Kind,
    /// It knows nobody of that name.
    NoMailbox,
    /// It takes no mail without a log-in.
    Locked,
}

/// A mail server.
#[derive(Clone)]
pub struct Post {
    pub port: u16,
    letters: Arc<Mutex<Vec<String>>>,
    mood: Arc<Mutex<Mood>>,
    current: Vec<u8>,
}

impl Post {
    pub fn open() -> Self {
        Self::serve(&[])
    }

    /// One that nobody can log in to.
    pub fn with_log_in() -> Self {
        Self::serve(&[AuthMechanism::Plain])
    }

    fn serve(log_in: &[AuthMechanism]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let post = Self { port, letters: Arc::default(), mood: Arc::new(Mutex::new(Mood::Kind)), current: Vec::new() };
        let mut server = mailin_embedded::Server::new(post.clone());
        server.with_name("localhost").with_tcp_listener(listener);
        for mechanism in log_in {
            server.with_auth(mechanism.clone());
        }
        // It never ends; the process of the tests does.
        std::thread::spawn(move || server.serve().unwrap());
        post
    }

    pub fn be(&self, mood: Mood) {
        *self.mood.lock().unwrap() = mood;
    }

    /// The letters that came since the last look.
    pub fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.letters.lock().unwrap())
    }

    /// The one letter that came since the last look: its headers and the rest.
    pub fn take_one(&self) -> (String, String) {
        let [letter] = <[String; 1]>::try_from(self.take()).unwrap();
        let (headers, body) = letter.split_once("\r\n\r\n").unwrap();
        (headers.to_owned(), unquoted(body))
    }
}

/// The text of a part that came as quoted-printable.
fn unquoted(text: &str) -> String {
    let joined = text.replace("=\r\n", "");
    let mut parts = joined.split('=');
    let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        let (code, rest) = part.split_at(2.min(part.len()));
        match u8::from_str_radix(code, 16) {
            Ok(byte) => bytes.push(byte),
            Err(_) => bytes.extend([b"=", code.as_bytes()].concat()),
        }
        bytes.extend(rest.as_bytes());
    }
    String::from_utf8(bytes).unwrap()
}

/// A mail server that offers a log-in in clear and refuses it; gives its port.
pub fn log_in_that_refuses() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let reader = BufReader::new(stream.try_clone().unwrap());
            let _ = stream.write_all(b"220 localhost\r\n");
            for line in reader.lines().map_while(Result::ok) {
                let answer = match line.split(' ').next() {
                    Some("EHLO") => "250-localhost\r\n250 AUTH PLAIN\r\n",
                    Some("AUTH") => "535 5.7.8 Not you\r\n",
                    _ => "250 OK\r\n",
                };
                let _ = stream.write_all(answer.as_bytes());
            }
        }
    });
    port
}

impl Handler for Post {
    fn mail(&mut self, _: IpAddr, _: &str, _: &str) -> Response {
        if *self.mood.lock().unwrap() == Mood::Locked { response::AUTHENTICATION_REQUIRED } else { response::OK }
    }

    fn rcpt(&mut self, _: &str) -> Response {
        if *self.mood.lock().unwrap() == Mood::NoMailbox { response::NO_MAILBOX } else { response::OK }
    }

    fn data(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.current.extend_from_slice(bytes);
        Ok(())
    }

    fn data_end(&mut self) -> Response {
        let letter = String::from_utf8(std::mem::take(&mut self.current)).unwrap();
        self.letters.lock().unwrap().push(letter);
        response::OK
    }
}

/// What a web server was asked.
#[derive(Debug, Clone)]
pub struct Asked {
    /// Method and path.
    pub line: String,
    /// In lower case.
    pub headers: String,
    pub body: String,
}

impl Asked {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }
}

/// A web server that answers everything with one status.
#[derive(Clone)]
pub struct Web {
    pub url: String,
    asked: Arc<Mutex<Vec<Asked>>>,
    status: Arc<AtomicU16>,
}

impl Web {
    pub fn open() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let web = Self { url, asked: Arc::default(), status: Arc::new(AtomicU16::new(200)) };
        let answering = web.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let _ = answering.answer(stream.unwrap());
            }
        });
        web
    }

    pub fn answer_with(&self, status: u16) {
        self.status.store(status, Ordering::Relaxed);
    }

    /// What it was asked since the last look.
    pub fn take(&self) -> Vec<Asked> {
        std::mem::take(&mut self.asked.lock().unwrap())
    }

    fn answer(&self, mut stream: TcpStream) -> io::Result<()> {
        let mut reader = BufReader::new(stream.try_clone()?);
        let (mut line, mut headers) = (String::new(), String::new());
        reader.read_line(&mut line)?;
        loop {
            let mut header = String::new();
            reader.read_line(&mut header)?;
            if header.trim().is_empty() {
                break;
            }
            headers.push_str(&header.to_lowercase());
        }
        let length = headers.lines().find_map(|header| header.strip_prefix("content-length: ")?.trim().parse().ok());
        let mut body = vec![0; length.unwrap_or(0)];
        reader.read_exact(&mut body)?;
        let line = line.trim().trim_end_matches(" HTTP/1.1").to_owned();
        self.asked.lock().unwrap().push(Asked { line, headers, body: String::from_utf8(body).unwrap() });
        let status = self.status.load(Ordering::Relaxed);
        let elsewhere = "Location: /elsewhere\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
        write!(stream, "HTTP/1.1 {status} Well\r\n{elsewhere}")
    }
}

/// A server whose alerts come to the mail server and the web server.
pub async fn watched(post: &Post, web: &Web, change: impl FnOnce(&mut Config)) -> (Server, Clock) {
    let clock = Clock::held_at(NOON);
    let folder = Arc::new(tempfile::tempdir().unwrap());
    (Server::in_folder(folder, clock.clone(), |config| tell_to(config, post, web, change)).await, clock)
}

/// As [`watched`] has it.
pub fn tell_to(config: &mut Config, post: &Post, web: &Web, change: impl FnOnce(&mut Config)) {
    let email = set("BACKUP_ALERT_EMAIL=admin@example.com");
    config.alerts = email.alerts;
    config.alerts.webhook_url = set(&format!("RUKO_ALERTS_WEBHOOK_URL={}/hook", web.url)).alerts.webhook_url;
    config.mail.host = Some("127.0.0.1".into());
    config.mail.port = Some(post.port);
    config.mail.encryption = Encryption::None;
    config.mail.from_address = set("MAIL_FROM_ADDRESS=ruko@example.com").mail.from_address;
    change(config);
}

/// The configuration that one variable makes.
pub fn set(assignment: &str) -> Config {
    let (name, value) = assignment.split_once('=').unwrap();
    let sources = ruko::config::Sources {
        environment: [(name.to_owned(), value.to_owned())].into(),
        ..ruko::config::Sources::default()
    };
    Config::load(sources).unwrap().config
}

/// Looks and tells, as the job does every minute.
pub async fn look(server: &Server) {
    ruko::jobs::alerts::run(&server.app).await.unwrap();
}

/// Runs SQL in the central file.
pub async fn central(server: &Server, sql: &str) {
    let sql = sql.to_owned();
    server.app.central.write(move |tx| Ok(tx.execute(&sql, &[])?)).await.unwrap();
}

/// A schedule that began long ago, and a good and proven backup of this moment for everybody.
pub async fn all_well(server: &Server) {
    let now = server.app.clock.now();
    let work = move |tx: &mut ruko::db::Tx<'_>| {
        let begun = "INSERT INTO job_runs (job, started_at, finished_at, outcome, detail) \
                     SELECT 'backup_daily', ?1 - 86400000 * 30, ?1, 'ok', 'the schedule begins' \
                     WHERE NOT EXISTS (SELECT 1 FROM job_runs)";
        tx.execute(begun, vals![now])?;
        let good = "INSERT INTO backups (id, tenant_id, kind, state, folder, file_name, is_compressed, created_at, \
                    proven_at) SELECT hex(randomblob(16)), id, 'daily', 'ok', '', hex(randomblob(16)), 1, ?1, ?1 \
                    FROM (SELECT id FROM tenants UNION ALL SELECT 'central')";
        Ok(tx.execute(good, vals![now])?)
    };
    server.app.central.write(work).await.unwrap();
}

/// How many alerts are known.
pub async fn known(server: &Server) -> i64 {
    let count =
        |tx: &mut ruko::db::Tx<'_>| Ok(tx.query_one("SELECT count(*) FROM alerts", &[], |row| row.get::<i64>(0))?);
    server.app.central.read(count).await.unwrap()
}

/// A backup of a tenant that failed at this moment.
pub async fn fail(server: &Server, tenant: &str, error: &str) {
    let (tenant, error, now) = (tenant.to_owned(), error.to_owned(), server.app.clock.now());
    let work = move |tx: &mut ruko::db::Tx<'_>| {
        let sql = "INSERT INTO backups (id, tenant_id, kind, state, folder, file_name, is_compressed, created_at, \
                   error_code, error) SELECT hex(randomblob(16)), id, 'daily', 'failed', '', hex(randomblob(16)), 1, ?1, \
                   'storage_full', ?3 FROM (SELECT id FROM tenants UNION ALL SELECT 'central') WHERE id LIKE ?2";
        Ok(tx.execute(sql, vals![now.plus(Duration::from_millis(1)), &tenant, &error])?)
    };
    assert!(server.app.central.write(work).await.unwrap() > 0);
}
