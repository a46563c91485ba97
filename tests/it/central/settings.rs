//! Settings of a tenant: set by the operator, in force from the tenant's next request on.

use std::sync::Arc;

use ruko::clock::{Clock, Timestamp};
use ruko::config::{Language, Zone};

use super::*;

fn path(tenant: &Tenant) -> String {
    format!("{TENANTS}/{}", tenant.id)
}

async fn set(server: &Server, tenant: &Tenant, settings: Value) -> Value {
    let (status, body) = put(server, &path(tenant), json!({"settings": settings})).await;
    assert_eq!(status, 200, "{body}");
    body["data"]["settings"].clone()
}

async fn register(tenant: &Tenant, name: &str, password: &str) -> (StatusCode, Value) {
    let body = json!({"name": name, "email": format!("{name}@test.com"), "password": password});
    tenant.send(Method::POST, "/api/register", body).await
}

/// A password that is too short, and by how much.
fn is_too_short((status, body): &(StatusCode, Value), min: u32) -> bool {
    let text = format!("The password field must be at least {min} characters.");
    *status == 422 && body["errors"]["password"] == json!([text])
}

#[tokio::test]
async fn settings_are_shown_changed_one_by_one_and_given_back() {
    let server = Server::with(|config| {
        config.auth.password_min_length = 8;
        config.locale.time_zone = Zone::find("Asia/Makassar").unwrap();
        config.locale.language = Language::Indonesian;
    })
    .await;
    let own = json!({"password_min_length": 12, "time_zone": "asia/jayapura", "locale": "en"});
    let (status, made) = post(&server, TENANTS, json!({"name": "Warung", "settings": own})).await;
    let shown = json!({"password_min_length": 12, "time_zone": "Asia/Jayapura", "locale": "en"});
    assert_eq!((status.as_u16(), &made["data"]["settings"]), (201, &shown), "{made}");

    let tenant = server.tenant("Toko").await;
    let of_server = json!({"password_min_length": 8, "time_zone": "Asia/Makassar", "locale": "id"});
    assert_eq!(get(&server, &path(&tenant)).await.1["data"]["settings"], of_server);
    let shown = set(&server, &tenant, json!({"time_zone": "Europe/Berlin", "password_min_length": "20"})).await;
    assert_eq!(shown, json!({"password_min_length": 20, "time_zone": "Europe/Berlin", "locale": "id"}));
    let shown = set(&server, &tenant, json!({"locale": "en", "password_min_length": null})).await;
    assert_eq!(shown, json!({"password_min_length": 8, "time_zone": "Europe/Berlin", "locale": "en"}));
    assert_eq!(get(&server, &path(&tenant)).await.1["data"]["settings"], shown);
    assert_eq!(set(&server, &tenant, json!({})).await, shown);
    let (_, renamed) = put(&server, &path(&tenant), json!({"name": "Toko Baru"})).await;
    assert_eq!(renamed["data"]["settings"], shown, "another change leaves them alone");
    assert_eq!(set(&server, &tenant, Value::Null).await, of_server);
}

#[tokio::test]
async fn unknown_settings_and_values_are_refused_with_their_paths_and_nothing_changes() {
    let server = Server::with(|config| config.auth.password_min_length = 8).await;
    let tenant = server.tenant("Toko").await;
    let before = get(&server, &path(&tenant)).await.1["data"].clone();
    let refused = async |settings: Value| -> Vec<String> {
        let (status, body) = put(&server, &path(&tenant), json!({"name": "Lain", "settings": settings})).await;
        assert_eq!(status, 422, "{body}");
        body["errors"].as_object().unwrap().keys().cloned().collect()
    };
    let all = json!({"password_min_length": 0, "time_zone": "Asia/Surabaya", "locale": "jv", "colour": 1});
    let paths = ["settings.password_min_length", "settings.time_zone", "settings.locale", "settings.colour"];
    assert_eq!(refused(all).await, paths);
    for zone in
        [json!("WIB"), json!("../../etc/passwd"), json!("/etc/localtime"), json!("+07:00"), json!(7), json!(["UTC"])]
    {
        assert_eq!(refused(json!({"time_zone": zone})).await, ["settings.time_zone"], "{zone}");
    }
    for length in [json!(129), json!(-1), json!(8.5), json!("many"), json!(1e30), json!(7)] {
        let paths = refused(json!({"password_min_length": length})).await;
        assert_eq!(paths, ["settings.password_min_length"], "{length}");
    }
    for locale in [json!("ID"), json!("id-ID"), json!(true), json!("en\0")] {
        assert_eq!(refused(json!({"locale": locale})).await, ["settings.locale"], "{locale}");
    }
    for settings in [json!("none"), json!([]), json!(1), json!(true)] {
        assert_eq!(refused(settings).await, ["settings"]);
    }
    let many: serde_json::Map<String, Value> = (0..1000).map(|n| (format!("key{n}"), json!(n))).collect();
    assert_eq!(refused(many.into()).await.len(), 20, "the first ones will do");
    let (_, body) = put(&server, &path(&tenant), json!({"settings": {"password_min_length": 7}})).await;
    let text = "The settings.password min length field must be at least 8.";
    assert_eq!(body["errors"]["settings.password_min_length"], json!([text]), "not below the server's");
    let (status, body) = post(&server, TENANTS, json!({"name": "", "settings": {"time_zone": "x", "y": 1}})).await;
    let fields: Vec<&str> = body["errors"].as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!((status.as_u16(), fields), (422, vec!["name", "settings.time_zone", "settings.y"]));
    assert_eq!(get(&server, &path(&tenant)).await.1["data"], before);
}

