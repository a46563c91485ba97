//! The SQL of backups, in the central file.

use std::collections::{BTreeMap, HashMap};

use crate::clock::Timestamp;
use crate::db::{Row, Tx};
use crate::error::{DbError, Error, Result};
use crate::id::{CENTRAL, TenantId};
use crate::vals;

use super::copies::BackupCopy;
use super::jobs::AskedBy;
use super::model::{Backup, BackupFilter, BackupStats, Content, Kind, State};

pub(super) const COLUMNS: &str = "b.id, b.tenant_id, b.kind, b.state, b.folder, b.file_name, b.is_compressed, b.is_pinned, \
    b.schema_version, b.database_bytes, b.payload_bytes, b.payload_sha256, b.file_bytes, b.row_counts, b.key_id, \
    b.warning, b.error_code, b.error, b.created_at, b.finished_at, b.expires_at, b.proven_at, b.proof_error, \
    (SELECT json_object('state', c.state, 'object_key', c.object_key, 'tries', c.tries, 'error_code', c.error_code, \
    'error', c.error, 'uploaded_at', c.uploaded_at) FROM backup_copies c WHERE c.backup_id = b.id \
    AND c.destination = 's3'), b.asked_by";

pub(super) fn read_backup(row: &Row<'_, '_>) -> Result<Backup, DbError> {
    let bad = |what: &str| DbError::Corrupt(format!("backups.{what} is not readable"));
    let state: State = row.text(3)?.parse().map_err(|()| bad("state"))?;
    let error = row.get::<Option<String>>(16)?.zip(row.get::<Option<String>>(17)?);
    Ok(Backup {
        id: row.get(0)?,
        tenant_id: row.text(1)?.into(),
        kind: row.text(2)?.parse().map_err(|()| bad("kind"))?,
        state,
        folder: row.get(4)?,
        file_name: row.get(5)?,
        is_compressed: row.get(6)?,
        is_pinned: row.get(7)?,
        content: if state == State::Ok { Some(read_content(row)?) } else { None },
        warning: row.get(15)?,
        error,
        created_at: row.get(18)?,
        finished_at: row.get(19)?,
        expires_at: row.get(20)?,
        proven_at: row.get(21)?,
        proof_error: row.get(22)?,
        copy: read_copy(row.get(23)?)?,
        asked_by: row.get::<Option<String>>(24)?.and_then(|word| word.parse().ok()),
    })
}

fn read_copy(json: Option<String>) -> Result<Option<BackupCopy>, DbError> {
    let read = |json: String| serde_json::from_str(&json);
    json.map(read).transpose().map_err(|_| DbError::Corrupt("backup_copies is not readable".into()))
}

fn read_content(row: &Row<'_, '_>) -> Result<Content, DbError> {
    let counts: BTreeMap<String, i64> = serde_json::from_str(row.text(13)?)
        .map_err(|_| DbError::Corrupt("backups.row_counts is not readable".into()))?;
    let bytes = |column| row.get::<i64>(column).map(i64::unsigned_abs);
    Ok(Content {
        schema_version: row.get(8)?,
        database_bytes: bytes(9)?,
        payload_bytes: bytes(10)?,
        payload_sha256: row.get(11)?,
        file_bytes: bytes(12)?,
        row_counts: counts,
        key_id: row.get(14)?,
    })
}

/// A backup about to be made.
#[derive(Debug, Clone)]
pub(super) struct NewBackup {
    pub(super) id: String,
    pub(super) tenant_id: TenantId,
    pub(super) kind: Kind,
    pub(super) folder: String,
    /// Its name without the ending; `_2` and so on is put behind one that is taken.
    pub(super) stem: String,
    pub(super) is_compressed: bool,
    pub(super) asked_by: Option<AskedBy>,
    pub(super) expires_at: Option<Timestamp>,
    pub(super) now: Timestamp,
}

