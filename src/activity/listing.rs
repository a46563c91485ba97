//! The SQL that lists the logs.
//!
//! A list walks ONE index, or the table itself, from its newest end: that of the most telling
//! filter. The other filters are looked at row by row, and never at more than [`EXAMINED_MAX`] rows
//! in a call; what remains is for the next page. So the cost of a call is bounded whatever is asked
//! of however large a log.

use crate::clock::Timestamp;
use crate::db::{Row, Tx, Val};
use crate::error::{DbError, Result};
use crate::id::TenantId;

use super::cursor::Cursor;
use super::model::{ActorKind, AuditFilter, AuditRow, RequestFilter, RequestRow};
use super::numbering::{first_id, time_of};

/// Rows one call looks at, some 50 ms of work.
const EXAMINED_MAX: usize = 50_000;

const REQUEST_COLUMNS: &str = "id, tenant_id, actor_kind, actor_id, method, route, endpoint, \
    status_code, response_time_us, ip_address, user_agent, request_id";
const AUDIT_COLUMNS: &str = "id, tenant_id, actor_kind, actor_id, action, object_kind, object_id, \
    detail, ip_address, user_agent, request_id";

/// The index of failures holds these rows only.
const FAILED: &str = "status_code / 100 = ?3 AND status_code BETWEEN 400 AND 599 AND";

/// Rows of a page, and where to go on when there may be more.
pub(super) type Found<T> = (Vec<T>, Option<Cursor>);

/// What a list walks, and what pins the leading columns of the index. The values follow `?2`.
struct Walk<'f> {
    /// None: the table itself.
    index: Option<&'static str>,
    condition: &'static str,
    values: Vec<Val<'f>>,
}

impl<'f> Walk<'f> {
    const TABLE: Self = Self { index: None, condition: "", values: Vec::new() };

    fn new(index: &'static str, condition: &'static str, values: Vec<Val<'f>>) -> Self {
        Self { index: Some(index), condition, values }
    }

    fn sql(&self, table: &str, columns: &str) -> String {
        let condition = self.condition;
        // INDEXED BY makes a plan other than the meant one an error instead of a slow answer; NOT INDEXED
        // leaves the order of the table.
        let by = self.index.map_or_else(|| "NOT INDEXED".to_owned(), |index| format!("INDEXED BY {index}"));
        format!("SELECT {columns} FROM {table} {by} WHERE {condition} id >= ?1 AND id < ?2 ORDER BY id DESC")
    }
}

/// Lists requests older than `before`.
pub(super) fn requests(
    tx: &mut Tx<'_>,
    filter: &RequestFilter,
    before: Cursor,
    limit: usize,
) -> Result<Found<RequestRow>> {
    let mut buffer = String::new();
    let actor = filter.actor.as_ref().map(|actor| (actor.kind, actor.id_text(&mut buffer)));
    let wanted = Wanted { tenant: filter.tenant.as_ref(), actor, is_inside_only: filter.is_inside_only };
    let walk = request_walk(filter);
    let sql = walk.sql("api_requests", REQUEST_COLUMNS);
    let matches = |row: &Row<'_, '_>| {
        Ok(wanted.has(row)?
            && is_or_any(filter.route.as_deref(), row.text(5)?)
            && filter.status_class.is_none_or(|class| row.get(7).is_ok_and(|code: u32| code / 100 == u32::from(class)))
            && has_text(row, filter.text.as_deref(), &[6, 9, 10, 11])?)
    };
    run(tx, &sql, &walk.values, (filter.since, filter.until, before), limit, matches, read_request)
}

fn request_walk(filter: &RequestFilter) -> Walk<'_> {
    match (filter.status_class, &filter.tenant) {
        (Some(5), _) => Walk::new("api_requests_by_failure", FAILED, vec![5_i64.into()]),
        (_, Some(tenant)) => Walk::new("api_requests_by_tenant", "tenant_id = ?3 AND", vec![tenant.as_str().into()]),
        (Some(4), None) => Walk::new("api_requests_by_failure", FAILED, vec![4_i64.into()]),
        (_, None) => Walk::TABLE,
    }
}

/// Lists audit entries older than `before`.
pub(super) fn audit(tx: &mut Tx<'_>, filter: &AuditFilter, before: Cursor, limit: usize) -> Result<Found<AuditRow>> {
    let mut buffer = String::new();
    let actor = filter.actor.as_ref().map(|actor| (actor.kind, actor.id_text(&mut buffer)));
    let wanted = Wanted { tenant: filter.tenant.as_ref(), actor, is_inside_only: filter.is_inside_only };
    let walk = audit_walk(filter, actor);
    let sql = walk.sql("audit_log", AUDIT_COLUMNS);
    let matches = |row: &Row<'_, '_>| {
        Ok(wanted.has(row)?
            && is_action(filter.action.as_deref(), row.text(4)?)
            && has_text(row, filter.text.as_deref(), &[4, 5, 6, 7, 8, 10])?)
    };
    run(tx, &sql, &walk.values, (filter.since, filter.until, before), limit, matches, read_audit)
}

