//! The SQL of orders and their items.

use std::collections::HashMap;

use crate::clock::Timestamp;
use crate::db::{Row, Tx, Val};
use crate::error::{DbError, Error, Result, Rule};
use crate::id::UserId;
use crate::money::Money;
use crate::products::stock::Offer;
use crate::vals;

use super::model::{NewItem, NewOrder, Order, OrderFilter, OrderItem, OrderPage};
use super::sort::{OrderSort, SortKey};
use super::status::OrderStatus;

const COLUMNS: &str = "id, user_id, status, total_minor, note, created_at, updated_at";

/// The order with its items.
///
/// # Errors
/// [`Error::NotFound`] when there is none, or it is not the owner's.
pub fn get(tx: &mut Tx<'_>, id: i64, owner: Option<UserId>) -> Result<Order> {
    tx.snapshot()?;
    let found = tx.query_opt(&format!("SELECT {COLUMNS} FROM orders WHERE id = ?1"), vals![id], read_order)?;
    let mut order =
        found.filter(|order| owner.is_none() || order.user_id == owner).ok_or_else(|| Error::not_found("order", id))?;
    attach_items(tx, std::slice::from_mut(&mut order))?;
    Ok(order)
}

/// The orders that fit the filter, from `offset` on, at most `limit` of them, each with its items.
///
/// # Errors
/// Any [`DbError`].
pub fn list(
    tx: &mut Tx<'_>,
    filter: &OrderFilter,
    owner: Option<UserId>,
    sort: OrderSort,
    limit: i64,
    offset: i64,
) -> Result<OrderPage> {
    tx.snapshot()?;
    let mut condition = Condition::new(filter, owner);
    let total = tx.query_one(&condition.count_sql(), &condition.values, |row| row.get(0))?;
    let sql = condition.page_sql(sort);
    condition.values.extend([Val::Int(limit), Val::Int(offset)]);
    let mut orders = tx.query(&sql, &condition.values, read_order)?;
    attach_items(tx, &mut orders)?;
    Ok(OrderPage { orders, total })
}

pub(super) fn insert(tx: &mut Tx<'_>, input: &NewOrder, total: Money, now: Timestamp) -> Result<i64> {
    let sql = "INSERT INTO orders (user_id, status, total_minor, note, created_at, updated_at) \
               VALUES (?1, ?2, ?3, ?4, ?5, ?5)";
    let values = vals![input.user_id, OrderStatus::Pending.as_str(), total, &input.note, now];
    tx.insert(sql, values).map_err(|error| match error {
        // The user is the only other row an order points at.
        DbError::ForeignKey => Error::field("user_id", Rule::Missing),
        other => other.into(),
    })
}

pub(super) fn insert_item(tx: &mut Tx<'_>, order_id: i64, item: NewItem, offer: &Offer) -> Result<OrderItem> {
    let sql = "INSERT INTO order_items (order_id, product_id, name, unit_price_minor, quantity) \
               VALUES (?1, ?2, ?3, ?4, ?5)";
    let values = vals![order_id, item.product_id, &offer.name, offer.price, item.quantity];
    Ok(OrderItem {
        id: tx.insert(sql, values)?,
        product_id: Some(item.product_id),
        name: offer.name.clone(),
        unit_price: offer.price,
        quantity: item.quantity,
    })
}

pub(super) fn set_status(tx: &mut Tx<'_>, id: i64, to: OrderStatus, now: Timestamp) -> Result<()> {
    tx.execute("UPDATE orders SET status = ?2, updated_at = ?3 WHERE id = ?1", vals![id, to.as_str(), now])?;
    Ok(())
}

/// The WHERE of a list. Only what is set becomes part of it: `?1 IS NULL OR ..` would keep the
/// planner from every index.
pub(super) struct Condition {
    tests: Vec<String>,
    pub(super) values: Vec<Val<'static>>,
}