pub(super) fn insert(tx: &mut Tx<'_>, new: &NewBackup) -> Result<Backup> {
    let ending = if new.is_compressed { "db.zst" } else { "db" };
    let is_taken = "SELECT EXISTS (SELECT 1 FROM backups WHERE tenant_id = ?1 AND file_name = ?2)";
    let mut file_name = format!("{}.{ending}", new.stem);
    for number in 2.. {
        let taken: bool = tx.query_one(is_taken, vals![new.tenant_id.as_str(), &file_name], |row| row.get(0))?;
        if !taken {
            break;
        }
        file_name = format!("{}_{number}.{ending}", new.stem);
    }
    tx.execute(
        "INSERT INTO backups (id, tenant_id, kind, state, folder, file_name, is_compressed, created_at, expires_at, \
         asked_by) VALUES (?1, ?2, ?3, 'running', ?4, ?5, ?6, ?7, ?8, ?9)",
        vals![
            &new.id,
            new.tenant_id.as_str(),
            new.kind.as_str(),
            &new.folder,
            &file_name,
            new.is_compressed,
            new.now,
            new.expires_at,
            new.asked_by.map(AskedBy::as_str)
        ],
    )?;
    get(tx, &new.id)
}

pub(super) fn finish(
    tx: &mut Tx<'_>,
    id: &str,
    content: &Content,
    warning: Option<&str>,
    now: Timestamp,
) -> Result<Backup> {
    let counts = serde_json::to_string(&content.row_counts).map_err(Error::internal)?;
    tx.execute(
        "UPDATE backups SET state = 'ok', schema_version = ?2, database_bytes = ?3, payload_bytes = ?4, \
         payload_sha256 = ?5, file_bytes = ?6, row_counts = ?7, key_id = ?8, warning = ?9, finished_at = ?10, \
         proven_at = NULL WHERE id = ?1 AND state = 'running'",
        vals![
            id,
            content.schema_version,
            signed(content.database_bytes),
            signed(content.payload_bytes),
            &content.payload_sha256,
            signed(content.file_bytes),
            &counts,
            &content.key_id,
            warning,
            now
        ],
    )?;
    get(tx, id)
}

fn signed(bytes: u64) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}

pub(super) fn fail(tx: &mut Tx<'_>, id: &str, code: &str, text: &str, now: Timestamp) -> Result<()> {
    let sql = "UPDATE backups SET state = 'failed', error_code = ?2, error = ?3, finished_at = ?4 WHERE id = ?1";
    tx.execute(sql, vals![id, code, text, now])?;
    Ok(())
}

pub(super) fn get(tx: &mut Tx<'_>, id: &str) -> Result<Backup> {
    let sql = format!("SELECT {COLUMNS} FROM backups b WHERE b.id = ?1");
    tx.query_opt(&sql, vals![id], read_backup)?.ok_or_else(|| Error::not_found("backup", id))
}

/// The finished backup of a tenant with this file name.
pub(super) fn find_file(tx: &mut Tx<'_>, tenant_id: &str, file_name: &str) -> Result<Option<Backup>> {
    let sql = format!("SELECT {COLUMNS} FROM backups b WHERE b.tenant_id = ?1 AND b.file_name = ?2 AND b.state = 'ok'");
    Ok(tx.query_opt(&sql, vals![tenant_id, file_name], read_backup)?)
}

/// The newest finished backup of a tenant, of any kind but what a restore put aside: "the newest" is
/// what the tenant was saved as, not what it was rescued from.
pub(super) fn newest(tx: &mut Tx<'_>, tenant_id: &str) -> Result<Option<Backup>> {
    let sql = format!(
        "SELECT {COLUMNS} FROM backups b WHERE b.tenant_id = ?1 AND b.state = 'ok' AND b.kind <> 'pre_restore' \
         ORDER BY b.created_at DESC, b.id DESC LIMIT 1"
    );
    Ok(tx.query_opt(&sql, vals![tenant_id], read_backup)?)
}

