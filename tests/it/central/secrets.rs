//! What must never be found: on the disk, in answers, in the audit log.

use reqwest::Method;
use ruko::activity::AuditFilter;
use serde_json::{Value, json};

use super::{TENANTS, delete, get, post, put};
use crate::support::Server;

/// Every file below a folder that contains one of the texts.
fn files_with(folder: &std::path::Path, texts: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    for entry in folder.read_dir().unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files_with(&path, texts));
        } else if path.is_file() {
            let bytes = std::fs::read(&path).unwrap();
            let has = |text: &&&str| bytes.windows(text.len()).any(|window| window == text.as_bytes());
            found.extend(texts.iter().filter(has).map(|text| format!("{}: {text}", path.display())));
        }
    }
    found
}

#[tokio::test]
async fn keys_and_passwords_are_in_no_file_and_no_answer() {
    let server = Server::start().await;
    let password = "sandi-basis-data-4711";
    let body = json!({"name": "Warung", "db_name": "warung", "db_username": "root", "db_password": password});
    let (_, made) = post(&server, TENANTS, body).await;
    let (id, key) = (made["data"]["tenant_id"].as_str().unwrap(), made["data"]["api_key"].as_str().unwrap());
    assert!(!made.to_string().contains(password));
    let path = format!("{TENANTS}/{id}");
    let (_, regenerated) = post(&server, &format!("{path}/regenerate-key"), json!({"overlap_minutes": 5})).await;
    let (_, further) = post(&server, &format!("{path}/keys"), json!({})).await;
    let newer = regenerated["data"]["api_key"].as_str().unwrap();
    let third = further["data"]["api_key"].as_str().unwrap();
    let renewed = "sandi-lain-0815";
    let answers = [
        get(&server, TENANTS).await.1,
        get(&server, &path).await.1,
        put(&server, &path, json!({"db_password": renewed})).await.1,
        get(&server, &format!("{path}/health")).await.1,
        post(&server, &format!("{path}/test-connection"), Value::Null).await.1,
        get(&server, &format!("{path}/keys")).await.1,
        post(&server, &format!("{path}/suspend"), Value::Null).await.1,
        post(&server, &format!("{path}/resume"), Value::Null).await.1,
    ];
    let request = server.request(Method::GET, "/api/products").header("X-Tenant-API-Key", third);
    assert_eq!(request.send().await.unwrap().status(), 401, "the key was used");
    let export = server.request(Method::GET, &format!("{path}/export"));
    let archive = export.header("X-Master-API-Key", crate::support::MASTER_KEY).send().await.unwrap();
    let archive = zstd::decode_all(&*archive.bytes().await.unwrap()).unwrap();
    server.app.flush_uses().await.unwrap();
    server.app.activity.flush().await;
    let secrets = [key, newer, third, password, renewed];
    for secret in secrets {
        assert!(answers.iter().all(|answer| !answer.to_string().contains(secret)), "{secret}");
        assert!(!archive.windows(secret.len()).any(|window| window == secret.as_bytes()), "{secret}");
    }
    assert_eq!(files_with(server.folder.path(), &secrets), Vec::<String>::new());
    let (_, shown) = get(&server, &path).await;
    assert_eq!(shown["data"]["database"]["has_password"], true);
    let folder = server.stop().await;
    assert_eq!(files_with(folder.path(), &secrets), Vec::<String>::new());
}

#[tokio::test]
async fn every_change_is_in_the_audit_log() {
    let server = Server::start().await;
    let tenant = server.tenant("Warung").await;
    let path = format!("{TENANTS}/{}", tenant.id);
    put(&server, &path, json!({"name": "Baru", "db_password": "sandi"})).await;
    for step in ["suspend", "resume", "freeze", "thaw", "regenerate-key"] {
        assert_eq!(post(&server, &format!("{path}/{step}"), Value::Null).await.0, 200, "{step}");
    }
    let (_, key) = post(&server, &format!("{path}/keys"), json!({})).await;
    delete(&server, &format!("{path}/keys/{}", key["data"]["key_id"])).await;
    let (_, domain) = post(&server, &format!("{path}/domains"), json!({"domain": "a.example"})).await;
    delete(&server, &format!("{path}/domains/{}", domain["data"]["id"])).await;
    delete(&server, &path).await;
    post(&server, &format!("{path}/undelete"), Value::Null).await;
    post(&server, &format!("{path}/detach"), Value::Null).await;
    assert_eq!(put(&server, &path, json!({"name": "Gone"})).await.0, 404);
    let filter = AuditFilter { tenant: Some(tenant.id.as_str().into()), ..AuditFilter::default() };
    let page = server.app.activity.list_audit(filter, None, 100).await.unwrap();
    let actions: Vec<&str> = page.rows.iter().rev().map(|row| row.action.as_str()).collect();
    let expected = [
        "tenant.created",
        "tenant.updated",
        "tenant.suspended",
        "tenant.resumed",
        "tenant.frozen",
        "tenant.thawed",
        "key.regenerated",
        "key.created",
        "key.revoked",
        "domain.added",
        "domain.removed",
        "tenant.deleted",
        "tenant.undeleted",
        "tenant.detached",
    ];
    assert_eq!(actions, expected);
    let updated = &page.rows[page.rows.len() - 2];
    assert_eq!(updated.detail, json!({"changed": ["name", "db_password"]}));
    assert_eq!(updated.actor_kind, ruko::activity::ActorKind::Operator);
    assert!(updated.ip_address.is_some() && updated.request_id.is_some());
}
