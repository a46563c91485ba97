//! The file of the logs in trouble: damaged, locked, left by a killed process.

use super::*;

#[tokio::test]
async fn file_that_cannot_be_used_is_moved_aside_and_made_anew() {
    let spoil: [fn(&Path); 4] = [
        |path| std::fs::write(path, b"this was a database once, however long it may have been").unwrap(),
        |path| std::fs::write(path, b"").unwrap(),
        |path| {
            let mut bytes = std::fs::read(path).unwrap();
            bytes[4096..].fill(0xff);
            std::fs::write(path, bytes).unwrap();
        },
        |path| {
            #[allow(clippy::disallowed_methods)]
            rusqlite::Connection::open(path).unwrap().execute_batch("PRAGMA user_version = 9999").unwrap();
        },
    ];
    for spoil in spoil {
        let ground = Ground::new();
        let activity = ground.start().await;
        activity.record_request(request("/before"));
        activity.shutdown().await;
        drop(activity);
        wait_until_closed(&ground.path()).await;
        spoil(&ground.path());

        let activity = ground.start().await;
        activity.record_request(request("/after"));
        assert_eq!(paths(&activity, RequestFilter::default()).await, ["/after"]);
        assert_eq!((activity.dropped(), ground.moved_aside().len()), (0, 1));
    }
}

#[tokio::test]
async fn file_that_cannot_be_had_keeps_nobody_waiting_and_is_written_as_soon_as_it_can() {
    let ground = Ground::new();
    let folder = ground.folder.path().join("later");
    let path = folder.join("logs.db");
    let options = ActivityOptions::default();
    let activity = Activity::start(&ground.engine, &path, ground.clock.clone(), options).await.unwrap();
    activity.record_request(request("/lost"));
    activity.flush().await;
    assert_eq!((activity.dropped(), activity.waiting()), (1, 0));
    let error = activity.list_requests(RequestFilter::default(), None, 10).await.unwrap_err();
    assert_eq!((error.code(), error.status()), ("logs_unavailable", 503));
    std::fs::create_dir(&folder).unwrap();
    crate::support::eventually(async || activity.list_requests(RequestFilter::default(), None, 10).await.is_ok()).await;
    activity.record_request(request("/kept"));
    assert_eq!(paths(&activity, RequestFilter::default()).await, ["/kept"]);
    activity.shutdown().await;
    assert_eq!(count_rows(&path, "api_requests"), 1);
}

/// The last connection folds the write-ahead log in and removes it.
async fn wait_until_closed(path: &Path) {
    let log = path.with_extension("db-wal");
    let started = Instant::now();
    while log.exists() {
        assert!(started.elapsed() < Duration::from_secs(10), "the file stays open");
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn damage_met_while_running_is_noted_and_heals_at_the_next_start() {
    let ground = Ground::new();
    let activity = ground.start().await;
    activity.record_request(request("/before"));
    activity.flush().await;
    // The first page is left, so that the file still opens; the pages of the request log are read
    // from the write-ahead log, those of the audit log from here.
    let mut bytes = std::fs::read(ground.path()).unwrap();
    bytes[4096..].fill(0xff);
    std::fs::write(ground.path(), bytes).unwrap();
    let error = activity.list_audit(AuditFilter::default(), None, 10).await.unwrap_err();
    assert_eq!(error.code(), "logs_corrupt");
    activity.shutdown().await;
    drop(activity);

    for _ in 0..2 {
        wait_until_closed(&ground.path()).await;
        let activity = ground.start().await;
        assert!(paths(&activity, RequestFilter::default()).await.is_empty());
        assert!(activity.list_audit(AuditFilter::default(), None, 10).await.unwrap().rows.is_empty());
        ground.clock.advance(DAY);
    }
    assert_eq!(ground.moved_aside().len(), 1, "noted once, replaced once");
}

#[tokio::test(flavor = "multi_thread")]
async fn file_locked_by_another_program_costs_entries_but_no_waiting_and_recovers() {
    let options = EngineOptions { write_timeout: Duration::from_millis(50), ..EngineOptions::default() };
    let ground = Ground { engine: Engine::start(options).unwrap(), ..Ground::new() };
    let activity = ground.start().await;
    #[allow(clippy::disallowed_methods)]
    let other = rusqlite::Connection::open(ground.path()).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    for _ in 0..3000 {
        activity.record_request(request("/lost"));
    }
    activity.flush().await;
    assert_eq!((activity.dropped(), activity.waiting()), (3000, 0));
    other.execute_batch("ROLLBACK").unwrap();
    activity.record_request(request("/kept"));
    assert_eq!(paths(&activity, RequestFilter::default()).await, ["/kept"]);
}

#[tokio::test]
async fn flushed_rows_survive_a_kill() {
    let ground = Ground::new();
    let activity = ground.start().await;
    for number in 0..600 {
        activity.record_request(request(&format!("/{number}")));
    }
    activity.record_audit(AuditEntry::new(Actor::OPERATOR, "tenant.created"));
    activity.flush().await;
    // What a killed process leaves: the file and its write-ahead log, as they are this moment.
    let left = tempfile::tempdir().unwrap();
    for name in ["logs.db", "logs.db-wal"] {
        std::fs::copy(ground.folder.path().join(name), left.path().join(name)).unwrap();
    }
    let path = left.path().join("logs.db");
    assert_eq!((count_rows(&path, "api_requests"), count_rows(&path, "audit_log")), (600, 1));
}
