//! Suspended, frozen, renamed, deleted and brought back, with callers that do not stop asking.

use futures_util::FutureExt as _;
use reqwest::Method;
use serde_json::{Value, json};

use super::{TENANTS, delete, file, get, names, opened, post, put, raw, sell, total, wait_until};
use crate::support::{Log, Server};

#[tokio::test]
async fn suspending_acts_on_the_next_request_with_everything_cached() {
    let server = Server::start().await;
    let (tenant, user) = opened(&server, "Warung").await;
    let path = format!("{TENANTS}/{}", tenant.id);
    for _ in 0..3 {
        assert_eq!(user.get("/api/products").await.0, 200);
        let (status, body) = post(&server, &format!("{path}/suspend"), Value::Null).await;
        assert_eq!((status.as_u16(), &body["data"]["state"]), (200, &json!("suspended")), "{body}");
        let (status, body) = user.get("/api/products").await;
        assert_eq!((status.as_u16(), &body["code"]), (403, &json!("tenant_not_active")));
        let (status, _) =
            tenant.send(Method::POST, "/api/login", json!({"email": user.email, "password": "secret"})).await;
        assert_eq!(status, 403);
        assert_eq!(get(&server, &format!("{path}/health")).await.0, 200, "its file is fine all the same");
        assert_eq!(post(&server, &format!("{path}/resume"), Value::Null).await.0, 200);
        assert_eq!(user.get("/api/products").await.0, 200, "tokens are valid again");
    }
}

