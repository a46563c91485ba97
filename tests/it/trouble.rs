//! Files in trouble and requests that never end: the one who is hit gets a clear answer, the others
//! never notice, and it ends by itself when the cause does.

use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::sync::Arc;
use std::time::{Duration, Instant};

use reqwest::Method;
use ruko::clock::Clock;
use serde_json::{Value, json};
use tokio::net::TcpStream;

use crate::support::{Server, Tenant, User};
use crate::wire::{Answer, Client};

async fn two_shops(server: &Server) -> (Tenant, User, User) {
    let hit = server.tenant("Hit").await;
    let user = hit.register("john", "user").await;
    assert_eq!(user.post("/api/products", json!({"name": "Kopi", "price": 1})).await.0, 201);
    let other = server.tenant("Other").await.register("jane", "user").await;
    (hit, user, other)
}

/// Closes the tenant's file as an idle one is, so that the next request opens it again.
async fn close(server: &Server, tenant: &Tenant) {
    let id = tenant.id.as_str().into();
    drop(server.app.tenants.fleet().fence(&id, Instant::now() + Duration::from_secs(5)).await.unwrap());
}

async fn assert_only_that_one_fails(hit: &User, other: &User, code: &str) {
    for _ in 0..3 {
        let (status, body) = hit.get("/api/products").await;
        assert_eq!((status.as_u16(), body["code"].as_str()), (503, Some(code)), "{body}");
        let text = body.to_string();
        assert!(!text.contains(".db") && !text.contains('/'), "no path of the server: {text}");
        assert_eq!(other.get("/api/products").await.0, 200);
    }
}

#[tokio::test]
async fn missing_file_is_not_made_anew_and_comes_back_when_it_does() {
    let server = Server::start().await;
    let (tenant, hit, other) = two_shops(&server).await;
    close(&server, &tenant).await;
    let (file, aside) = (server.file(&tenant), server.folder.path().join("aside.db"));
    std::fs::rename(&file, &aside).unwrap();
    assert_only_that_one_fails(&hit, &other, "tenant_unavailable").await;
    assert!(!file.exists());
    std::fs::rename(&aside, &file).unwrap();
    assert_eq!(hit.get("/api/products").await.1["total"], 1);
}

#[tokio::test]
async fn damaged_and_foreign_files_are_refused_and_left_alone() {
    let server = Server::start().await;
    let (tenant, hit, other) = two_shops(&server).await;
    close(&server, &tenant).await;
    let file = server.file(&tenant);
    let good = std::fs::read(&file).unwrap();
    let garbage = vec![0x5a; good.len()];
    std::fs::write(&file, &garbage).unwrap();
    assert_only_that_one_fails(&hit, &other, "tenant_corrupt").await;
    assert_eq!(std::fs::read(&file).unwrap(), garbage, "what is damaged may still be saved by somebody");
    let made = |from: &[u8], sql: &str| {
        let copy = server.folder.path().join("made.db");
        std::fs::write(&copy, from).unwrap();
        // Without a log: it is what opening as ruko's own would bring in.
        crate::support::raw(&copy).execute_batch(&format!("PRAGMA journal_mode = DELETE; {sql}")).unwrap();
        std::fs::read(copy).unwrap()
    };
    for (wrong, code) in [
        (Vec::new(), "tenant_corrupt"),
        (made(b"", "CREATE TABLE other (x)"), "tenant_corrupt"),
        (made(&good, "UPDATE meta SET value = 'another' WHERE key = 'owner'"), "tenant_corrupt"),
        (made(&good, "PRAGMA user_version = 9999"), "tenant_newer"),
    ] {
        std::fs::write(&file, &wrong).unwrap();
        let health = format!("/api/central/tenants/{}/health", tenant.id);
        assert_eq!(server.central(Method::GET, &health, Value::Null).await.0, 500);
        // What could not be opened is remembered for a moment.
        crate::support::eventually(async || {
            let (status, body) = hit.get("/api/products").await;
            assert_eq!(status, 503, "{body}");
            body["code"] == code
        })
        .await;
        assert!(std::fs::read(&file).unwrap() == wrong, "{code}: it was changed by looking");
    }
    // The log beside an empty file may hold what can still be saved.
    let log = file.with_extension("db-wal");
    std::fs::write(&file, b"").unwrap();
    std::fs::write(&log, b"a log").unwrap();
    crate::support::eventually(async || hit.get("/api/products").await.1["code"] == "tenant_corrupt").await;
    assert_eq!(std::fs::read(&log).unwrap(), b"a log");
    std::fs::remove_file(&log).unwrap();
    std::fs::write(&file, &good).unwrap();
    crate::support::eventually(async || hit.get("/api/products").await.0 == 200).await;
}

