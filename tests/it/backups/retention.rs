//! Which backups stay and which go: rules, pins, the guard, and the clock.

use std::sync::Arc;
use std::time::Duration;

use reqwest::Method;
use ruko::backups::retention::Pause;
use ruko::clock::{Clock, Timestamp};
use ruko::config::Config;
use ruko::jobs::retention;
use serde_json::{Value, json};

use super::{back_up, files, list, path, sell, shop};
use crate::support::{Server, Tenant, eventually};

const DAY: Duration = Duration::from_secs(86_400);
/// Friday, 27 November 2026, 12:00 in Jakarta.
const NOON: Timestamp = Timestamp(1_795_755_600_000);
const PRUNE: &str = "/api/central/backups/prune";

async fn held(change: impl FnOnce(&mut Config)) -> (Server, Clock) {
    let clock = Clock::held_at(NOON);
    (Server::in_folder(Arc::new(tempfile::tempdir().unwrap()), clock.clone(), change).await, clock)
}

/// Looks every day, as the job does more often.
async fn pass(server: &Server, clock: &Clock, days: u32) {
    for _ in 0..days {
        clock.advance(DAY);
        retention::run(&server.app).await.unwrap();
    }
}

async fn prune(server: &Server, body: Value) -> Value {
    let (status, body) = server.central(Method::POST, PRUNE, body).await;
    assert_eq!(status, 200, "{body}");
    body
}

async fn pin(server: &Server, id: &str, is_pinned: bool) -> Value {
    let path = format!("/api/central/backups/{id}");
    let (status, body) = server.central(Method::PATCH, &path, json!({"pinned": is_pinned})).await;
    assert_eq!(status, 200, "{body}");
    body
}

fn reasons(answer: &Value) -> Vec<(&str, bool)> {
    let all = answer["data"].as_array().unwrap();
    all.iter().map(|one| (one["reason"].as_str().unwrap(), one["deleted"].as_bool().unwrap())).collect()
}

/// Backups of the given kinds, a day apart, the oldest first; gives their ids.
async fn nights(server: &Server, clock: &Clock, tenant: &Tenant, kinds: &[&str]) -> Vec<String> {
    let mut ids = Vec::new();
    for kind in kinds {
        clock.advance(DAY);
        let made = back_up(server, tenant, json!({"kind": kind})).await;
        ids.push(made["data"]["id"].as_str().unwrap().to_owned());
    }
    retention::run(&server.app).await.unwrap();
    ids
}

