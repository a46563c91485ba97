//! The request log and the audit log: nothing lost, nothing waited for, nothing in the way.

mod ids;
mod trouble;

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use ruko::activity::{
    Activity, ActivityOptions, Actor, ActorKind, AuditEntry, AuditFilter, RequestEntry, RequestFilter, SentTexts,
};
use ruko::clock::{Clock, Timestamp};
use ruko::db::{Engine, EngineOptions};
use ruko::id::TenantId;
use serde_json::json;

const NOON: Timestamp = Timestamp(1_750_000_000_000);
const DAY: Duration = Duration::from_hours(24);

struct Ground {
    folder: tempfile::TempDir,
    engine: Engine,
    clock: Clock,
}

impl Ground {
    fn new() -> Self {
        let engine = Engine::start(EngineOptions::default()).unwrap();
        Self { folder: tempfile::tempdir().unwrap(), engine, clock: Clock::held_at(NOON) }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("logs.db")
    }

    async fn start(&self) -> Activity {
        self.start_with(ActivityOptions::default()).await
    }

    async fn start_with(&self, options: ActivityOptions) -> Activity {
        Activity::start(&self.engine, &self.path(), self.clock.clone(), options).await.unwrap()
    }

    /// Names of the files moved aside.
    fn moved_aside(&self) -> Vec<String> {
        let names = std::fs::read_dir(self.folder.path()).unwrap().map(|entry| entry.unwrap().file_name());
        let names = names.map(|name| name.into_string().unwrap());
        names.filter(|name| name.contains(".damaged-") && !name.contains("-wal") && !name.contains("-shm")).collect()
    }
}

/// Batches that only a flush, a stop or 2000 rows send off, so that a test decides when.
fn patient() -> ActivityOptions {
    ActivityOptions { linger: Duration::from_hours(1), ..ActivityOptions::default() }
}

fn request(path: &str) -> RequestEntry {
    RequestEntry {
        tenant: Some(TenantId::from("toko-1")),
        actor: Actor::user(7),
        method: "GET",
        route: "/api/products/:id".into(),
        sent: SentTexts::new(path, Some("curl/8.5.0"), Some("0190c5f8-5b7a-7d4e-8000-000000000001")),
        ip: Some([203, 0, 113, 7].into()),
        status: 200,
        took: Duration::from_micros(420),
    }
}

async fn paths(activity: &Activity, filter: RequestFilter) -> Vec<String> {
    let page = activity.list_requests(filter, None, 1000).await.unwrap();
    page.rows.into_iter().map(|row| row.endpoint).collect()
}