#[tokio::test]
async fn file_replaced_while_it_is_open_loses_no_acknowledged_write_and_is_soon_the_one_in_use() {
    let server = Server::start().await;
    let (tenant, hit, other) = two_shops(&server).await;
    let (file, copy) = (server.file(&tenant), server.folder.path().join("copy.db"));
    let health = format!("/api/central/tenants/{}/health", tenant.id);
    for by_health in [true, false] {
        ruko::db::copy_live(&file, &copy).unwrap();
        let total = hit.get("/api/products").await.1["total"].as_i64().unwrap();
        assert_eq!(hit.post("/api/products", json!({"name": "Teh", "price": 1})).await.0, 201);
        std::fs::rename(&copy, &file).unwrap();
        if by_health {
            // It is about the file that lies there now, which is a good one.
            assert_eq!(server.central(Method::GET, &health, Value::Null).await.0, 200);
        } else {
            let (status, body) = hit.post("/api/products", json!({"name": "Susu", "price": 1})).await;
            assert_eq!((status.as_u16(), &body["code"]), (503, &json!("tenant_unavailable")), "{body}");
        }
        assert_eq!(other.get("/api/products").await.0, 200);
        crate::support::eventually(async || {
            let (status, body) = hit.get("/api/products").await;
            assert!(status == 503 || (status == 200 && body["total"] == total), "{body}");
            status == 200
        })
        .await;
        assert_eq!(hit.post("/api/products", json!({"name": "Kopi", "price": 1})).await.0, 201);
        assert_eq!(server.central(Method::GET, &health, Value::Null).await.0, 200);
    }
}

#[tokio::test]
async fn log_beside_an_empty_file_is_kept_whatever_is_done_to_its_tenant() {
    let server = Server::start().await;
    let (tenant, ..) = two_shops(&server).await;
    close(&server, &tenant).await;
    let file = server.file(&tenant);
    let log = file.with_extension("db-wal");
    std::fs::write(&file, b"").unwrap();
    std::fs::write(&log, b"what can be saved").unwrap();
    let path = format!("/api/central/tenants/{}", tenant.id);
    for (method, action, status) in [
        (Method::GET, "/export", 409),
        (Method::DELETE, "", 503),
        (Method::POST, "/freeze", 200),
        (Method::GET, "/health", 500),
        (Method::POST, "/detach", 503),
    ] {
        let (answered, body) = server.central(method, &format!("{path}{action}"), Value::Null).await;
        assert_eq!(answered, status, "{action}: {body}");
        assert!(answered != 503 || body["code"] == "tenant_corrupt", "{action}: {body}");
        assert_eq!(std::fs::read(&log).unwrap(), b"what can be saved", "{action}");
        assert!(file.exists(), "{action}");
    }
}

