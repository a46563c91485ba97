//! What a tenant's own admins may do with its backups.

use reqwest::Method;
use serde_json::{Value, json};

use super::{back_up, count, sell, shop};
use crate::support::{Server, eventually};

#[tokio::test(flavor = "multi_thread")]
async fn admin_backs_the_own_tenant_up_restores_it_and_takes_that_back() {
    let server = Server::start().await;
    let (tenant, admin) = shop(&server, "Warung", 2).await;
    assert_eq!(
        admin.get("/api/backups").await.1,
        json!({"data": [], "total": 0, "last_status": null, "last_error_code": null})
    );
    let response = admin.request(Method::POST, "/api/backups").send().await.unwrap();
    assert_eq!(response.status(), 201);
    let (location, tag) = (response.headers()["location"].clone(), response.headers()["etag"].clone());
    let made: Value = response.json().await.unwrap();
    let own = format!("/api/backups/{}", made["id"].as_str().unwrap());
    assert_eq!(location, own);
    assert!(made["path"].is_null() && made["filename"].as_str().unwrap().ends_with(".db.zst"), "{made}");
    assert_eq!(admin.get(&own).await.1, made);
    let again = admin.request(Method::GET, &own).header("If-None-Match", tag).send().await.unwrap();
    assert_eq!(again.status(), 304);
    let (_, all) = admin.get("/api/backups").await;
    assert_eq!((&all["data"], &all["total"], &all["last_status"]), (&json!([made]), &json!(1), &json!("ok")));

    sell(&admin, "Later").await;
    let (status, restored) = admin.post(&format!("{own}/restore"), Value::Null).await;
    assert_eq!((status.as_u16(), &restored["backup_id"]), (200, &made["id"]), "{restored}");
    assert_eq!(count(&admin).await, 2);
    let other = admin.post("/api/backups", json!({"compress": false})).await.1;
    let (status, refused) =
        admin.post(&format!("/api/backups/{}/undo", other["id"].as_str().unwrap()), Value::Null).await;
    assert_eq!((status.as_u16(), &refused["code"]), (409, &json!("nothing_to_undo")), "it was no restore of that one");
    let (status, undone) = admin.post(&format!("{own}/undo"), Value::Null).await;
    assert_eq!((status.as_u16(), &undone["backup_id"]), (200, &restored["pre_restore_id"]), "{undone}");
    assert_eq!(count(&admin).await, 3);

    eventually(async || {
        let audit = admin.get("/api/activity/audit").await.1;
        let done = audit["data"].as_array().unwrap();
        ["backup.created", "tenant.restored", "tenant.restore_undone"]
            .iter()
            .all(|action| done.iter().any(|entry| entry["action"] == *action && entry["user_id"] == admin.id))
    })
    .await;
    drop(tenant);
}

