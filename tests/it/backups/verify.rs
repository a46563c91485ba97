//! Backups are opened and looked at before somebody needs them.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use reqwest::Method;
use ruko::backups::container::{Head, Manifest, Packer, Unpacker};
use ruko::backups::keys::{BackupKey, BackupKeys};
use ruko::clock::{Clock, Timestamp};
use ruko::jobs::drill;
use serde_json::{Value, json};

use super::{back_up, list, shop};
use crate::support::{Server, Tenant, raw};

const DAY: Duration = Duration::from_secs(86_400);

async fn verify(server: &Server, backup: &Value, body: Value) -> (u16, Value) {
    let path = format!("/api/central/backups/{}/verify", backup["id"].as_str().unwrap());
    let (status, answer) = server.central(Method::POST, &path, body).await;
    (status.as_u16(), answer)
}

fn stored(server: &Server, tenant: &Tenant, backup: &Value) -> PathBuf {
    let root = server.file(tenant).ancestors().nth(2).unwrap().to_owned();
    root.join(format!("{}.enc", backup["path"].as_str().unwrap()))
}

async fn stats(server: &Server, tenant: &Tenant) -> Value {
    let (_, stats) = server.central(Method::GET, "/api/central/backups/stats", Value::Null).await;
    let lines = stats["data"].as_array().unwrap();
    lines.iter().find(|line| line["tenant_id"] == tenant.id).unwrap().clone()
}