fn audit_walk<'f>(filter: &'f AuditFilter, actor: Option<(ActorKind, Option<&'f str>)>) -> Walk<'f> {
    match (walk_of(filter.tenant.as_ref(), actor), &filter.action) {
        (Some(Owner::Actor(values)), _) => {
            Walk::new("audit_log_by_actor", "actor_kind = ?3 AND actor_id IS ?4 AND", values)
        }
        (Some(Owner::Tenant(values)), _) => Walk::new("audit_log_by_tenant", "tenant_id = ?3 AND", values),
        (None, Some(action)) if !action.ends_with('.') => {
            Walk::new("audit_log_by_action", "action = ?3 AND", vec![action.into()])
        }
        (None, _) => Walk::TABLE,
    }
}

/// Whose rows are walked.
enum Owner<'f> {
    Actor(Vec<Val<'f>>),
    Tenant(Vec<Val<'f>>),
}

fn walk_of<'f>(tenant: Option<&'f TenantId>, actor: Option<(ActorKind, Option<&'f str>)>) -> Option<Owner<'f>> {
    match (tenant, actor) {
        // User 7 exists in every tenant, so among the rows of "user 7" those of one tenant are few.
        (Some(tenant), Some((kind, _))) if kind.is_inside_tenant() => Some(Owner::Tenant(vec![tenant.as_str().into()])),
        (_, Some((kind, id))) if id.is_some() || kind.is_only_one() => {
            Some(Owner::Actor(vec![kind.as_str().into(), id.into()]))
        }
        (Some(tenant), _) => Some(Owner::Tenant(vec![tenant.as_str().into()])),
        (None, _) => None,
    }
}

/// Walks until the page is full, nothing is left, or enough was looked at.
fn run<T>(
    tx: &mut Tx<'_>,
    sql: &str,
    pinned: &[Val<'_>],
    (since, until, before): (Option<Timestamp>, Option<Timestamp>, Cursor),
    limit: usize,
    matches: impl Fn(&Row<'_, '_>) -> Result<bool, DbError>,
    read: impl Fn(&Row<'_, '_>) -> Result<T, DbError>,
) -> Result<Found<T>> {
    let before = until.map_or(before, |until| before.min(Cursor::older_than(until)));
    let mut values: Vec<Val<'_>> = vec![since.map_or(i64::MIN, first_id).into(), before.0.into()];
    values.extend_from_slice(pinned);
    let (mut rows, mut examined) = (Vec::new(), 0);
    let mut last = before;
    let mut next = None;
    tx.each(sql, &values, |row| {
        if rows.len() >= limit || examined >= EXAMINED_MAX {
            next = Some(last);
            return Ok(false);
        }
        examined += 1;
        last = Cursor(row.get(0)?);
        if matches(row)? {
            rows.push(read(row)?);
        }
        Ok(true)
    })?;
    Ok((rows, next))
}

/// What of a row both logs have, and a list may ask for.
struct Wanted<'f> {
    tenant: Option<&'f TenantId>,
    actor: Option<(ActorKind, Option<&'f str>)>,
    is_inside_only: bool,
}

impl Wanted<'_> {
    fn has(&self, row: &Row<'_, '_>) -> Result<bool, DbError> {
        if let Some(tenant) = self.tenant
            && row.get::<Option<String>>(1)?.as_deref() != Some(tenant.as_str())
        {
            return Ok(false);
        }
        if self.is_inside_only && read_kind(row)?.is_above_tenants() {
            return Ok(false);
        }
        let Some((kind, id)) = self.actor else { return Ok(true) };
        Ok(row.text(2)? == kind.as_str() && (id.is_none() || row.get::<Option<String>>(3)?.as_deref() == id))
    }
}

fn is_or_any(wanted: Option<&str>, found: &str) -> bool {
    wanted.is_none_or(|wanted| wanted == found)
}

fn is_action(wanted: Option<&str>, found: &str) -> bool {
    wanted.is_none_or(|wanted| if wanted.ends_with('.') { found.starts_with(wanted) } else { found == wanted })
}

fn has_text(row: &Row<'_, '_>, wanted: Option<&str>, columns: &[usize]) -> Result<bool, DbError> {
    let Some(wanted) = wanted.filter(|wanted| !wanted.is_empty()) else { return Ok(true) };
    for column in columns {
        if row.get::<Option<String>>(*column)?.is_some_and(|text| contains(&text, wanted)) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// "Contains", without regard to the case of ASCII letters.
fn contains(text: &str, wanted: &str) -> bool {
    text.as_bytes().windows(wanted.len()).any(|part| part.eq_ignore_ascii_case(wanted.as_bytes()))
}

fn read_kind(row: &Row<'_, '_>) -> Result<ActorKind, DbError> {
    row.text(2)?.parse().map_err(|()| DbError::Other("actor_kind is not readable".to_owned()))
}

fn read_request(row: &Row<'_, '_>) -> Result<RequestRow, DbError> {
    let id = row.get(0)?;
    Ok(RequestRow {
        id,
        created_at: time_of(id),
        tenant_id: row.get(1)?,
        actor_kind: read_kind(row)?,
        actor_id: row.get(3)?,
        method: row.get(4)?,
        route: row.get(5)?,
        endpoint: row.get(6)?,
        status_code: row.get(7)?,
        response_time_us: row.get(8)?,
        ip_address: row.get(9)?,
        user_agent: row.get(10)?,
        request_id: row.get(11)?,
    })
}

fn read_audit(row: &Row<'_, '_>) -> Result<AuditRow, DbError> {
    let id = row.get(0)?;
    Ok(AuditRow {
        id,
        created_at: time_of(id),
        tenant_id: row.get(1)?,
        actor_kind: read_kind(row)?,
        actor_id: row.get(3)?,
        action: row.get(4)?,
        object_kind: row.get(5)?,
        object_id: row.get(6)?,
        detail: serde_json::from_str(row.text(7)?)
            .map_err(|_| DbError::Other("audit_log.detail is not readable".to_owned()))?,
        ip_address: row.get(8)?,
        user_agent: row.get(9)?,
        request_id: row.get(10)?,
    })
}

#[cfg(test)]
mod tests;