#[tokio::test(flavor = "multi_thread")]
async fn backups_of_a_tenant_are_no_business_of_others() {
    let server = Server::with(|config| config.backup.tenant_download = true).await;
    let (tenant, admin) = shop(&server, "Warung", 1).await;
    let (_, stranger) = shop(&server, "Toko", 1).await;
    let made = admin.post("/api/backups", Value::Null).await.1;
    let id = made["id"].as_str().unwrap();
    let operators = back_up(&server, &tenant, Value::Null).await["data"]["id"].as_str().unwrap().to_owned();
    let begun = admin.request(Method::POST, "/api/backups").header("Prefer", "respond-async").send().await.unwrap();
    assert_eq!(begun.status(), 202);
    let job = begun.headers()["location"].to_str().unwrap().to_owned();
    eventually(async || admin.get(&job).await.1["state"] == "succeeded").await;
    let shown = admin.get(&job).await.1;
    assert_eq!(admin.get(shown["result_url"].as_str().unwrap()).await.1, shown["result"]);

    for (method, rest) in
        [(Method::GET, ""), (Method::GET, "/download"), (Method::POST, "/restore"), (Method::POST, "/undo")]
    {
        let (status, body) = stranger.send(method.clone(), &format!("/api/backups/{id}{rest}"), Value::Null).await;
        assert_eq!((status.as_u16(), &body["code"]), (404, &json!("not_found")), "{method} {rest}: {body}");
    }
    for (method, path) in [(Method::GET, job.clone()), (Method::POST, format!("{job}/cancel"))] {
        assert_eq!(stranger.send(method, &path, Value::Null).await.0, 404);
    }
    assert_eq!(stranger.get("/api/backups").await.1["total"], 0);
    // What the operator made is the tenant's, what the operator does with it is not.
    assert_eq!(admin.get(&format!("/api/backups/{operators}")).await.0, 200);
    let (_, jobs) = server.central(Method::GET, "/api/central/jobs", Value::Null).await;
    let others = jobs["data"].as_array().unwrap().iter().find(|job| job["result"]["tenant_id"].is_string()).unwrap();
    assert_eq!(admin.get(&format!("/api/jobs/{}", others["id"].as_str().unwrap())).await.0, 404);

    let clerk = tenant.register("clerk", "user").await;
    for (method, path) in [
        (Method::GET, "/api/backups".to_owned()),
        (Method::POST, "/api/backups".to_owned()),
        (Method::GET, format!("/api/backups/{id}")),
        (Method::GET, format!("/api/backups/{id}/download")),
        (Method::POST, format!("/api/backups/{id}/restore")),
        (Method::POST, format!("/api/backups/{id}/undo")),
        (Method::GET, job.clone()),
        (Method::POST, format!("{job}/cancel")),
    ] {
        assert_eq!(clerk.send(method.clone(), &path, Value::Null).await.0, 403, "{method} {path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn download_and_restore_are_the_operators_to_allow() {
    let server = Server::start().await;
    let (_, admin) = shop(&server, "Warung", 1).await;
    let own = format!("/api/backups/{}", admin.post("/api/backups", Value::Null).await.1["id"].as_str().unwrap());
    assert_eq!(admin.get(&format!("{own}/download")).await.0, 403);

    let server = Server::in_folder(server.stop().await, ruko::clock::Clock::system(), |config| {
        config.backup.tenant_download = true;
        config.backup.tenant_restore = false;
    })
    .await;
    let admin = crate::support::User { tenant: admin.tenant.at(&server), ..admin };
    let download = admin.request(Method::GET, &format!("{own}/download")).send().await.unwrap();
    assert_eq!(download.status(), 200);
    let database = zstd::decode_all(&download.bytes().await.unwrap()[..]).unwrap();
    assert!(database.starts_with(b"SQLite format 3\0"));
    for rest in ["restore", "undo"] {
        assert_eq!(admin.post(&format!("{own}/{rest}"), Value::Null).await.0, 403, "{rest}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_job_at_a_time_and_its_errors_show_nothing_of_the_servers_inside() {
    let server = Server::start().await;
    let (tenant, admin) = shop(&server, "Warung", 1).await;
    super::jobs::fatten(&server, &tenant, 32);
    let begin = |language: &'static str| {
        let request = admin.request(Method::POST, "/api/backups").header("Prefer", "respond-async");
        request.header("Accept-Language", language).send()
    };
    let begun = begin("id").await.unwrap();
    let at = begun.headers()["location"].to_str().unwrap().to_owned();
    assert_eq!((begun.status().as_u16(), at.starts_with("/api/jobs/")), (202, true));
    assert!(begun.json::<Value>().await.unwrap()["user_message"].is_string());
    let second = begin("en").await.unwrap();
    assert_eq!(second.status(), 409);
    assert_eq!(second.json::<Value>().await.unwrap()["code"], "job_under_way");
    let (status, cancelled) = admin.post(&format!("{at}/cancel"), Value::Null).await;
    assert_eq!((status.as_u16(), &cancelled["state"]), (200, &json!("cancelled")), "{cancelled}");

    // A folder where the backups should be written cannot be made.
    let backups = server.app.data_dir.backups_dir();
    std::fs::remove_dir_all(&backups).unwrap();
    std::fs::write(&backups, "no folder").unwrap();
    let at = begin("en").await.unwrap().headers()["location"].to_str().unwrap().to_owned();
    eventually(async || admin.get(&at).await.1["state"] == "failed").await;
    let failed = admin.get(&at).await.1;
    let shown = failed.to_string();
    assert!(!shown.contains("backups/") && !shown.contains("os error") && !shown.contains("directory"), "{shown}");
    let (_, of_operator) = server.central(Method::GET, &at.replace("/api/", "/api/central/"), Value::Null).await;
    assert_ne!(of_operator["error"]["message"], failed["error"]["message"], "{of_operator}");
    std::fs::remove_file(&backups).unwrap();
}
