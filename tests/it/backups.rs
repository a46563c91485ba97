//! Backups over the API: made, listed, downloaded, restored, deleted.

mod as_new;
mod copies;
mod hostile;
mod jobs;
mod last;
mod other_tenant;
mod own;
mod own_times;
mod partial;
mod preview;
mod restore;
mod retention;
mod retention_model;
mod schedule;
mod verify;

use std::io::Write;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::extent::not_tested;
use crate::support::{MASTER_KEY, Server, Tenant, User, eventually, raw};

/// A tenant with an admin and some products.
async fn shop(server: &Server, name: &str, products: usize) -> (Tenant, User) {
    let tenant = server.tenant(name).await;
    let user = tenant.register("owner", "admin").await;
    for number in 0..products {
        sell(&user, &format!("Nasi Goreng Istimewa {number}")).await;
    }
    (tenant, user)
}

async fn sell(user: &User, name: &str) -> i64 {
    let (status, body) = user.post("/api/products", json!({"name": name, "price": 15000, "stock": 3})).await;
    assert_eq!(status, 201, "{body}");
    body["id"].as_i64().unwrap()
}

async fn count(user: &User) -> i64 {
    let (status, body) = user.get("/api/products").await;
    assert_eq!(status, 200, "{body}");
    body["total"].as_i64().unwrap()
}

fn path(tenant: &Tenant, rest: &str) -> String {
    format!("/api/central/tenants/{}/{rest}", tenant.id)
}

/// Where the machine is so busy that it becomes a job, that is waited for.
async fn back_up(server: &Server, tenant: &Tenant, body: Value) -> Value {
    let (status, body) = server.central(Method::POST, &path(tenant, "backup"), body).await;
    if status != 202 {
        assert_eq!(status, 200, "{body}");
        return body;
    }
    let mut job = jobs::ended(server, &format!("/api/central/jobs/{}", body["id"].as_str().unwrap())).await;
    assert_eq!(job["state"], "succeeded", "{job}");
    job["result"].take()
}

async fn list(server: &Server, tenant: &Tenant) -> Vec<Value> {
    let (status, body) = server.central(Method::GET, &path(tenant, "backups"), Value::Null).await;
    assert_eq!(status, 200, "{body}");
    assert_eq!(body["total"], body["data"].as_array().unwrap().len());
    body["data"].as_array().unwrap().clone()
}

async fn download(server: &Server, tenant: &Tenant, file: &str, range: Option<&str>) -> reqwest::Response {
    let request = server.request(Method::GET, &path(tenant, &format!("backups/download?file={file}")));
    let request = request.header("X-Master-API-Key", MASTER_KEY);
    range.iter().fold(request, |request, range| request.header("Range", *range)).send().await.unwrap()
}

/// The rows of these tables, each with its table in front.
fn dump(server: &Server, tenant: &Tenant, tables: &[&str]) -> Vec<String> {
    let file = server.open_file(tenant);
    let mut lines = Vec::new();
    for table in tables {
        let mut statement = file.prepare(&format!("SELECT * FROM {table} ORDER BY 1")).unwrap();
        let columns = statement.column_count();
        let mut rows = statement.query([]).unwrap();
        while let Some(row) = rows.next().unwrap() {
            let cells: Vec<_> = (0..columns).map(|column| row.get_ref(column).unwrap()).collect();
            lines.push(format!("{table} {cells:?}"));
        }
    }
    lines
}

