//! The ids of rows: they hold the time, and are nobody else's.

use super::*;

const HOUR: Duration = Duration::from_hours(1);
const TABLES_OF_BEFORE: &str = include_str!("../../../migrations/logs/001-activity/up.sql");

async fn rows(activity: &Activity, filter: RequestFilter) -> Vec<(i64, Timestamp, String)> {
    let (mut rows, mut cursor) = (Vec::new(), None);
    loop {
        let page = activity.list_requests(filter.clone(), cursor.as_deref(), 1000).await.unwrap();
        rows.extend(page.rows.into_iter().map(|row| (row.id, row.created_at, row.endpoint)));
        cursor = page.next;
        if cursor.is_none() {
            return rows;
        }
    }
}

fn newest_first(range: std::ops::Range<i64>) -> Vec<String> {
    range.rev().map(|number| format!("/{number}")).collect()
}

fn names(rows: &[(i64, Timestamp, String)]) -> Vec<String> {
    rows.iter().map(|(_, _, name)| name.clone()).collect()
}

#[tokio::test]
async fn ids_go_on_after_a_restart_within_the_same_millisecond() {
    let ground = Ground::new();
    for round in 0..3 {
        let activity = ground.start().await;
        for number in 0..10 {
            activity.record_request(request(&format!("/{}", round * 10 + number)));
            activity.record_audit(AuditEntry::new(Actor::OPERATOR, "tenant.created"));
        }
        activity.shutdown().await;
    }
    let activity = ground.start().await;
    let expected: Vec<_> = (0..30).rev().map(|number| ((NOON.0 << 11) + number, NOON, format!("/{number}"))).collect();
    assert_eq!(rows(&activity, RequestFilter::default()).await, expected);
    let audit = activity.list_audit(AuditFilter::default(), None, 100).await.unwrap();
    assert!(audit.rows.iter().map(|row| row.id).eq(expected.iter().map(|(id, ..)| *id)));
    assert_eq!(activity.dropped(), 0);
}

#[tokio::test]
async fn rows_after_the_clock_was_put_back_are_found_by_their_time_and_pruned_by_it() {
    let ground = Ground::new();
    ground.clock.advance(2 * DAY);
    let activity = ground.start().await;
    for number in 10..13 {
        activity.record_request(request(&format!("/{number}")));
    }
    activity.shutdown().await;
    let ground = Ground { clock: Clock::held_at(NOON), ..ground };
    let activity = ground.start().await;
    for number in 0..3 {
        activity.record_request(request(&format!("/{number}")));
        activity.flush().await;
    }
    let later = NOON.plus(2 * DAY);
    let all = rows(&activity, RequestFilter::default()).await;
    assert_eq!(names(&all), [newest_first(10..13), newest_first(0..3)].concat());
    assert!(all.iter().map(|(_, at, _)| *at).eq([[later; 3], [NOON; 3]].concat()));
    let since = RequestFilter { since: Some(later), ..RequestFilter::default() };
    assert_eq!(names(&rows(&activity, since).await), newest_first(10..13));
    let until = RequestFilter { until: Some(later), ..RequestFilter::default() };
    assert_eq!(names(&rows(&activity, until).await), newest_first(0..3));

    ground.clock.advance(2 * DAY);
    activity.record_request(request("/13"));
    let all = rows(&activity, RequestFilter::default()).await;
    assert_eq!(names(&all), [newest_first(10..14), newest_first(0..3)].concat(), "the same hour comes twice");
    // Kept for 30 days each, although the later ones were written first.
    let pruned = activity.prune(NOON.plus(31 * DAY)).await.unwrap();
    assert_eq!(pruned.requests, 3);
    assert_eq!(names(&rows(&activity, RequestFilter::default()).await), newest_first(10..14));
}