#[tokio::test]
async fn server_is_unhealthy_while_its_central_file_is_overwritten() {
    let server = Server::start().await;
    let (_, hit, _) = two_shops(&server).await;
    let health = async |path: &str| {
        let (status, body) = crate::support::answer(server.request(Method::GET, path)).await;
        (status.as_u16(), body["status"].as_str().unwrap().to_owned())
    };
    assert_eq!(health("/readyz").await, (200, "healthy".into()));
    let central = server.app.data_dir.central_db();
    let files = [central.clone(), central.with_extension("db-wal")];
    let overwrite = |path: &std::path::Path, bytes: &[u8]| {
        std::fs::OpenOptions::new().write(true).open(path).unwrap().write_all(bytes).unwrap();
    };
    let good = files.clone().map(|path| std::fs::read(path).unwrap());
    for (path, good) in files.iter().zip(&good) {
        overwrite(path, &vec![0x5a; good.len()]);
    }
    for path in ["/readyz", "/health"] {
        assert_eq!(health(path).await, (503, "unhealthy".into()), "{path}");
    }
    assert_eq!(health("/livez").await.0, 200, "a restart would not mend it");
    // Nobody has read this table yet, so no page of it is in memory.
    let domains = format!("/api/central/tenants/{}/domains", hit.tenant.id);
    let (status, body) = server.central(Method::GET, &domains, Value::Null).await;
    assert_eq!((status.as_u16(), &body["code"]), (503, &json!("central_corrupt")), "{body}");
    assert!(body["message"].as_str().unwrap().starts_with("The server's own data is not available."), "{body}");
    for (path, good) in files.iter().zip(&good) {
        overwrite(path, good);
    }
    assert_eq!(health("/readyz").await, (200, "healthy".into()));
    assert_eq!(hit.get("/api/products").await.0, 200);
}

#[tokio::test]
async fn newer_file_is_refused_with_its_own_code() {
    let server = Server::start().await;
    let (tenant, hit, other) = two_shops(&server).await;
    close(&server, &tenant).await;
    let raw = crate::support::raw(&server.file(&tenant));
    raw.execute_batch("PRAGMA user_version = 9999").unwrap();
    drop(raw);
    assert_only_that_one_fails(&hit, &other, "tenant_newer").await;
}

#[tokio::test]
async fn value_that_nobody_can_have_written_is_a_damaged_file() {
    let server = Server::start().await;
    let (tenant, hit, other) = two_shops(&server).await;
    let raw = crate::support::raw(&server.file(&tenant));
    for spoil in ["price_minor = 9223372036854775807", "price_minor = 100, name = CAST(x'ff41' AS TEXT)"] {
        raw.execute_batch(&format!("UPDATE products SET {spoil}")).unwrap();
        assert_only_that_one_fails(&hit, &other, "tenant_corrupt").await;
        let (status, body) = hit.get("/api/products/1").await;
        assert_eq!((status.as_u16(), &body["code"]), (503, &json!("tenant_corrupt")), "{spoil}: {body}");
    }
}

#[tokio::test]
async fn file_locked_by_another_program_answers_in_time_and_recovers() {
    let server = Server::with(|config| {
        config.storage.read_timeout_ms = 300;
        config.storage.write_timeout_ms = 300;
    })
    .await;
    let (tenant, hit, other) = two_shops(&server).await;
    let program = crate::support::raw(&server.file(&tenant));
    program.execute_batch("BEGIN IMMEDIATE").unwrap();
    let (status, body) = hit.post("/api/products", json!({"name": "Teh", "price": 1})).await;
    assert_eq!((status.as_u16(), &body["code"]), (503, &json!("tenant_locked")), "{body}");
    assert_eq!(hit.get("/api/products").await.0, 200, "reads go on beside a writer");
    assert_eq!(other.post("/api/products", json!({"name": "Teh", "price": 1})).await.0, 201);
    program.execute_batch("ROLLBACK").unwrap();
    assert_eq!(hit.post("/api/products", json!({"name": "Teh", "price": 1})).await.0, 201);
    assert_eq!(hit.get("/api/products").await.1["total"], 2, "the refused one was not done");
}

#[tokio::test]
async fn full_storage_refuses_writes_serves_reads_and_recovers() {
    let server = Server::start().await;
    let (tenant, hit, other) = two_shops(&server).await;
    let path = format!("/api/central/tenants/{}", tenant.id);
    let size = std::fs::metadata(server.file(&tenant)).unwrap().len();
    let limit = json!({"max_storage_bytes": size + 40_960});
    assert_eq!(server.central(Method::PUT, &path, limit).await.0, 200);
    let big = json!({"name": "Kopi", "price": 1, "description": "x".repeat(9000)});
    let mut kept = 1;
    let refused = loop {
        let (status, body) = hit.post("/api/products", big.clone()).await;
        if status != 201 {
            break (status.as_u16(), body["code"].clone());
        }
        kept += 1;
        assert!(kept < 100, "the limit never bit");
    };
    assert_eq!(refused, (507, json!("storage_full")));
    assert_eq!(hit.get("/api/products").await.1["total"], kept, "what was acknowledged is there, the rest is not");
    assert_eq!(other.post("/api/products", big.clone()).await.0, 201);
    assert_eq!(server.central(Method::PUT, &path, json!({"max_storage_bytes": null})).await.0, 200);
    assert_eq!(hit.post("/api/products", big).await.0, 201);
}

