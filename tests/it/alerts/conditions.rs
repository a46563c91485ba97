//! Each condition and its end.

use std::time::Duration;

use ruko::alerts::Condition;
use ruko::clock::Clock;
use ruko::config::Config;
use ruko::id::TenantId;
use ruko::jobs::own_schedules;
use serde_json::{Value, json};

use super::world::{Asked, DAY, HOUR, Post, Web, all_well, central, fail, look, watched};
use crate::support::{Server, Tenant};

struct World {
    web: Web,
    server: Server,
    clock: Clock,
    tenant: Tenant,
}

impl World {
    async fn well() -> Self {
        Self::with(|_| {}).await
    }

    async fn with(change: impl FnOnce(&mut Config)) -> Self {
        let (post, web) = (Post::open(), Web::open());
        let only_webhook = |config: &mut Config| {
            config.alerts.email.clear();
            change(config);
        };
        let (server, clock) = watched(&post, &web, only_webhook).await;
        let tenant = server.tenant("Warung").await;
        all_well(&server).await;
        Self { web, server, clock, tenant }
    }

    /// What a look tells: kind of news, condition, tenant.
    async fn news(&self) -> Vec<(&'static str, String, String)> {
        look(&self.server).await;
        let mut news = Vec::new();
        for told in self.web.take().iter().map(Asked::json) {
            for kind in ["begun", "lasting", "ended"] {
                let text = |item: &Value, name: &str| item[name].as_str().unwrap().to_owned();
                let items = told[kind].as_array().unwrap();
                news.extend(items.iter().map(|item| (kind, text(item, "condition"), text(item, "tenant_id"))));
            }
        }
        news.sort();
        news
    }

    /// The central file has a backup of this moment.
    async fn save_central(&self) {
        let now = self.clock.now().0;
        central(&self.server, &format!("UPDATE backups SET created_at = {now} WHERE tenant_id = 'central'")).await;
    }

    fn of(&self, kind: &'static str, condition: Condition) -> (&'static str, String, String) {
        (kind, condition.as_str().to_owned(), self.tenant.id.clone())
    }