fn count_rows(path: &Path, table: &str) -> i64 {
    #[allow(clippy::disallowed_methods)]
    let connection = rusqlite::Connection::open(path).unwrap();
    connection.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_recorded_is_lost_across_shutdown_and_reopen() {
    let ground = Ground::new();
    let activity = ground.start_with(patient()).await;
    let mut tasks = tokio::task::JoinSet::new();
    for task in 0..4 {
        let activity = activity.clone();
        tasks.spawn(async move {
            for number in 0..700 {
                activity.record_request(request(&format!("/api/products/{task}-{number}")));
            }
            activity.record_audit(AuditEntry::new(Actor::SYSTEM, "server.stopped"));
        });
    }
    tasks.join_all().await;
    activity.shutdown().await;
    activity.record_audit(AuditEntry::new(Actor::SYSTEM, "too.late"));
    assert_eq!(activity.dropped(), 1, "only what came after the end");
    drop(activity);

    let activity = ground.start().await;
    let mut seen = HashSet::new();
    let mut cursor = None;
    loop {
        let page = activity.list_requests(RequestFilter::default(), cursor.as_deref(), 1000).await.unwrap();
        seen.extend(page.rows.into_iter().map(|row| row.endpoint));
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(seen.len(), 2800);
    let audit = activity.list_audit(AuditFilter::default(), None, 100).await.unwrap();
    assert_eq!(audit.rows.len(), 4);
}

#[tokio::test]
async fn overflow_is_counted_blocks_nobody_and_spares_the_audit_log() {
    let ground = Ground::new();
    let activity = ground.start_with(ActivityOptions { queue_capacity: 100, audit_reserve: 20, ..patient() }).await;
    // The writer shares this thread, so nothing leaves the queue before the first await.
    for number in 0..200 {
        activity.record_request(request(&format!("/{number}")));
    }
    assert_eq!((activity.waiting(), activity.dropped()), (80, 120));
    for _ in 0..30 {
        activity.record_audit(AuditEntry::new(Actor::OPERATOR, "tenant.created"));
    }
    assert_eq!((activity.waiting(), activity.dropped()), (100, 130));
    assert_eq!(activity.list_audit(AuditFilter::default(), None, 100).await.unwrap().rows.len(), 20);
    assert_eq!(paths(&activity, RequestFilter::default()).await.len(), 80);
    activity.record_request(request("/again"));
    assert_eq!(paths(&activity, RequestFilter::default()).await[0], "/again", "there is room again");
}

#[tokio::test]
async fn flush_sees_what_was_recorded_before_it_with_all_its_fields() {
    let ground = Ground::new();
    let activity = ground.start_with(patient()).await;
    activity.record_request(request("/api/products/3?api_key=0123456789"));
    let mut entry = AuditEntry::new(Actor::named(ActorKind::Account, "ops@example.com"), "tenant.key_created");
    entry.tenant = Some(TenantId::from("toko-1"));
    entry.object = Some(("key", "12".to_owned()));
    entry.detail = json!({ "name": "till", "api_key": "tk_0123" });
    entry.ip = Some("::ffff:203.0.113.9".parse().unwrap());
    entry.sent = Some(SentTexts::new("/x", Some("Firefox"), Some("r-1")));
    activity.record_audit(entry);

    let page = activity.list_requests(RequestFilter::default(), None, 10).await.unwrap();
    let shown = serde_json::to_value(&page).unwrap();
    let expected = json!({ "rows": [{
        "id": NOON.0 << 11, "created_at": NOON, "tenant_id": "toko-1", "actor_kind": "user", "actor_id": "7", "method": "GET",
        "route": "/api/products/:id", "endpoint": "/api/products/3", "status_code": 200, "response_time_us": 420,
        "ip_address": "203.0.113.7", "user_agent": "curl/8.5.0",
        "request_id": "0190c5f8-5b7a-7d4e-8000-000000000001",
    }], "next": null });
    assert_eq!(shown, expected);
    let page = activity.list_audit(AuditFilter::default(), None, 10).await.unwrap();
    let expected = json!({ "rows": [{
        "id": NOON.0 << 11, "created_at": NOON, "tenant_id": "toko-1", "actor_kind": "account", "actor_id": "ops@example.com",
        "action": "tenant.key_created", "object_kind": "key", "object_id": "12",
        "detail": { "name": "till", "api_key": "[hidden]" }, "ip_address": "203.0.113.9", "user_agent": "Firefox",
        "request_id": "r-1",
    }], "next": null });
    assert_eq!(serde_json::to_value(&page).unwrap(), expected);
}

#[tokio::test]
async fn filters_narrow_alone_and_together() {
    let ground = Ground::new();
    let activity = ground.start().await;
    let of = |tenant: &str| Some(TenantId::from(tenant));
    activity.record_request(request("/a"));
    activity.record_request(RequestEntry { tenant: of("toko-2"), ..request("/b") });
    activity.record_request(RequestEntry { status: 404, ..request("/c") });
    activity.record_request(RequestEntry { status: 503, route: "/api/orders".into(), ..request("/d/Kopi") });
    ground.clock.advance(DAY);
    activity.record_request(RequestEntry { tenant: None, actor: Actor::OPERATOR, ..request("/e") });

    let all = RequestFilter::default();
    let cases = [
        (RequestFilter { tenant: of("toko-1"), ..all.clone() }, "/d/Kopi /c /a"),
        (RequestFilter { actor: Some(Actor::user(7)), ..all.clone() }, "/d/Kopi /c /b /a"),
        (RequestFilter { actor: Some(Actor::user(7)), tenant: of("toko-2"), ..all.clone() }, "/b"),
        (RequestFilter { actor: Some(Actor::OPERATOR), ..all.clone() }, "/e"),
        (RequestFilter { actor: "user".parse().ok(), ..all.clone() }, "/d/Kopi /c /b /a"),
        (RequestFilter { actor: "user:7".parse().ok(), tenant: of("toko-2"), ..all.clone() }, "/b"),
        (RequestFilter { is_inside_only: true, ..all.clone() }, "/d/Kopi /c /b /a"),
        (RequestFilter { actor: Some(Actor::SYSTEM), ..all.clone() }, ""),
        (RequestFilter { route: Some("/api/orders".into()), ..all.clone() }, "/d/Kopi"),
        (RequestFilter { status_class: Some(2), tenant: of("toko-1"), ..all.clone() }, "/a"),
        (RequestFilter { status_class: Some(4), ..all.clone() }, "/c"),
        (RequestFilter { status_class: Some(5), tenant: of("toko-2"), ..all.clone() }, ""),
        (RequestFilter { status_class: Some(5), ..all.clone() }, "/d/Kopi"),
        (RequestFilter { text: Some("kOPI".into()), ..all.clone() }, "/d/Kopi"),
        (RequestFilter { since: Some(NOON.plus(DAY)), ..all.clone() }, "/e"),
        (RequestFilter { until: Some(NOON.plus(DAY)), ..all.clone() }, "/d/Kopi /c /b /a"),
        (RequestFilter { until: Some(NOON), ..all.clone() }, ""),
    ];
    for (filter, expected) in cases {
        assert_eq!(paths(&activity, filter.clone()).await.join(" "), expected, "{filter:?}");
    }

    for action in ["tenant.created", "tenant.deleted", "tenants", "backup.made"] {
        activity.record_audit(AuditEntry::new(Actor::OPERATOR, action));
    }
    let audit = AuditFilter::default();
    let cases = [
        (AuditFilter { action: Some("tenant.".into()), ..audit.clone() }, 2),
        (AuditFilter { action: Some("tenant.created".into()), ..audit.clone() }, 1),
        (AuditFilter { text: Some("MADE".into()), ..audit.clone() }, 1),
        (AuditFilter { actor: Some(Actor::OPERATOR), action: Some("tenants".into()), ..audit.clone() }, 1),
        (AuditFilter { tenant: of("toko-1"), ..audit.clone() }, 0),
        (AuditFilter { is_inside_only: true, ..audit.clone() }, 0),
        (AuditFilter { actor: "user".parse().ok(), ..audit.clone() }, 0),
    ];
    for (filter, expected) in cases {
        let page = activity.list_audit(filter.clone(), None, 100).await.unwrap();
        assert_eq!(page.rows.len(), expected, "{filter:?}");
    }
}

#[tokio::test]
async fn pages_give_each_row_once_while_rows_are_added() {
    let ground = Ground::new();
    let activity = ground.start().await;
    for number in 0..95 {
        activity.record_request(request(&format!("/{number}")));
        // Some share a millisecond, some do not.
        if number % 3 == 0 {
            ground.clock.advance(Duration::from_millis(1));
        }
    }
    let mut seen = Vec::new();
    let mut cursor: Option<String> = None;
    loop {
        let page = activity.list_requests(RequestFilter::default(), cursor.as_deref(), 10).await.unwrap();
        seen.extend(page.rows.into_iter().map(|row| row.endpoint));
        activity.record_request(request("/added"));
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    let expected: Vec<String> = (0..95).rev().map(|number| format!("/{number}")).collect();
    assert_eq!(seen, expected);
    let error = activity.list_requests(RequestFilter::default(), Some("nonsense"), 10).await.unwrap_err();
    assert_eq!(error.code(), "validation_failed");
}

#[tokio::test]
async fn prune_deletes_the_old_in_steps_and_keeps_the_young() {
    let ground = Ground::new();
    let activity = ground.start().await;
    for _ in 0..6000 {
        activity.record_request(request("/old"));
    }
    activity.record_audit(AuditEntry::new(Actor::SYSTEM, "server.started"));
    ground.clock.advance(31 * DAY);
    activity.record_request(request("/young"));
    activity.flush().await;

    let pruned = activity.prune(ground.clock.now()).await.unwrap();
    assert_eq!((pruned.requests, pruned.audit), (6000, 0));
    assert_eq!(paths(&activity, RequestFilter::default()).await, ["/young"]);
    assert_eq!(activity.list_audit(AuditFilter::default(), None, 10).await.unwrap().rows.len(), 1, "kept for a year");

    ground.clock.advance(400 * DAY);
    let pruned = activity.prune(ground.clock.now()).await.unwrap();
    assert_eq!((pruned.requests, pruned.audit), (1, 1));
}

#[tokio::test]
async fn entries_reach_the_file_without_a_flush() {
    let ground = Ground::new();
    let activity = ground.start_with(ActivityOptions { linger: Duration::from_millis(1), ..patient() }).await;
    activity.record_request(request("/alone"));
    let started = Instant::now();
    while count_rows(&ground.path(), "api_requests") == 0 {
        assert!(started.elapsed() < Duration::from_secs(10), "nobody wrote it");
        tokio::task::yield_now().await;
    }
    let full = ground.start_with(patient()).await;
    for _ in 0..2000 {
        full.record_request(request("/many"));
    }
    while count_rows(&ground.path(), "api_requests") < 2001 {
        assert!(started.elapsed() < Duration::from_secs(10), "a full batch does not wait");
        tokio::task::yield_now().await;
    }
}
