//! From server to server, and what a stranger may put into an archive.

use std::io::Write;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{TENANTS, delete, file, get, names, opened, post, put, raw, sell, total};
use crate::support::{MASTER_KEY, Server, Tenant, User, answer};

/// The archive of a tenant, with its checksum checked.
async fn export(server: &Server, tenant: &Tenant) -> Vec<u8> {
    let request = server.request(Method::GET, &format!("{TENANTS}/{}/export", tenant.id));
    let response = request.header("X-Master-API-Key", MASTER_KEY).send().await.unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["content-type"], "application/zstd");
    let checksum = response.headers()["x-ruko-checksum"].to_str().unwrap().to_owned();
    let length = response.content_length().unwrap();
    let archive = response.bytes().await.unwrap().to_vec();
    assert_eq!((hex::encode(Sha256::digest(&archive)), archive.len() as u64), (checksum, length));
    assert_eq!(names(&server.app.data_dir.tmp_dir()), Vec::<String>::new());
    archive
}

async fn import(server: &Server, query: &str, archive: Vec<u8>) -> (StatusCode, Value) {
    let request = server.request(Method::POST, &format!("{TENANTS}/import?{query}"));
    let answered = answer(request.header("X-Master-API-Key", MASTER_KEY).body(archive)).await;
    assert_eq!(names(&server.app.data_dir.tmp_dir()), Vec::<String>::new(), "nothing lies around");
    answered
}

/// The two entries of an archive.
fn entries(archive: &[u8]) -> (Value, Vec<u8>) {
    let plain = zstd::decode_all(archive).unwrap();
    let mut tar = tar::Archive::new(plain.as_slice());
    let mut read = Vec::new();
    for entry in tar.entries().unwrap() {
        let mut bytes = Vec::new();
        std::io::copy(&mut entry.unwrap(), &mut bytes).unwrap();
        read.push(bytes);
    }
    let [manifest, database] = <[Vec<u8>; 2]>::try_from(read).unwrap();
    (serde_json::from_slice(&manifest).unwrap(), database)
}

/// An archive of any entries: name, type, content.
fn packed(entries: &[(&str, tar::EntryType, &[u8])]) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    for (name, kind, content) in entries {
        let mut header = tar::Header::new_ustar();
        // Written as it is: the builder would refuse names that lead out of the folder.
        header.as_mut_bytes()[..name.len()].copy_from_slice(name.as_bytes());
        header.set_entry_type(*kind);
        header.set_size(content.len() as u64);
        header.set_mode(0o600);
        if *kind == tar::EntryType::Symlink {
            header.set_link_name("/etc/passwd").unwrap();
        }
        header.set_cksum();
        tar.append(&header, *content).unwrap();
    }
    zstd::encode_all(tar.into_inner().unwrap().as_slice(), 1).unwrap()
}

/// A whole archive again, with the size and checksum that belong to its database.
fn repacked(mut manifest: Value, database: &[u8]) -> Vec<u8> {
    manifest["database"]["size_bytes"] = json!(database.len());
    manifest["database"]["sha256"] = json!(hex::encode(Sha256::digest(database)));
    let manifest = manifest.to_string();
    let regular = tar::EntryType::Regular;
    packed(&[("manifest.json", regular, manifest.as_bytes()), ("database.db", regular, database)])
}

