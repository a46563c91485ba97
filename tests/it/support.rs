//! A server per test, on port 0, in a folder of its own; and its callers as values with methods.

use std::sync::{Arc, Mutex, OnceLock};

use reqwest::{Method, StatusCode};
use ruko::app::App;
use ruko::clock::Clock;
use ruko::config::Config;
use ruko::data_dir::DataDir;
use ruko::server::listener::{ListenOptions, Listener};
use ruko::server::router;
use serde_json::{Value, json};
use tokio_util::sync::{CancellationToken, DropGuard};

/// The master key of every test server.
pub const MASTER_KEY: &str = "mk_test_0123456789abcdef0123456789abcdef";

/// A running server. It stops when dropped.
pub struct Server {
    pub app: App,
    pub url: String,
    pub client: reqwest::Client,
    pub folder: Arc<tempfile::TempDir>,
    stop: DropGuard,
    serving: tokio::task::JoinHandle<ruko::server::listener::Farewell>,
}

impl Server {
    pub async fn start() -> Self {
        Self::with(|_| {}).await
    }

    /// Starts a server with changed settings.
    pub async fn with(change: impl FnOnce(&mut Config)) -> Self {
        Self::in_folder(Arc::new(tempfile::tempdir().unwrap()), Clock::system(), change).await
    }

    /// Starts a server on the data of another one, which must have ended.
    pub async fn in_folder(folder: Arc<tempfile::TempDir>, clock: Clock, change: impl FnOnce(&mut Config)) -> Self {
        let mut config = Config::default();
        config.auth.master_key = Some(MASTER_KEY.into());
        config.storage.data_dir = folder.path().join("data");
        // Tests send more in a second than a till in a day; the limits have tests of their own.
        config.limits.requests_per_minute = 0;
        config.limits.before_login_per_minute = 0;
        config.limits.central_per_minute = 0;
        change(&mut config);
        let data_dir = DataDir::open(&config.storage.data_dir).unwrap();
        let (app, _) = App::start(config, data_dir, clock).await.unwrap();
        let listener = Listener::tcp("127.0.0.1:0".parse().unwrap()).unwrap();
        let url = format!("http://{}", listener.address().unwrap());
        let stop = CancellationToken::new();
        let serving = tokio::spawn(listener.serve(router::build(&app), ListenOptions::default(), stop.clone()));
        Self { app, url, client: reqwest::Client::new(), folder, stop: stop.drop_guard(), serving }
    }

    /// Ends the server as an operator does; gives the folder for the next one.
    pub async fn stop(self) -> Arc<tempfile::TempDir> {
        let Self { app, client, folder, stop, serving, .. } = self;
        drop((client, stop));
        serving.await.unwrap();
        app.shut_down().await;
        folder
    }

    pub fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.client.request(method, format!("{}{path}", self.url))
    }

    /// A request of the operator; gives status and body (null when there is none).
    pub async fn central(&self, method: Method, path: &str, body: Value) -> (StatusCode, Value) {
        let request = self.request(method, path).header("X-Master-API-Key", MASTER_KEY);
        let request = if body.is_null() { request } else { request.json(&body) };
        answer(request).await
    }

    /// Makes a tenant.
    pub async fn tenant(&self, name: &str) -> Tenant {
        let (status, body) = self.central(Method::POST, "/api/central/tenants", json!({"name": name})).await;
        assert_eq!(status, 201, "{body}");
        let text = |field: &str| body["data"][field].as_str().unwrap().to_owned();
        Tenant {
            id: text("tenant_id"),
            key: text("api_key"),
            database: text("database"),
            url: self.url.clone(),
            client: self.client.clone(),
        }
    }

    /// A tenant's file as another program opens it.
    pub fn open_file(&self, tenant: &Tenant) -> rusqlite::Connection {
        raw(&self.file(tenant))
    }

    /// The file of a tenant.
    pub fn file(&self, tenant: &Tenant) -> std::path::PathBuf {
        self.app.data_dir.tenants_dir().join(format!("{}.db", tenant.database))
    }
}

/// Sends a request; gives status and body (null when it is no JSON).
pub async fn answer(request: reqwest::RequestBuilder) -> (StatusCode, Value) {
    let response = request.send().await.unwrap();
    let status = response.status();
    let bytes = response.bytes().await.unwrap();
    (status, serde_json::from_slice(&bytes).unwrap_or(Value::Null))
}

