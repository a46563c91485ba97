//! A backup that becomes a new tenant.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::{back_up, count, dump, sell, shop};
use crate::support::{Server, Tenant, eventually};

const DATA: [&str; 5] = ["users", "products", "orders", "order_items", "row_counts"];

async fn restore_as_new(server: &Server, made: &Value, body: Value) -> (StatusCode, Value) {
    let path = format!("/api/central/backups/{}/tenant", made["data"]["id"].as_str().unwrap());
    server.central(Method::POST, &path, body).await
}

fn tenants(server: &Server) -> usize {
    let files = server.app.data_dir.tenants_dir().read_dir().unwrap();
    files.filter(|entry| entry.as_ref().unwrap().path().extension().is_some_and(|ending| ending == "db")).count()
}

async fn audit_of(server: &Server, tenant: &str, action: &str) -> Value {
    let path = format!("/api/central/audit-log?tenant={tenant}&action={action}");
    eventually(async || {
        let found = server.central(Method::GET, &path, Value::Null).await.1;
        found["data"].as_array().is_some_and(|entries| !entries.is_empty())
    })
    .await;
    server.central(Method::GET, &path, Value::Null).await.1["data"][0].clone()
}

fn of(server: &Server, from: &Tenant, answer: &Value) -> Tenant {
    let text = |field: &str| answer["data"][field].as_str().unwrap().to_owned();
    let mut tenant = from.at(server);
    (tenant.id, tenant.key, tenant.database) = (text("tenant_id"), text("api_key"), text("database"));
    tenant
}

#[tokio::test(flavor = "multi_thread")]
async fn backup_becomes_a_tenant_of_its_own_and_its_source_stays_as_it_is() {
    let server = Server::start().await;
    let (tenant, owner) = shop(&server, "Warung", 4).await;
    let order = json!({"items": [{"product_id": 1, "quantity": 2}]});
    assert_eq!(owner.post("/api/orders", order).await.0, 201);
    let domain = format!("/api/central/tenants/{}/domains", tenant.id);
    assert_eq!(server.central(Method::POST, &domain, json!({"domain": "warung.test"})).await.0, 201);
    let made = back_up(&server, &tenant, Value::Null).await;
    let saved = dump(&server, &tenant, &DATA);
    sell(&owner, "Later").await;
    let live = dump(&server, &tenant, &DATA);

    let (status, answer) = restore_as_new(&server, &made, json!({"name": "Cabang", "db_name": "cabang"})).await;
    assert_eq!((status, &answer["data"]["name"]), (StatusCode::CREATED, &json!("Cabang")), "{answer}");
    let branch = of(&server, &tenant, &answer);
    assert!(branch.id != tenant.id && branch.key != tenant.key && branch.database == "cabang");
    assert_eq!(dump(&server, &branch, &DATA), saved);
    assert_eq!(dump(&server, &branch, &["personal_access_tokens", "login_networks"]), Vec::<String>::new());
    let shown =
        server.central(Method::GET, &format!("/api/central/tenants/{}/domains", branch.id), Value::Null).await.1;
    assert_eq!(shown["data"], json!([]));

    let (status, session) = branch.login(&owner.email, "secret").await;
    assert_eq!(status, 200, "{session}");
    let mut stranger = owner.clone();
    stranger.tenant = branch.clone();
    assert_eq!(stranger.get("/api/products").await.0, 401, "a token of the source is none of the new tenant");
    stranger.token = session["token"].as_str().unwrap().into();
    sell(&stranger, "Only here").await;
    assert_eq!(count(&stranger).await, 5);
    assert!(owner.is_signed_in().await);
    assert_eq!(dump(&server, &tenant, &DATA), live);
    let again = back_up(&server, &branch, Value::Null).await;
    assert_eq!(again["tenant_id"], branch.id);

    let there = audit_of(&server, &tenant.id, "backup.restored_as_new").await;
    assert_eq!(there["detail"], json!({"tenant": branch.id, "file": made["data"]["filename"]}), "{there}");
    let here = audit_of(&server, &branch.id, "tenant.created").await;
    assert_eq!((&here["detail"]["from_tenant"], &here["detail"]["origin"]), (&json!(tenant.id), &json!("imported")));
    assert_eq!(server.app.data_dir.tmp_dir().read_dir().unwrap().count(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn source_may_be_in_the_trash() {
    let server = Server::start().await;
    let (tenant, owner) = shop(&server, "Warung", 3).await;
    let made = back_up(&server, &tenant, Value::Null).await;
    let path = format!("/api/central/tenants/{}", tenant.id);
    assert!(server.central(Method::DELETE, &path, Value::Null).await.0.is_success());
    let (status, answer) = restore_as_new(&server, &made, json!({"name": "Warung"})).await;
    assert_eq!(status, 201, "{answer}");
    let branch = of(&server, &tenant, &answer);
    assert_eq!(branch.login(&owner.email, "secret").await.0, 200);
    assert_eq!(server.central(Method::GET, &path, Value::Null).await.0, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_become_a_tenant_is_refused_and_leaves_nothing() {
    let server = Server::start().await;
    let (tenant, _) = shop(&server, "Warung", 1).await;
    let made = back_up(&server, &tenant, Value::Null).await;
    let central = server.central(Method::POST, "/api/central/tenants/central/backup", Value::Null).await.1;
    let taken = json!({"name": "New", "db_name": tenant.database});
    std::fs::write(server.app.data_dir.tenants_dir().join("lies_there.db"), "somebody's").unwrap();
    for (backup, body, status, sign) in [
        (&central, json!({"name": "New"}), 409, "backup_of_central"),
        (&json!({"data": {"id": "nobody"}}), json!({"name": "New"}), 404, "not_found"),
        (&made, taken, 422, "db_name"),
        (&made, json!({"name": "New", "db_name": "lies_there"}), 422, "db_name"),
        (&made, json!({"name": "New", "db_name": "../etc"}), 422, "db_name"),
        (&made, json!({"name": ""}), 422, "name"),
        (&made, json!({}), 422, "name"),
        (&made, json!({"name": "New", "plan": "starter"}), 422, "plan"),
    ] {
        let (found, answer) = restore_as_new(&server, backup, body.clone()).await;
        assert_eq!(found.as_u16(), status, "{body} {answer}");
        assert!(answer.to_string().contains(sign), "{answer}");
    }
    let file = server.app.data_dir.backups_dir().join(&made["data"]["path"].as_str().unwrap()["backups/".len()..]);
    let file = file.with_file_name(format!("{}.enc", file.file_name().unwrap().to_str().unwrap()));
    let mut bytes = std::fs::read(&file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&file, bytes).unwrap();
    let (status, answer) = restore_as_new(&server, &made, json!({"name": "New"})).await;
    assert_eq!((status.as_u16(), &answer["code"]), (409, &json!("backup_damaged")), "{answer}");

    assert_eq!(tenants(&server), 2, "the tenant's and somebody's");
    let listed = server.central(Method::GET, "/api/central/tenants", Value::Null).await.1;
    assert_eq!(listed["total"], 1);
    assert_eq!(server.app.data_dir.tmp_dir().read_dir().unwrap().count(), 0);
}