/// Every file below the folder of backups.
fn files(server: &Server) -> Vec<std::path::PathBuf> {
    fn walk(folder: &std::path::Path, found: &mut Vec<std::path::PathBuf>) {
        for entry in folder.read_dir().unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { walk(&path, found) } else { found.push(path) }
        }
    }
    let mut found = Vec::new();
    walk(&server.app.data_dir.backups_dir(), &mut found);
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn backup_is_made_listed_and_downloaded_as_the_documentation_says() {
    let server = Server::start().await;
    let (tenant, _) = shop(&server, "Warung", 3).await;
    assert_eq!(list(&server, &tenant).await, Vec::<Value>::new());

    let made = back_up(&server, &tenant, json!({"compress": true})).await;
    assert_eq!(made["message"], "Backup created successfully");
    assert_eq!(
        (&made["tenant_id"], &made["tenant_name"], &made["compressed"]),
        (&json!(tenant.id), &json!("Warung"), &json!(true))
    );
    let [shown] = <[Value; 1]>::try_from(list(&server, &tenant).await).unwrap();
    let name = shown["filename"].as_str().unwrap();
    assert!(name.starts_with(&format!("{}_20", tenant.id)) && name.ends_with(".db.zst"), "{name}");
    let year_month = name[tenant.id.len() + 1..][..7].replace('-', "/");
    assert_eq!(shown["path"], format!("backups/{}/{year_month}/{name}", tenant.id));
    assert_eq!(
        (&shown["kind"], &shown["compressed"], &shown["encrypted"]),
        (&json!("manual"), &json!(true), &json!(true))
    );
    assert!(
        shown["age"].as_str().unwrap().ends_with("ago") && shown["size_formatted"].as_str().unwrap().ends_with("KB")
    );

    let answer = download(&server, &tenant, name, None).await;
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers()["content-disposition"], format!("attachment; filename=\"{name}\""));
    let bytes = answer.bytes().await.unwrap();
    assert_eq!(bytes.len() as u64, shown["size"].as_u64().unwrap());
    assert_eq!(hex::encode(Sha256::digest(&bytes)), shown["checksum"]);
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("unpacked.db");
    std::fs::write(&database, zstd::decode_all(&bytes[..]).unwrap()).unwrap();
    let rows: i64 = raw(&database).query_row("SELECT count(*) FROM products", [], |row| row.get(0)).unwrap();
    assert_eq!(rows, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn backup_without_compression_is_the_database_itself_and_two_of_a_second_stay_apart() {
    let server = Server::start().await;
    let (tenant, _) = shop(&server, "Warung", 1).await;
    for _ in 0..3 {
        assert_eq!(back_up(&server, &tenant, json!({"compress": false})).await["compressed"], false);
    }
    assert_eq!(back_up(&server, &tenant, Value::Null).await["compressed"], true);
    let shown = list(&server, &tenant).await;
    let names: std::collections::HashSet<_> = shown.iter().map(|backup| backup["filename"].as_str().unwrap()).collect();
    assert_eq!((names.len(), files(&server).len()), (4, 4));
    let plain = shown.iter().find(|backup| backup["compressed"] == false).unwrap();
    let name = plain["filename"].as_str().unwrap();
    assert!(std::path::Path::new(name).extension().unwrap() == "db");
    let bytes = download(&server, &tenant, name, None).await.bytes().await.unwrap();
    assert!(bytes.starts_with(b"SQLite format 3\0"));
}

#[tokio::test(flavor = "multi_thread")]
async fn parts_of_a_download_can_be_asked_for() {
    let server = Server::start().await;
    let (tenant, _) = shop(&server, "Warung", 1).await;
    let made = back_up(&server, &tenant, json!({"compress": false})).await;
    let name = made["data"]["filename"].as_str().unwrap();
    let whole = download(&server, &tenant, name, None).await.bytes().await.unwrap();
    for (range, from, to) in
        [("bytes=0-99", 0, 100), ("bytes=20000-", 20_000, whole.len()), ("bytes=-7", whole.len() - 7, whole.len())]
    {
        let part = download(&server, &tenant, name, Some(range)).await;
        assert_eq!(part.status(), 206, "{range}");
        assert_eq!(part.headers()["content-range"], format!("bytes {from}-{}/{}", to - 1, whole.len()));
        assert_eq!(part.bytes().await.unwrap(), whole.slice(from..to), "{range}");
    }
    let behind = download(&server, &tenant, name, Some("bytes=99999999-")).await;
    assert_eq!(
        (behind.status().as_u16(), behind.headers()["content-range"].to_str().unwrap()),
        (416, &*format!("bytes */{}", whole.len()))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn backup_is_downloaded_as_text_that_makes_the_same_database() {
    let server = Server::start().await;
    let (tenant, admin) = shop(&server, "Warung", 3).await;
    let made = back_up(&server, &tenant, json!({})).await;
    sell(&admin, "Later").await;
    let name = made["data"]["filename"].as_str().unwrap();
    let response = download(&server, &tenant, &format!("{name}&format=sql"), None).await;
    assert_eq!(response.headers()["content-type"], "application/sql");
    let stem = name.strip_suffix(".db.zst").unwrap();
    assert_eq!(response.headers()["content-disposition"], format!("attachment; filename=\"{stem}.sql\""));
    let text = response.text().await.unwrap();
    let loaded = rusqlite::Connection::open_in_memory().unwrap();
    loaded.execute_batch(&text).unwrap();
    let count = |sql: &str| loaded.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap();
    assert_eq!(count("SELECT count(*) FROM products"), 3);
    let indexed = count("SELECT count(*) FROM products WHERE id <= (SELECT indexed_to FROM products_indexed)");
    assert_eq!(count("SELECT count(*) FROM products_fts WHERE products_fts MATCH 'goreng'"), indexed);
    assert_eq!(count("SELECT count(*) FROM pragma_foreign_key_check"), 0);
    assert_eq!(count("SELECT n FROM row_counts WHERE name = 'products'"), 3);

    assert_eq!(download(&server, &tenant, &format!("{name}&format=xml"), None).await.status(), 422);
    let own = format!("/api/backups/{}/download?format=sql", made["data"]["id"].as_str().unwrap());
    assert_eq!(admin.get(&own).await.0, 403);
    let tmp = server.file(&tenant).ancestors().nth(2).unwrap().join("tmp");
    eventually(async || tmp.read_dir().unwrap().count() == 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_a_tenant_is_readable_in_the_folder_of_backups() {
    let server = Server::start().await;
    let (tenant, _) = shop(&server, "Warung", 2).await;
    for compress in [true, false] {
        back_up(&server, &tenant, json!({"compress": compress})).await;
    }
    let files = files(&server);
    assert_eq!(files.len(), 2);
    for file in files {
        use std::os::unix::fs::PermissionsExt;
        let bytes = std::fs::read(&file).unwrap();
        assert!(!bytes.windows(12).any(|part| part == b"Nasi Goreng "), "{}", file.display());
        assert_eq!(file.extension().unwrap(), "enc");
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    }
    assert_eq!(server.app.data_dir.tmp_dir().read_dir().unwrap().count(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn name_of_a_file_is_looked_up_among_the_tenants_own() {
    let server = Server::start().await;
    let (tenant, _) = shop(&server, "Warung", 1).await;
    let (other, _) = shop(&server, "Toko", 1).await;
    let made = back_up(&server, &other, Value::Null).await;
    let foreign = made["data"]["filename"].as_str().unwrap().to_owned();
    for name in ["../../central.db", "/etc/passwd", "..%2F..%2Fcentral.db", &foreign, "nothing.db"] {
        let answer = download(&server, &tenant, name, None).await;
        assert_eq!(answer.status(), 404, "{name}");
        assert_eq!(answer.json::<Value>().await.unwrap()["error"], "Backup file not found");
        let body = json!({"file": name});
        let (status, body) = server.central(Method::POST, &path(&tenant, "restore"), body).await;
        assert_eq!((status, &body["error"]), (StatusCode::NOT_FOUND, &json!("Backup file not found")), "{name}");
        let (status, _) = server.central(Method::DELETE, &path(&tenant, "backups"), json!({"file": name})).await;
        assert_eq!(status, 404, "{name}");
    }
    let (status, body) = server.central(Method::GET, &path(&tenant, "backups/download"), Value::Null).await;
    assert_eq!((status, &body["error"]), (StatusCode::BAD_REQUEST, &json!("Backup filename is required")));
    let (status, body) = server.central(Method::POST, &path(&tenant, "restore"), Value::Null).await;
    assert_eq!((status, &body["error"]), (StatusCode::NOT_FOUND, &json!("No backups found for this tenant")));
}

#[tokio::test(flavor = "multi_thread")]
async fn backup_is_deleted_by_the_name_in_the_body_or_in_the_query() {
    let server = Server::start().await;
    let (tenant, _) = shop(&server, "Warung", 1).await;
    for by_query in [true, false] {
        let made = back_up(&server, &tenant, Value::Null).await;
        let name = made["data"]["filename"].as_str().unwrap();
        let (query, body) = if by_query {
            (format!("backups?file={name}"), Value::Null)
        } else {
            ("backups".into(), json!({"file": name}))
        };
        let (status, body) = server.central(Method::DELETE, &path(&tenant, &query), body).await;
        assert_eq!(status, StatusCode::OK, "{body}");
        assert_eq!((&body["message"], &body["file"]), (&json!("Backup deleted successfully"), &json!(name)));
        assert!(files(&server).is_empty() && list(&server, &tenant).await.is_empty());
    }
    let (status, body) = server.central(Method::DELETE, &path(&tenant, "backups"), Value::Null).await;
    assert_eq!((status, &body["error"]), (StatusCode::BAD_REQUEST, &json!("Backup filename is required")));
}

#[tokio::test(flavor = "multi_thread")]
async fn statistics_have_a_line_for_each_tenant() {
    let server = Server::start().await;
    let (tenant, _) = shop(&server, "Warung", 1).await;
    shop(&server, "Toko", 0).await;
    let made = [back_up(&server, &tenant, Value::Null).await, back_up(&server, &tenant, Value::Null).await];
    let (status, body) = server.central(Method::GET, "/api/central/backups/stats", Value::Null).await;
    assert_eq!(status, 200, "{body}");
    let [with, without] = <[Value; 2]>::try_from(body["data"].as_array().unwrap().clone()).unwrap();
    assert_eq!(
        (&body["total_tenants"], &with["backup_count"], &with["last_status"]),
        (&json!(2), &json!(2), &json!("ok"))
    );
    assert_eq!(with["latest_backup"], made[1]["data"]["filename"]);
    let size = |made: &Value| made["data"]["size"].as_u64().unwrap();
    assert_eq!(with["total_size"], size(&made[0]) + size(&made[1]));
    assert_eq!(
        (&without["backup_count"], &without["latest_backup"], &without["last_status"]),
        (&json!(0), &Value::Null, &Value::Null)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn backup_of_a_damaged_file_fails_leaves_nothing_and_shows_in_the_statistics() {
    let server = Server::start().await;
    let (tenant, user) = shop(&server, "Warung", 40).await;
    server.central(Method::POST, &path(&tenant, "freeze"), Value::Null).await;
    let file = server.file(&tenant);
    let mut bytes = std::fs::read(&file).unwrap();
    let page = bytes.windows(20).position(|part| part == b"Nasi Goreng Istimewa").unwrap() / 4096;
    bytes[page * 4096..page * 4096 + 16].copy_from_slice(&[0xEE; 16]);
    std::fs::write(&file, bytes).unwrap();
    server.central(Method::POST, &path(&tenant, "thaw"), Value::Null).await;
    let (status, body) = server.central(Method::POST, &path(&tenant, "backup"), Value::Null).await;
    assert_eq!((status, &body["code"]), (StatusCode::SERVICE_UNAVAILABLE, &json!("tenant_corrupt")), "{body}");
    assert!(files(&server).is_empty() && list(&server, &tenant).await.is_empty());
    let (_, body) = server.central(Method::GET, "/api/central/backups/stats", Value::Null).await;
    assert_eq!(body["data"][0]["last_status"], "failed");
    assert!(body["data"][0]["last_error"].as_str().unwrap().starts_with("tenant_corrupt: "), "{body}");
    drop(user);
}

#[tokio::test(flavor = "multi_thread")]
async fn tenant_serves_while_it_is_backed_up_and_the_copy_is_of_one_moment() {
    let server = Server::start().await;
    let (tenant, user) = shop(&server, "Warung", 10).await;
    let writing = tokio::spawn({
        let user = user.clone();
        async move {
            for number in 0..200 {
                sell(&user, &format!("While it is copied {number}")).await;
            }
        }
    });
    let mut made = Vec::new();
    while !writing.is_finished() {
        made.push(back_up(&server, &tenant, Value::Null).await);
    }
    writing.await.unwrap();
    assert!(!made.is_empty());
    for backup in made {
        let name = backup["data"]["filename"].as_str().unwrap();
        let bytes = download(&server, &tenant, name, None).await.bytes().await.unwrap();
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(&zstd::decode_all(&bytes[..]).unwrap()).unwrap();
        let look = raw(file.path());
        let check: String = look.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
        let (rows, counted): (i64, i64) = look
            .query_row(
                "SELECT (SELECT count(*) FROM products), (SELECT n FROM row_counts WHERE name = 'products')",
                [],
                |row| Ok((row.get(0)?, row.get(1)?)),
            )
            .unwrap();
        assert_eq!((check.as_str(), rows), ("ok", counted));
    }
    assert_eq!(count(&user).await, 210);
}

#[tokio::test(flavor = "multi_thread")]
async fn backup_that_a_crash_cut_short_is_failed_after_the_next_start() {
    let server = Server::start().await;
    let (tenant, _) = shop(&server, "Warung", 1).await;
    let whole = back_up(&server, &tenant, Value::Null).await["data"]["filename"].as_str().unwrap().to_owned();
    let folder = server.stop().await;
    // As after a kill between the file's last step and the row's.
    let data = folder.path().join("data");
    let central = raw(&data.join("central.db"));
    let (backup_folder, id): (String, String) =
        central.query_row("SELECT folder, id FROM backups", [], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    central
        .execute(
            "INSERT INTO backups (id, tenant_id, kind, state, folder, file_name, is_compressed, created_at) \
             VALUES ('cut', ?1, 'manual', 'running', ?2, 'cut.db', 0, 1)",
            [&tenant.id, &backup_folder],
        )
        .unwrap();
    drop((central, id));
    let backups = data.join("backups").join(&backup_folder);
    for (name, at) in [("cut.db.enc", &backups), (".cut.part", &backups), ("backup-cut.db", &data.join("tmp"))] {
        std::fs::write(at.join(name), "part of it").unwrap();
    }
    let server = Server::in_folder(folder, ruko::clock::Clock::system(), |_| {}).await;
    let [left] = <[std::path::PathBuf; 1]>::try_from(files(&server)).unwrap();
    assert!(left.to_str().unwrap().ends_with(&format!("{whole}.enc")));
    assert_eq!(server.app.data_dir.tmp_dir().read_dir().unwrap().count(), 0);
    let row = server.app.backups.get("cut").await.unwrap();
    assert_eq!((row.state.as_str(), row.error.unwrap().0.as_str()), ("failed", "interrupted"));
    assert_eq!(list(&server, &tenant).await.len(), 1);
}

/// True when the Python of this machine can run the program of docs/BACKUP-FORMAT.md.
fn has_python() -> bool {
    let tried = std::process::Command::new("python3").args(["-c", "import cryptography"]).output();
    tried.is_ok_and(|tried| tried.status.success())
}

#[tokio::test(flavor = "multi_thread")]
async fn documented_python_program_opens_a_backup() {
    if !has_python() {
        return not_tested(
            "the program of docs/BACKUP-FORMAT.md",
            "RUKO_TEST_NEEDS_PYTHON",
            "python3 with the package cryptography is not here",
        );
    }
    let server = Server::start().await;
    let (tenant, _) = shop(&server, "Warung", 40).await;
    let made = back_up(&server, &tenant, json!({"compress": false})).await;
    let stored = files(&server).remove(0);
    let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/BACKUP-FORMAT.md")).unwrap();
    let program = text.split("```python\n").nth(1).unwrap().split("```").next().unwrap();
    assert!(program.lines().count() <= 80);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("backup.db.enc");
    std::fs::copy(&stored, &file).unwrap();
    let key = std::fs::read_to_string(server.app.data_dir.keys_dir().join("backup.key")).unwrap();
    let run = |key: &str| {
        let arguments = ["-c", program, key, file.to_str().unwrap()];
        std::process::Command::new("python3").args(arguments).output().unwrap()
    };
    let ran = run(key.trim());
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    let manifest: Value = serde_json::from_slice(&ran.stdout).unwrap();
    assert_eq!(
        (&manifest["row_counts"]["products"], &manifest["payload_sha256"]),
        (&json!(40), &made["data"]["checksum"])
    );
    let rows: i64 =
        raw(&folder.path().join("backup.db")).query_row("SELECT count(*) FROM products", [], |row| row.get(0)).unwrap();
    assert_eq!(rows, 40);
    assert!(!run(&key.trim().replace(['a', '1'], "0")).status.success());
    let mut bytes = std::fs::read(&stored).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    std::fs::write(&file, bytes).unwrap();
    assert!(!run(key.trim()).status.success());
}