impl Condition {
    pub(super) fn new(filter: &OrderFilter, owner: Option<UserId>) -> Self {
        let tests = [
            ("user_id =", owner.map(Val::from)),
            ("user_id =", filter.user_id.map(Val::from)),
            ("status =", filter.status.map(|status| Val::Text(status.as_str()))),
            ("created_at >=", filter.created_from.map(Val::from)),
            ("created_at <=", filter.created_to.map(Val::from)),
            ("total_minor >=", filter.total_min.map(Val::from)),
            ("total_minor <=", filter.total_max.map(Val::from)),
        ];
        let set = tests.into_iter().filter_map(|(test, value)| Some((test, value?)));
        let (tests, values) = set.enumerate().map(|(i, (test, value))| (format!("{test} ?{}", i + 1), value)).unzip();
        Self { tests, values }
    }

    fn where_sql(&self) -> String {
        if self.tests.is_empty() { String::new() } else { format!(" WHERE {}", self.tests.join(" AND ")) }
    }

    /// Counts all orders that fit. All orders there are have been counted already.
    pub(super) fn count_sql(&self) -> String {
        if self.tests.is_empty() {
            return "SELECT n FROM row_counts WHERE name = 'orders'".into();
        }
        format!("SELECT count(*) FROM orders{}", self.where_sql())
    }

    /// Reads a page; limit and offset are its last two values.
    pub(super) fn page_sql(&self, sort: OrderSort) -> String {
        let direction = if sort.is_descending { "DESC" } else { "ASC" };
        let by = match sort.key {
            SortKey::Id => String::new(),
            SortKey::Total => format!("total_minor {direction}, "),
            SortKey::CreatedAt => format!("created_at {direction}, "),
        };
        let (condition, count) = (self.where_sql(), self.values.len());
        format!(
            "SELECT {COLUMNS} FROM orders{condition} ORDER BY {by}id {direction} LIMIT ?{} OFFSET ?{}",
            count + 1,
            count + 2
        )
    }
}

fn read_order(row: &Row<'_, '_>) -> Result<Order, DbError> {
    Ok(Order {
        id: row.get(0)?,
        user_id: row.get(1)?,
        status: row.text(2)?.parse().map_err(|_| DbError::Corrupt("orders.status is not readable".into()))?,
        total: row.get(3)?,
        note: row.get(4)?,
        items: Vec::new(),
        created_at: row.get(5)?,
        updated_at: row.get(6)?,
    })
}

/// Reads the items of all these orders in one query.
fn attach_items(tx: &mut Tx<'_>, orders: &mut [Order]) -> Result<()> {
    let index_of: HashMap<i64, usize> = orders.iter().enumerate().map(|(index, order)| (order.id, index)).collect();
    let mut ids: Vec<Val<'_>> = orders.iter().map(|order| Val::Int(order.id)).collect();
    let Some(last) = ids.last().copied() else { return Ok(()) };
    ids.resize(ids.len().next_power_of_two(), last);
    tx.each(&items_sql(ids.len()), &ids, |row| {
        if let Some(order) = index_of.get(&row.get(0)?).and_then(|index| orders.get_mut(*index)) {
            order.items.push(OrderItem {
                id: row.get(1)?,
                product_id: row.get(2)?,
                name: row.get(3)?,
                unit_price: row.get(4)?,
                quantity: row.get(5)?,
            });
        }
        Ok(true)
    })?;
    Ok(())
}

/// Reads the items of this many orders. Callers fill up to a power of two, repeating an id: that
/// leaves a handful of statements to cache, not one for each length of a page.
pub(super) fn items_sql(count: usize) -> String {
    let places: Vec<String> = (1..=count).map(|place| format!("?{place}")).collect();
    format!(
        "SELECT order_id, id, product_id, name, unit_price_minor, quantity FROM order_items \
         WHERE order_id IN ({}) ORDER BY order_id, id",
        places.join(", ")
    )
}