#[tokio::test]
async fn every_new_password_has_the_tenants_length_from_the_next_request_on() {
    let server = Server::start().await;
    let (tenant, other) = (server.tenant("Toko").await, server.tenant("Lain").await);
    let admin = tenant.register("admin", "admin").await;
    let user = tenant.register("john", "user").await;
    assert_eq!(register(&tenant, "six", "secret").await.0, 201, "six characters are enough at first");
    set(&server, &tenant, json!({"password_min_length": 10})).await;

    let (short, long) = ("nine char", "ten chars.");
    assert!(is_too_short(&register(&tenant, "siti", short).await, 10));
    assert_eq!(register(&tenant, "siti", long).await.0, 201);
    let new = |password: &str| json!({"name": "Budi", "email": "budi@test.com", "password": password});
    assert!(is_too_short(&admin.post("/api/users", new(short)).await, 10));
    assert_eq!(admin.post("/api/users", new(long)).await.0, 201);
    let change = async |password: &str| {
        admin.send(Method::PUT, &format!("/api/users/{}", user.id), json!({"password": password})).await
    };
    assert!(is_too_short(&change(short).await, 10));
    let own = async |password: &str| {
        let body = json!({"current_password": "secret", "password": password});
        user.send(Method::PUT, "/api/me/password", body).await
    };
    assert!(is_too_short(&own(short).await, 10));
    assert_eq!(own(long).await.0, 200);
    assert_eq!(change(long).await.0, 200);
    assert_eq!(tenant.login("admin@test.com", "secret").await.0, 200, "an old password goes on");
    assert_eq!(register(&other, "six", "secret").await.0, 201, "other tenants are not concerned");

    set(&server, &tenant, json!({"password_min_length": null})).await;
    assert_eq!(register(&tenant, "again", "secret").await.0, 201);
}

#[tokio::test]
async fn server_that_asks_for_more_later_wins() {
    let server = Server::start().await;
    let tenant = server.tenant("Toko").await;
    set(&server, &tenant, json!({"password_min_length": 7})).await;
    let folder = server.stop().await;
    let server = Server::in_folder(folder, Clock::system(), |config| config.auth.password_min_length = 12).await;
    let tenant = tenant.at(&server);
    assert_eq!(get(&server, &path(&tenant)).await.1["data"]["settings"]["password_min_length"], 12);
    assert!(is_too_short(&register(&tenant, "john", "eleven char").await, 12));
}