fn flip_a_bit(file: &PathBuf) {
    let mut bytes = std::fs::read(file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 4;
    std::fs::write(file, bytes).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn backup_that_was_looked_at_is_proven_and_shows_it() {
    let server = Server::start().await;
    let (tenant, _) = shop(&server, "Warung", 3).await;
    let made = back_up(&server, &tenant, json!({})).await["data"].take();
    assert!(made["proven_at"].is_null());
    for body in [json!({}), json!({"deep": true})] {
        let (status, looked) = verify(&server, &made, body).await;
        assert_eq!((status, &looked["id"], &looked["proof_error"]), (200, &made["id"], &Value::Null), "{looked}");
        assert!(looked["proven_at"].is_string());
        assert_eq!(list(&server, &tenant).await[0]["proven_at"], looked["proven_at"]);
        assert_eq!(stats(&server, &tenant).await["last_proven_at"], looked["proven_at"]);
    }
    let central = server.central(Method::POST, "/api/central/tenants/central/backup", json!({})).await.1;
    assert_eq!(verify(&server, &central["data"], json!({"deep": true})).await.0, 200);
    assert_eq!(verify(&server, &json!({"id": "nobody"}), Value::Null).await.0, 404);
    assert_eq!(verify(&server, &made, json!({"depth": true})).await.0, 422);
}

#[tokio::test(flavor = "multi_thread")]
async fn flipped_bit_is_found_and_written_down() {
    let server = Server::start().await;
    let (tenant, _) = shop(&server, "Warung", 3).await;
    let made = back_up(&server, &tenant, json!({})).await["data"].take();
    verify(&server, &made, Value::Null).await;
    flip_a_bit(&stored(&server, &tenant, &made));
    let (status, refused) = verify(&server, &made, Value::Null).await;
    assert_eq!((status, &refused["code"]), (409, &json!("backup_damaged")), "{refused}");
    let shown = list(&server, &tenant).await[0].clone();
    assert!(shown["proven_at"].is_null() && shown["proof_error"].as_str().unwrap().contains("damaged"), "{shown}");
    assert!(stats(&server, &tenant).await["proof_error"].as_str().unwrap().contains("damaged"));

    let gone = back_up(&server, &tenant, json!({})).await["data"].take();
    std::fs::remove_file(stored(&server, &tenant, &gone)).unwrap();
    assert_eq!(verify(&server, &gone, Value::Null).await.0, 409);
}

/// Changes the copy of an e-mail address that an index has, which `quick_check` does not see.
fn corrupt_an_index(database: &mut Vec<u8>, folder: &std::path::Path, address: &[u8]) {
    let scratch = folder.join("scratch.db");
    let places: Vec<usize> =
        (0..database.len() - address.len()).filter(|at| &database[*at..*at + address.len()] == address).collect();
    for at in places {
        database[at] ^= 1;
        std::fs::write(&scratch, &database).unwrap();
        let says = |check: &str| raw(&scratch).query_row(check, [], |row| row.get::<_, String>(0)).unwrap();
        if says("PRAGMA quick_check") == "ok" && says("PRAGMA integrity_check") != "ok" {
            return;
        }
        database[at] ^= 1;
    }
    panic!("no index holds the address");
}

#[tokio::test(flavor = "multi_thread")]
async fn index_that_disagrees_with_its_rows_is_found_by_the_deep_look() {
    let server = Server::start().await;
    let (tenant, _) = shop(&server, "Warung", 3).await;
    let made = back_up(&server, &tenant, json!({"compress": false})).await["data"].take();
    let file = stored(&server, &tenant, &made);
    let root = server.file(&tenant).ancestors().nth(2).unwrap().to_owned();
    let keys = BackupKeys::read(&root.join("keys/backup.key"), None).unwrap().unwrap();
    let key: &BackupKey = keys.current();
    let unpacker = Unpacker::open(std::fs::File::open(&file).unwrap(), key.stream_key()).unwrap();
    let (head, manifest): (Head, Manifest) = (unpacker.head.clone(), unpacker.manifest.clone());
    let mut database = Vec::new();
    unpacker.unpack(&mut database, u64::MAX).unwrap();
    let find = "SELECT email FROM users";
    let address: String = server.open_file(&tenant).query_row(find, [], |row| row.get(0)).unwrap();
    let folder = tempfile::tempdir().unwrap();
    corrupt_an_index(&mut database, folder.path(), address.as_bytes());
    let mut packer = Packer::new(Vec::new(), key.stream_key(), &head, false).unwrap();
    std::io::Write::write_all(&mut packer, &database).unwrap();
    let describe = |packed: &ruko::crypto::digest::Digest| {
        Ok::<_, std::io::Error>(Manifest { payload_sha256: packed.sha256.clone(), ..manifest })
    };
    std::fs::write(&file, packer.finish(describe).unwrap().0).unwrap();

    assert_eq!(verify(&server, &made, Value::Null).await.0, 200, "every page is in order");
    let (status, refused) = verify(&server, &made, json!({"deep": true})).await;
    assert_eq!((status, &refused["code"]), (409, &json!("backup_damaged")), "{refused}");
    assert!(refused["message"].as_str().unwrap_or_default().contains("missing from index"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn drill_proves_the_newest_backup_of_everybody_once_a_week() {
    let clock = Clock::held_at(Timestamp(1_795_755_600_000));
    let server = Server::in_folder(Arc::new(tempfile::tempdir().unwrap()), clock.clone(), |_| {}).await;
    let (sound, _) = shop(&server, "Warung", 1).await;
    let (broken, _) = shop(&server, "Toko", 1).await;
    let (without, _) = shop(&server, "Kios", 1).await;
    let old = back_up(&server, &sound, json!({})).await["data"].take();
    clock.advance(Duration::from_secs(1));
    let new = back_up(&server, &sound, json!({})).await["data"].take();
    let torn = back_up(&server, &broken, json!({})).await["data"].take();
    flip_a_bit(&stored(&server, &broken, &torn));
    let central = server.central(Method::POST, "/api/central/tenants/central/backup", json!({})).await.1;

    drill::run(&server.app).await.unwrap();
    let proven = async |backup: &Value| {
        let backup = server.app.backups.get(backup["id"].as_str().unwrap()).await.unwrap();
        (backup.proven_at, backup.proof_error.is_some())
    };
    let now = clock.now();
    assert_eq!(proven(&new).await, (Some(now), false));
    assert_eq!(proven(&old).await, (None, false), "only the newest");
    assert_eq!(proven(&torn).await, (None, true));
    assert_eq!(proven(&central["data"]).await, (Some(now), false));
    assert!(list(&server, &without).await.is_empty());

    clock.advance(6 * DAY);
    let newer = back_up(&server, &sound, json!({})).await["data"].take();
    drill::run(&server.app).await.unwrap();
    assert_eq!(proven(&newer).await, (None, false), "the last proof is good for a week");
    clock.advance(DAY + Duration::from_secs(1));
    drill::run(&server.app).await.unwrap();
    assert_eq!(proven(&newer).await, (Some(clock.now()), false));
    let tmp = server.file(&sound).ancestors().nth(2).unwrap().join("tmp");
    assert_eq!(tmp.read_dir().unwrap().count(), 0);
}
