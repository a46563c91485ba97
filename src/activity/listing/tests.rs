//! How lists reach their rows.

use super::*;
use crate::activity::ground::{entry, ground, plan};
use crate::activity::model::Actor;
use crate::activity::store;

fn assert_searches(plan: &[String], index: Option<&str>) {
    assert_eq!(plan.len(), 1, "one step, so nothing is sorted: {plan:?}");
    let by = index.map_or("USING INTEGER PRIMARY KEY (".to_owned(), |index| format!("USING INDEX {index} ("));
    assert!(plan[0].starts_with("SEARCH") && plan[0].contains(&by), "{plan:?}");
    assert!(plan[0].ends_with("rowid>? AND rowid<?)"), "a span of time is a span of the walk: {plan:?}");
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
                let (sql, values) = (walk.sql("api_requests", REQUEST_COLUMNS), 2 + walk.values.len());
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
                let (sql, values) = (walk.sql("audit_log", AUDIT_COLUMNS), 2 + walk.values.len());
                assert_searches(&plan(&ground.db, sql, values).await, walk.index);
            }
        }
    }
}

#[tokio::test]
async fn rare_text_costs_a_bounded_look_a_page_and_is_found_in_the_end() {
    let ground = ground();
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