#[tokio::test(flavor = "multi_thread")]
async fn kind_and_days_can_be_chosen_and_each_backup_goes_in_its_time() {
    let (server, clock) = held(|config| config.backup.keep_newest = 1).await;
    let (tenant, _) = shop(&server, "Warung", 1).await;
    let weekly = back_up(&server, &tenant, json!({"kind": "weekly"})).await["data"].take();
    let short = back_up(&server, &tenant, json!({"kind": "daily", "keep_days": 2})).await["data"].take();
    assert_eq!((&weekly["kind"], &short["kind"]), (&json!("weekly"), &json!("daily")));
    let after = |days: u32| Timestamp(NOON.0).plus(DAY * days).to_string();
    assert_eq!((&weekly["expires_at"], &short["expires_at"]), (&json!(after(90)), &json!(after(2))));
    clock.advance(DAY);
    back_up(&server, &tenant, Value::Null).await;
    pass(&server, &clock, 1).await;
    assert_eq!((list(&server, &tenant).await.len(), files(&server).len()), (2, 2));
    pass(&server, &clock, 88).await;
    let left = list(&server, &tenant).await;
    assert_eq!(left.len(), 1, "the newest stays, though it is manual and 89 days old: {left:?}");
    for wrong in [json!({"kind": "final"}), json!({"keep_days": 0}), json!({"keep_days": 36501})] {
        let (status, body) = server.central(Method::POST, &path(&tenant, "backup"), wrong.clone()).await;
        assert_eq!((status.as_u16(), &body["code"]), (422, &json!("validation_failed")), "{wrong}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn dry_run_says_why_and_the_run_removes_the_same_with_its_empty_folders() {
    let (server, clock) = held(|config| config.backup.keep_newest = 1).await;
    let (tenant, _) = shop(&server, "Warung", 1).await;
    let (other, _) = shop(&server, "Toko", 1).await;
    back_up(&server, &other, Value::Null).await;
    let ids = nights(&server, &clock, &tenant, &["daily", "daily", "manual", "weekly"]).await;
    pin(&server, &ids[0], true).await;
    pass(&server, &clock, 3).await;

    let order = json!({"dry_run": true, "tenant": tenant.id, "keep_days": 2});
    let dry = prune(&server, order.clone()).await;
    let expected = [("newest", false), ("too_old", true), ("too_old", true), ("pinned", false)];
    assert_eq!(reasons(&dry), expected, "{dry}");
    assert_eq!((&dry["dry_run"], &dry["deleted"], &dry["kept"]), (&json!(true), &json!(2), &json!(2)));
    assert_eq!(files(&server).len(), 5);
    for (wrong, field) in [(json!({"tenant": "nobody"}), "tenant"), (json!({"kind": "daily"}), "keep_days")] {
        let (status, body) = server.central(Method::POST, PRUNE, wrong).await;
        assert!(status == 422 && body["errors"][field].is_array(), "{body}");
    }
    let of_kind = prune(&server, json!({"dry_run": true, "tenant": tenant.id, "keep_days": 2, "kind": "daily"})).await;
    let expected = [("other_kind", false), ("other_kind", false), ("too_old", true), ("pinned", false)];
    assert_eq!(reasons(&of_kind), expected);
    assert_eq!(
        reasons(&prune(&server, json!({"dry_run": true, "tenant": tenant.id})).await)[1],
        ("not_expired", false)
    );

    let pruned = prune(&server, json!({"tenant": tenant.id, "keep_days": 2})).await;
    assert_eq!((&pruned["deleted"], &pruned["kept"], &pruned["freed"]), (&json!(2), &json!(2), &dry["freed"]));
    assert_eq!(files(&server).len(), 3);
    for id in [&ids[3], &ids[0]] {
        pin(&server, id, false).await;
    }
    clock.advance(Duration::from_secs(1));
    back_up(&server, &tenant, Value::Null).await;
    assert_eq!(prune(&server, json!({"keep_days": 1})).await["deleted"], 2, "of all tenants; the newest of each stays");
    let folder = server.app.data_dir.backups_dir().join(&tenant.id);
    let months: Vec<_> = folder.join("2026").read_dir().unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(months, ["12"], "November's folder is gone with its last backup");

    eventually(async || {
        let audit = server.central(Method::GET, "/api/central/audit-log?limit=100", Value::Null).await.1;
        let all = audit["data"].as_array().unwrap().iter().filter(|one| one["action"] == "backup.expired");
        let tenants: Vec<_> = all.map(|one| one["tenant_id"].as_str().unwrap()).collect();
        tenants == [&tenant.id; 4]
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pinned_backup_outlives_its_time_and_goes_once_it_is_unpinned() {
    let (server, clock) = held(|config| config.backup.keep_newest = 1).await;
    let (tenant, admin) = shop(&server, "Warung", 1).await;
    let ids = nights(&server, &clock, &tenant, &["daily", "daily", "daily"]).await;
    assert_eq!(pin(&server, &ids[0], true).await["data"]["pinned"], true);
    pass(&server, &clock, 60).await;
    let left = list(&server, &tenant).await;
    assert_eq!(left.iter().map(|one| one["id"].as_str().unwrap()).collect::<Vec<_>>(), [&ids[2], &ids[0]]);
    assert_eq!((&left[0]["pinned"], &left[1]["pinned"]), (&json!(false), &json!(true)));
    assert_eq!(admin.get(&format!("/api/backups/{}", ids[0])).await.1["pinned"], true);
    pin(&server, &ids[0], false).await;
    retention::run(&server.app).await.unwrap();
    assert_eq!(list(&server, &tenant).await.len(), 1);

    let (status, body) = server.central(Method::PATCH, "/api/central/backups/none", json!({"pinned": true})).await;
    assert_eq!((status.as_u16(), &body["code"]), (404, &json!("not_found")));
    let (status, body) =
        server.central(Method::PATCH, &format!("/api/central/backups/{}", ids[2]), json!({"pin": true})).await;
    assert_eq!((status.as_u16(), &body["code"]), (422, &json!("validation_failed")));
}

#[tokio::test(flavor = "multi_thread")]
async fn newest_proven_backup_stays_and_failed_nights_cost_no_older_one() {
    let (server, clock) = held(|config| config.backup.keep_newest = 1).await;
    let (tenant, _) = shop(&server, "Warung", 1).await;
    let ids = nights(&server, &clock, &tenant, &["daily", "daily", "daily"]).await;
    let proven = ids[0].clone();
    let prove = "UPDATE backups SET proven_at = created_at WHERE id = ?1";
    server.app.central.write(move |tx| Ok(tx.execute(prove, &[proven.as_str().into()])?)).await.unwrap();
    server.central(Method::POST, &path(&tenant, "freeze"), Value::Null).await;
    std::fs::write(server.file(&tenant), vec![0xEE; 8192]).unwrap();
    let (status, _) = server.central(Method::POST, &path(&tenant, "backup"), json!({"kind": "daily"})).await;
    assert!(status.is_server_error());
    pass(&server, &clock, 31).await;
    let dry = prune(&server, json!({"dry_run": true, "tenant": tenant.id, "keep_days": 1})).await;
    assert_eq!(reasons(&dry)[0], ("last_try", false));
    assert!(reasons(&dry)[1..].iter().all(|why| *why == ("last_run_failed", false)), "{dry}");
    assert_eq!(list(&server, &tenant).await.len(), 3);
    let succeed = "DELETE FROM backups WHERE state = 'failed'";
    server.app.central.write(move |tx| Ok(tx.execute(succeed, &[])?)).await.unwrap();
    pass(&server, &clock, 3).await;
    let left = list(&server, &tenant).await;
    assert_eq!(left.iter().map(|one| one["id"].as_str().unwrap()).collect::<Vec<_>>(), [&ids[2], &ids[0]]);
}

#[tokio::test(flavor = "multi_thread")]
async fn rules_keep_the_last_backup_of_months() {
    let (server, clock) = held(|config| {
        config.backup.keep_newest = 1;
        config.backup.keep_monthly = 3;
    })
    .await;
    let (tenant, _) = shop(&server, "Warung", 1).await;
    for _ in 0..14 {
        clock.advance(7 * DAY);
        back_up(&server, &tenant, json!({"kind": "daily", "keep_days": 1})).await;
        retention::run(&server.app).await.unwrap();
        server.central(Method::POST, "/api/central/backups/retention/resume", Value::Null).await;
    }
    let kept: Vec<_> =
        list(&server, &tenant).await.iter().map(|one| one["date"].as_str().unwrap()[..10].to_owned()).collect();
    assert_eq!(kept, ["2027-03-05", "2027-02-26", "2027-01-29"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn clock_that_leaps_costs_nothing_for_three_days() {
    let (server, clock) = held(|config| config.backup.keep_newest = 1).await;
    let (tenant, _) = shop(&server, "Warung", 1).await;
    nights(&server, &clock, &tenant, &["daily", "daily"]).await;
    clock.advance(3650 * DAY);
    retention::run(&server.app).await.unwrap();
    assert_eq!(prune(&server, json!({"keep_days": 1})).await["deleted"], 0);
    let dry = prune(&server, json!({"dry_run": true})).await;
    assert_eq!(reasons(&dry), [("clock_leapt", false); 2]);
    let stats = server.central(Method::GET, "/api/central/backups/stats", Value::Null).await.1;
    assert_eq!(stats["retention_paused_until"], clock.now().plus(3 * DAY).to_string());

    // Somebody sets it right again.
    let folder = server.stop().await;
    let clock = Clock::held_at(NOON.plus(3 * DAY));
    let server = Server::in_folder(folder, clock.clone(), |config| config.backup.keep_newest = 1).await;
    retention::run(&server.app).await.unwrap();
    assert_eq!(list(&server, &tenant).await.len(), 2);
    let stats = server.central(Method::GET, "/api/central/backups/stats", Value::Null).await.1;
    assert_eq!(stats["retention_paused_until"], Value::Null);

    // Or it is right, for the server was off.
    clock.advance(40 * DAY);
    pass(&server, &clock, 2).await;
    assert_eq!(list(&server, &tenant).await.len(), 2);
    let resume = || server.central(Method::POST, "/api/central/backups/retention/resume", Value::Null);
    assert_eq!((resume().await.1["resumed"].clone(), resume().await.1["resumed"].clone()), (json!(true), json!(false)));
    retention::run(&server.app).await.unwrap();
    assert_eq!(list(&server, &tenant).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn tenant_that_shrank_loses_no_backup_until_somebody_has_looked() {
    let (server, clock) = held(|config| config.backup.keep_newest = 1).await;
    let (tenant, admin) = shop(&server, "Warung", 1).await;
    let (sound, _) = shop(&server, "Toko", 1).await;
    for number in 0..30 {
        sell(&admin, &format!("Soto {number}")).await;
    }
    let before = nights(&server, &clock, &tenant, &["daily"]).await;
    nights(&server, &clock, &sound, &["daily", "daily"]).await;
    assert_eq!(server.app.backups.paused().await.unwrap(), []);
    server.open_file(&tenant).execute_batch("DELETE FROM products WHERE id > 5").unwrap();
    let after = nights(&server, &clock, &tenant, &["manual", "daily"]).await;

    let [Pause { tenant_id, before_id, after_id, rows, .. }] =
        <[Pause; 1]>::try_from(server.app.backups.paused().await.unwrap()).unwrap();
    assert_eq!((tenant_id.as_str(), &before_id, &after_id), (&*tenant.id, &before[0], &after[0]));
    assert_eq!(rows.0 - rows.1, 26, "{rows:?}");
    let (_, shown) = server.central(Method::GET, &path(&tenant, "backups"), Value::Null).await;
    assert_eq!(
        (&shown["retention_paused"]["rows_before"], &shown["retention_paused"]["rows_after"]),
        (&json!(rows.0), &json!(rows.1))
    );
    let stats = server.central(Method::GET, "/api/central/backups/stats", Value::Null).await.1;
    assert_eq!(
        (&stats["data"][0]["retention_paused"], &stats["data"][1]["retention_paused"]),
        (&shown["retention_paused"], &Value::Null)
    );

    pass(&server, &clock, 60).await;
    assert_eq!((list(&server, &tenant).await.len(), list(&server, &sound).await.len()), (3, 1));
    assert_eq!(prune(&server, json!({"tenant": tenant.id, "keep_days": 1})).await["deleted"], 0);
    let resume = path(&tenant, "backups/retention/resume");
    for expected in [true, false] {
        let (status, body) = server.central(Method::POST, &resume, Value::Null).await;
        assert_eq!((status.as_u16(), &body["resumed"]), (200, &json!(expected)), "{body}");
    }
    retention::run(&server.app).await.unwrap();
    assert_eq!(list(&server, &tenant).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn small_shop_and_one_without_a_guard_may_lose_what_they_like() {
    for (products, percent) in [(3, 50), (40, 0)] {
        let (server, clock) = held(|config| config.backup.shrink_guard_percent = percent).await;
        let (tenant, admin) = shop(&server, "Warung", products).await;
        back_up(&server, &tenant, Value::Null).await;
        server.open_file(&tenant).execute_batch("DELETE FROM products").unwrap();
        clock.advance(DAY);
        back_up(&server, &tenant, Value::Null).await;
        assert_eq!(server.app.backups.paused().await.unwrap(), []);
        drop(admin);
    }
}
