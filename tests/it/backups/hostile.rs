//! Files of backups that were changed, cut, swapped or made to do harm, and tenants that change under a
//! restore: it is refused in clear words, or exact. The live data is as it was.

use std::path::{Path, PathBuf};

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::{back_up, count, dump, files, list, path, sell, shop};
use crate::extent::tries;
use crate::support::{MASTER_KEY, Server, Tenant, User};

const ALL: [&str; 7] =
    ["users", "personal_access_tokens", "login_networks", "products", "orders", "order_items", "row_counts"];

/// A tenant with a backup whose live data has changed since.
struct World {
    server: Server,
    tenant: Tenant,
    user: User,
    file: PathBuf,
    name: String,
    live: Vec<String>,
}

impl World {
    async fn new() -> Self {
        let server = Server::start().await;
        let (tenant, user) = shop(&server, "Warung", 2).await;
        let made = back_up(&server, &tenant, Value::Null).await;
        let name = made["data"]["filename"].as_str().unwrap().to_owned();
        let file = files(&server).remove(0);
        sell(&user, "Later").await;
        let live = dump(&server, &tenant, &ALL);
        Self { server, tenant, user, file, name, live }
    }

    async fn restore(&self) -> (StatusCode, Value) {
        let body = json!({"file": self.name});
        self.server.central(Method::POST, &path(&self.tenant, "restore"), body).await
    }

    /// With these bytes for a backup the restore is refused, and nothing changes.
    async fn expect_refused(&self, bytes: &[u8], what: &str) {
        std::fs::write(&self.file, bytes).unwrap();
        let (status, body) = self.restore().await;
        assert!(status.is_client_error() && body["message"].is_string(), "{what}: {status} {body}");
        // A bit of the head may name another key.
        assert!(["backup_damaged", "backup_key_missing"].contains(&body["code"].as_str().unwrap()), "{what}: {body}");
        assert!(dump(&self.server, &self.tenant, &ALL) == self.live, "{what}");
    }
}

fn flipped(bytes: &[u8], bit: usize) -> Vec<u8> {
    let mut flipped = bytes.to_vec();
    flipped[bit / 8] ^= 1 << (bit % 8);
    flipped
}

