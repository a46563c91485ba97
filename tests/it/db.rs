//! The door to the files: group commit, inline reads, the fleet, and files in trouble.

mod group;

use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use futures_util::FutureExt as _;
use ruko::clock::Timestamp;
use ruko::db::{Db, Durability, Engine, EngineOptions, Fleet, Schema};
use ruko::error::{DbError, Error};
use ruko::id::TenantId;
use ruko::money::Money;
use ruko::products::{self, NewProduct};
use ruko::vals;

struct Ground {
    folder: tempfile::TempDir,
    engine: Engine,
    schema: Arc<Schema>,
}

impl Ground {
    fn new() -> Self {
        Self::with(EngineOptions::default())
    }

    fn with(options: EngineOptions) -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            engine: Engine::start(options).unwrap(),
            schema: Arc::new(Schema::tenant().unwrap()),
        }
    }

    fn path(&self, owner: &str) -> PathBuf {
        self.folder.path().join(format!("{owner}.db"))
    }

    fn new_file(&self, owner: &str) -> Db {
        self.schema.create(&self.path(owner), owner).unwrap();
        self.open(owner).unwrap()
    }

    fn open(&self, owner: &str) -> Result<Db, Error> {
        self.schema.open(&self.engine, &self.path(owner), owner, Durability::Full).map(|(db, _)| db)
    }

    fn fleet(&self, capacity: usize) -> Fleet {
        Fleet::new(self.engine.clone(), self.schema.clone(), Durability::Full, capacity)
    }
}

async fn insert(db: &Db, name: &str) -> Result<i64, Error> {
    let name = name.to_owned();
    db.write(move |tx| {
        let sql = "INSERT INTO products (name, price_minor, created_at, updated_at) VALUES (?1, 1, 0, 0) RETURNING id";
        Ok(tx.query_one(sql, vals![&name], |row| row.get(0))?)
    })
    .await
}

async fn count(db: &Db, name: &str) -> i64 {
    let name = name.to_owned();
    db.read(
        move |tx| Ok(tx.query_one("SELECT count(*) FROM products WHERE name = ?1", vals![&name], |row| row.get(0))?),
    )
    .await
    .unwrap()
}

