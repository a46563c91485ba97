//! The logs as the operator and a tenant's admin read them.

use std::sync::Arc;
use std::time::Duration;

use reqwest::Method;
use ruko::clock::{Clock, Timestamp};
use serde_json::{Value, json};

use crate::support::{MASTER_KEY, Server, Tenant, User, answer};

const REQUESTS: &str = "/api/central/api-requests";
const AUDIT: &str = "/api/central/audit-log";

struct World {
    server: Server,
    clock: Clock,
    tenant: Tenant,
    admin: User,
}

impl World {
    /// 2025-10-30, 14:05:30 UTC.
    async fn start() -> Self {
        let clock = Clock::held_at(Timestamp(1_761_833_130_000));
        let server = Server::in_folder(Arc::new(tempfile::tempdir().unwrap()), clock.clone(), |_| {}).await;
        let tenant = server.tenant("Warung").await;
        let admin = tenant.register("john", "admin").await;
        Self { server, clock, tenant, admin }
    }

    async fn list(&self, path: &str) -> Vec<Value> {
        let (status, body) = self.server.central(Method::GET, path, Value::Null).await;
        assert_eq!(status, 200, "{path}: {body}");
        body["data"].as_array().unwrap().clone()
    }
}

fn texts(rows: &[Value], field: &str) -> String {
    rows.iter().map(|row| row[field].as_str().unwrap()).collect::<Vec<_>>().join(" ")
}

async fn own(user: &User, path: &str) -> Vec<Value> {
    let (status, body) = user.get(path).await;
    assert_eq!(status, 200, "{path}: {body}");
    body["data"].as_array().unwrap().clone()
}

#[tokio::test]
async fn a_request_is_in_the_log_with_all_its_fields_as_soon_as_it_is_answered() {
    let world = World::start().await;
    let request = world.admin.request(Method::GET, "/api/products/99?api_key=0123456789abcdef");
    let request = request.header("User-Agent", "kasir/2.1").header("X-Request-Id", "till-7");
    assert_eq!(request.send().await.unwrap().status(), 404);
    let rows = world.list(&format!("{REQUESTS}?limit=1")).await;
    let mut row = rows[0].clone();
    let fields = row.as_object_mut().unwrap();
    let [id, ms, us] =
        ["id", "response_time_ms", "response_time_us"].map(|name| fields.remove(name).unwrap().as_i64().unwrap());
    assert!(id > 0 && us > 0 && (ms * 1000 - us).abs() <= 500, "{ms} {us}");
    let expected = json!({
        "created_at": "2025-10-30T14:05:30.000000Z", "tenant_id": world.tenant.id, "user_id": world.admin.id,
        "actor": format!("user:{}", world.admin.id), "method": "GET", "endpoint": "/api/products/99",
        "route": "/api/products/{id}", "status_code": 404, "ip_address": "127.0.0.1", "user_agent": "kasir/2.1",
        "request_id": "till-7",
    });
    assert_eq!(row, expected);
    let all = Value::Array(world.list(REQUESTS).await).to_string();
    for secret in ["0123456789abcdef", MASTER_KEY, &world.tenant.key, &world.admin.token, "secret"] {
        assert!(!all.contains(secret), "{secret} in {all}");
    }
}

#[tokio::test]
async fn request_with_a_tenant_key_alone_is_that_keys_also_when_the_tenant_is_closed() {
    let world = World::start().await;
    world.tenant.send(Method::GET, "/api/info", Value::Null).await;
    let bearer = world.tenant.request(Method::GET, "/api/me").bearer_auth("1|wrong");
    assert_eq!(answer(bearer).await.0, 401);
    let path = format!("/api/central/tenants/{}", world.tenant.id);
    for (step, status) in [("suspend", 403), ("resume", 200), ("freeze", 403)] {
        assert_eq!(world.server.central(Method::POST, &format!("{path}/{step}"), Value::Null).await.0, 200);
        assert_eq!(world.tenant.send(Method::GET, "/api/info", Value::Null).await.0, status);
        assert_eq!(world.admin.get("/api/products").await.0, status);
    }
    let rows = world.list(&format!("{REQUESTS}?tenant={}&actor=tenant_key", world.tenant.id)).await;
    let seen: Vec<_> = rows.iter().map(|row| (row["status_code"].as_i64().unwrap(), &row["actor"])).collect();
    let key = json!("tenant_key:1");
    let expected = [(403, &key), (403, &key), (200, &key), (403, &key), (403, &key), (401, &key), (200, &key)];
    assert_eq!(seen[..7], expected, "newest first: {rows:?}");
}