#[tokio::test(flavor = "multi_thread")]
async fn tenant_moves_to_another_server_to_the_last_row_and_clients_go_on() {
    let server = Server::start().await;
    let (tenant, user) = opened(&server, "Warung").await;
    let path = format!("{TENANTS}/{}", tenant.id);
    let body = json!({"plan": "premium", "limits": {"max_phone_numbers": null}, "max_storage_bytes": 9_000_000,
                      "settings": {"time_zone": "Asia/Jayapura", "password_min_length": 9, "locale": "id"},
                      "db_host": "h", "db_password": "rahasia"});
    put(&server, &path, body).await;
    post(&server, &format!("{path}/domains"), json!({"domain": "warung.example"})).await;
    let (_, second) = post(&server, &format!("{path}/keys"), json!({"name": "Kasir 2"})).await;

    // Exports while writes go on are whole, whatever they catch.
    let stop = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let mut writers = tokio::task::JoinSet::new();
    writers.spawn({
        let (user, stop) = (user.clone(), stop.clone());
        async move {
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                sell(&user, "Teh").await;
            }
        }
    });
    for _ in 0..3 {
        let before = total(&user).await;
        let (manifest, database) = entries(&export(&server, &tenant).await);
        let copy = server.folder.path().join("copy.db");
        std::fs::File::create(&copy).unwrap().write_all(&database).unwrap();
        let count: i64 = raw(&copy).query_row("SELECT count(*) FROM products", [], |row| row.get(0)).unwrap();
        let verdict: String = raw(&copy).query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
        assert!(count >= before && verdict == "ok", "{count} {before} {verdict}");
        assert_eq!(manifest["database"]["row_counts"]["products"], count);
        assert_eq!(manifest["database"]["sha256"], hex::encode(Sha256::digest(&database)));
        assert!(!manifest.to_string().contains("rahasia"));
    }
    stop.store(true, std::sync::atomic::Ordering::Relaxed);
    writers.join_all().await;

    let archive = export(&server, &tenant).await;
    let other = Server::start().await;
    other.tenant("Somebody").await;
    let (status, body) = import(&other, "", archive).await;
    assert_eq!((status.as_u16(), &body["message"]), (201, &json!("Tenant imported successfully")), "{body}");
    assert!(body["data"].get("api_key").is_none());
    let (mut here, mut there) = (get(&server, &path).await.1["data"].clone(), body["data"].clone());
    assert_eq!((&there["origin"], &there["number"]), (&json!("imported"), &json!(2)));
    assert_eq!(there["database"]["has_password"], false, "it is sealed with the other server's key");
    for data in [&mut here, &mut there] {
        for field in ["origin", "number", "updated_at", "size_bytes"] {
            data[field] = Value::Null;
        }
        data["database"]["has_password"] = Value::Null;
    }
    assert_eq!(here, there);
    assert_eq!(there["settings"]["time_zone"], "Asia/Jayapura");
    let moved = User { tenant: tenant.at(&other), ..user.clone() };
    let page = async |user: &User| user.get("/api/products?per_page=100&sort=-id").await.1["data"].clone();
    assert_eq!(page(&user).await, page(&moved).await);
    assert_eq!(total(&user).await, total(&moved).await);
    let mut with_second = moved.clone();
    with_second.tenant.key = second["data"]["api_key"].as_str().unwrap().to_owned();
    sell(&with_second, "Baru").await;
    let (_, domains) = get(&other, &format!("{path}/domains")).await;
    assert_eq!(domains["data"][0]["domain"], "warung.example");
    assert_eq!(get(&other, &format!("{path}/health")).await.0, 200);
}

#[tokio::test]
async fn conflicts_say_what_to_do() {
    let server = Server::start().await;
    let (tenant, user) = opened(&server, "Warung").await;
    let archive = export(&server, &tenant).await;
    let conflict = async |query: &str, code: &str, hint: &str| {
        let (status, body) = import(&server, query, archive.clone()).await;
        assert_eq!((status.as_u16(), &body["code"]), (409, &json!(code)), "{query}: {body}");
        assert!(body["message"].as_str().unwrap().contains(hint), "{body}");
    };
    conflict("", "tenant_exists", "id=new").await;
    conflict("id=new&keys=keep&db_name=dua", "key_in_use", "keys=new").await;
    let domain = json!({"domain": "warung.example"});
    post(&server, &format!("{TENANTS}/{}/domains", tenant.id), domain).await;
    let archive_with_domain = export(&server, &tenant).await;
    let (status, body) = import(&server, "id=new&domains=keep&db_name=dua", archive_with_domain.clone()).await;
    assert_eq!((status.as_u16(), &body["code"]), (409, &json!("domain_in_use")), "{body}");
    assert!(body["message"].as_str().unwrap().contains("domains=none (--domains none)"), "{body}");
    let (status, body) = import(&server, "id=new&db_name=berdomain", archive_with_domain).await;
    assert_eq!(status, 201, "a second one has the domain of the first by no means: {body}");
    let second = format!("{TENANTS}/{}", body["data"]["id"].as_str().unwrap());
    assert_eq!(get(&server, &format!("{second}/domains")).await.1["data"], json!([]));
    delete(&server, &format!("{second}?purge=true")).await;
    let (status, body) = import(&server, "id=new&keys=new", archive.clone()).await;
    assert!(status == 422 && body["errors"]["db_name"].is_array(), "{body}");
    std::fs::write(file(&server, "stray"), b"somebody's").unwrap();
    let (status, body) = import(&server, "id=new&keys=new&db_name=stray", archive.clone()).await;
    assert!(status == 422 && body["errors"]["db_name"].is_array(), "{body}");
    assert_eq!(std::fs::read(file(&server, "stray")).unwrap(), b"somebody's");

    let (status, body) = import(&server, "id=new&keys=new&db_name=dua&name=Dua", archive.clone()).await;
    assert_eq!((status.as_u16(), &body["data"]["name"]), (201, &json!("Dua")), "{body}");
    let mut copy = user.clone();
    copy.tenant.key = body["data"]["api_key"].as_str().unwrap().to_owned();
    sell(&copy, "Teh").await;
    assert_eq!((total(&user).await, total(&copy).await), (1, 2));

    delete(&server, &format!("{TENANTS}/{}", tenant.id)).await;
    conflict("", "tenant_exists", "purge").await;
    for (query, field) in [
        ("id=x", "id"),
        ("keys=x", "keys"),
        ("domains=x", "domains"),
        ("db_name=a%2Fb", "db_name"),
        ("wrong=1", "wrong"),
    ] {
        let (status, body) = import(&server, query, archive.clone()).await;
        assert!(status == 422 && body["errors"][field].is_array(), "{query}: {body}");
    }
    assert_eq!(get(&server, TENANTS).await.1["total"], 1);
}