#[tokio::test]
async fn five_thousand_rows_of_one_millisecond_keep_their_order() {
    let ground = Ground::new();
    let activity = ground.start().await;
    for number in 0..5000 {
        activity.record_request(request(&format!("/{number}")));
    }
    ground.clock.advance(Duration::from_millis(1));
    activity.record_request(request("/5000"));
    let all = rows(&activity, RequestFilter::default()).await;
    assert_eq!((names(&all), activity.dropped()), (newest_first(0..5001), 0));
    assert!(all.iter().all(|(id, at, _)| id >> 11 == at.0 && (NOON.0..NOON.0 + 3).contains(&at.0)));

    ground.clock.advance(HOUR);
    activity.record_request(request("/5001"));
    let filter = RequestFilter { tenant: Some(TenantId::from("toko-1")), ..RequestFilter::default() };
    assert_eq!(names(&rows(&activity, filter.clone()).await), newest_first(0..5002));
    let since = RequestFilter { since: Some(NOON.plus(HOUR)), ..filter.clone() };
    assert_eq!(names(&rows(&activity, since).await), newest_first(5001..5002));
    let until = RequestFilter { until: Some(NOON.plus(HOUR)), ..filter };
    assert_eq!(rows(&activity, until).await.len(), 5001);
}

#[tokio::test]
async fn a_file_of_before_keeps_its_rows_and_their_times() {
    let ground = Ground::new();
    #[allow(clippy::disallowed_methods)]
    let old = rusqlite::Connection::open(ground.path()).unwrap();
    old.execute_batch("PRAGMA journal_mode=WAL").unwrap();
    old.execute_batch(TABLES_OF_BEFORE).unwrap();
    let stamp = format!(
        "PRAGMA application_id={}; PRAGMA user_version=1; INSERT INTO meta VALUES ('owner', 'logs');",
        ruko::db::APPLICATION_ID
    );
    old.execute_batch(&stamp).unwrap();
    // In the order in which they were written: the clock was put back in between.
    for (from, count, ms) in [(0, 3, 0), (5004, 2, 3_600_000), (3, 1, 1), (4, 5000, 2)] {
        let sql = format!(
            "WITH RECURSIVE n(n) AS (VALUES (0) UNION ALL SELECT n + 1 FROM n WHERE n < {count} - 1) \
             INSERT INTO api_requests (created_at, tenant_id, actor_kind, actor_id, method, route, endpoint, \
             status_code, response_time_us, ip_address, user_agent, request_id) \
             SELECT {} + {ms}, 'toko-1', 'user', '7', 'GET', '/api/products/:id', '/' || (n + {from}), 200, 420, \
             '203.0.113.7', 'curl/8.5.0', 'r-1' FROM n",
            NOON.0
        );
        old.execute_batch(&sql).unwrap();
    }
    let sql = "INSERT INTO audit_log (created_at, tenant_id, actor_kind, action, object_kind, object_id, detail, \
               request_id) VALUES (?1, 'toko-1', 'operator', 'tenant.created', 'tenant', 'toko-1', '{\"a\":1}', 'r-2')";
    old.execute(sql, [NOON.0]).unwrap();
    drop(old);

    let activity = ground.start().await;
    let all = rows(&activity, RequestFilter::default()).await;
    assert_eq!((names(&all), ground.moved_aside()), (newest_first(0..5006), vec![]));
    for (number, ms) in [(0, 0), (2, 0), (3, 1), (4, 2), (2000, 2), (5004, 3_600_000), (5005, 3_600_000)] {
        let (_, at, _) = &all[5005 - number];
        assert_eq!(at.0 - NOON.0, ms, "row {number}");
    }
    let page = activity.list_requests(RequestFilter::default(), None, 1).await.unwrap();
    let expected = json!([{
        "id": (NOON.plus(HOUR).0 << 11) + 1, "created_at": NOON.plus(HOUR), "tenant_id": "toko-1", "actor_kind": "user",
        "actor_id": "7", "method": "GET", "route": "/api/products/:id", "endpoint": "/5005", "status_code": 200,
        "response_time_us": 420, "ip_address": "203.0.113.7", "user_agent": "curl/8.5.0", "request_id": "r-1",
    }]);
    assert_eq!(serde_json::to_value(&page.rows).unwrap(), expected);
    activity.record_request(request("/new"));
    assert_eq!(rows(&activity, RequestFilter::default()).await.len(), 5007);
    let audit = activity.list_audit(AuditFilter::default(), None, 10).await.unwrap();
    let expected = json!([{
        "id": NOON.0 << 11, "created_at": NOON, "tenant_id": "toko-1", "actor_kind": "operator", "actor_id": null,
        "action": "tenant.created", "object_kind": "tenant", "object_id": "toko-1", "detail": {"a": 1},
        "ip_address": null, "user_agent": null, "request_id": "r-2",
    }]);
    assert_eq!(serde_json::to_value(&audit.rows).unwrap(), expected);
}
