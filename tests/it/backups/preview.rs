//! What a restore would change, told before it is made.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::{back_up, count, dump, list, path, sell, shop};
use crate::support::{MASTER_KEY, Server, Tenant, eventually};

const ALL: [&str; 9] = [
    "users",
    "personal_access_tokens",
    "login_networks",
    "products",
    "orders",
    "order_items",
    "row_counts",
    "meta",
    "products_indexed",
];

async fn preview(server: &Server, tenant: &Tenant, body: Value) -> Value {
    let (status, body) = server.central(Method::POST, &path(tenant, "restore/preview"), body).await;
    assert_eq!(status, 200, "{body}");
    body
}

fn counts(preview: &Value, table: &str) -> (u64, u64, u64) {
    let found = preview["tables"].as_array().unwrap().iter().find(|found| found["table"] == table).unwrap();
    (found["added"].as_u64().unwrap(), found["removed"].as_u64().unwrap(), found["changed"].as_u64().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn preview_tells_what_the_restore_then_does_and_changes_nothing() {
    let server = Server::start().await;
    let (tenant, user) = shop(&server, "Warung", 20).await;
    back_up(&server, &tenant, Value::Null).await;
    for id in 1..8 {
        assert_eq!(user.send(Method::DELETE, &format!("/api/products/{id}"), Value::Null).await.0, 204);
    }
    sell(&user, "Later").await;
    // A change of case only is a change too.
    assert_eq!(user.send(Method::PATCH, "/api/products/9", json!({"name": "NASI GORENG ISTIMEWA 8"})).await.0, 200);
    let email = user.email.to_uppercase();
    server.open_file(&tenant).execute("UPDATE users SET email = ?1", [email]).unwrap();
    let live = dump(&server, &tenant, &ALL);

    let shown = preview(&server, &tenant, json!({})).await;
    assert_eq!(counts(&shown, "products"), (7, 1, 1), "{shown}");
    assert_eq!((counts(&shown, "users"), counts(&shown, "orders")), ((0, 0, 1), (0, 0, 0)), "{shown}");
    let products = &shown["tables"][1];
    let samples = products["samples"].as_array().unwrap();
    assert_eq!(samples.len(), 5 + 1 + 1, "five of each sort at most: {samples:?}");
    assert_eq!(
        (&samples[0]["change"], &samples[0]["id"], &samples[0]["now"]),
        (&json!("added"), &json!(1), &Value::Null)
    );
    assert_eq!(samples[5]["now"]["name"], "Later");
    let changed = &samples[6];
    assert_eq!((&changed["change"], &changed["id"]), (&json!("changed"), &json!(9)));
    assert_eq!(changed["now"]["name"], "NASI GORENG ISTIMEWA 8");
    assert_eq!(changed["then"]["name"], "Nasi Goreng Istimewa 8");
    assert_eq!(changed["columns"], json!(["name", "updated_at"]));
    let only = preview(&server, &tenant, json!({"tables": ["orders"]})).await;
    assert_eq!(only["tables"], json!([{"table": "orders", "added": 0, "removed": 0, "changed": 0, "samples": []}]));

    assert_eq!(dump(&server, &tenant, &ALL), live);
    assert_eq!(list(&server, &tenant).await.len(), 1, "nothing was put aside");
    assert_eq!(server.app.data_dir.tmp_dir().read_dir().unwrap().count(), 0);
    assert_eq!(server.central(Method::POST, &path(&tenant, "restore"), Value::Null).await.0, 200);
    let after = preview(&server, &tenant, json!({"file": shown["backup_file"]})).await;
    for table in ["users", "products", "orders", "order_items"] {
        assert_eq!(counts(&after, table), (0, 0, 0), "{after}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn preview_shows_no_secret_and_reckons_with_what_is_kept() {
    let server = Server::start().await;
    let (tenant, owner) = shop(&server, "Warung", 1).await;
    tenant.register("clerk", "user").await;
    let change = |body: Value| owner.send(Method::PATCH, "/api/users/2", body);
    assert_eq!(change(json!({"role": "admin"})).await.0, 200);
    back_up(&server, &tenant, Value::Null).await;
    assert_eq!(change(json!({"role": "user", "name": "Now"})).await.0, 200);
    let body = json!({"current_password": "secret", "password": "another", "password_confirmation": "another"});
    assert_eq!(owner.send(Method::PUT, "/api/me/password", body).await.0, 200);
    let shown = preview(&server, &tenant, json!({"tables": ["users"]})).await;
    let clerk = shown["tables"][0]["samples"].as_array().unwrap().iter().find(|row| row["id"] == 2).unwrap();
    assert_eq!((&clerk["now"]["name"], &clerk["then"]["role"]), (&json!("Now"), &json!("user")), "{shown}");
    assert_eq!(clerk["columns"], json!(["name", "updated_at"]), "the role stays, so it would not change");
    let text = shown.to_string();
    for secret in ["password_hash\":", "argon2", "token\":", owner.token.split('|').next_back().unwrap()] {
        assert!(!text.contains(secret), "{secret}: {text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn preview_of_what_is_refused_is_refused_alike() {
    let server = Server::start().await;
    let (tenant, user) = shop(&server, "Warung", 1).await;
    back_up(&server, &tenant, Value::Null).await;
    let later = sell(&user, "Later").await;
    assert_eq!(user.post("/api/orders", json!({"items": [{"product_id": later, "quantity": 1}]})).await.0, 201);
    let ask = async |body: Value| server.central(Method::POST, &path(&tenant, "restore/preview"), body).await;
    assert_eq!(ask(json!({"tables": ["products"]})).await.1["code"], "restore_needs_tables");
    assert_eq!(ask(json!({"tables": ["meta"]})).await.0, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(ask(json!({"file": "nothing.db"})).await.0, StatusCode::NOT_FOUND);
    assert_eq!(ask(json!({"filename": "x"})).await.0, StatusCode::UNPROCESSABLE_ENTITY);
    // Of a table that is gone every row would come back.
    server.open_file(&tenant).execute_batch("PRAGMA foreign_keys=OFF; DROP TABLE products;").unwrap();
    assert_eq!(counts(&preview(&server, &tenant, json!({})).await, "products"), (1, 0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn admin_asks_for_the_own_tenant_and_nobody_elses() {
    let server = Server::start().await;
    let (tenant, admin) = shop(&server, "Warung", 2).await;
    let (_, stranger) = shop(&server, "Toko", 1).await;
    let made = admin.post("/api/backups", Value::Null).await.1;
    sell(&admin, "Later").await;
    let own = format!("/api/backups/{}/preview", made["id"].as_str().unwrap());
    let (status, shown) = admin.post(&own, json!({"tables": ["products"]})).await;
    assert_eq!((status.as_u16(), &shown["backup_id"]), (200, &made["id"]), "{shown}");
    assert_eq!(counts(&shown, "products"), (0, 1, 0));
    assert_eq!(count(&admin).await, 3);
    assert_eq!(stranger.post(&own, Value::Null).await.0, 404);
    assert_eq!(tenant.register("clerk", "user").await.post(&own, Value::Null).await.0, 403);

    let begun = admin.request(Method::POST, &own).header("Prefer", "respond-async").send().await.unwrap();
    assert_eq!(begun.status(), 202);
    let job = begun.headers()["location"].to_str().unwrap().to_owned();
    eventually(async || admin.get(&job).await.1["state"] == "succeeded").await;
    let job = admin.get(&job).await.1;
    assert_eq!((&job["kind"], &job["result_url"]), (&json!("preview"), &Value::Null), "{job}");
    eventually(async || {
        let audit = admin.get("/api/activity/audit").await.1;
        audit["data"].as_array().unwrap().iter().any(|entry| entry["action"] == "tenant.restore_previewed")
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn preview_is_cancelled_and_leaves_nothing() {
    let server = Server::start().await;
    let (tenant, _) = shop(&server, "Warung", 1).await;
    super::jobs::fatten(&server, &tenant, 48);
    back_up(&server, &tenant, json!({"compress": false})).await;
    let request = server.request(Method::POST, &path(&tenant, "restore/preview"));
    let request = request.header("X-Master-API-Key", MASTER_KEY).header("Prefer", "respond-async");
    let begun = request.send().await.unwrap();
    let job = begun.headers()["location"].to_str().unwrap().to_owned();
    let (status, cancelled) = server.central(Method::POST, &format!("{job}/cancel"), Value::Null).await;
    assert_eq!((status.as_u16(), &cancelled["state"]), (200, &json!("cancelled")), "{cancelled}");
    assert_eq!(server.app.data_dir.tmp_dir().read_dir().unwrap().count(), 0);
}
