//! The SQL of tenants, in the central file.

use serde::Serialize;

use crate::clock::Timestamp;
use crate::db::{Row, Tx, Val};
use crate::error::{DbError, Error, Result};
use crate::id::TenantId;
use crate::vals;

use super::directory::{Trashed, Unfinished};
use super::model::{ConnectionNotes, LimitsPatch, MigrationFailure, Origin, Tenant, TenantFilter, TenantState};
use super::settings::OwnSettings;

pub(super) const COLUMNS: &str = "t.id, t.number, t.name, coalesce(t.db_name, t.db_name_was), t.db_host, t.db_port, t.db_username, \
    t.db_password_enc IS NOT NULL, t.plan_code, t.limits_override, t.max_storage_bytes, t.state, \
    t.schema_version, t.deleted_at, t.created_at, t.updated_at, t.state_was, t.origin, t.settings, t.thaw_to, \
    t.migration_error_code, t.migration_error, t.migration_failed_at";
/// How many those are: where a join's own columns begin.
pub(super) const COLUMN_COUNT: usize = 23;

pub(super) fn read_tenant(row: &Row<'_, '_>) -> Result<Tenant, DbError> {
    let bad = |what: &str| DbError::Corrupt(format!("tenants.{what} is not readable"));
    let state = |column: usize, what: &str| {
        row.get::<Option<String>>(column)?.map(|text| text.parse().map_err(|_| bad(what))).transpose()
    };
    Ok(Tenant {
        id: row.text(0)?.into(),
        number: row.get(1)?,
        name: row.get(2)?,
        db_name: row.get(3)?,
        notes: ConnectionNotes { host: row.get(4)?, port: row.get(5)?, username: row.get(6)? },
        has_db_password: row.get(7)?,
        plan_code: row.get(8)?,
        limits: serde_json::from_str(row.text(9)?).map_err(|_| bad("limits_override"))?,
        max_storage_bytes: row.get(10)?,
        state: row.text(11)?.parse().map_err(|_| bad("state"))?,
        schema_version: row.get(12)?,
        deleted_at: row.get(13)?,
        created_at: row.get(14)?,
        updated_at: row.get(15)?,
        state_was: state(16, "state_was")?,
        origin: row.text(17)?.parse().map_err(|_| bad("origin"))?,
        settings: serde_json::from_str(row.text(18)?).map_err(|_| bad("settings"))?,
        thaw_to: state(19, "thaw_to")?,
        migration_failure: match (row.get(20)?, row.get(21)?, row.get(22)?) {
            (Some(code), Some(text), Some(at)) => Some(MigrationFailure { code, text, at }),
            _ => None,
        },
    })
}

/// A row about to be written, in state `creating`.
#[derive(Debug, Clone)]
pub(super) struct TenantRow {
    pub(super) id: TenantId,
    pub(super) name: String,
    pub(super) db_name: String,
    pub(super) notes: ConnectionNotes,
    pub(super) db_password_enc: Option<Vec<u8>>,
    pub(super) plan_code: String,
    pub(super) limits: LimitsPatch,
    pub(super) max_storage_bytes: Option<i64>,
    pub(super) settings: OwnSettings,
    pub(super) origin: Origin,
    pub(super) created_at: Timestamp,
    pub(super) now: Timestamp,
}

pub(super) fn insert(tx: &mut Tx<'_>, row: &TenantRow) -> Result<()> {
    let limits = serde_json::to_string(&row.limits).map_err(Error::internal)?;
    let settings = serde_json::to_string(&row.settings).map_err(Error::internal)?;
    tx.execute(
        "INSERT INTO tenants (id, name, db_name, db_host, db_port, db_username, db_password_enc, plan_code, \
         limits_override, max_storage_bytes, origin, state, created_at, updated_at, settings) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, 'creating', ?12, ?13, ?14)",
        vals![
            row.id.as_str(),
            &row.name,
            &row.db_name,
            &row.notes.host,
            row.notes.port,
            &row.notes.username,
            row.db_password_enc.as_ref(),
            &row.plan_code,
            &limits,
            row.max_storage_bytes,
            row.origin.as_str(),
            row.created_at,
            row.now,
            &settings
        ],
    )
    .map_err(|error| Error::from(error).taken("db_name", "db_name"))?;
    Ok(())
}