#[tokio::test]
async fn suspended_tenant_is_suspended_where_it_arrives() {
    let server = Server::start().await;
    let (tenant, user) = opened(&server, "Warung").await;
    let path = format!("{TENANTS}/{}", tenant.id);
    post(&server, &format!("{path}/suspend"), Value::Null).await;
    let suspended = export(&server, &tenant).await;
    post(&server, &format!("{path}/freeze"), Value::Null).await;
    let frozen = export(&server, &tenant).await;
    post(&server, &format!("{path}/thaw"), Value::Null).await;
    post(&server, &format!("{path}/resume"), Value::Null).await;
    post(&server, &format!("{path}/freeze"), Value::Null).await;
    let frozen_active = export(&server, &tenant).await;
    // The first release said nothing of it.
    let (mut manifest, database) = entries(&suspended);
    manifest["tenant"].as_object_mut().unwrap().remove("state").unwrap();
    let silent = repacked(manifest, &database);
    for (archive, state, answered) in [
        (suspended, "suspended", 403),
        (frozen, "suspended", 403),
        (frozen_active, "active", 200),
        (silent, "active", 200),
    ] {
        let other = Server::start().await;
        let (status, body) = import(&other, "", archive).await;
        assert_eq!((status.as_u16(), &body["data"]["state"]), (201, &json!(state)), "{body}");
        let moved = User { tenant: tenant.at(&other), ..user.clone() };
        assert_eq!(moved.get("/api/products").await.0, answered);
        post(&other, &format!("{path}/resume"), Value::Null).await;
        assert_eq!(total(&moved).await, 1);
    }
}

#[tokio::test]
async fn purged_tenant_comes_back_from_its_archive() {
    let server = Server::start().await;
    let (tenant, user) = opened(&server, "Warung").await;
    let archive = export(&server, &tenant).await;
    sell(&user, "After the export").await;
    delete(&server, &format!("{TENANTS}/{}?purge=true", tenant.id)).await;
    assert_eq!(user.get("/api/products").await.0, 403);
    let (status, body) = import(&server, "", archive).await;
    assert_eq!(status, 201, "{body}");
    assert_eq!(total(&user).await, 1);
}

