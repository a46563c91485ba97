//! A tenant with a user who reads and writes, over HTTP, and says what came of it.

use std::sync::Arc;
use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::acknowledged::Acknowledged;
use crate::binary::{Home, Server};

/// Longer than any answer may take.
pub const PATIENCE: Duration = Duration::from_secs(20);
/// Connections of each shop that write at the same time.
const CONNECTIONS: usize = 4;

/// A user of a tenant, and the product that is there from the beginning.
#[derive(Clone)]
pub struct Shop {
    pub client: reqwest::Client,
    pub url: String,
    pub name: String,
    pub id: String,
    key: String,
    token: String,
}

impl Shop {
    pub async fn open(home: &Home, server: &Server, name: &str) -> Self {
        let made = home.json(&["tenant", "create", name, "--db-name", name]);
        let text = |field: &str| made[field].as_str().unwrap().to_owned();
        let (id, key) = (text("tenant_id"), text("api_key"));
        let client = reqwest::Client::builder().timeout(PATIENCE).build().unwrap();
        let mut shop = Self { client, url: server.url.clone(), name: name.to_owned(), id, key, token: String::new() };
        let user = json!({"name": "Sri", "email": "sri@test.com", "password": "secret"});
        let (status, body) = shop.ask(Method::POST, "/api/register", Some(user)).await;
        assert_eq!(status, 201, "{body}");
        body["token"].as_str().unwrap().clone_into(&mut shop.token);
        assert_eq!(shop.create("first").await.0, 201);
        shop
    }

    /// The same shop after a restart.
    pub fn at(&self, server: &Server) -> Self {
        Self { url: server.url.clone(), ..self.clone() }
    }

    pub async fn ask(&self, method: Method, path: &str, body: Option<Value>) -> (u16, Value) {
        let mut request = self.client.request(method, format!("{}{path}", self.url));
        request = request.header("X-Tenant-API-Key", &self.key).bearer_auth(&self.token);
        if let Some(body) = body {
            request = request.json(&body);
        }
        answer(request).await
    }

    /// The headers that say who asks, tenant first.
    pub fn credentials(&self) -> String {
        format!("X-Tenant-API-Key: {}\r\nAuthorization: Bearer {}\r\n", self.key, self.token)
    }

    pub async fn get(&self, path: &str) -> (u16, Value) {
        self.ask(Method::GET, path, None).await
    }

    pub async fn create(&self, name: &str) -> (u16, Value) {
        self.ask(Method::POST, "/api/products", Some(json!({"name": name, "price": 1500, "stock": 1}))).await
    }

    pub async fn log_in(&self) -> (u16, Value) {
        let user = json!({"email": "sri@test.com", "password": "secret"});
        self.ask(Method::POST, "/api/login", Some(user)).await
    }
}

/// The operator's key, by which a server is started and asked.
pub const MASTER: &str = "mk_disk_0123456789abcdef0123456789abcdef";

impl Shop {
    /// A request of the operator.
    pub fn central(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.client.request(method, format!("{}/api/central{path}", self.url)).header("X-Master-API-Key", MASTER)
    }
}

/// Sends a request; gives status and body (null when it is no JSON).
pub async fn answer(request: reqwest::RequestBuilder) -> (u16, Value) {
    let response = request.send().await.unwrap_or_else(|error| panic!("not answered: {error:?}"));
    (response.status().as_u16(), response.json().await.unwrap_or(Value::Null))
}

/// A write that was refused because the disk is full, as it is documented.
pub fn assert_full((status, body): &(u16, Value)) {
    assert_eq!((*status, body["code"].as_str()), (507, Some("storage_full")), "{body}");
    assert!(body["message"].is_string() && body["request_id"].is_string(), "{body}");
}

/// Writes of one shop.
#[derive(Debug, Default, Clone, Copy)]
pub struct Seen {
    pub acknowledged: usize,
    pub refused: usize,
}

/// Shops that write without a pause.
pub struct Load {
    writing: JoinSet<Vec<Acknowledged>>,
    pub seen: watch::Receiver<Seen>,
    stop: Arc<watch::Sender<bool>>,
}

impl Load {
    pub fn start(shop: &Shop) -> Self {
        let (counts, seen) = watch::channel(Seen::default());
        let stop = Arc::new(watch::Sender::new(false));
        let mut writing = JoinSet::new();
        for connection in 0..CONNECTIONS {
            let (shop, counts, stop) = (shop.clone(), counts.clone(), stop.subscribe());
            writing.spawn(async move {
                let mut acknowledged = Vec::new();
                for number in 0.. {
                    if *stop.borrow() {
                        break;
                    }
                    let name = format!("{} c{connection} n{number}", shop.name);
                    match shop.create(&name).await {
                        (201, body) => {
                            acknowledged.push(Acknowledged { id: body["id"].as_i64().unwrap(), name });
                            counts.send_modify(|seen| seen.acknowledged += 1);
                        }
                        refused => {
                            assert_full(&refused);
                            counts.send_modify(|seen| seen.refused += 1);
                        }
                    }
                }
                acknowledged
            });
        }
        Self { writing, seen, stop }
    }

    pub async fn wait_for(&mut self, what: impl FnMut(&Seen) -> bool) -> Seen {
        let seen = tokio::time::timeout(PATIENCE, self.seen.wait_for(what)).await.expect("the load stands still");
        *seen.unwrap()
    }

    pub async fn stop(self) -> Vec<Acknowledged> {
        self.stop.send_replace(true);
        self.writing.join_all().await.concat()
    }
}

/// Waits until something is so.
pub async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let begin = std::time::Instant::now();
    while !is_so().await {
        assert!(begin.elapsed() < PATIENCE, "never: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// All files of a server that has ended are sound to the last page.
pub fn expect_sound(home: &Home) {
    let told = home.run(&["doctor", "--deep"]).out;
    // A small disk is what these tests are about.
    let failed: Vec<&str> =
        told.lines().filter(|line| line.contains("FAIL") && !line.starts_with("disk_space")).collect();
    assert!(failed.is_empty() && told.contains("logs.db is sound"), "{told}");
}
