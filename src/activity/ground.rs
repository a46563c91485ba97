//! A file of logs for tests that look below [`super::Activity`].

use std::time::Duration;

use super::model::{Actor, RequestEntry, SentTexts};
use super::store::Entry;
use crate::clock::Timestamp;
use crate::db::{Db, Durability, Engine, EngineOptions, Schema, Val};

pub(super) struct Ground {
    pub(super) db: Db,
    _folder: tempfile::TempDir,
}

pub(super) fn ground() -> Ground {
    let folder = tempfile::tempdir().unwrap();
    let (schema, engine) = (Schema::logs().unwrap(), Engine::start(EngineOptions::default()).unwrap());
    let path = folder.path().join("logs.db");
    schema.create(&path, "logs").unwrap();
    let (db, _) = schema.open(&engine, &path, "logs", Durability::Normal).unwrap();
    Ground { db, _folder: folder }
}

/// The steps of a statement's plan.
pub(super) async fn plan(db: &Db, sql: String, values: usize) -> Vec<String> {
    db.read(move |tx| {
        let values = vec![Val::Int(4); values];
        Ok(tx.query(&format!("EXPLAIN QUERY PLAN {sql}"), &values, |row| row.get::<String>(3))?)
    })
    .await
    .unwrap()
}

pub(super) fn entry(path: &str, at: i64) -> Entry {
    let request = RequestEntry {
        tenant: None,
        actor: Actor::ANONYMOUS,
        method: "GET",
        route: "/api/products/:id".into(),
        sent: SentTexts::new(path, None, None),
        ip: None,
        status: 200,
        took: Duration::ZERO,
    };
    Entry::Request(Timestamp(at), request)
}