#[tokio::test]
async fn dates_and_times_without_a_zone_are_read_in_the_tenants() {
    // 2025-10-30, 16:30 UTC: 23:30 in Jakarta, after midnight in Makassar and Jayapura.
    let clock = Clock::held_at(Timestamp(1_761_841_800_000));
    let server = Server::in_folder(Arc::new(tempfile::tempdir().unwrap()), clock, |_| {}).await;
    let tenant = server.tenant("Toko").await;
    let (admin, user) = (tenant.register("admin", "admin").await, tenant.register("john", "user").await);
    sell(&user, "Kopi").await;
    user.post("/api/products", json!({"name": "Teh", "price": 1, "stock": 9})).await;
    let (status, order) = user.post("/api/orders", json!({"items": [{"product_id": 2, "quantity": 1}]})).await;
    assert_eq!(status, 201, "{order}");
    let found = async |query: &str| {
        let (status, page) = user.get(&format!("/api/orders?{query}")).await;
        assert_eq!(status, 200, "{query}: {page}");
        page["total"] == 1
    };
    let days = async || {
        let day = async |day: &str| found(&format!("created_from={day}&created_to={day}")).await;
        (day("2025-10-30").await, day("2025-10-31").await)
    };
    assert_eq!(days().await, (true, false), "Asia/Jakarta when nobody says anything");
    assert!(found("created_from=2025-10-30T23:30:00&created_to=2025-10-30%2023:30").await);
    for (zone, expected) in [("Asia/Makassar", (false, true)), ("UTC", (true, false)), ("Asia/Jayapura", (false, true))]
    {
        set(&server, &tenant, json!({"time_zone": zone})).await;
        assert_eq!(days().await, expected, "{zone}");
    }
    assert!(found("created_from=2025-10-31T01:30:00&created_to=2025-10-31T01:30:00").await);
    assert!(!found("created_from=2025-10-31T01:30:01").await && !found("created_to=2025-10-31T01:29:59").await);
    assert!(
        found("created_from=2025-10-30T16:30:00Z&created_to=2025-10-30T23:30:00%2B07:00").await,
        "a zone that is sent"
    );
    for text in ["2025-10-30T14:05:30%5BAsia/Jakarta%5D", "2025-10-30T23:30:00+07:00", "2025-10-30T25:00"] {
        let (status, body) = user.get(&format!("/api/orders?created_to={text}")).await;
        assert!(status == 422 && body["errors"]["created_to"].is_array(), "{text}: {body}");
    }

    let is_logged = |body: (StatusCode, Value)| !body.1["data"].as_array().unwrap().is_empty();
    assert!(is_logged(admin.get("/api/activity/requests?since=2025-10-31").await));
    let of_operator = "/api/central/api-requests?since=2025-10-31";
    assert!(!is_logged(get(&server, of_operator).await), "the operator is in the server's zone");

    let key = json!({"expires_at": "2026-01-01"});
    let (status, made) = post(&server, &format!("{}/keys", path(&tenant)), key).await;
    assert_eq!(status, 201, "{made}");
    let (_, keys) = get(&server, &format!("{}/keys", path(&tenant))).await;
    assert_eq!(keys["data"][1]["expires_at"], "2025-12-31T15:00:00.000000Z", "midnight in Jayapura");
}

#[tokio::test]
async fn people_who_ask_for_no_language_of_ours_get_the_tenants() {
    let server = Server::start().await;
    let tenant = server.tenant("Toko").await;
    let said = async |header: Option<&str>| {
        let request = tenant.request(Method::GET, "/api/me");
        let request = if let Some(header) = header { request.header("Accept-Language", header) } else { request };
        let (status, body) = answer(request).await;
        assert_eq!((status.as_u16(), &body["message"]), (401, &json!("Unauthenticated.")), "{body}");
        body["user_message"].as_str().map(str::to_owned)
    };
    let (english, indonesian) = (Some("Please log in again.".to_owned()), Some("Silakan masuk kembali.".to_owned()));
    assert_eq!(said(Some("de")).await, english);
    set(&server, &tenant, json!({"locale": "id"})).await;
    for header in ["de", "*", "", "jv-ID"] {
        assert_eq!(said(Some(header)).await, indonesian, "{header}");
    }
    assert_eq!((said(Some("en")).await, said(None).await), (english, None));
}

#[tokio::test]
async fn values_that_this_ruko_does_not_know_are_as_the_server_has_them() {
    let server = Server::start().await;
    let tenant = server.tenant("Toko").await;
    let folder = server.stop().await;
    let stored = r#"{"time_zone":"Mars/Olympus","locale":"tlh","later":true,"password_min_length":9}"#;
    raw(&folder.path().join("data/central.db")).execute("UPDATE tenants SET settings = ?1", [stored]).unwrap();
    let server = Server::in_folder(folder, Clock::system(), |_| {}).await;
    let shown = get(&server, &path(&tenant)).await.1["data"]["settings"].clone();
    assert_eq!(shown, json!({"password_min_length": 9, "time_zone": "Asia/Jakarta", "locale": "en"}));
    assert!(is_too_short(&register(&tenant.at(&server), "john", "secret").await, 9));
}