/// A tenant with its key.
#[derive(Clone)]
pub struct Tenant {
    pub id: String,
    pub key: String,
    pub database: String,
    url: String,
    client: reqwest::Client,
}

impl Tenant {
    /// The same tenant on another server.
    pub fn at(&self, server: &Server) -> Self {
        Self { url: server.url.clone(), client: server.client.clone(), ..self.clone() }
    }

    /// The request with the tenant key only, to be sent by the caller.
    pub fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.client.request(method, format!("{}{path}", self.url)).header("X-Tenant-API-Key", &self.key)
    }

    /// Tries to log in.
    pub async fn login(&self, email: &str, password: &str) -> (StatusCode, Value) {
        self.send(Method::POST, "/api/login", json!({"email": email, "password": password})).await
    }

    /// A request with the tenant key only.
    pub async fn send(&self, method: Method, path: &str, body: Value) -> (StatusCode, Value) {
        let request = self.request(method, path);
        let request = if body.is_null() { request } else { request.json(&body) };
        answer(request).await
    }

    /// Registers a user; the first one may be an admin.
    pub async fn register(&self, name: &str, role: &str) -> User {
        let body = json!({
            "name": name, "email": format!("{name}@test.com"), "password": "secret", "role": role
        });
        let (status, body) = self.send(Method::POST, "/api/register", body).await;
        assert_eq!(status, 201, "{body}");
        User {
            id: body["user"]["id"].as_i64().unwrap(),
            token: body["token"].as_str().unwrap().to_owned(),
            email: body["user"]["email"].as_str().unwrap().to_owned(),
            tenant: self.clone(),
        }
    }
}

/// A signed-in user.
#[derive(Clone)]
pub struct User {
    pub id: i64,
    pub token: String,
    pub email: String,
    pub tenant: Tenant,
}

impl User {
    /// The same user by another log-in.
    pub async fn again(&self) -> Self {
        let (status, body) = self.tenant.login(&self.email, "secret").await;
        assert_eq!(status, 200, "{body}");
        Self { token: body["token"].as_str().unwrap().to_owned(), ..self.clone() }
    }

    /// The id of the token.
    pub fn token_id(&self) -> i64 {
        self.token.split('|').next().unwrap().parse().unwrap()
    }

    /// Whether the token is good.
    pub async fn is_signed_in(&self) -> bool {
        match self.get("/api/me").await {
            (StatusCode::OK, _) => true,
            (StatusCode::UNAUTHORIZED, body) => {
                assert_eq!(body["error"], "Invalid or expired token", "{body}");
                false
            }
            other => panic!("{other:?}"),
        }
    }

    /// The request with tenant key and bearer token, to be sent by the caller.
    pub fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        let tenant = &self.tenant;
        let request = tenant.client.request(method, format!("{}{path}", tenant.url));
        request.header("X-Tenant-API-Key", &tenant.key).bearer_auth(&self.token)
    }

    /// A request with tenant key and bearer token.
    pub async fn send(&self, method: Method, path: &str, body: Value) -> (StatusCode, Value) {
        let request = self.request(method, path);
        answer(if body.is_null() { request } else { request.json(&body) }).await
    }

    pub async fn get(&self, path: &str) -> (StatusCode, Value) {
        self.send(Method::GET, path, Value::Null).await
    }

    pub async fn post(&self, path: &str, body: Value) -> (StatusCode, Value) {
        self.send(Method::POST, path, body).await
    }
}

/// Lines of a log.
#[derive(Clone, Default)]
pub struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    /// Of all threads of this process from now on, so with the lines of other tests in between.
    pub fn of_the_process() -> Self {
        static LOG: OnceLock<Log> = OnceLock::new();
        let install = || {
            let log = Self::default();
            let writer = log.clone();
            tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone()).init();
            log
        };
        LOG.get_or_init(install).clone()
    }

    pub fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Asks again until it is so; fails after ten seconds.
pub async fn eventually(is_so: impl AsyncFn() -> bool) {
    let started = std::time::Instant::now();
    while !is_so().await {
        assert!(started.elapsed() < std::time::Duration::from_secs(10), "it never became so");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}

/// A connection of another program.
pub fn raw(path: &std::path::Path) -> rusqlite::Connection {
    #[allow(clippy::disallowed_methods, reason = "stands for another program")]
    rusqlite::Connection::open(path).unwrap()
}