#[tokio::test]
async fn each_filter_of_the_request_log_narrows_it() {
    let world = World::start().await;
    let other = world.server.tenant("Toko").await;
    let user = world.tenant.register("siti", "user").await;
    world.clock.advance(Duration::from_secs(86_400));
    user.get("/api/users").await;
    user.get("/api/products/99").await;
    other.send(Method::GET, "/api/info", Value::Null).await;
    let of = |query: String| {
        let world = &world;
        async move { texts(&world.list(&format!("{REQUESTS}?{query}&since=2025-10-31")).await, "endpoint") }
    };
    let one = "/api/products/99 /api/users";
    assert_eq!(of(format!("tenant={}", world.tenant.id)).await, one);
    assert_eq!(of(format!("actor=user:{}", user.id)).await, one);
    assert_eq!(of("actor=user".into()).await, one);
    assert_eq!(of("actor=tenant_key".into()).await, "/api/info");
    assert_eq!(of("route=/api/products/{id}".into()).await, "/api/products/99");
    assert_eq!(of("status=4xx".into()).await, one);
    assert_eq!(of("status=2xx&actor=tenant_key".into()).await, "/api/info");
    assert_eq!(of("status=5xx".into()).await, "");
    assert_eq!(of("q=PRODUCTS".into()).await, "/api/products/99");
    assert_eq!(of("q=PRODUCTS&until=2025-10-31T14:05:30Z".into()).await, "/api/products/99", "until is part of it");
    assert_eq!(of("q=PRODUCTS&until=2025-10-31T14:05:29Z".into()).await, "");
    let day = world.list(&format!("{REQUESTS}?until=2025-10-30&actor=tenant_key")).await;
    assert_eq!(texts(&day, "endpoint"), "/api/register /api/register", "a date means its end");
}

#[tokio::test]
async fn pages_of_the_log_give_each_row_once_while_others_ask() {
    let world = World::start().await;
    for number in 0..25 {
        world.admin.get(&format!("/api/products/{}", number + 1)).await;
    }
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let path = format!("{REQUESTS}?route=/api/products/{{id}}&limit=10{cursor}");
        let (_, body) = world.server.central(Method::GET, &path, Value::Null).await;
        seen.extend(body["data"].as_array().unwrap().clone());
        let Some(next) = body["next_cursor"].as_str() else { break };
        cursor = format!("&cursor={next}");
        world.admin.get("/api/products/1000").await;
    }
    let expected: Vec<String> = (1..=25).rev().map(|number| format!("/api/products/{number}")).collect();
    assert_eq!(texts(&seen, "endpoint"), expected.join(" "));
}

#[tokio::test]
async fn audit_log_tells_who_did_what_to_what() {
    let world = World::start().await;
    let body = json!({"name": "Siti", "email": "siti@test.com", "password": "secret"});
    let (_, siti) = world.admin.post("/api/users", body).await;
    world.server.central(Method::POST, &format!("/api/central/tenants/{}/suspend", world.tenant.id), Value::Null).await;
    let rows = world.list(&format!("{AUDIT}?tenant={}", world.tenant.id)).await;
    assert_eq!(texts(&rows, "action"), "tenant.suspended user.created tenant.created");
    assert_eq!(texts(&rows, "actor"), format!("operator user:{} operator", world.admin.id));
    let made = &rows[1];
    assert_eq!((&made["user_id"], &made["object_kind"]), (&json!(world.admin.id), &json!("user")));
    assert_eq!((&made["object_id"], &made["detail"]), (&json!(siti["id"].to_string()), &json!({"role": "user"})));
    assert_eq!(made["ip_address"], "127.0.0.1");
    assert!(made["request_id"].is_string() && rows[0]["user_id"].is_null());
    for (query, expected) in [
        ("action=tenant.", "tenant.suspended tenant.created"),
        ("action=user.created", "user.created"),
        ("actor=user", "user.created"),
        ("actor=operator&limit=1", "tenant.suspended"),
        ("q=\"role\"", "user.created"),
        ("until=2025-10-29", ""),
        ("since=2025-10-30T21:05:30%2B07:00&action=tenant.created", "tenant.created"),
    ] {
        assert_eq!(texts(&world.list(&format!("{AUDIT}?{query}")).await, "action"), expected, "{query}");
    }
}

