//! The SQL of restores, in the central file. A row is written before anything is touched; its mark
//! stands in the restored file too, by which a start after a crash tells old content from new.

use crate::clock::Timestamp;
use crate::db::Tx;
use crate::error::Result;
use crate::id::TenantId;
use crate::vals;

use super::model::Backup;
use super::store::{COLUMNS, read_backup};

/// Key of the mark in the `meta` table of a tenant's file.
const MARK: &str = "restored_by";

/// A restore that a crash cut short.
#[derive(Debug)]
pub(super) struct Unfinished {
    pub(super) mark: String,
    pub(super) tenant_id: TenantId,
}

pub(super) fn begin(tx: &mut Tx<'_>, tenant_id: &str, backup_id: &str, mark: &str, now: Timestamp) -> Result<()> {
    let sql =
        "INSERT INTO restores (tenant_id, backup_id, mark, state, restored_at) VALUES (?1, ?2, ?3, 'running', ?4)";
    tx.execute(sql, vals![tenant_id, backup_id, mark, now])?;
    Ok(())
}

/// Notes under which backup that is replaced will be found, before it is.
pub(super) fn set_before(tx: &mut Tx<'_>, mark: &str, before_id: &str) -> Result<()> {
    tx.execute("UPDATE restores SET before_id = ?2 WHERE mark = ?1", vals![mark, before_id])?;
    Ok(())
}

/// It is done. `why_no_undo` says what became of the content that was replaced, when it is no backup;
/// without it the row of that backup tells.
pub(super) fn finish(tx: &mut Tx<'_>, mark: &str, why_no_undo: Option<&str>) -> Result<()> {
    tx.execute(
        "UPDATE restores SET state = 'ok', error_code = NULL, error = NULL, before_error = coalesce(?2, \
         (SELECT b.error FROM backups b WHERE b.id = before_id AND b.state = 'failed')) WHERE mark = ?1",
        vals![mark, why_no_undo],
    )?;
    Ok(())
}

/// Nothing was changed.
pub(super) fn fail(tx: &mut Tx<'_>, mark: &str, code: &str, text: &str) -> Result<()> {
    let sql = "UPDATE restores SET state = 'failed', error_code = ?2, error = ?3 WHERE mark = ?1";
    tx.execute(sql, vals![mark, code, text])?;
    Ok(())
}

pub(super) fn unfinished(tx: &mut Tx<'_>) -> Result<Vec<Unfinished>> {
    let sql = "SELECT mark, tenant_id FROM restores WHERE state = 'running' AND mark IS NOT NULL";
    Ok(tx.query(sql, &[], |row| Ok(Unfinished { mark: row.get(0)?, tenant_id: row.text(1)?.into() }))?)
}

/// The backup of what the last restore of a tenant replaced; when `of` is named, only if that was the
/// restore of it.
pub(super) fn before_last(tx: &mut Tx<'_>, tenant_id: &str, of: Option<&str>) -> Result<Option<Backup>> {
    let sql = format!(
        "SELECT {COLUMNS} FROM backups b, (SELECT backup_id, before_id FROM restores WHERE tenant_id = ?1 \
         AND state = 'ok' ORDER BY id DESC LIMIT 1) r \
         WHERE b.state = 'ok' AND b.id = r.before_id AND (?2 IS NULL OR r.backup_id = ?2)"
    );
    Ok(tx.query_opt(&sql, vals![tenant_id, of], read_backup)?)
}

/// Why what the last restore of a tenant replaced was not kept.
pub(super) fn why_no_undo(tx: &mut Tx<'_>, tenant_id: &str) -> Result<Option<String>> {
    let sql = "SELECT before_error FROM restores WHERE tenant_id = ?1 AND state = 'ok' ORDER BY id DESC LIMIT 1";
    Ok(tx.query_opt(sql, vals![tenant_id], |row| row.get::<Option<String>>(0))?.flatten())
}

/// Writes the mark into a restored file.
pub(super) fn set_mark(tx: &mut Tx<'_>, mark: &str) -> Result<()> {
    let sql = "INSERT INTO meta (key, value) VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET value = excluded.value";
    tx.execute(sql, vals![MARK, mark])?;
    Ok(())
}

/// The mark of the last restore of a tenant's file.
pub(super) fn mark(tx: &mut Tx<'_>) -> Result<Option<String>> {
    Ok(tx.query_opt("SELECT value FROM meta WHERE key = ?1", vals![MARK], |row| row.get(0))?)
}
