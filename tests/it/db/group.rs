//! Writes that share a transaction: what one does to the others, which is nothing.

use super::*;

/// A write that stands in the queue, in the order of the calls.
fn queued<T: 'static>(
    write: impl Future<Output = Result<T, Error>>,
) -> Pin<Box<impl Future<Output = Result<T, Error>>>> {
    let mut write = Box::pin(write);
    assert!(write.as_mut().now_or_never().is_none());
    write
}

#[tokio::test(flavor = "multi_thread")]
async fn failing_and_panicking_closures_cost_their_neighbours_nothing() {
    let ground = Ground::new();
    let db = ground.new_file("a");
    let mut tasks = tokio::task::JoinSet::new();
    for index in 0..300_i64 {
        let db = db.clone();
        tasks.spawn(async move {
            let outcome = db
                .write(move |tx| {
                    tx.execute(
                        "INSERT INTO products (name, price_minor, stock, created_at, updated_at) VALUES ('x', 1, ?1, 0, 0)",
                        vals![index],
                    )?;
                    match index % 3 {
                        0 => Ok(index),
                        1 => Err(Error::not_found("product", index)),
                        _ => panic!("on purpose"),
                    }
                })
                .await;
            (index, outcome)
        });
    }
    for (index, outcome) in tasks.join_all().await {
        match index % 3 {
            0 => assert_eq!(outcome.unwrap(), index),
            1 => assert!(matches!(outcome, Err(Error::NotFound { .. }))),
            _ => assert!(matches!(outcome, Err(Error::Internal(_)))),
        }
    }
    let stocks =
        db.read(|tx| Ok(tx.query("SELECT stock FROM products ORDER BY stock", &[], |r| r.get::<i64>(0))?)).await;
    assert_eq!(stocks.unwrap(), (0..300).step_by(3).collect::<Vec<i64>>());
    let counted =
        db.read(|tx| Ok(tx.query_one("SELECT n FROM row_counts WHERE name = 'products'", &[], |r| r.get::<i64>(0))?));
    assert_eq!(counted.await.unwrap(), 100_i64);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_whose_trigger_fails_leaves_nothing_and_costs_its_neighbours_nothing() {
    let ground = Ground::new();
    let db = ground.new_file("a");
    raw(&ground.path("a"))
        .execute_batch(
            "CREATE TRIGGER refuse AFTER INSERT ON products WHEN new.name = 'refused' \
             BEGIN SELECT RAISE (FAIL, 'refused'); END",
        )
        .unwrap();
    let mut tasks = tokio::task::JoinSet::new();
    for index in 0..100 {
        let db = db.clone();
        tasks.spawn(async move {
            let name = if index % 4 == 0 { "refused" } else { "taken" };
            let new = NewProduct {
                name: name.into(),
                description: None,
                price: Money::default(),
                stock: 0,
                image: None,
                is_active: true,
            };
            (name, db.write(move |tx| products::create(tx, &new, Timestamp(0))).await)
        });
    }
    for (name, outcome) in tasks.join_all().await {
        assert_eq!(outcome.is_ok(), name == "taken", "{outcome:?}");
    }
    assert_eq!((count(&db, "taken").await, count(&db, "refused").await), (75, 0));
    let counted =
        db.read(|tx| Ok(tx.query_one("SELECT n FROM row_counts WHERE name = 'products'", &[], |r| r.get::<i64>(0))?));
    assert_eq!(counted.await.unwrap(), 75);
}

/// Never writes a row; SQLite undoes the whole transaction all the same when it is interrupted.
const ENDLESS: &str = "INSERT INTO products (name, price_minor, created_at, updated_at) \
    WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT 'endless', 1, 0, 0 FROM n WHERE i < 0";

#[tokio::test(flavor = "multi_thread")]
async fn an_endless_write_ends_at_its_deadline_and_costs_its_neighbours_nothing() {
    let ground = Ground::with(EngineOptions { write_timeout: Duration::from_secs(1), ..EngineOptions::default() });
    let db = ground.new_file("a");
    // Holds the writer until all others wait, so that they share a transaction.
    let (release, held) = std::sync::mpsc::channel::<()>();
    let held = Mutex::new(held);
    let mut gate = queued(db.write(move |_| {
        let _ = held.lock().unwrap().recv();
        Ok(())
    }));
    let mut before: Vec<_> = (0..5).map(|_| queued(insert(&db, "before"))).collect();
    let endless = queued(db.write(|tx| {
        tx.execute("INSERT INTO products (name, price_minor, created_at, updated_at) VALUES ('x', 1, 0, 0)", &[])?;
        let swallowed = tx.execute(ENDLESS, &[]);
        assert_eq!(swallowed, Err(DbError::Timeout));
        // It would be committed by itself, were it not refused.
        assert_eq!(tx.execute("DELETE FROM products", &[]), Err(DbError::Timeout));
        Ok(())
    }));
    drop(release);
    gate.as_mut().await.unwrap();
    for neighbour in &mut before {
        neighbour.as_mut().await.unwrap();
    }
    assert!(matches!(endless.await, Err(Error::Db(DbError::Timeout))));
    assert_eq!(count(&db, "before").await, 5);
    insert(&db, "after").await.unwrap();
    assert_eq!((count(&db, "x").await, count(&db, "after").await), (0, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_acknowledges_nothing_of_its_batch_and_recovers() {
    let ground = Ground::new();
    let db = ground.new_file("a");
    insert(&db, "before").await.unwrap();
    let blob = "x".repeat(3000);
    let pages: i64 = db.read(|tx| Ok(tx.query_one("PRAGMA page_count", &[], |row| row.get(0))?)).await.unwrap();
    db.set_max_bytes(Some(u64::try_from(pages + 20).unwrap() * 4096));
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..100 {
        let (db, blob) = (db.clone(), blob.clone());
        tasks.spawn(async move { insert(&db, &blob).await });
    }
    let outcomes = tasks.join_all().await;
    let acknowledged = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
    assert!(outcomes.iter().any(|outcome| matches!(outcome, Err(Error::Db(DbError::Full)))), "{outcomes:?}");
    assert_eq!(count(&db, &blob).await, i64::try_from(acknowledged).unwrap());
    assert_eq!(count(&db, "before").await, 1);
    db.set_max_bytes(None);
    insert(&db, "after").await.unwrap();
    assert_eq!(count(&db, "after").await, 1);
}
