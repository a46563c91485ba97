//! Tenants that are backed up at times of their own, or never.

use std::sync::Arc;
use std::time::Duration;

use reqwest::Method;
use ruko::clock::{Clock, Timestamp};
use ruko::jobs::backups::run_due;
use serde_json::{Value, json};

use super::{list, path, shop};
use crate::support::{Server, Tenant};

const HOUR: Duration = Duration::from_secs(3600);

fn at(text: &str) -> Timestamp {
    Timestamp(text.parse::<jiff::Timestamp>().unwrap().as_millisecond())
}

async fn held(now: &str) -> (Server, Clock) {
    let clock = Clock::held_at(at(now));
    (Server::in_folder(Arc::new(tempfile::tempdir().unwrap()), clock.clone(), |_| {}).await, clock)
}

async fn set(server: &Server, tenant: &Tenant, settings: Value) -> Value {
    let path = format!("/api/central/tenants/{}", tenant.id);
    let (status, body) = server.central(Method::PUT, &path, json!({"settings": settings})).await;
    assert_eq!(status, 200, "{body}");
    body["data"]["settings"].clone()
}

/// When its backups were made and of what kind, the newest first.
async fn made(server: &Server, tenant: &Tenant) -> Vec<String> {
    let all = list(server, tenant).await;
    let line =
        |one: &Value| format!("{} {}", &one["created_at"].as_str().unwrap()[..16], one["kind"].as_str().unwrap());
    all.iter().map(line).collect()
}

