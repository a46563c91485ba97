//! The last backup of a tenant, made when it is deleted.

use std::sync::Arc;
use std::time::Duration;

use reqwest::Method;
use ruko::clock::{Clock, Timestamp};
use ruko::jobs::retention;
use serde_json::{Value, json};

use super::{files, list, path, shop};
use crate::support::{Server, Tenant};

async fn delete(server: &Server, tenant: &Tenant, rest: &str) -> Value {
    let path = format!("/api/central/tenants/{}{rest}", tenant.id);
    let (status, body) = server.central(Method::DELETE, &path, Value::Null).await;
    assert_eq!(status, 200, "{body}");
    assert_eq!(body["message"], "Tenant deleted successfully");
    body
}

#[tokio::test(flavor = "multi_thread")]
async fn deleted_tenant_leaves_a_last_backup_that_outlives_the_trash_and_not_a_purge() {
    let clock = Clock::held_at(Timestamp(1_795_755_600_000));
    let server = Server::in_folder(Arc::new(tempfile::tempdir().unwrap()), clock.clone(), |config| {
        config.storage.trash_days = 1;
    })
    .await;
    let (tenant, _) = shop(&server, "Warung", 2).await;
    let deleted = delete(&server, &tenant, "").await;
    let name = deleted["final_backup"].as_str().unwrap();
    assert!(name.ends_with(".db.zst") && deleted["final_backup_error"].is_null(), "{deleted}");
    server.central(Method::POST, &path(&tenant, "undelete"), Value::Null).await;
    let [last] = <[Value; 1]>::try_from(list(&server, &tenant).await).unwrap();
    assert_eq!((&last["filename"], &last["kind"]), (&json!(name), &json!("final")));

    clock.advance(Duration::from_secs(60));
    delete(&server, &tenant, "").await;
    retention::run(&server.app).await.unwrap();
    let purged = server.app.tenants.purge_deleted_before(clock.now().plus(Duration::from_secs(1))).await.unwrap();
    assert_eq!((purged.len(), files(&server).len()), (1, 2));
    for _ in 0..31 {
        clock.advance(Duration::from_secs(86_400));
        retention::run(&server.app).await.unwrap();
    }
    assert_eq!(files(&server).len(), 0, "of a tenant that is gone nothing has to be the newest");

    let (tenant, _) = shop(&server, "Toko", 1).await;
    assert_eq!(delete(&server, &tenant, "?purge=true").await, json!({"message": "Tenant deleted successfully"}));
    assert_eq!(files(&server).len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn tenant_whose_file_cannot_be_read_is_deleted_all_the_same() {
    let server = Server::start().await;
    let (tenant, _) = shop(&server, "Warung", 1).await;
    server.central(Method::POST, &path(&tenant, "freeze"), Value::Null).await;
    std::fs::write(server.file(&tenant), vec![0xEE; 8192]).unwrap();
    let deleted = delete(&server, &tenant, "").await;
    assert_eq!((&deleted["final_backup"], &deleted["final_backup_error"]), (&Value::Null, &json!("tenant_corrupt")));
    let (lost, _) = shop(&server, "Toko", 1).await;
    server.central(Method::POST, &path(&lost, "freeze"), Value::Null).await;
    std::fs::remove_file(server.file(&lost)).unwrap();
    assert!(delete(&server, &lost, "").await["final_backup_error"].is_string());
    assert_eq!(server.central(Method::GET, "/api/central/tenants", Value::Null).await.1["total"], 0);
    assert_eq!(files(&server).len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn last_backup_is_not_made_of_a_refused_deletion_nor_where_it_is_not_wanted() {
    let server = Server::start().await;
    let (tenant, _) = shop(&server, "Warung", 1).await;
    let request = server.request(Method::DELETE, &format!("/api/central/tenants/{}", tenant.id));
    let request = request.header("X-Master-API-Key", crate::support::MASTER_KEY).header("If-Match", "\"another\"");
    assert_eq!(request.send().await.unwrap().status(), 412);
    assert_eq!(files(&server).len(), 0);
    let server = Server::with(|config| config.backup.before_delete = false).await;
    let (tenant, _) = shop(&server, "Warung", 1).await;
    assert_eq!(delete(&server, &tenant, "").await, json!({"message": "Tenant deleted successfully"}));
    assert_eq!(files(&server).len(), 0);
}
