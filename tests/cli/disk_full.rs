//! A disk that is full: writes are refused, reads go on, nothing acknowledged is lost, and with room
//! again everything works by itself.

use reqwest::Method;
use serde_json::Value;

use crate::acknowledged::check;
use crate::binary::Home;
use crate::shop::{Load, MASTER, Shop, answer, assert_full, expect_sound, until};
use crate::small_disk::{Disk, with_own_mounts};

/// The tables of the logs as an earlier release made them.
const OLDER_LOGS: &str = include_str!("../../migrations/logs/001-activity/up.sql");

#[test]
fn full_disk_refuses_writes_serves_reads_and_recovers_by_itself() {
    with_own_mounts("disk_full::full_disk_refuses_writes_serves_reads_and_recovers_by_itself", async {
        let home = Home::new();
        let disk = Disk::mount(&home.data(), 64);
        let server = home.serve(&[]);
        let shops = [Shop::open(&home, &server, "one").await, Shop::open(&home, &server, "two").await];
        let mut loads = shops.each_ref().map(Load::start);
        for load in &mut loads {
            load.wait_for(|seen| seen.acknowledged >= 50).await;
        }
        let ballast = disk.fill(0);
        for load in &mut loads {
            load.wait_for(|seen| seen.refused >= 50).await;
        }
        for _ in 0..20 {
            for shop in &shops {
                for path in ["/api/products", "/api/products/1", "/api/me", "/livez", "/readyz", "/health"] {
                    let (status, body) = shop.get(path).await;
                    assert_eq!(status, 200, "{path}: {body}");
                }
            }
        }
        for shop in &shops {
            assert_full(&shop.log_in().await);
        }
        drop(ballast);
        for load in &mut loads {
            let before = *load.seen.borrow();
            load.wait_for(|seen| seen.acknowledged >= before.acknowledged + 50).await;
        }
        let mut rows = Vec::new();
        for load in loads {
            rows.push(load.stop().await);
        }
        for (shop, rows) in shops.iter().zip(&rows) {
            assert_eq!(shop.log_in().await.0, 200);
            let total = shop.get("/api/products").await.1["total"].as_u64().unwrap();
            assert_eq!(total, rows.len() as u64 + 1, "what was refused is not there, all else is");
        }
        server.kill();
        let file = |shop: &Shop| home.data().join(format!("tenants/{}.db", shop.name));
        for (shop, rows) in shops.iter().zip(&rows) {
            check(&file(shop), rows, rows.len() + 1);
        }
        let server = home.serve(&[]);
        for (shop, rows) in shops.iter().zip(&rows) {
            let (status, body) = shop.at(&server).get("/api/products").await;
            assert_eq!((status, body["total"].as_u64()), (200, Some(rows.len() as u64 + 1)), "{body}");
        }
        server.stop();
        expect_sound(&home);
        eprintln!(
            "{:?} acknowledged writes around a full disk, none lost",
            rows.iter().map(Vec::len).collect::<Vec<_>>()
        );
    });
}

/// Puts a file of logs of an earlier release in place, which has to be rewritten at the next start.
#[allow(clippy::disallowed_methods, reason = "made from outside")]
fn put_older_logs(home: &Home) {
    let path = home.data().join("logs.db");
    std::fs::remove_file(&path).unwrap();
    let file = rusqlite::Connection::open(&path).unwrap();
    file.execute_batch(&format!(
        "PRAGMA journal_mode=WAL; {OLDER_LOGS} PRAGMA application_id={}; PRAGMA user_version=1; \
         INSERT INTO meta VALUES ('owner', 'logs'); \
         WITH RECURSIVE n(n) AS (VALUES (0) UNION ALL SELECT n + 1 FROM n WHERE n < 1999) \
         INSERT INTO api_requests (created_at, actor_kind, method, route, endpoint, status_code, response_time_us) \
         SELECT 1750000000000 + n, 'user', 'GET', '/before', '/before/' || n, 200, 420 FROM n",
        ruko::db::APPLICATION_ID
    ))
    .unwrap();
}

/// Whether the log of requests can be read, and how far back it goes.
async fn logged(shop: &Shop, route: &str) -> (u16, Value) {
    answer(shop.central(Method::GET, "/api-requests").query(&[("route", route), ("limit", "1")])).await
}

/// Starts on a disk with this much room. The server either serves, or says what is wrong. Gives
/// whether it served, and whether it had to do without logs.
async fn start_with_room(home: &Home, disk: &Disk, shop: &Shop, leave_kib: u64) -> (bool, bool) {
    put_older_logs(home);
    let ballast = disk.fill(leave_kib);
    let before = home.log().len();
    let started = home.try_serve(&["--set", &format!("auth.master_key={MASTER}")]);
    let told = home.log().split_off(before);
    let Ok(server) = started else {
        assert_eq!(started.err().and_then(|status| status.code()), Some(1), "{leave_kib} KiB: {told}");
        assert!(told.contains("no space left") || told.contains("is full"), "{leave_kib} KiB: {told}");
        assert!(told.contains("free disk space") || told.contains("make room"), "{leave_kib} KiB: {told}");
        return (false, false);
    };
    let shop = shop.at(&server);
    for answer in [shop.get("/api/products").await, shop.log_in().await, logged(&shop, "/before").await] {
        if answer.0 != 200 {
            assert_full(&answer);
        }
    }
    drop(ballast);
    until("writes work again", async || shop.log_in().await.0 == 200).await;
    assert_eq!(shop.get("/api/products").await.0, 200);
    until("the log works again", async || logged(&shop, "/before").await.0 == 200).await;
    assert_eq!(logged(&shop, "/before").await.1["data"][0]["endpoint"], "/before/1999");
    server.stop();
    (true, told.contains("logs cannot be written"))
}

#[test]
fn server_on_a_full_disk_serves_what_it_can_or_says_what_is_wrong() {
    with_own_mounts("disk_full::server_on_a_full_disk_serves_what_it_can_or_says_what_is_wrong", async {
        let home = Home::new();
        let disk = Disk::mount(&home.data(), 16);
        let server = home.serve(&[]);
        let shop = Shop::open(&home, &server, "one").await;
        server.stop();
        let mut outcomes = Vec::new();
        for leave_kib in [0, 4, 16, 32, 36, 48, 64, 80, 96, 128, 192, 256, 512, 1024, 4096] {
            outcomes.push(start_with_room(&home, &disk, &shop, leave_kib).await);
        }
        for outcome in [(false, false), (true, true), (true, false)] {
            assert!(outcomes.contains(&outcome), "{outcome:?} never happened: {outcomes:?}");
        }
        let server = home.serve(&[]);
        let (status, body) = shop.at(&server).get("/api/products").await;
        assert_eq!((status, &body["total"]), (200, &Value::from(1)), "{body}");
        server.stop();
        expect_sound(&home);
    });
}
