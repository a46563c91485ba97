//! The SQL of copies, in the central file.

use crate::clock::Timestamp;
use crate::db::Tx;
use crate::error::Result;
use crate::vals;

use super::model::TroubledCopy;
use super::trouble::Trouble;

/// A copy that something is to be done about.
#[derive(Debug, Clone)]
pub(super) struct Due {
    pub(super) backup_id: String,
    pub(super) key: String,
    pub(super) tries: u32,
    pub(super) upload_id: Option<String>,
    pub(super) e_tag: Option<String>,
    pub(super) bytes: u64,
    pub(super) is_removing: bool,
    /// Below the folder of backups; none when the backup was deleted.
    pub(super) stored_path: Option<String>,
}

const DUE: &str = "SELECT c.backup_id, c.object_key, c.tries, c.upload_id, c.e_tag, c.bytes, \
    c.state = 'removing', b.folder || '/' || b.file_name || '.enc' \
    FROM backup_copies c LEFT JOIN backups b ON b.id = c.backup_id";

fn read_due(row: &crate::db::Row<'_, '_>) -> Result<Due, crate::error::DbError> {
    Ok(Due {
        backup_id: row.get(0)?,
        key: row.get(1)?,
        tries: row.get(2)?,
        upload_id: row.get(3)?,
        e_tag: row.get(4)?,
        bytes: row.get::<i64>(5)?.unsigned_abs(),
        is_removing: row.get(6)?,
        stored_path: row.get(7)?,
    })
}

/// Notes that finished backups (this one, or all) are to be copied.
pub(in super::super) fn enlist(tx: &mut Tx<'_>, prefix: &str, only: Option<&str>, now: Timestamp) -> Result<()> {
    let which = if only.is_some() { "b.id = ?3" } else { "?3 IS NULL" };
    let sql = format!(
        "INSERT INTO backup_copies (backup_id, destination, tenant_id, state, object_key, bytes, next_try_at) \
         SELECT b.id, 's3', b.tenant_id, 'pending', ?1 || b.folder || '/' || b.file_name || '.enc', b.file_bytes, ?2 \
         FROM backups b WHERE {which} AND b.state = 'ok' \
         ON CONFLICT (backup_id, destination) DO NOTHING"
    );
    tx.execute(&sql, vals![prefix, now, only])?;
    Ok(())
}

/// The backup has another file now.
pub(in super::super) fn renew(tx: &mut Tx<'_>, backup_id: &str, now: Timestamp) -> Result<()> {
    tx.execute(
        "UPDATE backup_copies SET state = 'pending', tries = 0, next_try_at = ?2, error_code = NULL, error = NULL \
         WHERE backup_id = ?1 AND state <> 'removing'",
        vals![backup_id, now],
    )?;
    Ok(())
}

/// The backup is deleted: what was sent, or may have been, is to be removed, where that is possible from here.
pub(in super::super) fn leave(tx: &mut Tx<'_>, backup_id: &str, can_remove: bool, now: Timestamp) -> Result<()> {
    tx.execute(
        "DELETE FROM backup_copies WHERE backup_id = ?1 AND (?2 = 0 OR tries = 0 AND uploaded_at IS NULL)",
        vals![backup_id, can_remove],
    )?;
    tx.execute(
        "UPDATE backup_copies SET state = 'removing', tries = 0, next_try_at = ?2, error_code = NULL, error = NULL \
         WHERE backup_id = ?1",
        vals![backup_id, now],
    )?;
    Ok(())
}

/// After a start: what its end broke off does not wait for its next try.
pub(in super::super) fn resume(tx: &mut Tx<'_>, now: Timestamp) -> Result<()> {
    tx.execute(
        "UPDATE backup_copies SET next_try_at = min(next_try_at, ?1) \
         WHERE state IN ('pending', 'removing') AND error_code IS NULL",
        vals![now],
    )?;
    Ok(())
}

/// Copies whose next try has come.
pub(super) fn due(tx: &mut Tx<'_>, with_uploads: bool, now: Timestamp, limit: i64) -> Result<Vec<Due>> {
    let sql = format!(
        "{DUE} WHERE c.state <> 'ok' AND c.next_try_at <= ?1 AND (?2 OR c.state = 'removing') \
         ORDER BY c.next_try_at LIMIT ?3"
    );
    Ok(tx.query(&sql, vals![now, with_uploads, limit], read_due)?)
}