pub(super) fn find(tx: &mut Tx<'_>, id: &str) -> Result<Option<Tenant>> {
    Ok(tx.query_opt(&format!("SELECT {COLUMNS} FROM tenants t WHERE t.id = ?1"), vals![id], read_tenant)?)
}

/// A tenant its callers may know of: neither half made nor deleted.
pub(super) fn get(tx: &mut Tx<'_>, id: &str) -> Result<Tenant> {
    let found = find(tx, id)?.filter(|tenant| tenant.state.is_visible());
    found.ok_or_else(|| Error::not_found("tenant", id))
}

pub(super) fn list(tx: &mut Tx<'_>, filter: &TenantFilter, limit: i64, offset: i64) -> Result<(Vec<Tenant>, i64)> {
    let (part, state) = (filter.search.as_deref(), filter.state.map(TenantState::as_str));
    let condition = "(?1 IS NULL OR found_in(?1, t.name, t.id, t.db_name)) \
                     AND (t.state = ?2 OR (?2 IS NULL AND t.state IN ('active', 'suspended', 'frozen')))";
    tx.snapshot()?;
    let total =
        tx.query_one(&format!("SELECT count(*) FROM tenants t WHERE {condition}"), vals![part, state], |row| {
            row.get(0)
        })?;
    let tenants = tx.query(
        &format!("SELECT {COLUMNS} FROM tenants t WHERE {condition} ORDER BY t.number LIMIT ?3 OFFSET ?4"),
        vals![part, state, limit, offset],
        read_tenant,
    )?;
    Ok((tenants, total))
}

/// Every tenant that a text may mean: as its id, the name of its file (now, or before it went to the
/// trash), or its number.
pub(super) fn named(tx: &mut Tx<'_>, text: &str) -> Result<Vec<Tenant>> {
    let sql = format!(
        "SELECT {COLUMNS} FROM tenants t WHERE t.id = ?1 OR t.db_name = ?1 OR t.number = ?2 \
         OR (t.state = 'deleted' AND t.db_name_was = ?1 COLLATE NOCASE) ORDER BY t.number"
    );
    Ok(tx.query(&sql, vals![text, text.parse::<i64>().ok()], read_tenant)?)
}

/// Every tenant, the deleted ones too.
pub(super) fn all(tx: &mut Tx<'_>) -> Result<Vec<Tenant>> {
    Ok(tx.query(&format!("SELECT {COLUMNS} FROM tenants t ORDER BY t.number"), &[], read_tenant)?)
}

/// Sets one column of a tenant and `updated_at`. `column` is ours, never a client's.
pub(super) fn set(tx: &mut Tx<'_>, id: &str, column: &str, value: Val<'_>, now: Timestamp) -> Result<()> {
    let sql = format!("UPDATE tenants SET {column} = ?2, updated_at = ?3 WHERE id = ?1");
    let changed = tx.execute(&sql, &[id.into(), value, now.into()])?;
    if changed == 0 { Err(Error::not_found("tenant", id)) } else { Ok(()) }
}

/// As [`set`], for a column that holds JSON.
pub(super) fn set_json(tx: &mut Tx<'_>, id: &str, column: &str, value: &impl Serialize, now: Timestamp) -> Result<()> {
    let text = serde_json::to_string(value).map_err(Error::internal)?;
    set(tx, id, column, Val::Text(&text), now)
}

pub(super) fn set_state(
    tx: &mut Tx<'_>,
    id: &str,
    state: TenantState,
    was: Option<TenantState>,
    now: Timestamp,
) -> Result<()> {
    let sql = "UPDATE tenants SET state = ?2, state_was = ?3, updated_at = ?4 WHERE id = ?1";
    tx.execute(sql, vals![id, state.as_str(), was.map(TenantState::as_str), now])?;
    Ok(())
}

/// Where the file goes when it is deleted, and since when it is.
pub(super) fn set_trash(tx: &mut Tx<'_>, id: &str, trash: Option<(&str, Timestamp)>) -> Result<()> {
    let (name, at) = trash.unzip();
    tx.execute("UPDATE tenants SET trash_name = ?2, deleted_at = ?3 WHERE id = ?1", vals![id, name, at])?;
    Ok(())
}

/// The file is in the trash; its name is free again.
pub(super) fn mark_deleted(tx: &mut Tx<'_>, id: &str) -> Result<()> {
    let sql = "UPDATE tenants SET state = 'deleted', db_name_was = db_name, db_name = NULL WHERE id = ?1";
    tx.execute(sql, vals![id])?;
    Ok(())
}

