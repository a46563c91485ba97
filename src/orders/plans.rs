//! How the engine answers the lists: a query that reads the whole table must not slip in.

use std::sync::Arc;

use super::model::OrderFilter;
use super::sort::{OrderSort, SortKey};
use super::status::OrderStatus;
use super::store::{Condition, items_sql};
use crate::clock::Timestamp;
use crate::db::{Db, Durability, Engine, EngineOptions, Schema, Tx, Val};
use crate::error::Result;
use crate::money::Money;
use crate::vals;

fn open(folder: &tempfile::TempDir) -> Db {
    let engine = Engine::start(EngineOptions::default()).unwrap();
    let schema = Arc::new(Schema::tenant().unwrap());
    let path = folder.path().join("a.db");
    schema.create(&path, "a").unwrap();
    schema.open(&engine, &path, "a", Durability::Normal).unwrap().0
}

fn plan(tx: &mut Tx<'_>, sql: &str, values: &[Val<'_>]) -> Result<Vec<String>> {
    Ok(tx.query(&format!("EXPLAIN QUERY PLAN {sql}"), values, |row| row.get(3))?)
}

fn sorts() -> Vec<OrderSort> {
    OrderSort::NAMES.iter().map(|name| name.parse().unwrap()).collect()
}

fn page_plan(tx: &mut Tx<'_>, filter: &OrderFilter, owner: Option<i64>, sort: OrderSort) -> Result<Vec<String>> {
    let mut condition = Condition::new(filter, owner);
    let sql = condition.page_sql(sort);
    condition.values.extend([Val::Int(20), Val::Int(0)]);
    plan(tx, &sql, &condition.values)
}

/// Filters with an index of their own, with the owner who asks.
fn filters() -> Vec<(OrderFilter, Option<i64>)> {
    let status = Some(OrderStatus::Paid);
    vec![
        (OrderFilter { status, ..OrderFilter::default() }, None),
        (OrderFilter { user_id: Some(1), ..OrderFilter::default() }, None),
        (OrderFilter { user_id: Some(1), status, ..OrderFilter::default() }, None),
        (OrderFilter::default(), Some(1)),
        (OrderFilter { user_id: Some(1), status, ..OrderFilter::default() }, Some(1)),
    ]
}

fn ranges() -> [OrderFilter; 2] {
    [
        OrderFilter { created_from: Some(Timestamp(1)), created_to: Some(Timestamp(2)), ..OrderFilter::default() },
        OrderFilter { total_min: Some(Money::ZERO), total_max: Some(Money::MAX), ..OrderFilter::default() },
    ]
}

fn check_plans(tx: &mut Tx<'_>) -> Result<()> {
    let nothing = OrderFilter::default();
    for sort in sorts() {
        let unfiltered = page_plan(tx, &nothing, None, sort)?;
        let expected = match sort.key {
            SortKey::Id => "SCAN orders",
            SortKey::Total => "SCAN orders USING INDEX orders_by_total",
            SortKey::CreatedAt => "SCAN orders USING INDEX orders_by_created",
        };
        assert_eq!(unfiltered, [expected], "walks in order and stops at the limit: {sort:?}");
        for (filter, owner) in filters() {
            let lines = page_plan(tx, &filter, owner, sort)?;
            assert!(lines[0].contains(" USING INDEX orders_by_"), "{filter:?} {owner:?} {sort:?}: {lines:?}");
            if sort.key == SortKey::Id {
                assert!(lines[0].starts_with("SEARCH") && lines.len() == 1, "not sorted: {lines:?}");
            }
        }
    }
    for (filter, owner) in filters().into_iter().chain(ranges().map(|filter| (filter, None))) {
        let condition = Condition::new(&filter, owner);
        let lines = plan(tx, &condition.count_sql(), &condition.values)?;
        assert!(lines.len() == 1 && lines[0].starts_with("SEARCH orders USING "), "{filter:?}: {lines:?}");
    }
    let count = plan(tx, &Condition::new(&nothing, None).count_sql(), &[])?;
    assert_eq!(count, ["SEARCH row_counts USING PRIMARY KEY (name=?)"]);
    let items = plan(tx, &items_sql(4), vals![1_i64, 2_i64, 3_i64, 3_i64])?;
    assert_eq!(items, ["SEARCH order_items USING INDEX order_items_by_order (order_id=?)"]);
    Ok(())
}

#[tokio::test]
async fn lists_use_an_index_in_an_empty_file_and_in_a_full_one() {
    let folder = tempfile::tempdir().unwrap();
    let db = open(&folder);
    db.read(check_plans).await.unwrap();
    db.write(|tx| {
        tx.execute(
            "INSERT INTO users (id, uuid, name, email, username, created_at, updated_at) \
             VALUES (1, 'u', 'u', 'u', 'u', 0, 0)",
            &[],
        )?;
        tx.execute(
            "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000) \
             INSERT INTO orders (user_id, status, total_minor, created_at, updated_at) \
             SELECT 1, CASE i % 3 WHEN 0 THEN 'paid' ELSE 'completed' END, i * 7 % 1000, i, i FROM n",
            &[],
        )?;
        tx.execute(
            "INSERT INTO order_items (order_id, name, unit_price_minor, quantity) SELECT id, 'x', 1, 1 FROM orders",
            &[],
        )?;
        tx.execute("ANALYZE", &[])?;
        Ok(())
    })
    .await
    .unwrap();
    db.read(check_plans).await.unwrap();
}