    async fn expect(&self, kind: &'static str, condition: Condition) {
        assert_eq!(self.news().await, [self.of(kind, condition)]);
        assert_eq!(self.news().await, [], "it is told once");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn backup_that_failed_is_over_with_the_next_good_one() {
    let world = World::well().await;
    fail(&world.server, &world.tenant.id, "full").await;
    world.expect("begun", Condition::BackupFailed).await;
    world.clock.advance(HOUR);
    all_well(&world.server).await;
    world.expect("ended", Condition::BackupFailed).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tenant_is_overdue_after_26_hours_until_its_next_backup() {
    let world = World::well().await;
    world.clock.advance(HOUR * 26);
    assert_eq!(world.news().await, []);
    world.clock.advance(Duration::from_millis(1));
    world.save_central().await;
    world.expect("begun", Condition::Overdue).await;
    all_well(&world.server).await;
    world.expect("ended", Condition::Overdue).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn new_tenant_is_overdue_when_its_first_backup_does_not_come() {
    let world = World::well().await;
    central(&world.server, "DELETE FROM backups WHERE tenant_id <> 'central'").await;
    world.clock.advance(HOUR * 25);
    central(&world.server, &format!("UPDATE backups SET created_at = {}", world.clock.now().0)).await;
    assert_eq!(world.news().await, []);
    world.clock.advance(HOUR * 2);
    world.expect("begun", Condition::Overdue).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tenant_with_a_time_of_its_own_is_overdue_by_that_time() {
    let world = World::well().await;
    let on_mondays = json!({"settings": {"backup_daily": "0 2 * * 1", "backup_weekly": "off"}});
    let path = format!("/api/central/tenants/{}", world.tenant.id);
    let (status, body) = world.server.central(reqwest::Method::PUT, &path, on_mondays).await;
    assert_eq!(status, 200, "{body}");
    let app = &world.server.app;
    own_schedules::run_due(app, own_schedules::list(app).await.unwrap()).await.unwrap();
    // Monday 02:00 is 62 hours after Friday noon, and two hours of grace follow.
    for (hours, is_late) in [(30, false), (33, false), (1, true)] {
        world.clock.advance(HOUR * hours);
        world.save_central().await;
        let begun = if is_late { vec![world.of("begun", Condition::Overdue)] } else { vec![] };
        assert_eq!(world.news().await, begun, "{hours}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn proof_is_too_old_after_eight_days() {
    let world = World::well().await;
    world.clock.advance(DAY * 8 + Duration::from_millis(1));
    let now = world.clock.now().0;
    central(&world.server, &format!("UPDATE backups SET created_at = {now}")).await;
    central(&world.server, &format!("UPDATE backups SET proven_at = {now} WHERE tenant_id = 'central'")).await;
    world.expect("begun", Condition::Unproven).await;
    central(&world.server, &format!("UPDATE backups SET proven_at = {now}")).await;
    world.expect("ended", Condition::Unproven).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn backup_that_is_not_whole_is_told_until_a_good_one_is_proven() {
    let world = World::well().await;
    central(&world.server, "UPDATE backups SET proof_error = 'a bit is wrong' WHERE tenant_id <> 'central'").await;
    world.expect("begun", Condition::ProofFailed).await;
    world.clock.advance(HOUR);
    all_well(&world.server).await;
    world.expect("ended", Condition::ProofFailed).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pause_of_retention_is_told_until_somebody_resumes_it() {
    let world = World::well().await;
    let pause = "INSERT INTO retention_pauses SELECT id, 'a', 'b', 40, 10, 4096, 4096, created_at FROM tenants";
    central(&world.server, pause).await;
    world.expect("begun", Condition::RetentionPaused).await;
    assert_eq!(super::health(&world.server).await.0, 200, "the backups are good");
    world.server.app.backups.resume_retention(&TenantId::from(world.tenant.id.as_str())).await.unwrap();
    world.expect("ended", Condition::RetentionPaused).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_others_raise_lasts_until_they_clear_it() {
    let world = World::well().await;
    let (alerts, tenant) = (&world.server.app.alerts, TenantId::from(world.tenant.id.as_str()));
    alerts.raise(Condition::CopyFailed, &tenant, "403 AccessDenied").await.unwrap();
    alerts.raise(Condition::CopyFailed, &tenant, "403 AccessDenied again").await.unwrap();
    world.expect("begun", Condition::CopyFailed).await;
    let (listed, total) = alerts.list(10).await.unwrap();
    assert_eq!((total, &*listed[0].tenant_name, &*listed[0].detail), (1, "Warung", "403 AccessDenied again"));
    for _ in 0..2 {
        alerts.clear(Condition::CopyFailed, &tenant).await.unwrap();
    }
    world.expect("ended", Condition::CopyFailed).await;
    alerts.raise(Condition::CopyFailed, &tenant, "for a moment").await.unwrap();
    alerts.clear(Condition::CopyFailed, &tenant).await.unwrap();
    assert_eq!(world.news().await, [], "what nobody heard of has no end");
}

#[tokio::test(flavor = "multi_thread")]
async fn copy_that_fails_again_and_again_or_is_lost_is_told() {
    let world = World::with(|config| {
        config.s3.bucket = Some("backups".into());
        config.s3.access_key_id = Some("id".into());
        config.s3.secret_access_key = Some("secret".into());
    })
    .await;
    let copy = "INSERT INTO backup_copies (backup_id, destination, tenant_id, state, object_key, bytes, tries, next_try_at, \
                error_code, error) SELECT id, 's3', id, 'failed', id, 1, 3, 0, 's3_denied', 'denied' FROM tenants";
    central(&world.server, copy).await;
    assert_eq!(world.news().await, [], "some tries may fail");
    central(&world.server, "UPDATE backup_copies SET tries = 4").await;
    world.expect("begun", Condition::CopyFailed).await;
    central(&world.server, "UPDATE backup_copies SET error_code = NULL").await;
    world.expect("ended", Condition::CopyFailed).await;
    central(&world.server, "UPDATE backup_copies SET error_code = 's3_object_gone', tries = 0, state = 'lost'").await;
    world.expect("begun", Condition::CopyFailed).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn run_that_failed_is_told_and_one_under_way_is_waited_for() {
    let world = World::well().await;
    let run = |outcome: &str| {
        format!(
            "INSERT INTO job_runs (job, started_at, outcome, detail) VALUES ('backup_daily', {}, '{outcome}', '1 failed')",
            world.clock.now().0
        )
    };
    central(&world.server, &run("running")).await;
    fail(&world.server, &world.tenant.id, "full").await;
    assert_eq!(world.news().await, [], "its end tells all at once");
    central(&world.server, "UPDATE job_runs SET outcome = 'failed' WHERE outcome = 'running'").await;
    let of_run = ("begun", "run_failed".to_owned(), "central".to_owned());
    assert_eq!(world.news().await, [world.of("begun", Condition::BackupFailed), of_run]);
    central(&world.server, "DELETE FROM backups WHERE state = 'failed'").await;
    central(&world.server, &run("ok")).await;
    let of_run = ("ended", "run_failed".to_owned(), "central".to_owned());
    assert_eq!(world.news().await, [world.of("ended", Condition::BackupFailed), of_run]);
    central(&world.server, &run("running")).await;
    fail(&world.server, &world.tenant.id, "full").await;
    world.clock.advance(HOUR * 7);
    assert_eq!(world.news().await, [world.of("begun", Condition::BackupFailed)], "one that hangs hides nothing");
}

#[tokio::test(flavor = "multi_thread")]
async fn deleted_tenant_is_over() {
    let world = World::well().await;
    fail(&world.server, &world.tenant.id, "full").await;
    world.expect("begun", Condition::BackupFailed).await;
    central(&world.server, "UPDATE tenants SET state = 'deleted'").await;
    world.expect("ended", Condition::BackupFailed).await;
}
