//! From server to server.

mod hostile;

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