#[tokio::test]
async fn hostile_archives_are_refused_and_leave_nothing() {
    let server = Server::start().await;
    let (tenant, _) = opened(&server, "Warung").await;
    let archive = export(&server, &tenant).await;
    delete(&server, &format!("{TENANTS}/{}?purge=true", tenant.id)).await;
    let (manifest, database) = entries(&archive);
    let text = manifest.to_string();
    let text = text.as_bytes();
    let (regular, good) = (tar::EntryType::Regular, database.as_slice());
    let with = |change: &dyn Fn(&mut Value)| {
        let mut changed = manifest.clone();
        change(&mut changed);
        repacked(changed, good)
    };
    let mut flipped = database.clone();
    flipped[5000] ^= 1;
    let bomb = {
        let mut encoder = zstd::Encoder::new(Vec::new(), 1).unwrap();
        let zeros = vec![0; 1024 * 1024];
        (0..300).for_each(|_| encoder.write_all(&zeros).unwrap());
        encoder.finish().unwrap()
    };
    let mut huge = tar::Header::new_ustar();
    huge.set_path("manifest.json").unwrap();
    huge.set_size(u64::from(u32::MAX));
    huge.set_cksum();
    let cases: Vec<(&str, Vec<u8>)> = vec![
        ("nothing", Vec::new()),
        ("no zstd", b"name=x&db_name=y".to_vec()),
        ("no tar", zstd::encode_all(&b"hello"[..], 1).unwrap()),
        ("bomb", bomb),
        ("huge manifest", zstd::encode_all(&huge.as_bytes()[..], 1).unwrap()),
        ("cut off", archive[..archive.len() - 10].to_vec()),
        ("cut in half", archive[..archive.len() / 2].to_vec()),
        ("no database", packed(&[("manifest.json", regular, text)])),
        ("no manifest", packed(&[("database.db", regular, good)])),
        ("other order", packed(&[("database.db", regular, good), ("manifest.json", regular, text)])),
        ("one more", packed(&[("manifest.json", regular, text), ("database.db", regular, good), ("x", regular, b"x")])),
        ("twice", packed(&[("manifest.json", regular, text), ("manifest.json", regular, text)])),
        ("out of the folder", packed(&[("../manifest.json", regular, text), ("database.db", regular, good)])),
        ("absolute", packed(&[("/manifest.json", regular, text), ("database.db", regular, good)])),
        ("link", packed(&[("manifest.json", regular, text), ("database.db", tar::EntryType::Symlink, b"")])),
        (
            "long name",
            packed(&[("././@LongLink", tar::EntryType::GNULongName, b"manifest.json"), ("x", regular, text)]),
        ),
        ("flipped", packed(&[("manifest.json", regular, text), ("database.db", regular, &flipped)])),
        ("shorter", packed(&[("manifest.json", regular, text), ("database.db", regular, &good[..4096])])),
        ("no json", packed(&[("manifest.json", regular, b"{"), ("database.db", regular, good)])),
        (
            "deep json",
            packed(&[("manifest.json", regular, "[".repeat(100_000).as_bytes()), ("database.db", regular, good)]),
        ),
        ("later format", with(&|m| m["format_version"] = json!(2))),
        ("id", with(&|m| m["tenant"]["id"] = json!("../../x"))),
        ("no id", with(&|m| m["tenant"]["id"] = json!(""))),
        ("name", with(&|m| m["tenant"]["name"] = json!("n".repeat(300)))),
        ("db_name", with(&|m| m["tenant"]["db_name"] = json!("../x"))),
        ("plan", with(&|m| m["tenant"]["plan"] = json!("nothing"))),
        ("state", with(&|m| m["tenant"]["state"] = json!("creating"))),
        ("port", with(&|m| m["tenant"]["db_port"] = json!(0))),
        ("limit", with(&|m| m["tenant"]["limits"]["max_phone_numbers"] = json!(-1))),
        ("time zone", with(&|m| m["tenant"]["settings"]["time_zone"] = json!("../x"))),
        ("password length", with(&|m| m["tenant"]["settings"]["password_min_length"] = json!(100_000))),
        ("locale", with(&|m| m["tenant"]["settings"]["locale"] = json!(1))),
        ("hash", with(&|m| m["keys"][0]["sha256"] = json!("00"))),
        ("keys", with(&|m| m["keys"] = json!(vec![m["keys"][0].clone(); 101]))),
        ("domain", with(&|m| m["domains"] = json!(["a b"]))),
        ("domains", with(&|m| m["domains"] = json!(["a.b", "A.B"]))),
    ];
    for (case, archive) in cases {
        let (status, body) = import(&server, "", archive).await;
        assert!(status == 422 && body["errors"].is_object(), "{case}: {status} {body}");
        assert!(!body.to_string().contains(server.folder.path().to_str().unwrap()), "{body}");
    }
    let spoiled = |sql: &str| {
        let copy = server.folder.path().join("spoiled.db");
        std::fs::write(&copy, good).unwrap();
        raw(&copy).execute_batch(sql).unwrap();
        repacked(manifest.clone(), &std::fs::read(copy).unwrap())
    };
    for sql in [
        "CREATE TRIGGER evil AFTER INSERT ON products BEGIN DELETE FROM users; END",
        "CREATE VIEW evil AS SELECT 1",
        "PRAGMA application_id = 1",
        "PRAGMA user_version = 99",
        "UPDATE meta SET value = 'somebody-else' WHERE key = 'owner'",
    ] {
        let (status, body) = import(&server, "", spoiled(sql)).await;
        assert_eq!((status.as_u16(), &body["code"]), (409, &json!("file_not_adoptable")), "{sql}: {body}");
    }
    let (status, body) = import(&server, "", with(&|m| m["keys"] = json!([m["keys"][0], m["keys"][0]]))).await;
    assert!(status.is_client_error(), "one key twice: {body}");
    assert_eq!(get(&server, TENANTS).await.1["total"], 0);
    assert_eq!(names(&server.app.data_dir.tenants_dir()), Vec::<String>::new());
    let (status, body) = import(&server, "", archive).await;
    assert_eq!(status, 201, "the honest one is fine: {body}");
}