/// The newest finished backup of the same tenant that is older than this one, as [`newest`] finds it.
pub(super) fn newest_before(tx: &mut Tx<'_>, made: &Backup) -> Result<Option<Backup>> {
    let sql = format!(
        "SELECT {COLUMNS} FROM backups b WHERE b.tenant_id = ?1 AND b.state = 'ok' AND b.kind <> 'pre_restore' \
         AND (b.created_at, b.id) < (?2, ?3) ORDER BY b.created_at DESC, b.id DESC LIMIT 1"
    );
    Ok(tx.query_opt(&sql, vals![made.tenant_id.as_str(), made.created_at, &made.id], read_backup)?)
}

/// When the newest backup was begun.
pub(super) fn newest_at(tx: &mut Tx<'_>) -> Result<Option<Timestamp>> {
    Ok(tx.query_one("SELECT max(created_at) FROM backups", &[], |row| row.get(0))?)
}

/// All finished backups of a tenant, newest first.
pub(super) fn of_tenant(tx: &mut Tx<'_>, tenant_id: &str) -> Result<Vec<Backup>> {
    let sql = format!(
        "SELECT {COLUMNS} FROM backups b WHERE b.tenant_id = ?1 AND b.state = 'ok' ORDER BY b.created_at DESC, b.id DESC"
    );
    Ok(tx.query(&sql, vals![tenant_id], read_backup)?)
}

/// Backups older than `before` (time and id), newest first.
pub(super) fn list(
    tx: &mut Tx<'_>,
    filter: &BackupFilter,
    before: Option<(Timestamp, String)>,
    limit: i64,
) -> Result<Vec<Backup>> {
    let (at, id) = before.unzip();
    let sql = format!(
        "SELECT {COLUMNS} FROM backups b WHERE (?1 IS NULL OR b.tenant_id = ?1) AND (?2 IS NULL OR b.state = ?2) \
         AND (?3 IS NULL OR b.kind = ?3) AND (?4 IS NULL OR (b.created_at, b.id) < (?4, ?5)) \
         ORDER BY b.created_at DESC, b.id DESC LIMIT ?6"
    );
    let values = vals![
        filter.tenant.as_ref().map(TenantId::as_str),
        filter.state.map(State::as_str),
        filter.kind.map(Kind::as_str),
        at,
        id.as_deref(),
        limit
    ];
    Ok(tx.query(&sql, values, read_backup)?)
}

/// A line for each tenant that is there or has backups, in the order the tenants were made.
pub(super) fn stats(tx: &mut Tx<'_>) -> Result<Vec<BackupStats>> {
    tx.snapshot()?;
    let sql = format!(
        "SELECT t.id, t.name, count(b.id), coalesce(sum(b.payload_bytes), 0), max(b.proven_at) FROM tenants t \
         LEFT JOIN backups b ON b.tenant_id = t.id AND b.state = 'ok' WHERE {HAS_FILE} GROUP BY t.number ORDER BY t.number"
    );
    let mut stats: Vec<BackupStats> = tx.query(&sql, &[], |row| {
        Ok(BackupStats {
            tenant_id: row.text(0)?.into(),
            tenant_name: row.get(1)?,
            count: row.get(2)?,
            total_bytes: row.get(3)?,
            latest: None,
            last_failed: None,
            last_proven_at: row.get(4)?,
        })
    })?;
    let mut latest = last_of_each(tx, "n.state = 'ok' AND n.kind <> 'pre_restore'")?;
    let mut tried = last_of_each(tx, "1")?;
    for line in &mut stats {
        line.latest = latest.remove(&line.tenant_id);
        line.last_failed = tried.remove(&line.tenant_id).filter(|backup| backup.state == State::Failed);
    }
    Ok(stats)
}

