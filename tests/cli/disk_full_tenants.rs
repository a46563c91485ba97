//! A disk that fills up while tenants are made, moved and removed: each of it is done, or refused and
//! not done at all, wherever the room ends.

use std::collections::BTreeSet;
use std::path::Path;

use reqwest::Method;
use serde_json::{Value, json};

use crate::binary::Home;
use crate::extent::tries;
use crate::shop::{MASTER, Shop, answer, assert_full, expect_sound, until};
use crate::small_disk::{Disk, with_own_mounts};

/// Room that is left: from none to enough for everything. At the full depth the steps are small enough
/// for each write to be the one that fails.
fn rooms_kib() -> impl Iterator<Item = u64> {
    (0..=480).step_by(480 / tries(60, 12) as usize)
}

fn names(folder: &Path) -> BTreeSet<String> {
    let entries = folder.read_dir().unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    entries.filter(|name| !name.ends_with("-wal") && !name.ends_with("-shm")).collect()
}

/// Files that rows of tenants speak of: in their folder, and in the trash; and the rows of tenants that
/// are neither here nor there.
#[allow(clippy::disallowed_methods, reason = "the file is looked at from outside")]
fn rows(home: &Home) -> (BTreeSet<String>, BTreeSet<String>, Vec<String>) {
    let central = rusqlite::Connection::open(home.data().join("central.db")).unwrap();
    central.busy_timeout(std::time::Duration::from_secs(5)).unwrap();
    let mut all = central.prepare("SELECT state, db_name, trash_name FROM tenants").unwrap();
    let mut found = (BTreeSet::new(), BTreeSet::new(), Vec::new());
    let mut rows = all.query([]).unwrap();
    while let Some(row) = rows.next().unwrap() {
        let (state, name): (String, Option<String>) = (row.get(0).unwrap(), row.get(1).unwrap());
        match state.as_str() {
            "active" | "suspended" | "frozen" => assert!(found.0.insert(format!("{}.db", name.unwrap()))),
            "deleted" => assert!(found.1.insert(row.get(2).unwrap())),
            _ => found.2.push(format!("{name:?}: {state}")),
        }
    }
    found
}

/// Every row has its file and every file its row, and nothing half done lies around.
async fn expect_consistent(home: &Home, after: &str) {
    let data = home.data();
    let folder = |name: &str| names(&data.join(name));
    let is = || (rows(home), (folder("tenants"), folder("trash"), folder("tmp")));
    let is_consistent = async || {
        let ((here, in_trash, half), (files, trash, tmp)) = is();
        half.is_empty() && here == files && in_trash == trash && tmp.is_empty()
    };
    let begin = std::time::Instant::now();
    while !is_consistent().await {
        assert!(begin.elapsed() < crate::shop::PATIENCE, "after {after}: {:?}", is());
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}

/// Something an operator asks for.
struct Request<'a> {
    name: &'a str,
    method: Method,
    path: String,
    body: Body<'a>,
}

enum Body<'a> {
    Nothing,
    Json(Value),
    Archive(&'a [u8]),
}

impl Request<'_> {
    async fn send(&self, shop: &Shop) -> (u16, Value) {
        let request = shop.central(self.method.clone(), &self.path);
        answer(match &self.body {
            Body::Nothing => request,
            Body::Json(body) => request.json(body),
            Body::Archive(bytes) => request.body(bytes.to_vec()),
        })
        .await
    }
}

/// What is tried with each room, on tenants of its own where it changes one.
async fn requests<'a>(
    home: &Home,
    server: &crate::binary::Server,
    archive: &'a [u8],
    room: u64,
) -> Vec<(Shop, Request<'a>)> {
    let mut all = Vec::new();
    for (name, method, path, body) in [
        (
            "create",
            Method::POST,
            "/tenants".to_owned(),
            Body::Json(json!({"name": "New", "db_name": format!("new{room}")})),
        ),
        ("export", Method::GET, "/tenants/{id}/export".to_owned(), Body::Nothing),
        ("import", Method::POST, format!("/tenants/import?id=new&db_name=in{room}"), Body::Archive(archive)),
        ("regenerate", Method::POST, "/tenants/{id}/regenerate-key".to_owned(), Body::Nothing),
        ("rename", Method::PUT, "/tenants/{id}".to_owned(), Body::Json(json!({"db_name": format!("re{room}")}))),
        ("freeze", Method::POST, "/tenants/{id}/freeze".to_owned(), Body::Nothing),
        ("detach", Method::POST, "/tenants/{id}/detach".to_owned(), Body::Nothing),
        ("delete", Method::DELETE, "/tenants/{id}".to_owned(), Body::Nothing),
    ] {
        let shop = Shop::open(home, server, &format!("{name}{room}")).await;
        let path = path.replace("{id}", &shop.id);
        all.push((shop, Request { name, method, path, body }));
    }
    all
}

#[test]
fn full_disk_leaves_no_tenant_half_changed() {
    with_own_mounts("disk_full_tenants::full_disk_leaves_no_tenant_half_changed", async {
        let home = Home::new();
        let disk = Disk::mount(&home.data(), 128);
        let server = home.serve(&["--set", &format!("auth.master_key={MASTER}")]);
        let first = Shop::open(&home, &server, "first").await;
        let export = first.central(Method::GET, &format!("/tenants/{}/export", first.id)).send().await.unwrap();
        let archive = export.bytes().await.unwrap().to_vec();
        let (mut done, mut refused) = (BTreeSet::new(), BTreeSet::new());
        for room in rooms_kib() {
            for (shop, request) in requests(&home, &server, &archive, room).await {
                let what = format!("{} with {room} KiB of room", request.name);
                let ballast = disk.fill(room);
                let (status, body) = request.send(&shop).await;
                drop(ballast);
                if status < 300 {
                    done.insert(request.name);
                    continue;
                }
                assert_full(&(status, body));
                refused.insert(request.name);
                if !["create", "import"].contains(&request.name) {
                    until(&format!("after {what}: the tenant works"), async || shop.get("/api/me").await.0 == 200)
                        .await;
                    assert_eq!(shop.get("/api/products").await.1["total"], 1, "{what}");
                }
                let (status, body) = request.send(&shop).await;
                assert!(status < 300, "again {what}: {status} {body}, log: {}", home.log());
            }
            // Files that were let go belong to nobody, on purpose.
            for name in names(&home.data().join("tenants")).iter().filter(|name| name.starts_with("detach")) {
                if !rows(&home).0.contains(name) {
                    std::fs::remove_file(home.data().join("tenants").join(name)).unwrap();
                }
            }
            expect_consistent(&home, &format!("{room} KiB of room")).await;
        }
        eprintln!("done: {done:?}, refused: {refused:?}");
        assert_eq!(done, refused, "each of it went well and was refused");
        assert!(done.len() == 8, "{done:?}");
        server.stop();
        expect_sound(&home);
    });
}