#[tokio::test(flavor = "multi_thread")]
async fn every_flipped_bit_and_every_cut_is_found() {
    let world = World::new().await;
    let whole = std::fs::read(&world.file).unwrap();
    for _ in 0..tries(1000, 40) {
        let bit = usize::try_from(ruko::id::random_u64() % (whole.len() as u64 * 8)).unwrap();
        world.expect_refused(&flipped(&whole, bit), &format!("bit {bit}")).await;
    }
    let cuts = usize::try_from(tries(u32::try_from(whole.len()).unwrap(), 40)).unwrap().min(whole.len());
    for number in 0..cuts {
        let length = number * whole.len() / cuts;
        world.expect_refused(&whole[..length], &format!("cut to {length}")).await;
    }
    world.expect_refused(&[&whole[..], b"\0"].concat(), "one byte more").await;
    world.expect_refused(&whole.repeat(2), "twice").await;
    assert_eq!(list(&world.server, &world.tenant).await.len(), 1, "nothing was put aside");
    assert_eq!(world.server.app.data_dir.tmp_dir().read_dir().unwrap().count(), 0);
    std::fs::write(&world.file, whole).unwrap();
    assert_eq!(world.restore().await.0, 200);
    assert_eq!(count(&world.user).await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn file_of_another_backup_tenant_or_program_is_no_backup() {
    let world = World::new().await;
    let (other, _) = shop(&world.server, "Toko", 1).await;
    back_up(&world.server, &other, Value::Null).await;
    back_up(&world.server, &world.tenant, Value::Null).await;
    let others: Vec<_> = files(&world.server).into_iter().filter(|file| *file != world.file).collect();
    assert_eq!(others.len(), 2);
    for file in others {
        let bytes = std::fs::read(&file).unwrap();
        world.expect_refused(&bytes, &format!("swapped with {}", file.display())).await;
    }
    let plain = std::fs::read(world.server.file(&world.tenant)).unwrap();
    world.expect_refused(&plain, "a database in clear").await;
    world.expect_refused(&zstd::encode_all(&plain[..], 1).unwrap(), "a frame in clear").await;
    world.expect_refused(&vec![0; 100_000], "zeros").await;
    // A frame that says it holds 100 GB, of nothing but zeros.
    let claim = [&b"\x28\xb5\x2f\xfd\xe0"[..], &(100_u64 << 30).to_le_bytes(), &[0x55; 64]].concat();
    world.expect_refused(&claim, "100 GB").await;
    // A file of 100 GB, all hole, where the backup was: it is refused before it is read.
    let hole = std::fs::File::create(&world.file).unwrap();
    hole.set_len(100 << 30).unwrap();
    let (status, body) = world.restore().await;
    assert_eq!((status, &body["code"]), (StatusCode::CONFLICT, &json!("backup_damaged")), "{body}");
    assert!(dump(&world.server, &world.tenant, &ALL) == world.live);
}

#[tokio::test(flavor = "multi_thread")]
async fn backup_of_a_newer_schema_is_refused_with_every_way_to_ask() {
    let world = World::new().await;
    let central = crate::support::raw(&world.server.app.data_dir.central_db());
    central.execute("UPDATE backups SET schema_version = schema_version + 1", []).unwrap();
    for (rest, body) in
        [("restore", json!({})), ("restore", json!({"tables": ["products"]})), ("restore/preview", json!({}))]
    {
        let (status, answer) = world.server.central(Method::POST, &path(&world.tenant, rest), body).await;
        assert_eq!((status, &answer["code"]), (StatusCode::CONFLICT, &json!("backup_newer")), "{answer}");
    }
    assert!(dump(&world.server, &world.tenant, &ALL) == world.live);
}

#[tokio::test(flavor = "multi_thread")]
async fn restores_at_once_are_made_one_after_the_other() {
    let world = World::new().await;
    let saved = {
        assert_eq!(world.restore().await.0, 200);
        dump(&world.server, &world.tenant, &["products", "row_counts"])
    };
    let restores = (0..4).map(|number| {
        let tables = if number % 2 == 0 {
            json!({"file": world.name})
        } else {
            json!({"file": world.name, "tables": ["products"]})
        };
        let (server, path) = (&world.server, path(&world.tenant, "restore"));
        async move { server.central(Method::POST, &path, tables).await }
    });
    for (status, body) in futures_util::future::join_all(restores).await {
        assert_eq!(status, 200, "{body}");
    }
    assert_eq!(dump(&world.server, &world.tenant, &["products", "row_counts"]), saved);
    let check: String =
        world.server.open_file(&world.tenant).query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(check, "ok");
}

#[tokio::test(flavor = "multi_thread")]
async fn tenant_that_is_suspended_or_deleted_under_a_restore_is_restored_or_gone() {
    for action in ["suspend", "delete"] {
        let world = World::new().await;
        let request = world.server.request(Method::POST, &path(&world.tenant, "restore"));
        let restore = tokio::spawn(request.header("X-Master-API-Key", MASTER_KEY).send());
        let (status, body) = if action == "suspend" {
            world.server.central(Method::POST, &path(&world.tenant, "suspend"), Value::Null).await
        } else {
            let whole = path(&world.tenant, "");
            world.server.central(Method::DELETE, whole.trim_end_matches('/'), Value::Null).await
        };
        assert!(status.is_success(), "{action}: {body}");
        let status = restore.await.unwrap().unwrap().status();
        assert!(status == 200 || action == "delete" && status.is_client_error(), "{action}: {status}");
        if action == "suspend" {
            world.server.central(Method::POST, &path(&world.tenant, "resume"), Value::Null).await;
            assert_eq!(count(&world.user).await, 2);
        }
        assert_eq!(world.server.app.data_dir.tmp_dir().read_dir().unwrap().count(), 0, "{action}");
    }
}

fn beside(file: &Path, suffix: &str) -> PathBuf {
    PathBuf::from(format!("{}{suffix}", file.display()))
}

#[tokio::test(flavor = "multi_thread")]
async fn log_of_another_file_beside_a_damaged_one_is_not_replayed_over_the_restored() {
    let world = World::new().await;
    let (other, stranger) = shop(&world.server, "Toko", 1).await;
    sell(&stranger, "Of another").await;
    let log = std::fs::read(beside(&world.server.file(&other), "-wal")).unwrap();
    assert!(!log.is_empty());
    assert_eq!(world.server.central(Method::POST, &path(&world.tenant, "freeze"), Value::Null).await.0, 200);
    let file = world.server.file(&world.tenant);
    std::fs::write(&file, vec![0xEE; 40_000]).unwrap();
    std::fs::write(beside(&file, "-wal"), log).unwrap();
    world.server.central(Method::POST, &path(&world.tenant, "thaw"), Value::Null).await;
    let (status, body) = world.restore().await;
    assert_eq!(status, 200, "{body}");
    assert_eq!(count(&world.user.again().await).await, 2);
    assert_eq!(count(&stranger).await, 2);
}