/// The last try to back a tenant up, when it failed.
pub(super) fn last_failed(tx: &mut Tx<'_>, tenant_id: &str) -> Result<Option<Backup>> {
    let last =
        format!("SELECT {COLUMNS} FROM backups b WHERE b.tenant_id = ?1 ORDER BY b.created_at DESC, b.id DESC LIMIT 1");
    Ok(tx.query_opt(&last, vals![tenant_id], read_backup)?.filter(|backup| backup.state == State::Failed))
}

/// Tenants, `t`, that have a file.
const HAS_FILE: &str = "t.state IN ('active', 'suspended', 'frozen')";

/// The newest backup, `n`, of each tenant that is `so`.
fn last_of_each(tx: &mut Tx<'_>, so: &str) -> Result<HashMap<TenantId, Backup>> {
    let sql = format!(
        "SELECT {COLUMNS} FROM tenants t JOIN backups b ON b.id = (SELECT n.id FROM backups n WHERE n.tenant_id = t.id \
         AND {so} ORDER BY n.created_at DESC, n.id DESC LIMIT 1) WHERE {HAS_FILE}"
    );
    let found = tx.query(&sql, &[], read_backup)?;
    Ok(found.into_iter().map(|backup| (backup.tenant_id.clone(), backup)).collect())
}

/// True when a backup was ever finished.
pub(super) fn has_any(tx: &mut Tx<'_>) -> Result<bool> {
    Ok(tx.query_one("SELECT EXISTS (SELECT 1 FROM backups WHERE state = 'ok')", &[], |row| row.get(0))?)
}

/// All backups of a tenant but those under way.
pub(super) fn ended_of(tx: &mut Tx<'_>, tenant_id: &str) -> Result<Vec<Backup>> {
    let sql = format!("SELECT {COLUMNS} FROM backups b WHERE b.tenant_id = ?1 AND b.state <> 'running'");
    Ok(tx.query(&sql, vals![tenant_id], read_backup)?)
}

/// The central file and the tenants that have a file, as far as there is no finished backup of this kind
/// since then, in the order they were made.
pub(super) fn tenants_without(tx: &mut Tx<'_>, kind: Kind, since: Timestamp, now: Timestamp) -> Result<Vec<TenantId>> {
    let sql = "SELECT t.id FROM tenants t WHERE t.state IN ('active', 'suspended', 'frozen') AND NOT EXISTS \
               (SELECT 1 FROM backups b WHERE b.tenant_id = t.id AND b.kind = ?1 AND b.state = 'ok' \
                AND b.created_at BETWEEN ?2 AND ?3) ORDER BY t.number";
    let mut without = tx.query(sql, vals![kind.as_str(), since, now], |row| Ok(TenantId::from(row.text(0)?)))?;
    let of_central = "SELECT 1 FROM backups b WHERE b.tenant_id = ?1 AND b.kind = ?2 AND b.state = 'ok' \
                      AND b.created_at BETWEEN ?3 AND ?4";
    if tx.query_opt(of_central, vals![CENTRAL, kind.as_str(), since, now], |_| Ok(()))?.is_none() {
        without.insert(0, TenantId::central());
    }
    Ok(without)
}

/// Tenants that have a file, in the order they were made.
pub(super) fn tenants_with_file(tx: &mut Tx<'_>) -> Result<Vec<TenantId>> {
    let sql = format!("SELECT t.id FROM tenants t WHERE {HAS_FILE} ORDER BY t.number");
    Ok(tx.query(&sql, &[], |row| Ok(row.text(0)?.into()))?)
}

/// How many finished backups each key opens, by its id.
pub(super) fn keys_in_use(tx: &mut Tx<'_>) -> Result<BTreeMap<String, u64>> {
    let sql = "SELECT key_id, count(*) FROM backups WHERE state = 'ok' AND key_id IS NOT NULL GROUP BY key_id";
    let found = tx.query(sql, &[], |row| Ok((row.get::<String>(0)?, row.get::<i64>(1)?.unsigned_abs())))?;
    Ok(found.into_iter().collect())
}