#[tokio::test]
async fn acknowledged_rows_are_there_after_a_restart_without_farewell() {
    let folder = Arc::new(tempfile::tempdir().unwrap());
    let server = Server::in_folder(folder.clone(), Clock::system(), |_| {}).await;
    let user = server.tenant("Warung").await.register("john", "user").await;
    for index in 0..20 {
        assert_eq!(user.post("/api/products", json!({"name": format!("p{index}"), "price": 1})).await.0, 201);
    }
    // A copy of the folder while the server still runs is what a crash leaves behind.
    let crashed = Arc::new(tempfile::tempdir().unwrap());
    let copied =
        std::process::Command::new("cp").arg("-a").arg(folder.path().join("data")).arg(crashed.path()).status();
    assert!(copied.unwrap().success());
    let second = Server::in_folder(crashed, Clock::system(), |_| {}).await;
    let request = second.request(Method::GET, "/api/products").header("X-Tenant-API-Key", &user.tenant.key);
    let (status, page) = crate::support::answer(request.bearer_auth(&user.token)).await;
    assert_eq!((status.as_u16(), &page["total"]), (200, &json!(20)));
}

#[tokio::test]
async fn flipped_bytes_in_a_page_never_become_a_5xx_without_a_code() {
    let server = Server::start().await;
    let (tenant, hit, _) = two_shops(&server).await;
    for index in 0..50 {
        hit.post("/api/products", json!({"name": format!("p{index}"), "price": 1, "description": "x".repeat(500)}))
            .await;
    }
    close(&server, &tenant).await;
    let mut file = std::fs::OpenOptions::new().read(true).write(true).open(server.file(&tenant)).unwrap();
    let pages = file.metadata().unwrap().len() / 4096;
    for page in 2..pages {
        let mut head = [0_u8; 8];
        file.seek(SeekFrom::Start(page * 4096)).unwrap();
        file.read_exact(&mut head).unwrap();
        file.seek(SeekFrom::Start(page * 4096)).unwrap();
        file.write_all(&[0xff; 8]).unwrap();
    }
    drop(file);
    let (status, body) = hit.get("/api/products").await;
    assert_eq!((status.as_u16(), &body["code"]), (503, &json!("tenant_corrupt")), "{body}");
}

/// What a client gets for a head.
async fn answer_to(server: &Server, head: &str) -> Answer {
    let address = server.url.strip_prefix("http://").unwrap();
    Client::new(TcpStream::connect(address).await.unwrap()).ask(head).await
}

#[tokio::test]
async fn request_that_names_no_host_is_refused() {
    let server = Server::start().await;
    let answer = answer_to(&server, "GET /livez HTTP/1.1\r\nConnection: close\r\n\r\n").await;
    assert!(answer.status() == 400 && answer.body.contains("bad_request"), "{answer:?}");
}

#[tokio::test]
async fn who_asks_before_sending_is_refused_at_once() {
    let server = Server::start().await;
    let head = "POST /api/products HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\nExpect: 100-continue\r\n\
                Connection: close\r\n\r\n";
    let answer = answer_to(&server, head).await;
    assert_eq!(answer.status(), 401, "{answer:?}");
}

#[tokio::test]
async fn body_that_trickles_is_given_up() {
    let server = Server::with(|config| config.http.body_timeout_secs = 1).await;
    let (_, hit, _) = two_shops(&server).await;
    let never = futures_util::stream::once(async { Ok::<_, std::io::Error>("{\"name\":") });
    let never = futures_util::StreamExt::chain(never, futures_util::stream::pending());
    let answer =
        hit.request(Method::POST, "/api/products").body(reqwest::Body::wrap_stream(never)).send().await.unwrap();
    let status = answer.status();
    let body: Value = answer.json().await.unwrap();
    assert_eq!((status.as_u16(), &body["code"]), (408, &json!("request_timeout")));
}
