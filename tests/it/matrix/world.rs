//! Callers and records for the matrix: a tenant with records, a stranger, a suspended one.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU32, Ordering};

use parking_lot::Mutex;
use reqwest::{Method, StatusCode};
use ruko::id::TenantId;
use serde_json::{Value, json};

use crate::openapi::document::{Operation, operations};
use crate::support::{MASTER_KEY, Server, Tenant, User};

pub const MASTER: &str = "MasterKey";
pub const TENANT: &str = "TenantKey";
pub const USER: &str = "UserToken";

/// Credentials by scheme.
#[derive(Debug, Clone, Default)]
pub struct Credentials(BTreeMap<String, String>);

impl Credentials {
    /// Those of a user, and of the operator, for these schemes.
    pub fn of(schemes: &[String], user: &User) -> Self {
        let value = |scheme: &str| match scheme {
            MASTER => MASTER_KEY.to_owned(),
            TENANT => user.tenant.key.clone(),
            USER => user.token.clone(),
            _ => panic!("add {scheme} to the matrix's world"),
        };
        Self(schemes.iter().map(|scheme| (scheme.clone(), value(scheme))).collect())
    }

    pub fn with(&self, scheme: &str, value: &str) -> Self {
        let mut changed = self.clone();
        changed.0.insert(scheme.to_owned(), value.to_owned());
        changed
    }

    pub fn without(&self, scheme: &str) -> Self {
        let mut changed = self.clone();
        changed.0.remove(scheme);
        changed
    }
}

/// What an operation answered.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub content_type: String,
    pub headers: reqwest::header::HeaderMap,
    pub body: Value,
}

pub struct World {
    pub server: Server,
    pub document: Value,
    pub admin: User,
    pub user: User,
    stranger: User,
    suspended: User,
    revoked: String,
    records: Mutex<HashMap<String, String>>,
    made: AtomicU32,
}

impl World {
    pub async fn start(document: &Value) -> Self {
        let server = Server::start().await;
        let (own, other, closed) =
            (server.tenant("Own").await, server.tenant("Other").await, server.tenant("Closed").await);
        let stranger = other.register("stranger", "admin").await;
        let suspended = closed.register("closed", "admin").await;
        let id = TenantId::from(closed.id.as_str());
        server.app.tenants.suspend(&id).await.unwrap();
        let admin = own.register("admin", "admin").await;
        let user = own.register("user", "user").await;
        let revoked = own.register("gone", "user").await;
        assert_eq!(revoked.post("/api/logout", Value::Null).await.0, 200);
        let product = json!({"name": "Kopi", "price": 1000, "stock": 1000});
        assert_eq!(admin.post("/api/products", product).await.0, 201);
        let records = [
            ("/api/central/tenants".to_owned(), own.id.clone()),
            // A number that no user of the other tenant has.
            ("/api/users".to_owned(), user.id.to_string()),
            ("/api/me/tokens".to_owned(), token_number(&user)),
        ];
        let (document, revoked) = (document.clone(), revoked.token);
        let records = Mutex::new(records.into_iter().collect());
        Self { server, document, admin, user, stranger, suspended, revoked, records, made: AtomicU32::new(0) }
    }

    /// Good credentials for these schemes: those of the tenant's admin.
    pub fn credentials(&self, schemes: &[String]) -> Credentials {
        Credentials::of(schemes, &self.admin)
    }

    /// Good credentials of another tenant's admin.
    pub fn stranger(&self, schemes: &[String]) -> Credentials {
        Credentials::of(schemes, &self.stranger)
    }

    /// Another tenant's key.
    pub fn stranger_key(&self) -> &str {
        &self.stranger.tenant.key
    }

    /// Credentials of a suspended tenant's admin.
    pub fn suspended(&self, schemes: &[String]) -> Credentials {
        Credentials::of(schemes, &self.suspended)
    }

    /// Values of a scheme that are good for nothing, or for something else.
    pub fn wrong(&self, scheme: &str) -> Vec<(&'static str, String)> {
        let nonsense = |text: &str| ("nonsense", text.to_owned());
        let kinds = [
            (MASTER, "the master key", MASTER_KEY.to_owned()),
            (TENANT, "a tenant key", self.admin.tenant.key.clone()),
            (USER, "a bearer token", self.admin.token.clone()),
        ];
        let mut wrong: Vec<_> =
            kinds.into_iter().filter(|(kind, ..)| *kind != scheme).map(|(_, name, value)| (name, value)).collect();
        match scheme {
            MASTER => wrong.extend([nonsense("mk_wrong"), ("a placeholder", "your-super-secret-master-key".into())]),
            TENANT => {
                let key = &self.admin.tenant.key;
                wrong.push(nonsense(&format!("tk_{}", "0".repeat(64))));
                wrong.push(("a shortened key", key[..key.len() - 1].to_owned()));
                wrong.push(("the tenant's id", self.admin.tenant.id.clone()));
            }
            USER => {
                let (number, secret) = self.admin.token.split_once('|').unwrap();
                wrong.push(nonsense("1|wrong"));
                wrong.push(("another tenant's token", self.stranger.token.clone()));
                wrong.push(("a revoked token", self.revoked.clone()));
                wrong.push(("a token of another number", format!("{}|{secret}", number.parse::<i64>().unwrap() + 1)));
                wrong.push(("a number without secret", format!("{number}|")));
            }
            _ => return Vec::new(),
        }
        wrong
    }