#[tokio::test]
async fn file_that_nobody_could_import_is_not_exported() {
    let server = Server::start().await;
    let (tenant, _) = opened(&server, "Warung").await;
    let (other, _) = opened(&server, "Lain").await;
    for tenant in [&tenant, &other] {
        assert_eq!(post(&server, &format!("{TENANTS}/{}/freeze", tenant.id), Value::Null).await.0, 200);
    }
    let path = server.file(&tenant);
    let good = std::fs::read(&path).unwrap();
    let index: u32 = raw(&path)
        .query_row("SELECT rootpage FROM sqlite_schema WHERE name = 'personal_access_tokens_by_user'", [], |row| {
            row.get(0)
        })
        .unwrap();
    let mut damaged = good.clone();
    // The row that the first entry of the index points at; quick_check does not look there.
    damaged[index as usize * 4096 - 1] ^= 1;
    let spoiled = |sql: &str| {
        let copy = server.folder.path().join("spoiled.db");
        std::fs::write(&copy, &good).unwrap();
        raw(&copy).execute_batch(sql).unwrap();
        std::fs::read(copy).unwrap()
    };
    let empty = server.folder.path().join("empty.db");
    raw(&empty).execute_batch("CREATE TABLE x (y); DROP TABLE x").unwrap();
    let cases: Vec<(&str, Vec<u8>)> = vec![
        ("is empty", Vec::new()),
        ("is empty", std::fs::read(&empty).unwrap()),
        ("not a file of ruko", spoiled("PRAGMA application_id = 7")),
        ("damaged", vec![7; 8192]),
        ("integrity_check", damaged),
        ("damaged", good[..good.len() / 2].to_vec()),
        ("newer", spoiled("PRAGMA user_version = 99")),
        ("no owner", spoiled("DELETE FROM meta WHERE key = 'owner'")),
        (other.id.as_str(), std::fs::read(server.file(&other)).unwrap()),
    ];
    for (reason, content) in cases {
        std::fs::write(&path, &content).unwrap();
        let (status, body) = get(&server, &format!("{TENANTS}/{}/export", tenant.id)).await;
        let text = body["message"].as_str().unwrap();
        // What is no database at all cannot even be copied.
        let is_told =
            body["code"] == "file_not_exportable" && text.contains(reason) || body["code"] == "tenant_corrupt";
        assert!(is_told, "{reason}: {status} {body}");
        assert!(std::fs::read(&path).unwrap() == content, "{reason}: it was changed by looking");
        assert_eq!(names(&server.app.data_dir.tmp_dir()), Vec::<String>::new());
    }
    std::fs::write(&path, &good).unwrap();
    let (manifest, _) = entries(&export(&server, &tenant).await);
    let version: i64 = raw(&path).query_row("PRAGMA user_version", [], |row| row.get(0)).unwrap();
    assert_eq!(manifest["database"]["schema_version"], version);

    let (status, body) =
        import(&server, "id=new&keys=new&db_name=x", repacked(manifest, &std::fs::read(&empty).unwrap())).await;
    assert_eq!(
        (status.as_u16(), &body["code"]),
        (409, &json!("file_not_adoptable")),
        "no tenant comes of nothing: {body}"
    );
}

#[tokio::test]
async fn archive_past_the_bound_is_refused() {
    let server = Server::with(|config| config.limits.max_import_bytes = 64 * 1024).await;
    let (tenant, _) = opened(&server, "Warung").await;
    let archive = export(&server, &tenant).await;
    let (status, body) = import(&server, "id=new&keys=new&db_name=x", archive).await;
    assert!(status == 422 && body["errors"]["archive"].is_array(), "its database is larger: {body}");
    let (status, body) = import(&server, "", vec![0; 64 * 1024 + 1]).await;
    assert_eq!((status.as_u16(), &body["code"]), (413, &json!("payload_too_large")));
}