/// The finished backup behind `after` in the order of ids that another key opens than this one.
pub(super) fn next_with_other_key(tx: &mut Tx<'_>, key_id: &str, after: &str) -> Result<Option<Backup>> {
    let sql = format!(
        "SELECT {COLUMNS} FROM backups b WHERE b.id > ?2 AND b.state = 'ok' AND b.key_id <> ?1 ORDER BY b.id LIMIT 1"
    );
    Ok(tx.query_opt(&sql, vals![key_id, after], read_backup)?)
}

/// The file of a backup was encrypted with this key.
pub(super) fn set_key(tx: &mut Tx<'_>, id: &str, key_id: &str, file_bytes: u64) -> Result<()> {
    let sql = "UPDATE backups SET key_id = ?2, file_bytes = ?3 WHERE id = ?1";
    tx.execute(sql, vals![id, key_id, signed(file_bytes)])?;
    Ok(())
}

/// What a look at a finished backup found: that it is whole, or what is wrong with it.
pub(super) fn set_proof(tx: &mut Tx<'_>, id: &str, found: Result<Timestamp, &str>) -> Result<Backup> {
    let sql = "UPDATE backups SET proven_at = ?2, proof_error = ?3, kept_until = NULL WHERE id = ?1 AND state = 'ok'";
    tx.execute(sql, vals![id, found.ok(), found.err()])?;
    get(tx, id)
}

/// The newest finished backup of each owner that has no backup proven since `before`, unless it was found
/// damaged; the longest waiting first.
pub(super) fn unproven(tx: &mut Tx<'_>, before: Timestamp) -> Result<Vec<Backup>> {
    let sql = format!(
        "SELECT {COLUMNS} FROM (SELECT id AS owner FROM tenants t WHERE {HAS_FILE} UNION ALL SELECT '{CENTRAL}') o \
         JOIN backups b ON b.id = (SELECT n.id FROM backups n WHERE n.tenant_id = o.owner AND n.state = 'ok' \
         AND n.kind <> 'pre_restore' ORDER BY n.created_at DESC, n.id DESC LIMIT 1) \
         LEFT JOIN (SELECT tenant_id, max(proven_at) AS at FROM backups WHERE state = 'ok' GROUP BY tenant_id) p \
         ON p.tenant_id = o.owner WHERE b.proof_error IS NULL AND coalesce(p.at, 0) < ?1 \
         ORDER BY coalesce(p.at, 0), b.created_at"
    );
    Ok(tx.query(&sql, vals![before], read_backup)?)
}

/// When a backup of this owner was last proven.
pub(super) fn last_proven_at(tx: &mut Tx<'_>, tenant_id: &str) -> Result<Option<Timestamp>> {
    let sql = "SELECT max(proven_at) FROM backups WHERE tenant_id = ?1 AND state = 'ok'";
    Ok(tx.query_one(sql, vals![tenant_id], |row| row.get(0))?)
}

/// All of them, oldest first.
pub(super) fn all(tx: &mut Tx<'_>) -> Result<Vec<Backup>> {
    let sql = format!("SELECT {COLUMNS} FROM backups b ORDER BY b.created_at, b.id");
    Ok(tx.query(&sql, &[], read_backup)?)
}

/// What a crash left.
pub(super) fn unfinished(tx: &mut Tx<'_>) -> Result<Vec<Backup>> {
    let sql = format!("SELECT {COLUMNS} FROM backups b WHERE b.state = 'running'");
    Ok(tx.query(&sql, &[], read_backup)?)
}

pub(super) fn remove(tx: &mut Tx<'_>, id: &str) -> Result<()> {
    tx.execute("DELETE FROM backups WHERE id = ?1", vals![id])?;
    Ok(())
}
