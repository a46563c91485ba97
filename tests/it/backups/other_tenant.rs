//! Restoring a tenant from another tenant's backup.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::{back_up, count, dump, list, path, sell, shop};
use crate::support::{Server, Tenant, eventually};

async fn restore(server: &Server, tenant: &Tenant, rest: &str, body: Value) -> (StatusCode, Value) {
    server.central(Method::POST, &path(tenant, rest), body).await
}

async fn is_audited(server: &Server, tenant: &Tenant, action: &str, detail: (&str, &str)) {
    let path = format!("/api/central/audit-log?tenant={}&action={action}", tenant.id);
    eventually(async || {
        let found = server.central(Method::GET, &path, Value::Null).await.1;
        let found = found["data"].as_array().cloned().unwrap_or_default();
        found.iter().any(|entry| entry["detail"][detail.0] == detail.1)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn backup_of_another_tenant_is_taken_when_it_is_meant_and_undone() {
    let server = Server::start().await;
    let (tenant, user) = shop(&server, "Warung", 5).await;
    let (other, stranger) = shop(&server, "Toko", 2).await;
    let made = back_up(&server, &other, Value::Null).await;
    let saved = dump(&server, &other, &["users", "products"]);
    sell(&stranger, "Later").await;
    let (live, there) = (dump(&server, &tenant, &["users", "products"]), dump(&server, &other, &["products"]));

    let file = &made["data"]["filename"];
    for (body, code) in [
        (json!({"file": file, "from_tenant": other.id}), "backup_of_other_tenant"),
        (json!({"file": file, "from_tenant": other.id, "allow_other_tenant": false}), "backup_of_other_tenant"),
        (json!({"from_tenant": "central", "allow_other_tenant": true}), "backup_of_central"),
    ] {
        let (status, refused) = restore(&server, &tenant, "restore", body).await;
        assert_eq!((status.as_u16(), &refused["code"]), (409, &json!(code)), "{refused}");
    }
    let unknown = json!({"file": "nothing.db", "from_tenant": other.id, "allow_other_tenant": true});
    assert_eq!(restore(&server, &tenant, "restore", unknown).await.0, 404);
    assert_eq!(restore(&server, &tenant, "restore", json!({"file": file})).await.0, 404);
    assert_eq!(dump(&server, &tenant, &["users", "products"]), live);

    let body = json!({"file": file, "from_tenant": other.id, "allow_other_tenant": true});
    let (status, restored) = restore(&server, &tenant, "restore", body).await;
    assert_eq!((status.as_u16(), &restored["from_tenant"]), (200, &json!(other.id)), "{restored}");
    assert_eq!(restored["kept"], json!({"tokens": 0, "users": 0, "users_back": 0}));
    assert_eq!(dump(&server, &tenant, &["users", "products"]), saved);
    let tokens = ["personal_access_tokens", "login_networks"];
    assert_eq!(dump(&server, &tenant, &tokens), Vec::<String>::new());
    assert!(!user.is_signed_in().await && stranger.is_signed_in().await);
    let mut guest = stranger.clone();
    guest.tenant = tenant.clone();
    assert_eq!(guest.get("/api/products").await.0, 401, "a token of the other tenant is none here");
    assert_eq!(dump(&server, &other, &["products"]), there);
    assert_eq!(tenant.login(&stranger.email, "secret").await.0, 200);
    is_audited(&server, &tenant, "tenant.restored", ("from_tenant", &other.id)).await;
    is_audited(&server, &other, "backup.restored_elsewhere", ("tenant", &tenant.id)).await;
    // It is this tenant's file: it is backed up and serves after a start like any other.
    assert_eq!(back_up(&server, &tenant, Value::Null).await["tenant_id"], tenant.id);

    let (status, undone) = restore(&server, &tenant, "restore/undo", Value::Null).await;
    assert_eq!((status.as_u16(), &undone["backup_file"]), (200, &restored["pre_restore_file"]), "{undone}");
    assert_eq!(dump(&server, &tenant, &["users", "products"]), live);
    assert!(!user.is_signed_in().await, "everybody logs in again");
    assert_eq!(tenant.login(&user.email, "secret").await.0, 200);
    assert_eq!(list(&server, &tenant).await.iter().filter(|backup| backup["kind"] == "pre_restore").count(), 2);
    assert_eq!(server.app.data_dir.tmp_dir().read_dir().unwrap().count(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_of_another_tenant_leave_the_users_alone_unless_these_are_meant() {
    let server = Server::start().await;
    let (tenant, user) = shop(&server, "Warung", 5).await;
    let (other, _) = shop(&server, "Toko", 2).await;
    back_up(&server, &other, Value::Null).await;
    let body = |tables: Value| json!({"from_tenant": other.id, "allow_other_tenant": true, "tables": tables});
    let before = dump(&server, &tenant, &["users", "products"]);
    let (status, shown) = restore(&server, &tenant, "restore/preview", body(json!(["products"]))).await;
    assert_eq!(status, 200, "{shown}");
    assert_eq!(dump(&server, &tenant, &["users", "products"]), before);
    is_audited(&server, &other, "backup.previewed_elsewhere", ("tenant", &tenant.id)).await;

    let (status, restored) = restore(&server, &tenant, "restore", body(json!(["products"]))).await;
    assert_eq!((status.as_u16(), &restored["kept"]["tokens"]), (200, &json!(1)), "{restored}");
    assert!(user.is_signed_in().await);
    assert_eq!(count(&user).await, 2);
    let (status, restored) = restore(&server, &tenant, "restore", body(json!(["users"]))).await;
    assert_eq!((status.as_u16(), &restored["kept"]["tokens"]), (200, &json!(0)), "{restored}");
    assert!(!user.is_signed_in().await);
    assert_eq!(dump(&server, &tenant, &["users"]), dump(&server, &other, &["users"]));
}