/// Looks every quarter of an hour, as the server does more often.
async fn pass(server: &Server, clock: &Clock, hours: u32) {
    for _ in 0..hours * 4 {
        clock.advance(HOUR / 4);
        run_due(&server.app).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tenant_has_times_and_a_zone_of_its_own_and_the_others_those_of_the_server() {
    let (server, clock) = held("2026-11-27T05:00:00Z").await;
    let (own, _) = shop(&server, "Warung", 1).await;
    let (other, _) = shop(&server, "Toko", 1).await;
    let (never, _) = shop(&server, "Kios", 1).await;
    let (weekly, _) = shop(&server, "Pasar", 1).await;
    let shown = set(&server, &own, json!({"backup_daily": "30 4 * * *", "time_zone": "Europe/Berlin"})).await;
    assert_eq!((&shown["backup_daily"], &shown["backup_weekly"]), (&json!("30 4 * * *"), &Value::Null));
    set(&server, &never, json!({"backup_enabled": false})).await;
    set(&server, &weekly, json!({"backup_daily": "off"})).await;
    run_due(&server.app).await.unwrap();
    pass(&server, &clock, 48).await;
    assert_eq!(
        made(&server, &own).await,
        ["2026-11-29T03:30 daily", "2026-11-28T20:00 weekly", "2026-11-28T03:30 daily"]
    );
    let usual = ["2026-11-28T20:00 weekly", "2026-11-28T19:00 daily", "2026-11-27T19:00 daily"];
    assert_eq!(made(&server, &other).await, usual);
    assert_eq!(made(&server, &never).await, [""; 0]);
    assert_eq!(made(&server, &weekly).await, usual[..1]);

    set(&server, &own, json!({"backup_daily": null})).await;
    pass(&server, &clock, 24).await;
    assert_eq!(made(&server, &own).await[0], "2026-11-29T19:00 daily", "it goes by the server's time again");
}

#[tokio::test(flavor = "multi_thread")]
async fn missed_time_is_made_up_for_once_and_a_new_one_owes_nothing_of_before() {
    let (server, clock) = held("2026-11-27T05:00:00Z").await;
    let (tenant, _) = shop(&server, "Warung", 1).await;
    set(&server, &tenant, json!({"backup_daily": "0 11 * * *", "backup_weekly": "off"})).await;
    run_due(&server.app).await.unwrap();
    run_due(&server.app).await.unwrap();
    assert_eq!(made(&server, &tenant).await, [""; 0], "11:00 in Jakarta was an hour ago");
    let folder = server.stop().await;
    clock.advance(100 * HOUR);
    let server = Server::in_folder(folder, clock.clone(), |_| {}).await;
    for _ in 0..3 {
        run_due(&server.app).await.unwrap();
        assert_eq!(made(&server, &tenant).await, ["2026-12-01T09:00 daily"]);
    }
    set(&server, &tenant, json!({"backup_daily": "0 15 * * *"})).await;
    pass(&server, &clock, 1).await;
    assert_eq!(made(&server, &tenant).await.len(), 1, "15:00 was an hour ago");
    pass(&server, &clock, 24).await;
    assert_eq!(made(&server, &tenant).await.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_day_has_one_backup_where_clocks_are_changed() {
    for (begin, days) in [("2026-03-27T12:00:00Z", 4), ("2026-10-23T12:00:00Z", 4)] {
        let (server, clock) = held(begin).await;
        let (tenant, _) = shop(&server, "Warung", 1).await;
        let own = json!({"backup_daily": "30 2 * * *", "backup_weekly": "off", "time_zone": "Europe/Berlin"});
        set(&server, &tenant, own).await;
        run_due(&server.app).await.unwrap();
        pass(&server, &clock, 24 * days).await;
        let made = made(&server, &tenant).await;
        let dates: std::collections::BTreeSet<_> = made.iter().map(|line| &line[..10]).collect();
        assert_eq!((made.len(), dates.len()), (4, 4), "{made:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn own_time_that_fails_is_tried_once_and_stops_nobody() {
    let (server, clock) = held("2026-11-27T05:00:00Z").await;
    let (broken, _) = shop(&server, "Warung", 1).await;
    let (sound, _) = shop(&server, "Toko", 1).await;
    for tenant in [&broken, &sound] {
        set(&server, tenant, json!({"backup_daily": "0 13 * * *", "backup_weekly": "off"})).await;
    }
    run_due(&server.app).await.unwrap();
    server.central(Method::POST, &path(&broken, "freeze"), Value::Null).await;
    std::fs::write(server.file(&broken), vec![0xEE; 8192]).unwrap();
    pass(&server, &clock, 3).await;
    assert_eq!((made(&server, &broken).await.len(), made(&server, &sound).await.len()), (0, 1));
    let failed = "SELECT count(*) FROM backups WHERE state = 'failed'";
    let failed = server.app.central.read(move |tx| Ok(tx.query_one(failed, &[], |row| row.get::<i64>(0))?)).await;
    assert_eq!(failed.unwrap(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn clock_that_was_wrong_for_a_while_costs_no_night_after_it_is_set_right() {
    let (server, clock) = held("2036-11-27T05:00:00Z").await;
    let (own, _) = shop(&server, "Warung", 1).await;
    let (other, _) = shop(&server, "Toko", 1).await;
    set(&server, &own, json!({"backup_daily": "0 13 * * *"})).await;
    run_due(&server.app).await.unwrap();
    pass(&server, &clock, 24).await;
    let folder = server.stop().await;
    let clock = Clock::held_at(at("2026-11-27T05:00:00Z"));
    let server = Server::in_folder(folder, clock.clone(), |_| {}).await;
    run_due(&server.app).await.unwrap();
    pass(&server, &clock, 24).await;
    for tenant in [&own, &other] {
        let made = made(&server, tenant).await;
        assert!(made.iter().any(|line| line.starts_with("2026-11-2") && line.ends_with("daily")), "{made:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nonsense_is_refused() {
    let (server, _) = held("2026-11-27T05:00:00Z").await;
    let (tenant, _) = shop(&server, "Warung", 1).await;
    let path = format!("/api/central/tenants/{}", tenant.id);
    for (field, wrong) in [
        ("backup_daily", json!("daily")),
        ("backup_daily", json!("0 0 2 * * *")),
        ("backup_weekly", json!(7)),
        ("backup_enabled", json!("perhaps")),
    ] {
        let (status, body) = server.central(Method::PUT, &path, json!({"settings": {field: wrong}})).await;
        assert!(status == 422 && body["errors"][format!("settings.{field}")].is_array(), "{field} {wrong}: {body}");
    }
}