#[tokio::test]
async fn frozen_file_is_one_complete_file_until_it_is_thawed() {
    let server = Server::start().await;
    let (tenant, user) = opened(&server, "Warung").await;
    let path = format!("{TENANTS}/{}", tenant.id);
    post(&server, &format!("{path}/suspend"), Value::Null).await;
    let (status, body) = post(&server, &format!("{path}/freeze"), Value::Null).await;
    assert_eq!((status.as_u16(), &body["data"]["state"]), (200, &json!("frozen")), "{body}");
    assert_eq!(names(&server.app.data_dir.tenants_dir()), [format!("{}.db", tenant.database)]);
    let copy = server.folder.path().join("copy.db");
    std::fs::copy(server.file(&tenant), &copy).unwrap();
    let rows: i64 = raw(&copy).query_row("SELECT count(*) FROM products", [], |row| row.get(0)).unwrap();
    assert_eq!(rows, 1);
    for step in ["suspend", "resume"] {
        let (status, body) = post(&server, &format!("{path}/{step}"), Value::Null).await;
        assert_eq!((status.as_u16(), &body["code"]), (409, &json!("tenant_frozen")));
    }
    assert_eq!(user.get("/api/products").await.0, 403);
    assert_eq!(get(&server, &format!("{path}/health")).await.0, 200);
    assert_eq!(names(&server.app.data_dir.tenants_dir()).len(), 1, "looking opens nothing for good");
    let (_, body) = post(&server, &format!("{path}/thaw"), Value::Null).await;
    assert_eq!(body["data"]["state"], "suspended", "as it was before");
    post(&server, &format!("{path}/resume"), Value::Null).await;
    assert_eq!(total(&user).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn renaming_moves_the_file_while_requests_go_on() {
    let server = Server::start().await;
    let (tenant, user) = opened(&server, "Warung").await;
    let path = format!("{TENANTS}/{}", tenant.id);
    let stop = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let mut callers = tokio::task::JoinSet::new();
    for caller in 0..4 {
        let (user, stop) = (user.clone(), stop.clone());
        callers.spawn(async move {
            let mut sold = 0;
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                sell(&user, &format!("Kopi {caller}")).await;
                assert_eq!(user.get("/api/products").await.0, 200);
                sold += 1;
            }
            sold
        });
    }
    let mut name = tenant.database.clone();
    for round in 0..10 {
        let next = format!("baru_{round}");
        let (status, body) = put(&server, &path, json!({"db_name": next})).await;
        assert_eq!((status.as_u16(), &body["data"]["database"]["name"]), (200, &json!(next)), "{body}");
        assert!(file(&server, &next).exists() && !file(&server, &name).exists());
        // The old name is free at once, also for somebody else.
        let (status, body) = post(&server, TENANTS, json!({"name": "Other", "db_name": name})).await;
        assert_eq!(status, 201, "{body}");
        name = next;
    }
    stop.store(true, std::sync::atomic::Ordering::Relaxed);
    let sold: i64 = callers.join_all().await.into_iter().sum();
    assert_eq!(total(&user).await, sold + 1, "nothing that was acknowledged is lost");
}

#[tokio::test]
async fn request_that_waits_for_a_renaming_does_not_look_for_the_old_name() {
    let log = Log::of_the_process();
    let server = Server::start().await;
    let (tenant, _) = opened(&server, "Warung").await;
    let tenants = &server.app.tenants;
    let active = tenants.active(&tenant.id.as_str().into()).await.unwrap();
    let held = tenants.open(&active).await.unwrap();
    let path = format!("{TENANTS}/{}", tenant.id);
    let mut renaming = Box::pin(put(&server, &path, json!({"db_name": "baru"})));
    while tenants.fleet().stats().open > 0 {
        assert!(renaming.as_mut().now_or_never().is_none(), "it waits until the file is not in use");
        tokio::task::yield_now().await;
    }
    let mut waiting = Box::pin(tenants.open(&active));
    assert!(waiting.as_mut().now_or_never().is_none());
    drop(held);
    let ((status, body), opened) = tokio::join!(renaming, waiting);
    assert_eq!((status.as_u16(), opened.unwrap().path()), (200, &*file(&server, "baru")), "{body}");
    let lines = log.text();
    let errors: Vec<_> = lines.lines().filter(|line| line.contains("ERROR") && line.contains(&tenant.id)).collect();
    assert!(errors.is_empty(), "{errors:?}");
}

#[tokio::test]
async fn renaming_to_a_name_in_use_changes_nothing() {
    let server = Server::start().await;
    let (tenant, user) = opened(&server, "Warung").await;
    let other = server.tenant("Other").await;
    let path = format!("{TENANTS}/{}", tenant.id);
    std::fs::write(file(&server, "stray"), b"somebody's").unwrap();
    for taken in [other.database.as_str(), &other.database.to_uppercase(), "stray"] {
        let (status, body) = put(&server, &path, json!({"name": "Changed", "db_name": taken})).await;
        assert!(status == 422 && body["errors"]["db_name"].is_array(), "{taken}: {body}");
        assert_eq!(get(&server, &path).await.1["data"]["name"], "Warung");
        assert_eq!(total(&user).await, 1);
    }
    assert_eq!(std::fs::read(file(&server, "stray")).unwrap(), b"somebody's");
    let (status, _) = put(&server, &path, json!({"db_name": tenant.database})).await;
    assert_eq!(status, 200, "its own name is no change");
}

#[tokio::test]
async fn deleted_tenant_waits_in_the_trash_and_comes_back_whole() {
    let server = Server::start().await;
    let (tenant, user) = opened(&server, "Warung").await;
    let path = format!("{TENANTS}/{}", tenant.id);
    let (status, body) = delete(&server, &path).await;
    assert_eq!((status.as_u16(), &body["message"]), (200, &json!("Tenant deleted successfully")));
    assert_eq!(get(&server, &path).await.0, 404);
    let (status, body) = user.get("/api/products").await;
    assert_eq!((status.as_u16(), &body["error"]), (403, &json!("Invalid Tenant API Key")));
    assert_eq!(names(&server.app.data_dir.tenants_dir()), Vec::<String>::new());
    assert_eq!(delete(&server, &path).await.0, 404);

    let undelete = format!("{path}/undelete");
    let (_, taker) = post(&server, TENANTS, json!({"name": "Taker", "db_name": tenant.database})).await;
    let (status, body) = post(&server, &undelete, Value::Null).await;
    let text =
        format!("Its old db name {} has been taken in the meantime; send another one as db_name.", tenant.database);
    assert_eq!((status.as_u16(), &body["errors"]["db_name"]), (422, &json!([text])));
    let (status, body) = post(&server, &undelete, json!({"db_name": tenant.database})).await;
    assert_eq!((status.as_u16(), &body["errors"]["db_name"]), (422, &json!(["The db name has already been taken."])));
    let (status, body) = post(&server, &undelete, json!({"db_name": "kembali"})).await;
    assert_eq!((status.as_u16(), &body["data"]["database"]), (200, &json!("kembali")), "{body}");
    assert_eq!(total(&user).await, 1, "keys, tokens and rows are back");
    let (status, body) = post(&server, &undelete, Value::Null).await;
    assert_eq!((status.as_u16(), &body["code"]), (409, &json!("not_deleted")));
    assert_eq!(names(&server.app.data_dir.trash_dir()), Vec::<String>::new());
    assert_eq!(taker["data"]["database"], tenant.database);
}

#[tokio::test]
async fn tenant_comes_back_from_the_trash_in_the_state_it_was_in() {
    let server = Server::start().await;
    let (tenant, user) = opened(&server, "Warung").await;
    let path = format!("{TENANTS}/{}", tenant.id);
    let step = async |step: &str| {
        let (status, body) = post(&server, &format!("{path}/{step}"), Value::Null).await;
        assert_eq!(status, 200, "{step}: {body}");
        body["data"]["state"].as_str().unwrap().to_owned()
    };
    let state_after_trash = async || {
        assert_eq!(delete(&server, &path).await.0, 200);
        step("undelete").await
    };
    for (steps, state, serves) in [(&["suspend"][..], "suspended", 403), (&["freeze"], "frozen", 403)] {
        for name in steps {
            step(name).await;
        }
        assert_eq!(state_after_trash().await, state);
        assert_eq!(user.get("/api/products").await.0, serves);
    }
    assert_eq!(names(&server.app.data_dir.tenants_dir()), [format!("{}.db", tenant.database)], "frozen, so closed");
    assert_eq!(step("thaw").await, "suspended", "what it was before it was frozen is not forgotten");
    step("resume").await;
    assert_eq!(state_after_trash().await, "active");
    step("freeze").await;
    assert_eq!(state_after_trash().await, "frozen");
    assert_eq!(step("thaw").await, "active");
    assert_eq!(total(&user).await, 1);
}

#[tokio::test]
async fn purged_tenant_leaves_nothing() {
    let server = Server::start().await;
    let (tenant, _) = opened(&server, "Warung").await;
    let (kept, _) = opened(&server, "Kept").await;
    assert_eq!(delete(&server, &format!("{TENANTS}/{}?purge=true", tenant.id)).await.0, 200);
    assert_eq!(names(&server.app.data_dir.trash_dir()), Vec::<String>::new());
    let (status, _) = post(&server, &format!("{TENANTS}/{}/undelete", tenant.id), Value::Null).await;
    assert_eq!(status, 404);
    assert_eq!(get(&server, &format!("{TENANTS}?state=deleted")).await.1["total"], 0);
    assert!(server.file(&kept).exists());
    assert_eq!(delete(&server, &format!("{TENANTS}/{}?purge=maybe", kept.id)).await.0, 422);
    assert!(server.file(&kept).exists());
}

#[tokio::test]
async fn tenant_in_the_trash_can_be_purged() {
    let server = Server::start().await;
    let (tenant, _) = opened(&server, "Warung").await;
    let path = format!("{TENANTS}/{}", tenant.id);
    assert_eq!(delete(&server, &path).await.0, 200);
    assert_eq!(delete(&server, &path).await.0, 404, "it is deleted already");
    let (status, body) = delete(&server, &format!("{path}?purge=true")).await;
    assert_eq!((status.as_u16(), &body["message"]), (200, &json!("Tenant deleted successfully")));
    assert_eq!(names(&server.app.data_dir.trash_dir()), Vec::<String>::new());
    assert_eq!(get(&server, &format!("{TENANTS}?state=deleted")).await.1["total"], 0);
    assert_eq!(delete(&server, &format!("{path}?purge=true")).await.0, 404);
}

#[tokio::test]
async fn trash_is_emptied_when_its_time_has_come() {
    let server = Server::start().await;
    let (tenant, _) = opened(&server, "Warung").await;
    delete(&server, &format!("{TENANTS}/{}", tenant.id)).await;
    let now = server.app.clock.now();
    let day = std::time::Duration::from_secs(86_400);
    assert_eq!(server.app.tenants.purge_deleted_before(now.minus(day)).await.unwrap(), []);
    let purged = server.app.tenants.purge_deleted_before(now.plus(day)).await.unwrap();
    assert_eq!(purged.len(), 1);
    assert_eq!(names(&server.app.data_dir.trash_dir()), Vec::<String>::new());
}

#[tokio::test]
async fn health_really_reads_the_file() {
    let server = Server::start().await;
    let (tenant, _) = opened(&server, "Warung").await;
    let health = format!("{TENANTS}/{}/health", tenant.id);
    let (status, body) = get(&server, &health).await;
    assert_eq!((status.as_u16(), &body["status"]), (200, &json!("healthy")));
    assert_eq!((&body["tenant_id"], &body["database"]), (&json!(tenant.id), &json!(tenant.database)));
    assert!(body["timestamp"].is_string());
    let test = format!("{TENANTS}/{}/test-connection", tenant.id);
    let (status, body) = post(&server, &test, Value::Null).await;
    let expected = json!({
        "status": "success", "message": "Connection successful", "database": tenant.database,
        "tenant_id": tenant.id, "tenant_name": "Warung",
    });
    assert_eq!((status.as_u16(), body), (200, expected));

    let path = server.file(&tenant);
    let aside = path.with_extension("aside");
    std::fs::rename(&path, &aside).unwrap();
    let spoil: [(&str, Option<&[u8]>); 3] =
        [("tenant_unavailable", None), ("tenant_corrupt", Some(b"")), ("tenant_corrupt", Some(&[7; 8192]))];
    for (code, content) in spoil {
        if let Some(content) = content {
            std::fs::write(&path, content).unwrap();
        }
        let (status, body) = get(&server, &health).await;
        assert_eq!(
            (status.as_u16(), &body["status"], &body["tenant_id"]),
            (500, &json!("unhealthy"), &json!(tenant.id))
        );
        let error = body["error"].as_str().unwrap();
        assert!(error.starts_with(code) && !error.contains('/') && !error.contains("SELECT"), "{error}");
        assert_eq!(post(&server, &test, Value::Null).await.0, 500);
    }
    std::fs::rename(&aside, &path).unwrap();
    assert_eq!(get(&server, &health).await.0, 200);
}

#[tokio::test]
async fn storage_limit_stops_writes_and_reads_go_on() {
    let server = Server::start().await;
    let (tenant, user) = opened(&server, "Warung").await;
    let (_, neighbour) = opened(&server, "Neighbour").await;
    let path = format!("{TENANTS}/{}", tenant.id);
    let (status, _) = put(&server, &path, json!({"max_storage_bytes": 400_000})).await;
    assert_eq!(status, 200);
    let large = json!({"name": "Besar", "price": 1, "description": "x".repeat(9000)});
    let mut refused = None;
    for _ in 0..100 {
        let (status, body) = user.post("/api/products", large.clone()).await;
        if status != 201 {
            refused = Some((status.as_u16(), body["code"].clone()));
            break;
        }
    }
    assert_eq!(refused, Some((507, json!("storage_full"))));
    assert_eq!(user.get("/api/products").await.0, 200);
    assert_eq!(neighbour.post("/api/products", large.clone()).await.0, 201);
    assert!(server.file(&tenant).metadata().unwrap().len() <= 400_000);
    put(&server, &path, json!({"max_storage_bytes": null})).await;
    assert_eq!(user.post("/api/products", large).await.0, 201, "it recovers by itself");
}

#[tokio::test(flavor = "multi_thread")]
async fn caller_who_hangs_up_leaves_no_half_done_work() {
    let server = Server::start().await;
    let (tenant, user) = opened(&server, "Warung").await;
    let held = {
        let id = tenant.id.as_str().into();
        let active = server.app.tenants.active(&id).await.unwrap();
        server.app.tenants.open(&active).await.unwrap()
    };
    let renaming = server
        .request(Method::PUT, &format!("{TENANTS}/{}", tenant.id))
        .header("X-Master-API-Key", crate::support::MASTER_KEY)
        .json(&json!({"db_name": "baru"}))
        .timeout(std::time::Duration::from_millis(300));
    assert!(renaming.send().await.is_err(), "the file is in use, so the caller gives up first");
    assert!(!file(&server, "baru").exists());
    drop(held);
    wait_until("the renaming ends", || file(&server, "baru").exists()).await;
    assert_eq!(total(&user).await, 1);
}