    /// The path with ids of the tenant's own records.
    pub async fn path(&self, operation: &Operation) -> String {
        let mut filled = String::new();
        let mut collection = String::new();
        for step in operation.path.split('/').skip(1) {
            let is_parameter = step.starts_with('{');
            let text = if is_parameter { self.record(&collection, &filled).await } else { step.to_owned() };
            filled = format!("{filled}/{text}");
            collection = format!("{collection}/{step}");
        }
        filled
    }

    /// The id of a record in a collection, made with the collection's own documented example.
    async fn record(&self, collection: &str, filled: &str) -> String {
        if let Some(id) = self.records.lock().get(filled) {
            return id.clone();
        }
        let id = self.create(collection, filled).await.unwrap_or_else(|| "1".into());
        self.records.lock().insert(filled.to_owned(), id.clone());
        id
    }

    async fn create(&self, collection: &str, filled: &str) -> Option<String> {
        let create =
            operations(&self.document).into_iter().find(|one| one.path == collection && one.method == Method::POST)?;
        let credentials = self.credentials(create.credentials().first().map_or(&[][..], Vec::as_slice));
        let mut answer = self.ask(&create, filled, &credentials).await;
        if let Some(refused) = answer.body["errors"].as_object() {
            // Taken, most likely: by the record that another operation was tried with.
            let mut body = create.body()?["example"].clone();
            for name in refused.keys() {
                let number = self.made.fetch_add(1, Ordering::Relaxed);
                body[name] = format!("n{number}-{}", body[name].as_str()?).into();
            }
            answer = self.send(&create, filled, &credentials, Some(body.to_string().into())).await;
        }
        ["/id", "/data/id", "/data/key_id", "/data/tenant_id"].iter().find_map(|pointer| {
            match answer.body.pointer(pointer)? {
                Value::String(text) => Some(text.clone()),
                Value::Number(number) => Some(number.to_string()),
                _ => None,
            }
        })
    }

    fn remember(&self, collection: &str, id: String) {
        self.records.lock().insert(collection.to_owned(), id);
    }

    fn forget(&self) {
        self.records.lock().clear();
    }

    /// Sends an operation's documented example.
    pub async fn ask(&self, operation: &Operation, path: &str, credentials: &Credentials) -> Answer {
        let body = operation.body().map(|body| body["example"].to_string());
        self.send(operation, path, credentials, body.map(String::into_bytes)).await
    }

    pub async fn send(
        &self,
        operation: &Operation,
        path: &str,
        credentials: &Credentials,
        body: Option<Vec<u8>>,
    ) -> Answer {
        let mut request = self.server.request(operation.method.clone(), path);
        for (scheme, value) in &credentials.0 {
            let scheme = &self.document["components"]["securitySchemes"][scheme];
            request = match scheme["name"].as_str() {
                Some(header) => request.header(header, value),
                None => request.bearer_auth(value),
            };
        }
        if let Some(body) = body {
            request = request.header("Content-Type", "application/json").body(body);
        }
        let response = request.send().await.unwrap();
        let (status, headers) = (response.status(), response.headers().clone());
        let content_type = headers.get("content-type").map_or(String::new(), |text| text.to_str().unwrap().to_owned());
        let bytes = response.bytes().await.unwrap();
        Answer { status, content_type, headers, body: serde_json::from_slice(&bytes).unwrap_or_default() }
    }

    /// New records for one operation to change or delete, and a new admin who calls it.
    pub async fn renew(&self, number: usize) -> User {
        self.forget();
        let tenant = self.server.tenant(&format!("Target {number}")).await;
        let target = self.new_admin(&format!("target{number}")).await;
        let admin = self.new_admin(&format!("admin{number}")).await;
        self.remember("/api/central/tenants", tenant.id);
        self.remember("/api/users", target.id.to_string());
        self.remember("/api/me/tokens", token_number(&admin));
        admin
    }

    /// A new admin of the tenant, with a token of its own.
    pub async fn new_admin(&self, name: &str) -> User {
        let Tenant { key, .. } = &self.admin.tenant;
        let body =
            json!({"name": name, "email": format!("{name}@test.com"), "password": "password123", "role": "admin"});
        let request = self.server.request(Method::POST, "/api/register").header("X-Tenant-API-Key", key);
        let response = request.header("X-Master-API-Key", MASTER_KEY).json(&body).send().await.unwrap();
        assert_eq!(response.status(), 201);
        let body: Value = response.json().await.unwrap();
        let token = body["token"].as_str().unwrap().to_owned();
        let email = body["user"]["email"].as_str().unwrap().to_owned();
        User { id: body["user"]["id"].as_i64().unwrap(), token, email, tenant: self.admin.tenant.clone() }
    }
}

fn token_number(user: &User) -> String {
    user.token.split_once('|').unwrap().0.to_owned()
}