#[tokio::test]
async fn what_is_no_filter_is_refused_by_its_name() {
    let world = World::start().await;
    for (query, field) in [
        ("page=1", "page"),
        ("_=123", "_"),
        ("limit=0", "limit"),
        ("limit=1001", "limit"),
        ("limit=x", "limit"),
        ("cursor=nonsense", "cursor"),
        ("cursor=%00", "cursor"),
        ("actor=somebody", "actor"),
        ("actor=operator:1", "actor"),
        ("since=yesterday", "since"),
        ("until=2025-13-01", "until"),
    ] {
        for path in [REQUESTS, AUDIT] {
            let (status, body) = world.server.central(Method::GET, &format!("{path}?{query}"), Value::Null).await;
            assert!(status == 422 && body["errors"][field].is_array(), "{path}?{query}: {status} {body}");
        }
    }
    let (_, body) = world.server.central(Method::GET, &format!("{REQUESTS}?status=200&limit=0"), Value::Null).await;
    assert!(body["errors"]["status"].is_array() && body["errors"]["limit"].is_array(), "{body}");
    for path in ["/api/activity/requests", "/api/activity/audit"] {
        for query in ["limit=101", "tenant=toko"] {
            let (status, body) = world.admin.get(&format!("{path}?{query}")).await;
            assert_eq!(status, 422, "{path}?{query}: {body}");
        }
    }
}

#[tokio::test]
async fn admin_of_a_tenant_sees_what_happened_inside_it_and_nothing_else() {
    let world = World::start().await;
    let other = world.server.tenant("Toko").await;
    let stranger = other.register("stranger", "admin").await;
    stranger.post("/api/users", json!({"name": "S", "email": "s@test.com", "password": "secret"})).await;
    world.admin.post("/api/users", json!({"name": "Siti", "email": "siti@test.com", "password": "secret"})).await;
    let path = format!("/api/central/tenants/{}", world.tenant.id);
    let renamed = world.server.request(Method::PUT, &path).header("X-Master-API-Key", MASTER_KEY);
    let renamed = renamed.header("User-Agent", "operators-browser").json(&json!({"name": "Warung Baru"}));
    assert_eq!(answer(renamed).await.0, 200);

    let requests = own(&world.admin, "/api/activity/requests").await;
    assert_eq!(texts(&requests, "endpoint"), "/api/users /api/register");
    assert_eq!(texts(&requests, "actor"), format!("user:{} tenant_key:1", world.admin.id));
    assert!(requests.iter().all(|row| row["tenant_id"] == *world.tenant.id), "{requests:?}");
    let audit = own(&world.admin, "/api/activity/audit").await;
    assert_eq!((texts(&audit, "action").as_str(), &audit[0]["tenant_id"]), ("user.created", &json!(world.tenant.id)));
    for query in ["actor=operator", "q=operators-browser", "q=tenant.updated", "q=stranger"] {
        assert_eq!(own(&world.admin, &format!("/api/activity/audit?{query}")).await, [Value::Null; 0], "{query}");
    }
    for query in ["actor=operator", "q=operators-browser"] {
        assert_eq!(own(&world.admin, &format!("/api/activity/requests?{query}")).await, [Value::Null; 0], "{query}");
    }
    assert_eq!(texts(&own(&stranger, "/api/activity/audit").await, "object_id"), "2");

    // A cursor of the whole server's log opens nothing.
    let (_, body) = world.server.central(Method::GET, &format!("{REQUESTS}?limit=1"), Value::Null).await;
    let path = format!("/api/activity/requests?cursor={}", body["next_cursor"].as_str().unwrap());
    assert!(own(&world.admin, &path).await.iter().all(|row| row["tenant_id"] == *world.tenant.id));
}

#[tokio::test]
async fn server_without_its_logs_serves_all_else_and_says_what_is_in_trouble() {
    let folder = Arc::new(tempfile::tempdir().unwrap());
    let in_the_way = folder.path().join("data/logs.db");
    std::fs::create_dir_all(&in_the_way).unwrap();
    let server = Server::in_folder(folder, Clock::system(), |_| {}).await;
    let admin = server.tenant("Warung").await.register("john", "admin").await;
    for (status, body) in
        [server.central(Method::GET, REQUESTS, Value::Null).await, admin.get("/api/activity/requests").await]
    {
        assert_eq!((status.as_u16(), &body["code"]), (503, &json!("logs_unavailable")), "{body}");
        assert!(body["message"].as_str().unwrap().starts_with("The logs are not available."), "{body}");
    }
    assert_eq!(admin.get("/api/products").await.0, 200);
    assert!(server.app.activity.dropped() > 0);
    std::fs::remove_dir(&in_the_way).unwrap();
    crate::support::eventually(async || admin.get("/api/activity/requests").await.0 == 200).await;
    admin.get("/api/products/99").await;
    let (_, body) = server.central(Method::GET, &format!("{REQUESTS}?limit=1"), Value::Null).await;
    assert_eq!(body["data"][0]["endpoint"], "/api/products/99", "{body}");
}
