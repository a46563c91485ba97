//! `/api/central` as its operator sees it.

mod adopt;
mod create;
mod keys;
mod life;
mod recovery;
mod secrets;
mod settings;
mod transfer;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::support::{MASTER_KEY, Server, Tenant, User, answer, raw};

const TENANTS: &str = "/api/central/tenants";

async fn get(server: &Server, path: &str) -> (StatusCode, Value) {
    server.central(Method::GET, path, Value::Null).await
}

async fn post(server: &Server, path: &str, body: Value) -> (StatusCode, Value) {
    server.central(Method::POST, path, body).await
}

async fn put(server: &Server, path: &str, body: Value) -> (StatusCode, Value) {
    server.central(Method::PUT, path, body).await
}

async fn delete(server: &Server, path: &str) -> (StatusCode, Value) {
    server.central(Method::DELETE, path, Value::Null).await
}

/// A product of this name exists afterwards.
async fn sell(user: &User, name: &str) {
    let (status, body) = user.post("/api/products", json!({"name": name, "price": 1})).await;
    assert_eq!(status, 201, "{body}");
}

async fn total(user: &User) -> i64 {
    let (status, body) = user.get("/api/products").await;
    assert_eq!(status, 200, "{body}");
    body["total"].as_i64().unwrap()
}

/// The file under a name, whether it is there or not.
fn file(server: &Server, db_name: &str) -> PathBuf {
    server.app.data_dir.tenants_dir().join(format!("{db_name}.db"))
}

/// Names of everything in a folder, sorted.
fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        folder.read_dir().unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

async fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let started = Instant::now();
    while !is_so() {
        assert!(started.elapsed() < Duration::from_secs(20), "waited too long: {what}");
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn every_central_route_needs_the_master_key() {
    let server = Server::start().await;
    let one = format!("{TENANTS}/x-1");
    let routes = [
        (Method::GET, TENANTS.to_owned()),
        (Method::POST, TENANTS.to_owned()),
        (Method::GET, one.clone()),
        (Method::PUT, one.clone()),
        (Method::DELETE, one.clone()),
        (Method::GET, format!("{one}/health")),
        (Method::GET, format!("{one}/export")),
        (Method::GET, format!("{one}/keys")),
        (Method::GET, format!("{one}/domains")),
        (Method::POST, format!("{one}/regenerate-key")),
        (Method::POST, format!("{TENANTS}/adopt")),
        (Method::POST, format!("{TENANTS}/import")),
    ];
    for (method, path) in routes {
        let (status, body) = answer(server.request(method.clone(), &path)).await;
        assert_eq!(status, 401, "{method} {path}");
        assert_eq!(body["error"], "Master API Key is required");
        assert_eq!(body["message"], "Please provide X-Master-API-Key header");
        let wrong = MASTER_KEY.replace("mk_", "mx_");
        let (status, body) = answer(server.request(method.clone(), &path).header("X-Master-API-Key", wrong)).await;
        assert_eq!(status, 403, "{method} {path}");
        assert_eq!(body["error"], "Invalid Master API Key");
        assert_eq!(body["message"], "The provided Master API Key is not valid");
    }
    let (status, _) = answer(server.request(Method::GET, "/api/central/debug/tenants")).await;
    assert_eq!(status, 404);
}

#[tokio::test]
async fn list_has_pages_search_and_states() {
    let server = Server::start().await;
    let mut made = Vec::new();
    for name in ["Kopi Satu", "Kopi Dua", "Teh_100%"] {
        made.push(server.tenant(name).await);
    }
    let (status, list) = get(&server, TENANTS).await;
    assert_eq!((status.as_u16(), &list["total"]), (200, &json!(3)));
    let first = &list["data"][0];
    assert_eq!((&first["id"], &first["name"]), (&json!(made[0].id), &json!("Kopi Satu")));
    assert_eq!((&first["database"], &first["state"]), (&json!(made[0].database), &json!("active")));
    assert_eq!((&first["number"], &first["plan"]), (&json!(1), &json!("starter")));
    assert!(first["created_at"].as_str().unwrap().ends_with('Z'));
    post(&server, &format!("{TENANTS}/{}/suspend", made[1].id), Value::Null).await;
    delete(&server, &format!("{TENANTS}/{}", made[2].id)).await;
    for (query, expected, total) in [
        ("", vec!["Kopi Satu", "Kopi Dua"], 2),
        ("per_page=1", vec!["Kopi Satu"], 2),
        ("per_page=1&page=2", vec!["Kopi Dua"], 2),
        ("page=9", vec![], 2),
        ("search=KOPI+d", vec!["Kopi Dua"], 1),
        ("q=satu", vec!["Kopi Satu"], 1),
        ("q=%25", vec![], 0),
        ("state=suspended", vec!["Kopi Dua"], 1),
        ("state=deleted", vec!["Teh_100%"], 1),
        ("state=deleted&q=_100%25", vec!["Teh_100%"], 1),
        ("state=frozen", vec![], 0),
        ("state=active&_=1700", vec!["Kopi Satu"], 1),
    ] {
        let (status, list) = get(&server, &format!("{TENANTS}?{query}")).await;
        let names: Vec<_> = list["data"].as_array().unwrap().iter().map(|row| row["name"].as_str().unwrap()).collect();
        assert_eq!((status.as_u16(), names, &list["total"]), (200, expected, &json!(total)), "{query}");
    }
    for query in ["page=0", "per_page=0", "per_page=1001", "page=x", "state=creating", "page=999999999"] {
        assert_eq!(get(&server, &format!("{TENANTS}?{query}")).await.0, 422, "{query}");
    }
}

#[tokio::test]
async fn detail_shows_notes_plan_and_sizes_and_the_servers_defaults() {
    let server = Server::with(|config| {
        config.tenant_db.host = Some("db.example".into());
        config.tenant_db.port = Some(3307);
        config.tenant_db.username = Some("shared".into());
        config.tenant_db.password = Some("default-password".into());
    })
    .await;
    let tenant = server.tenant("Warung").await;
    let path = format!("{TENANTS}/{}", tenant.id);
    let (status, detail) = get(&server, &path).await;
    let data = &detail["data"];
    assert_eq!((status.as_u16(), &data["id"], &data["name"]), (200, &json!(tenant.id), &json!("Warung")));
    let database = json!({
        "name": tenant.database, "host": "db.example", "port": 3307, "username": "shared", "has_password": false,
    });
    assert_eq!(data["database"], database);
    assert_eq!((&data["state"], &data["origin"], &data["plan"]), (&json!("active"), &json!("made"), &json!("starter")));
    assert_eq!(data["limits"]["max_phone_numbers"], 3);
    assert_eq!(data["size_bytes"], server.file(&tenant).metadata().unwrap().len());
    assert_eq!(data["max_storage_bytes"], Value::Null);
    assert!(!detail.to_string().contains("default-password"));
    let (_, changed) = put(&server, &path, json!({"db_host": "own.example"})).await;
    assert_eq!(changed["data"]["database"]["host"], "own.example");
    assert_eq!(changed["data"]["database"]["username"], "shared");
}

#[tokio::test]
async fn update_changes_what_is_sent_and_null_empties() {
    let server = Server::start().await;
    let tenant = server.tenant("Warung").await;
    let path = format!("{TENANTS}/{}", tenant.id);
    let body = json!({"name": "Warung Baru", "db_host": "h", "db_port": 3306, "db_username": "u", "db_password": "p"});
    let (status, changed) = put(&server, &path, body).await;
    assert_eq!((status.as_u16(), &changed["message"]), (200, &json!("Tenant updated successfully")));
    assert_eq!((&changed["data"]["id"], &changed["data"]["name"]), (&json!(tenant.id), &json!("Warung Baru")));
    let database = json!({"name": tenant.database, "host": "h", "port": 3306, "username": "u", "has_password": true});
    assert_eq!(changed["data"]["database"], database);
    assert!(changed["notes"].is_string());
    let (_, changed) = put(&server, &path, json!({"db_password": null, "db_host": null, "db_port": null})).await;
    let database = json!({"name": tenant.database, "host": null, "port": null, "username": "u", "has_password": false});
    assert_eq!(changed["data"]["database"], database);
    assert!(changed["notes"].is_string());
    let (status, changed) = put(&server, &path, json!({})).await;
    assert_eq!((status.as_u16(), &changed["data"]["name"]), (200, &json!("Warung Baru")));
    assert!(changed.get("notes").is_none());
    for (body, field) in [
        (json!({"name": ""}), "name"),
        (json!({"name": null}), "name"),
        (json!({"db_port": 70000}), "db_port"),
        (json!({"plan": "nothing"}), "plan"),
        (json!({"max_storage_bytes": -1}), "max_storage_bytes"),
        (json!({"limits": {"max_phone_numbers": -1}}), "limits.max_phone_numbers"),
        (json!({"limits": 5}), "limits"),
    ] {
        let (status, answer) = put(&server, &path, body.clone()).await;
        assert!(status == 422 && answer["errors"][field].is_array(), "{body}: {answer}");
    }
    let (status, answer) = put(&server, &path, json!({"name": "Other", "plan": "nothing", "db_name": "a/b"})).await;
    assert_eq!(status, 422, "{answer}");
    assert_eq!(get(&server, &path).await.1["data"]["name"], "Warung Baru", "a refused change changes nothing");
}

#[tokio::test]
async fn plan_and_limits_are_the_operators() {
    let server = Server::start().await;
    let path = format!("{TENANTS}/{}", server.tenant("Warung").await.id);
    let limits = async |body: Value| put(&server, &path, body).await.1["data"]["limits"].clone();
    let shown = limits(json!({"plan": "premium", "limits": {"max_phone_numbers": 7, "max_auto_replies": null}})).await;
    let expected = json!({
        "max_phone_numbers": 7, "max_messages_per_day": null, "max_messages_per_month": 10000,
        "max_auto_replies": null, "max_scheduled_messages": 500,
    });
    assert_eq!(shown, expected);
    let shown = limits(json!({"limits": {"max_messages_per_day": 5}})).await;
    assert_eq!((&shown["max_phone_numbers"], &shown["max_messages_per_day"]), (&json!(7), &json!(5)));
    let shown = limits(json!({"limits": null})).await;
    assert_eq!((&shown["max_phone_numbers"], &shown["max_auto_replies"]), (&json!(5), &json!(100)));
}

#[tokio::test]
async fn unknown_tenant_is_not_found_on_every_route() {
    let server = Server::start().await;
    let deleted = server.tenant("Warung").await;
    delete(&server, &format!("{TENANTS}/{}", deleted.id)).await;
    for id in ["nothing-1", "..%2f..", "%00", "'%20OR%201=1", &"x".repeat(3000), &deleted.id] {
        for (method, rest) in [
            (Method::GET, ""),
            (Method::PUT, ""),
            (Method::DELETE, ""),
            (Method::GET, "/health"),
            (Method::POST, "/test-connection"),
            (Method::POST, "/regenerate-key"),
            (Method::POST, "/suspend"),
            (Method::POST, "/resume"),
            (Method::POST, "/freeze"),
            (Method::POST, "/thaw"),
            (Method::POST, "/detach"),
            (Method::GET, "/export"),
            (Method::GET, "/keys"),
            (Method::POST, "/keys"),
            (Method::DELETE, "/keys/1"),
            (Method::DELETE, "/keys/x"),
            (Method::GET, "/domains"),
            (Method::DELETE, "/domains/1"),
        ] {
            let (status, body) = server.central(method.clone(), &format!("{TENANTS}/{id}{rest}"), Value::Null).await;
            assert_eq!((status.as_u16(), &body["error"]), (404, &json!("Tenant not found")), "{method} {id} {rest}");
        }
    }
    let (status, body) = post(&server, &format!("{TENANTS}/nothing-1/undelete"), Value::Null).await;
    assert_eq!((status.as_u16(), &body["error"]), (404, &json!("Tenant not found")));
    let (status, body) = post(&server, &format!("{TENANTS}/nothing-1/domains"), json!({"domain": "a.b"})).await;
    assert_eq!((status.as_u16(), &body["error"]), (404, &json!("Tenant not found")));
}

#[tokio::test]
async fn two_tenants_share_nothing() {
    let server = Server::start().await;
    let [one, other] = [server.tenant("Satu").await, server.tenant("Dua").await];
    let (mine, theirs) = (one.register("john", "user").await, other.register("john", "user").await);
    assert_eq!((mine.id, theirs.id), (1, 1), "ids start again in each tenant");
    sell(&mine, "Rendang-Rahasia-Satu").await;
    assert_eq!((total(&mine).await, total(&theirs).await), (1, 0));
    assert_eq!(theirs.get("/api/products/1").await.0, 404);
    let crossed = User { token: theirs.token.clone(), ..mine.clone() };
    assert_eq!(crossed.get("/api/products").await.0, 401, "a token is good in its own tenant only");
    let folder = server.stop().await;
    let tenants = folder.path().join("data/tenants");
    let holders: Vec<_> = names(&tenants)
        .into_iter()
        .filter(|name| {
            let bytes = std::fs::read(tenants.join(name)).unwrap();
            bytes.windows(20).any(|window| window == b"Rendang-Rahasia-Satu")
        })
        .collect();
    assert_eq!(holders, [format!("{}.db", one.database)]);
}

/// What two callers of one tenant need to go on with.
async fn opened(server: &Server, name: &str) -> (Tenant, User) {
    let tenant = server.tenant(name).await;
    let user = tenant.register("john", "user").await;
    sell(&user, "Kopi").await;
    (tenant, user)
}
