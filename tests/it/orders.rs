//! Orders: what they take from the stock, who sees them, and how they move on.

mod create;
mod list;
mod model;
mod transition;

use std::sync::Arc;

use ruko::api::kit::errors::validation_text;
use ruko::clock::Timestamp;
use ruko::db::{Db, Durability, Engine, EngineOptions, Schema};
use ruko::error::{Error, FieldError, Result, Rule};
use ruko::id::UserId;
use ruko::orders::{self, NewItem, NewOrder, Order, OrderStatus};
use ruko::vals;

const NOW: Timestamp = Timestamp(1_761_833_130_000);
const ANN: UserId = 1;
const BEN: UserId = 2;

/// A tenant's file with two users and no products yet.
#[derive(Clone)]
struct Shop {
    db: Db,
    _folder: Arc<tempfile::TempDir>,
}

impl Shop {
    async fn open() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let engine = Engine::start(EngineOptions::default()).unwrap();
        let (schema, path) = (Schema::tenant().unwrap(), folder.path().join("shop.db"));
        schema.create(&path, "shop").unwrap();
        let (db, _) = schema.open(&engine, &path, "shop", Durability::Normal).unwrap();
        let shop = Self { db, _folder: Arc::new(folder) };
        for name in ["ann", "ben"] {
            let sql =
                "INSERT INTO users (uuid, name, email, username, created_at, updated_at) VALUES (?1, ?1, ?1, ?1, 0, 0)";
            shop.db.write(move |tx| Ok(tx.execute(sql, vals![name])?)).await.unwrap();
        }
        shop
    }

    async fn add_product(&self, name: &'static str, price_minor: i64, stock: i64) -> i64 {
        let sql = "INSERT INTO products (name, price_minor, stock, created_at, updated_at) \
                   VALUES (?1, ?2, ?3, 0, 0) RETURNING id";
        self.db
            .write(move |tx| Ok(tx.query_one(sql, vals![name, price_minor, stock], |row| row.get(0))?))
            .await
            .unwrap()
    }

    async fn run(&self, sql: &'static str) {
        self.db.write(move |tx| Ok(tx.execute(sql, &[])?)).await.unwrap();
    }

    async fn number(&self, sql: &'static str) -> i64 {
        self.db.read(move |tx| Ok(tx.query_one(sql, &[], |row| row.get(0))?)).await.unwrap()
    }

    async fn stock(&self, id: i64) -> i64 {
        let sql = "SELECT stock FROM products WHERE id = ?1";
        self.db.read(move |tx| Ok(tx.query_one(sql, vals![id], |row| row.get(0))?)).await.unwrap()
    }

    async fn order(&self, user_id: UserId, items: &[(i64, i64)]) -> Result<Order> {
        self.create(new_order(user_id, items), None).await
    }

    async fn create(&self, input: NewOrder, owner: Option<UserId>) -> Result<Order> {
        self.db.write(move |tx| orders::create(tx, &input, owner, NOW)).await
    }

    async fn get(&self, id: i64, owner: Option<UserId>) -> Result<Order> {
        self.db.read(move |tx| orders::get(tx, id, owner)).await
    }

    async fn set_status(&self, id: i64, to: OrderStatus, owner: Option<UserId>) -> Result<Order> {
        self.db.write(move |tx| orders::set_status(tx, id, to, owner, Timestamp(NOW.0 + 1))).await
    }
}

fn new_order(user_id: UserId, items: &[(i64, i64)]) -> NewOrder {
    let items = items.iter().map(|&(product_id, quantity)| NewItem { product_id, quantity }).collect();
    NewOrder { user_id, items, note: None }
}

/// Path and code or rule of each refused field.
fn refused(outcome: Result<Order>) -> Vec<(String, String)> {
    let Err(Error::Invalid(fields)) = outcome else { panic!("not refused: {outcome:?}") };
    let text = |field: &FieldError| match &field.rule {
        Rule::OutOfStock { .. } => format!("out_of_stock: {}", validation_text(field)),
        Rule::Other(code, text) => format!("{code}: {text}"),
        other => format!("{other:?}"),
    };
    fields.iter().map(|field| (field.path.clone(), text(field))).collect()
}
