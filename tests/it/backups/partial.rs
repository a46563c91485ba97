//! Restoring single tables.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::{back_up, count, dump, list, path, sell, shop};
use crate::support::{Server, Tenant, User, eventually};

/// Everything but the marks of restores, the index of the search and what the index waits for.
const ALL: [&str; 7] =
    ["users", "personal_access_tokens", "login_networks", "products", "orders", "order_items", "row_counts"];

async fn restore(server: &Server, tenant: &Tenant, tables: Value) -> (StatusCode, Value) {
    server.central(Method::POST, &path(tenant, "restore"), json!({"tables": tables})).await
}

async fn order(user: &User, product: i64) -> Value {
    let (status, body) = user.post("/api/orders", json!({"items": [{"product_id": product, "quantity": 1}]})).await;
    assert_eq!(status, 201, "{body}");
    body
}

async fn found(user: &User, text: &str) -> i64 {
    user.get(&format!("/api/products?q={text}")).await.1["total"].as_i64().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_named_tables_change_and_undo_brings_all_back() {
    let server = Server::start().await;
    let (tenant, user) = shop(&server, "Warung", 5).await;
    order(&user, 1).await;
    back_up(&server, &tenant, Value::Null).await;
    let saved = dump(&server, &tenant, &["products"]);

    let change = json!({"name": "Rendang", "price": 9000});
    assert_eq!(user.send(Method::PATCH, "/api/products/2", change).await.0, 200);
    assert_eq!(user.send(Method::DELETE, "/api/products/3", Value::Null).await.0, 204);
    // Its line of an order points at a product that the backup has.
    order(&user, 1).await;
    tenant.register("later", "user").await;
    let others = ["users", "personal_access_tokens", "login_networks", "orders", "order_items"];
    let (live, kept) = (dump(&server, &tenant, &ALL), dump(&server, &tenant, &others));
    let (status, restored) = restore(&server, &tenant, json!(["products", "products"])).await;
    assert_eq!((status, &restored["tables"]), (StatusCode::OK, &json!(["products"])), "{restored}");
    assert_eq!(restored["kept"], json!({"tokens": 2, "users": 0, "users_back": 0}));
    assert_eq!(dump(&server, &tenant, &["products"]), saved);
    assert_eq!(dump(&server, &tenant, &others), kept, "children of the products are as they were");
    assert_eq!(count(&user).await, 5);
    let check: String = server.open_file(&tenant).query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(check, "ok");

    let (status, _) = server.central(Method::POST, &path(&tenant, "restore/undo"), Value::Null).await;
    assert_eq!(status, 200);
    assert_eq!(dump(&server, &tenant, &ALL), live);
    assert_eq!(server.app.data_dir.tmp_dir().read_dir().unwrap().count(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn search_finds_what_came_back_and_not_what_went_and_no_id_is_given_again() {
    let server = Server::start().await;
    let (tenant, user) = shop(&server, "Warung", 2).await;
    sell(&user, "Tahu Petis").await;
    back_up(&server, &tenant, Value::Null).await;
    assert_eq!(user.send(Method::DELETE, "/api/products/3", Value::Null).await.0, 204);
    sell(&user, "Soto Betawi").await;
    let indexed = |server: &Server| -> (i64, i64) {
        let sql = "SELECT (SELECT count(*) FROM products_fts), (SELECT indexed_to FROM products_indexed)";
        server.open_file(&tenant).query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?))).unwrap()
    };
    let fill = "INSERT INTO products_fts (rowid, name, description) SELECT id, name, description FROM products; \
                UPDATE products_indexed SET indexed_to = 4; INSERT INTO products_unindexed VALUES (1)";
    server.open_file(&tenant).execute_batch(fill).unwrap();
    assert_eq!((found(&user, "Petis").await, found(&user, "Betawi").await), (0, 1));
    assert_eq!(restore(&server, &tenant, json!(["products"])).await.0, 200);
    assert_eq!((found(&user, "Petis").await, found(&user, "Betawi").await), (1, 0));
    assert_eq!(indexed(&server), (0, 0), "it is filled anew");
    assert_eq!(sell(&user, "After").await, 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_would_point_nowhere_is_refused_with_the_tables_that_have_to_go_along() {
    let server = Server::start().await;
    let (tenant, user) = shop(&server, "Warung", 1).await;
    back_up(&server, &tenant, Value::Null).await;
    let later = sell(&user, "Later").await;
    order(&user, later).await;
    let live = dump(&server, &tenant, &ALL);
    for (tables, needed) in [(json!(["products"]), "order_items"), (json!(["orders"]), "order_items")] {
        let (status, body) = restore(&server, &tenant, tables.clone()).await;
        assert_eq!((status, &body["code"]), (StatusCode::CONFLICT, &json!("restore_needs_tables")), "{body}");
        assert!(body["message"].as_str().unwrap().ends_with(&format!("along with them: {needed}.")), "{body}");
        assert_eq!(dump(&server, &tenant, &ALL), live, "{tables}");
    }
    assert_eq!(list(&server, &tenant).await.len(), 1, "nothing was put aside");
    let (_, stats) = server.central(Method::GET, "/api/central/backups/stats", Value::Null).await;
    assert_eq!(stats["data"][0]["last_error"], Value::Null, "and nothing has failed: {stats}");
    let (status, body) = restore(&server, &tenant, json!(["products", "orders", "order_items"])).await;
    assert_eq!(status, 200, "{body}");
    assert_eq!((count(&user).await, user.get("/api/orders").await.1["total"].clone()), (1, json!(0)));
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_and_internal_tables_are_refused_and_nothing_changes() {
    let server = Server::start().await;
    let (tenant, user) = shop(&server, "Warung", 1).await;
    let made = back_up(&server, &tenant, Value::Null).await;
    let own = format!("/api/backups/{}/restore", made["data"]["id"].as_str().unwrap());
    sell(&user, "Later").await;
    let live = dump(&server, &tenant, &ALL);
    for table in [
        "nothing",
        "personal_access_tokens",
        "tokens",
        "meta",
        "row_counts",
        "migrations",
        "login_networks",
        "products_fts",
        "products_fts_data",
        "products_indexed",
        "sqlite_sequence",
        "sqlite_schema",
        "Products",
        "products\"; DROP TABLE users; --",
        "",
    ] {
        let (status, body) = restore(&server, &tenant, json!(["products", table])).await;
        assert_eq!(status, 422, "{table}: {body}");
        assert!(body["errors"]["tables.1"].is_array(), "{table}: {body}");
        assert_eq!(user.post(&own, json!({"tables": [table]})).await.0, 422, "{table}");
    }
    for tables in [json!([]), json!("products"), json!([1]), json!([null]), json!({"products": true})] {
        assert_eq!(restore(&server, &tenant, tables.clone()).await.0, 422, "{tables}");
    }
    assert_eq!(dump(&server, &tenant, &ALL), live);
    assert_eq!(list(&server, &tenant).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn users_that_are_restored_by_themselves_get_no_access_back() {
    let server = Server::start().await;
    let (tenant, owner) = shop(&server, "Warung", 1).await;
    let (demoted, deleted) = (tenant.register("demoted", "user").await, tenant.register("deleted", "user").await);
    let change = |body: Value| owner.send(Method::PATCH, "/api/users/2", body);
    assert_eq!(change(json!({"role": "admin", "name": "Then"})).await.0, 200);
    back_up(&server, &tenant, Value::Null).await;
    assert_eq!(change(json!({"role": "user", "name": "Now"})).await.0, 200);
    assert_eq!(owner.send(Method::DELETE, "/api/users/3", Value::Null).await.0, 204);
    let body = json!({"current_password": "secret", "password": "another", "password_confirmation": "another"});
    assert_eq!(owner.send(Method::PUT, "/api/me/password", body).await.0, 200);
    sell(&owner, "Later").await;

    let (status, restored) = restore(&server, &tenant, json!(["users"])).await;
    assert_eq!(status, 200, "{restored}");
    assert_eq!(restored["kept"], json!({"tokens": 2, "users": 2, "users_back": 1}));
    assert_eq!(owner.get("/api/users/2").await.1["name"], "Then");
    assert_eq!(demoted.get("/api/users").await.0, 403);
    assert!(owner.is_signed_in().await && demoted.is_signed_in().await && !deleted.is_signed_in().await);
    assert_eq!(tenant.login(&owner.email, "secret").await.0, 401);
    assert_eq!(tenant.login(&owner.email, "another").await.0, 200);
    assert_eq!(count(&owner).await, 2, "products are those of the present");
}

#[tokio::test(flavor = "multi_thread")]
async fn table_that_is_gone_asks_for_the_whole_backup_and_the_whole_brings_every_row_back() {
    let server = Server::start().await;
    let (tenant, user) = shop(&server, "Warung", 4).await;
    order(&user, 1).await;
    let saved = dump(&server, &tenant, &ALL);
    back_up(&server, &tenant, Value::Null).await;
    server.open_file(&tenant).execute_batch("PRAGMA foreign_keys=OFF; DROP TABLE products;").unwrap();
    let (status, body) = restore(&server, &tenant, json!(["products"])).await;
    assert_eq!((status, &body["code"]), (StatusCode::CONFLICT, &json!("restore_needs_whole")), "{body}");
    assert_eq!(server.central(Method::POST, &path(&tenant, "restore"), Value::Null).await.0, 200);
    assert_eq!(dump(&server, &tenant, &ALL), saved);
    assert_eq!(count(&user).await, 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn admin_restores_tables_of_the_own_tenant_and_the_audit_log_names_them() {
    let server = Server::start().await;
    let (_, admin) = shop(&server, "Warung", 2).await;
    let made = admin.post("/api/backups", Value::Null).await.1;
    sell(&admin, "Later").await;
    let own = format!("/api/backups/{}/restore", made["id"].as_str().unwrap());
    assert_eq!(admin.post(&own, json!({"table": ["products"]})).await.0, 422, "a misspelt name is not 'everything'");
    let (status, restored) = admin.post(&own, json!({"tables": ["products"]})).await;
    assert_eq!((status.as_u16(), &restored["tables"]), (200, &json!(["products"])), "{restored}");
    assert_eq!(count(&admin).await, 2);
    eventually(async || {
        let audit = admin.get("/api/activity/audit").await.1;
        audit["data"].as_array().unwrap().iter().any(|entry| {
            entry["action"] == "tenant.restored" && entry.to_string().contains("\"tables\":[\"products\"]")
        })
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn restore_that_waits_for_its_tenant_keeps_no_other_waiting() {
    let server = Server::with(|config| config.backup.at_once = 1).await;
    let (tenant, _) = shop(&server, "Warung", 1).await;
    let (other, _) = shop(&server, "Toko", 1).await;
    back_up(&server, &tenant, Value::Null).await;
    let turn = server.app.tenants.alone(&tenant.id.as_str().into()).await.unwrap();
    let request = server.request(Method::POST, &path(&tenant, "restore"));
    let request = request.header("X-Master-API-Key", crate::support::MASTER_KEY).header("Prefer", "respond-async");
    assert_eq!(request.send().await.unwrap().status(), 202);
    back_up(&server, &other, Value::Null).await;
    drop(turn);
}
