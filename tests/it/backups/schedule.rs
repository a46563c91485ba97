//! The backups of every day and week, and how long they stay.

use std::sync::Arc;
use std::time::Duration;

use reqwest::Method;
use ruko::clock::{Clock, Timestamp};
use ruko::jobs::backups::run_due;
use ruko::jobs::retention;
use serde_json::Value;

use super::{files, list, path, shop};
use crate::support::{Server, Tenant};

const HOUR: Duration = Duration::from_secs(3600);

/// Friday, 27 November 2026, 12:00 in Jakarta.
const NOON: Timestamp = Timestamp(1_795_755_600_000);

async fn at_noon() -> (Server, Clock) {
    let clock = Clock::held_at(NOON);
    let server = Server::in_folder(Arc::new(tempfile::tempdir().unwrap()), clock.clone(), |_| {}).await;
    (server, clock)
}

async fn kinds(server: &Server, tenant: &Tenant) -> Vec<String> {
    list(server, tenant).await.iter().map(|backup| backup["kind"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_tenant_is_backed_up_at_two_and_on_sundays_at_three_once() {
    let (server, clock) = at_noon().await;
    let (tenant, _) = shop(&server, "Warung", 1).await;
    let (other, _) = shop(&server, "Toko", 1).await;
    run_due(&server.app).await.unwrap();
    assert!(files(&server).is_empty(), "a new server owes nobody the backup of last night");
    clock.advance(13 * HOUR + Duration::from_secs(3599));
    run_due(&server.app).await.unwrap();
    assert!(files(&server).is_empty());
    clock.advance(Duration::from_secs(1));
    for _ in 0..3 {
        run_due(&server.app).await.unwrap();
        assert_eq!(
            (kinds(&server, &tenant).await, kinds(&server, &other).await),
            (vec!["daily".into()], vec!["daily".into()])
        );
    }
    let [made] = <[Value; 1]>::try_from(list(&server, &tenant).await).unwrap();
    assert!(made["filename"].as_str().unwrap().ends_with("_2026-11-28_020000.db.zst"), "{made}");
    clock.advance(25 * HOUR);
    run_due(&server.app).await.unwrap();
    assert_eq!(kinds(&server, &tenant).await, ["weekly", "daily", "daily"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn missed_run_is_made_up_for_once_after_a_restart() {
    let (server, clock) = at_noon().await;
    let (tenant, _) = shop(&server, "Warung", 1).await;
    run_due(&server.app).await.unwrap();
    let folder = server.stop().await;
    clock.advance(40 * HOUR);
    let server = Server::in_folder(folder, clock.clone(), |_| {}).await;
    for _ in 0..2 {
        run_due(&server.app).await.unwrap();
        assert_eq!(
            list(&server, &tenant).await.len(),
            2,
            "two nights were missed, and one Sunday: {:?}",
            kinds(&server, &tenant).await
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn run_that_was_cut_short_goes_on_with_the_rest() {
    let (server, clock) = at_noon().await;
    let (tenant, _) = shop(&server, "Warung", 1).await;
    run_due(&server.app).await.unwrap();
    clock.advance(15 * HOUR);
    run_due(&server.app).await.unwrap();
    let (late, _) = shop(&server, "Toko", 1).await;
    let cut = "UPDATE job_runs SET outcome = 'running', finished_at = NULL WHERE id = (SELECT max(id) FROM job_runs)";
    server.app.central.write(move |tx| Ok(tx.execute(cut, &[])?)).await.unwrap();
    run_due(&server.app).await.unwrap();
    assert_eq!((list(&server, &tenant).await.len(), list(&server, &late).await.len()), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn one_tenant_that_fails_does_not_stop_the_others() {
    let (server, clock) = at_noon().await;
    let (broken, _) = shop(&server, "Warung", 1).await;
    let (sound, _) = shop(&server, "Toko", 1).await;
    run_due(&server.app).await.unwrap();
    server.central(Method::POST, &path(&broken, "freeze"), Value::Null).await;
    std::fs::write(server.file(&broken), vec![0xEE; 8192]).unwrap();
    clock.advance(15 * HOUR);
    run_due(&server.app).await.unwrap();
    assert_eq!((list(&server, &broken).await.len(), list(&server, &sound).await.len()), (0, 1));
    let (_, stats) = server.central(Method::GET, "/api/central/backups/stats", Value::Null).await;
    assert_eq!((&stats["data"][0]["last_status"], &stats["data"][1]["last_status"]), (&"failed".into(), &"ok".into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn daily_backups_stay_thirty_days_weekly_ones_ninety_and_the_three_newest_for_ever() {
    let (server, clock) = at_noon().await;
    let (tenant, _) = shop(&server, "Warung", 1).await;
    run_due(&server.app).await.unwrap();
    for _ in 0..120 {
        clock.advance(24 * HOUR);
        run_due(&server.app).await.unwrap();
        retention::run(&server.app).await.unwrap();
    }
    let kept = kinds(&server, &tenant).await;
    let count = |kind: &str| kept.iter().filter(|other| *other == kind).count();
    assert_eq!((count("daily"), count("weekly")), (30, 12), "{kept:?}");
    assert_eq!(files(&server).len(), 84, "the central file has as many");
    for _ in 0..100 {
        clock.advance(24 * HOUR);
        retention::run(&server.app).await.unwrap();
    }
    assert_eq!(kinds(&server, &tenant).await.len(), 3);
}