/// The file came back from the trash under `db_name_next`.
pub(super) fn mark_undeleted(tx: &mut Tx<'_>, id: &str, now: Timestamp) -> Result<()> {
    let sql = "UPDATE tenants SET state = coalesce(state_was, 'active'), state_was = NULL, db_name = db_name_next, \
               db_name_next = NULL, db_name_was = NULL, trash_name = NULL, deleted_at = NULL, updated_at = ?2 \
               WHERE id = ?1 AND state = 'deleted' AND db_name_next IS NOT NULL";
    tx.execute(sql, vals![id, now])?;
    Ok(())
}

/// Reserves the name that the file is about to get.
pub(super) fn set_next_db_name(tx: &mut Tx<'_>, id: &str, db_name: Option<&str>) -> Result<()> {
    tx.execute("UPDATE tenants SET db_name_next = ?2 WHERE id = ?1", vals![id, db_name])
        .map_err(|error| Error::from(error).taken("db_name_next", "db_name"))?;
    Ok(())
}

pub(super) fn finish_rename(tx: &mut Tx<'_>, id: &str, now: Timestamp) -> Result<()> {
    let sql = "UPDATE tenants SET db_name = db_name_next, db_name_next = NULL, updated_at = ?2 \
               WHERE id = ?1 AND db_name_next IS NOT NULL";
    tx.execute(sql, vals![id, now])?;
    Ok(())
}

/// Tenants whose file is on its way to another name, with that name.
pub(super) fn half_renamed(tx: &mut Tx<'_>) -> Result<Vec<(Tenant, String)>> {
    let sql = format!("SELECT {COLUMNS}, t.db_name_next FROM tenants t WHERE t.db_name_next IS NOT NULL");
    Ok(tx.query(&sql, &[], |row| Ok((read_tenant(row)?, row.get(COLUMN_COUNT)?)))?)
}

/// Tenants in a state that passes by, or on the way to another name.
pub(super) fn unfinished(tx: &mut Tx<'_>) -> Result<Vec<Unfinished>> {
    let sql = "SELECT id, db_name_next FROM tenants WHERE db_name_next IS NOT NULL \
               OR state IN ('creating', 'deleting', 'detaching') ORDER BY number";
    Ok(tx.query(sql, &[], |row| Ok(Unfinished { id: row.text(0)?.into(), next_name: row.get(1)? }))?)
}

pub(super) fn trash(tx: &mut Tx<'_>) -> Result<Vec<Trashed>> {
    let sql = "SELECT trash_name, deleted_at FROM tenants WHERE state = 'deleted' AND trash_name IS NOT NULL \
               ORDER BY number";
    Ok(tx.query(sql, &[], |row| Ok(Trashed { file: row.get(0)?, deleted_at: row.get(1)? }))?)
}

pub(super) fn deleted_before(tx: &mut Tx<'_>, before: Timestamp) -> Result<Vec<TenantId>> {
    let sql = "SELECT id FROM tenants WHERE deleted_at < ?1 AND state = 'deleted' ORDER BY deleted_at LIMIT 100";
    Ok(tx.query(sql, vals![before], |row| Ok(row.text(0)?.into()))?)
}

pub(super) fn remove(tx: &mut Tx<'_>, id: &str) -> Result<()> {
    tx.execute("DELETE FROM tenants WHERE id = ?1", vals![id])?;
    Ok(())
}

pub(super) fn in_state(tx: &mut Tx<'_>, state: TenantState) -> Result<Vec<Tenant>> {
    let sql = format!("SELECT {COLUMNS} FROM tenants t WHERE t.state = ?1 ORDER BY t.number");
    Ok(tx.query(&sql, vals![state.as_str()], read_tenant)?)
}

pub(super) fn trash_name(tx: &mut Tx<'_>, id: &str) -> Result<Option<String>> {
    Ok(tx.query_opt("SELECT trash_name FROM tenants WHERE id = ?1", vals![id], |row| row.get(0))?.flatten())
}

/// True when another tenant's file has, or is about to get, this name.
pub(super) fn is_db_name_taken(tx: &mut Tx<'_>, db_name: &str, except_id: &str) -> Result<bool> {
    let sql = "SELECT EXISTS (SELECT 1 FROM tenants WHERE id <> ?2 AND (db_name = ?1 OR db_name_next = ?1))";
    Ok(tx.query_one(sql, vals![db_name, except_id], |row| row.get(0))?)
}