fn raw(path: &Path) -> rusqlite::Connection {
    #[allow(clippy::disallowed_methods)]
    rusqlite::Connection::open(path).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn two_tenants_written_at_once_keep_their_own_rows() {
    let ground = Ground::new();
    let fleet = ground.fleet(10);
    for owner in ["a", "b"] {
        ground.schema.create(&ground.path(owner), owner).unwrap();
    }
    let mut tasks = tokio::task::JoinSet::new();
    for client in 0..64 {
        let owner = if client % 2 == 0 { "a" } else { "b" };
        let (fleet, path) = (fleet.clone(), ground.path(owner));
        tasks.spawn(async move {
            for _ in 0..25 {
                let db = fleet.get(&TenantId::from(owner), || Ok(path.clone())).await.unwrap();
                insert(&db, owner).await.unwrap();
            }
        });
    }
    tasks.join_all().await;
    for (owner, other) in [("a", "b"), ("b", "a")] {
        let db = fleet.get(&TenantId::from(owner), || Ok(ground.path(owner))).await.unwrap();
        assert_eq!((count(&db, owner).await, count(&db, other).await), (32 * 25, 0));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_locked_by_another_program_times_out_alone_and_recovers() {
    let ground = Ground::with(EngineOptions {
        read_timeout: Duration::from_millis(300),
        write_timeout: Duration::from_millis(300),
        ..EngineOptions::default()
    });
    let (locked, other) = (ground.new_file("locked"), ground.new_file("other"));
    let program = raw(locked.path());
    program.execute_batch("BEGIN IMMEDIATE").unwrap();
    let blocked = tokio::spawn({
        let locked = locked.clone();
        async move { insert(&locked, "x").await }
    });
    insert(&other, "free").await.unwrap();
    assert!(matches!(blocked.await.unwrap(), Err(Error::Db(DbError::Busy))));
    assert_eq!(count(&locked, "x").await, 0, "reads go on beside a writer");
    program.execute_batch("COMMIT").unwrap();
    insert(&locked, "x").await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_read_leaves_the_worker_and_ends_at_its_deadline() {
    let ground = Ground::with(EngineOptions { read_timeout: Duration::from_millis(200), ..EngineOptions::default() });
    let db = ground.new_file("a");
    let runs = Arc::new(AtomicUsize::new(0));
    let seen = runs.clone();
    let started = Instant::now();
    let outcome = db
        .read(move |tx| {
            seen.fetch_add(1, Ordering::Relaxed);
            let forever = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n";
            Ok(tx.query_one(forever, &[], |row| row.get::<i64>(0))?)
        })
        .await;
    assert!(matches!(outcome, Err(Error::Db(DbError::Timeout))), "{outcome:?}");
    assert_eq!(runs.load(Ordering::Relaxed), 2, "once on the worker, once on a thread");
    assert!(started.elapsed() < Duration::from_secs(2));
}

#[tokio::test]
async fn a_reader_cannot_write() {
    let ground = Ground::new();
    let db = ground.new_file("a");
    let outcome = db.read(|tx| Ok(tx.execute("DELETE FROM users", &[])?)).await;
    assert!(matches!(outcome, Err(Error::Db(DbError::ReadOnly))), "{outcome:?}");
}

#[tokio::test]
async fn files_that_are_not_the_tenants_own_are_refused_with_the_reason() {
    let ground = Ground::new();
    let code = |outcome: Result<Db, Error>| outcome.unwrap_err().code();
    assert_eq!(code(ground.open("missing")), "tenant_unavailable");
    assert!(!ground.path("missing").exists(), "a missing file is not made anew");
    std::fs::write(ground.path("empty"), b"").unwrap();
    assert_eq!(code(ground.open("empty")), "tenant_corrupt");
    std::fs::write(ground.path("text"), b"this is no database, however long it may be ....").unwrap();
    assert_eq!(code(ground.open("text")), "tenant_corrupt");
    ground.schema.create(&ground.path("stolen"), "somebody else").unwrap();
    assert_eq!(code(ground.open("stolen")), "tenant_corrupt");
    ground.schema.create(&ground.path("newer"), "newer").unwrap();
    raw(&ground.path("newer")).execute_batch("PRAGMA user_version = 9999").unwrap();
    assert_eq!(code(ground.open("newer")), "tenant_newer");
    assert!(ground.schema.create(&ground.path("newer"), "newer").is_err(), "create never overwrites");
}

#[tokio::test(flavor = "multi_thread")]
async fn fleet_opens_once_closes_the_unused_and_keeps_those_in_use() {
    let ground = Ground::new();
    let fleet = ground.fleet(2);
    for owner in ["a", "b", "c", "d"] {
        ground.schema.create(&ground.path(owner), owner).unwrap();
    }
    let get = |owner: &'static str| {
        let (fleet, path) = (fleet.clone(), ground.path(owner));
        async move { fleet.get(&TenantId::from(owner), || Ok(path)).await.unwrap() }
    };
    let (one, two) = tokio::join!(get("a"), get("a"));
    assert_eq!(one.generation(), two.generation(), "both hold the same database");
    insert(&one, "kept").await.unwrap();
    drop(two);
    for owner in ["b", "c", "d"] {
        drop(get(owner).await);
    }
    // Closing happens on a thread; the bound holds as soon as those are done.
    let started = Instant::now();
    while fleet.stats().open > 2 {
        assert!(started.elapsed() < Duration::from_secs(5), "{:?}", fleet.stats());
        tokio::task::yield_now().await;
    }
    assert_eq!(get("a").await.generation(), one.generation(), "in use, so never closed");
    assert_eq!(count(&one, "kept").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn fenced_file_is_complete_and_requests_wait_for_its_end() {
    let ground = Ground::new();
    let fleet = ground.fleet(2);
    ground.schema.create(&ground.path("a"), "a").unwrap();
    let id = TenantId::from("a");
    let db = fleet.get(&id, || Ok(ground.path("a"))).await.unwrap();
    insert(&db, "x").await.unwrap();
    assert!(fleet.fence(&id, Instant::now() + Duration::from_millis(50)).await.is_err(), "still in use");
    drop(db);
    let fenced = fleet.fence(&id, Instant::now() + Duration::from_secs(5)).await.unwrap();
    assert!(!ground.path("a").with_extension("db-wal").exists(), "closed, so nothing waits beside the file");
    let waiting = tokio::spawn({
        let (fleet, id, path) = (fleet.clone(), id.clone(), ground.path("moved"));
        async move { count(&fleet.get(&id, || Ok(path)).await.unwrap(), "x").await }
    });
    std::fs::rename(ground.path("a"), ground.path("moved")).unwrap();
    drop(fenced);
    assert_eq!(waiting.await.unwrap(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn fence_that_is_given_up_leaves_the_file_open_as_it_was() {
    let ground = Ground::new();
    let fleet = ground.fleet(2);
    ground.schema.create(&ground.path("a"), "a").unwrap();
    let id = TenantId::from("a");
    let held = fleet.get(&id, || Ok(ground.path("a"))).await.unwrap();
    let given_up = fleet.fence(&id, Instant::now() + Duration::from_secs(60));
    assert!(tokio::time::timeout(Duration::from_millis(20), given_up).await.is_err(), "it waits for the holder");
    let again = fleet.get(&id, || Ok(ground.path("a"))).await.unwrap();
    assert_eq!(again.generation(), held.generation(), "a second open would be a second queue of writes");
}

#[tokio::test(flavor = "multi_thread")]
async fn prepared_statement_writes_the_values_of_each_row() {
    let ground = Ground::new();
    let db = ground.new_file("a");
    let rows = [("kopi", Some("hot")), ("kopi", None), ("teh", None), ("teh", Some("hot")), ("teh", Some("hot"))];
    let outcome = db.write(move |tx| {
        let sql = "INSERT INTO products (name, description, price_minor, created_at, updated_at) \
                   VALUES (?1, ?2, length(?1), ?3, ?3)";
        let mut insert = tx.prepare(sql)?;
        for (at, (name, description)) in (0_i64..).zip(rows) {
            assert_eq!(tx.run(&mut insert, vals![name, description, at])?, 1);
            let too_long = tx.run(&mut insert, vals!["never", "never", i64::MAX, 1_i64]);
            assert!(matches!(too_long, Err(DbError::Other(_))), "what is not given must not be that of the row before");
            assert!(matches!(tx.run(&mut insert, vals!["never"]), Err(DbError::Other(_))));
            let refused = tx.run(&mut insert, vals![Option::<&str>::None, "x", 0_i64]);
            assert!(matches!(refused, Err(DbError::NotNull(_))), "{refused:?}");
        }
        let sql = "SELECT name, description, created_at FROM products ORDER BY id";
        Ok(tx.query(sql, &[], |row| Ok((row.get::<String>(0)?, row.get::<Option<String>>(1)?, row.get::<i64>(2)?)))?)
    });
    let expected = (0..).zip(rows).map(|(at, (name, text))| (name.to_owned(), text.map(str::to_owned), at));
    assert_eq!(outcome.await.unwrap(), expected.collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn tidied_file_is_one_complete_file() {
    let ground = Ground::new();
    let db = ground.new_file("a");
    assert!(!db.wants_tidying(Duration::ZERO));
    insert(&db, "x").await.unwrap();
    assert!(db.wants_tidying(Duration::ZERO) && !db.wants_tidying(Duration::from_secs(60)));
    db.tidy().unwrap();
    assert!(!db.wants_tidying(Duration::ZERO));
    let copy = ground.folder.path().join("copy.db");
    std::fs::copy(db.path(), &copy).unwrap();
    let rows: i64 = raw(&copy).query_row("SELECT count(*) FROM products", [], |row| row.get(0)).unwrap();
    assert_eq!(rows, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn copy_of_a_live_file_is_consistent_while_it_is_written() {
    let ground = Ground::new();
    let db = ground.new_file("a");
    for _ in 0..200 {
        insert(&db, "x").await.unwrap();
    }
    let is_done = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let writer = tokio::spawn({
        let (db, is_done) = (db.clone(), is_done.clone());
        async move {
            while !is_done.load(Ordering::Relaxed) {
                insert(&db, "x").await.unwrap();
            }
        }
    });
    for round in 0..5 {
        let (from, to) = (db.path().to_owned(), ground.folder.path().join(format!("copy{round}.db")));
        ground.engine.run(move || Ok(ruko::db::copy_live(&from, &to)?)).await.unwrap();
        let copy = raw(&ground.folder.path().join(format!("copy{round}.db")));
        let ok: String = copy.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
        let (rows, counted): (i64, i64) = copy
            .query_row(
                "SELECT (SELECT count(*) FROM products), (SELECT n FROM row_counts WHERE name = 'products')",
                [],
                |r| Ok((r.get(0)?, r.get(1)?)),
            )
            .unwrap();
        assert!(ok == "ok" && rows == counted && rows >= 200, "{ok} {rows} {counted}");
    }
    is_done.store(true, Ordering::Relaxed);
    writer.await.unwrap();
}
