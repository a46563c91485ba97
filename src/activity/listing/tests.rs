//! How lists reach their rows.

use std::time::Duration;

use super::*;
use crate::activity::model::{Actor, RequestEntry, SentTexts};
use crate::activity::store::{self, Entry};
use crate::db::{Db, Durability, Engine, EngineOptions, Schema};

struct Ground {
    db: Db,
    _folder: tempfile::TempDir,
}

fn ground() -> Ground {
    let folder = tempfile::tempdir().unwrap();
    let (schema, engine) = (Schema::logs().unwrap(), Engine::start(EngineOptions::default()).unwrap());
    let path = folder.path().join("logs.db");
    schema.create(&path, "logs").unwrap();
    let (db, _) = schema.open(&engine, &path, "logs", Durability::Normal).unwrap();
    Ground { db, _folder: folder }
}

async fn plan(db: &Db, sql: String, values: usize) -> Vec<String> {
    db.read(move |tx| {
        let values = vec![Val::Int(4); values];
        Ok(tx.query(&format!("EXPLAIN QUERY PLAN {sql}"), &values, |row| row.get::<String>(3))?)
    })
    .await
    .unwrap()
}

fn assert_searches(plan: &[String], index: &str) {
    assert_eq!(plan.len(), 1, "one step, so nothing is sorted: {plan:?}");
    assert!(plan[0].starts_with("SEARCH") && plan[0].contains(index), "{plan:?}");
    assert!(
        plan[0].contains("created_at>?") && plan[0].contains("created_at<?") || plan[0].contains("(created_at,"),
        "{plan:?}"
    );
}

fn optional<T: Clone>(value: &T, is_there: bool) -> Option<T> {
    is_there.then(|| value.clone())
}

#[tokio::test]
async fn no_list_of_requests_scans_or_sorts_whatever_the_filter() {
    let ground = ground();
    let (tenant, route) = (TenantId::from("toko-1"), "/api/products".to_owned());
    for bits in 0..8_u8 {
        for status_class in [None, Some(2), Some(4), Some(5)] {
            for actor in [None, Some(Actor::user(7)), "user".parse().ok(), Some(Actor::OPERATOR)] {
                let filter = RequestFilter {
                    tenant: optional(&tenant, bits & 1 > 0),
                    route: optional(&route, bits & 2 > 0),
                    text: optional(&route, bits & 4 > 0),
                    status_class,
                    actor: actor.clone(),
                    ..RequestFilter::default()
                };
                let walk = request_walk(&filter);
                let (sql, values) = (walk.sql("api_requests", REQUEST_COLUMNS), 3 + walk.values.len());
                assert_searches(&plan(&ground.db, sql, values).await, walk.index);
            }
        }
    }
}

#[tokio::test]
async fn no_list_of_audit_entries_scans_or_sorts_whatever_the_filter() {
    let ground = ground();
    let tenant = TenantId::from("toko-1");
    for action in [None, Some("tenant.created"), Some("tenant.")] {
        for actor in [None, Some(Actor::user(7)), "user".parse().ok(), Some(Actor::OPERATOR)] {
            for has_tenant in [false, true] {
                let filter = AuditFilter {
                    tenant: optional(&tenant, has_tenant),
                    action: action.map(str::to_owned),
                    actor: actor.clone(),
                    ..AuditFilter::default()
                };
                let mut buffer = String::new();
                let actor = filter.actor.as_ref().map(|actor| (actor.kind, actor.id_text(&mut buffer)));
                let walk = audit_walk(&filter, actor);
                let (sql, values) = (walk.sql("audit_log", AUDIT_COLUMNS), 3 + walk.values.len());
                assert_searches(&plan(&ground.db, sql, values).await, walk.index);
            }
        }
    }
}

#[tokio::test]
async fn rare_text_costs_a_bounded_look_a_page_and_is_found_in_the_end() {
    let ground = ground();
    let entry = |path: &str, at: i64| {
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
    };
    ground
        .db
        .write(move |tx| {
            store::insert(tx, &[entry("/api/Needle", 0)])?;
            (1..=i64::try_from(EXAMINED_MAX).unwrap()).try_for_each(|at| store::insert(tx, &[entry("/api/hay", at)]))
        })
        .await
        .unwrap();
    let filter = RequestFilter { text: Some("needle".to_owned()), ..RequestFilter::default() };
    let page = |before| {
        let filter = filter.clone();
        ground.db.scan(move |tx| requests(tx, &filter, before, 10))
    };
    let (rows, next) = page(Cursor::NEWEST).await.unwrap();
    assert!(rows.is_empty(), "not reached yet");
    let (rows, next) = page(next.unwrap()).await.unwrap();
    assert_eq!((rows.len(), next), (1, None));
}