/// Copies that nobody looked at since then.
pub(super) fn unchecked(tx: &mut Tx<'_>, since: Timestamp, limit: i64) -> Result<Vec<Due>> {
    let sql = format!("{DUE} WHERE c.state = 'ok' AND c.checked_at < ?1 ORDER BY c.checked_at LIMIT ?2");
    Ok(tx.query(&sql, vals![since, limit], read_due)?)
}

/// A try begins; the next one comes then, should this one never end.
pub(super) fn begin(tx: &mut Tx<'_>, due: &Due, next: Timestamp) -> Result<()> {
    tx.execute(
        "UPDATE backup_copies SET tries = tries + 1, next_try_at = ?3 WHERE backup_id = ?1 AND tries = ?2",
        vals![&due.backup_id, due.tries, next],
    )?;
    Ok(())
}

/// An upload in parts has begun, or is over.
pub(super) fn set_upload(tx: &mut Tx<'_>, backup_id: &str, upload_id: Option<&str>) -> Result<()> {
    tx.execute("UPDATE backup_copies SET upload_id = ?2 WHERE backup_id = ?1", vals![backup_id, upload_id])?;
    Ok(())
}

/// It is there. A backup that was deleted or got another file since this try began stays to be done.
pub(super) fn succeed(tx: &mut Tx<'_>, due: &Due, bytes: u64, e_tag: Option<&str>, now: Timestamp) -> Result<()> {
    tx.execute(
        "UPDATE backup_copies SET state = 'ok', tries = 0, error_code = NULL, error = NULL, upload_id = NULL, \
         bytes = ?3, e_tag = ?4, uploaded_at = ?5, checked_at = ?5 \
         WHERE backup_id = ?1 AND tries = ?2 + 1 AND state <> 'removing'",
        vals![&due.backup_id, due.tries, i64::try_from(bytes).unwrap_or(i64::MAX), e_tag, now],
    )?;
    Ok(())
}

/// The try failed; what was lost stays so.
pub(super) fn fail(tx: &mut Tx<'_>, due: &Due, trouble: &Trouble, next: Timestamp) -> Result<()> {
    tx.execute(
        "UPDATE backup_copies SET state = CASE state WHEN 'pending' THEN 'failed' ELSE state END, \
         error_code = ?3, error = ?4, next_try_at = ?5 WHERE backup_id = ?1 AND tries = ?2 + 1",
        vals![&due.backup_id, due.tries, trouble.code, &trouble.text, next],
    )?;
    Ok(())
}

/// Nothing of it is left.
pub(super) fn remove(tx: &mut Tx<'_>, backup_id: &str) -> Result<()> {
    tx.execute("DELETE FROM backup_copies WHERE backup_id = ?1", vals![backup_id])?;
    Ok(())
}

/// It was looked at; `trouble` when it is gone or another one.
pub(super) fn checked(tx: &mut Tx<'_>, backup_id: &str, trouble: Option<&Trouble>, now: Timestamp) -> Result<()> {
    let (code, text) = trouble.map(|trouble| (trouble.code, trouble.text.as_str())).unzip();
    tx.execute(
        "UPDATE backup_copies SET checked_at = ?2, error_code = ?3, error = ?4, next_try_at = ?2, \
         state = iif(?3 IS NULL, 'ok', 'lost') WHERE backup_id = ?1 AND state = 'ok'",
        vals![backup_id, now, code, text],
    )?;
    Ok(())
}

/// Copies that are not well.
pub(super) fn troubled(tx: &mut Tx<'_>, limit: i64) -> Result<Vec<TroubledCopy>> {
    let sql = "SELECT backup_id, tenant_id, object_key, state, tries, error_code, coalesce(error, ''), next_try_at \
               FROM backup_copies WHERE error_code IS NOT NULL LIMIT ?1";
    Ok(tx.query(sql, vals![limit], |row| {
        Ok(TroubledCopy {
            backup_id: row.get(0)?,
            tenant_id: row.text(1)?.into(),
            key: row.get(2)?,
            state: row.get(3)?,
            tries: row.get(4)?,
            error: (row.get(5)?, row.get(6)?),
            next_try_at: row.get(7)?,
        })
    })?)
}
