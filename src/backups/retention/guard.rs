//! The guard: a tenant that lost much of its data since its last backup loses no backup, until
//! somebody has looked.

use crate::backups::model::{Backup, Content};
use crate::backups::store as backups;
use crate::clock::Timestamp;
use crate::db::{Row, Tx};
use crate::error::{DbError, Result};
use crate::id::TenantId;
use crate::vals;

/// A tenant with fewer rows may lose any of them: in a shop of three products one is a third.
const ROWS_MIN: i64 = 20;
/// A smaller database may shrink as it likes: most of it is empty pages.
const BYTES_MIN: u64 = 1024 * 1024;
/// Rows of these come and go by themselves.
const PASSING: [&str; 7] =
    ["personal_access_tokens", "login_networks", "products_unindexed", "backups", "job_runs", "jobs", "restores"];

/// A tenant whose retention is paused, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pause {
    /// The tenant.
    pub tenant_id: TenantId,
    /// Id of the backup before it shrank.
    pub before_id: String,
    /// Id of the one that is smaller.
    pub after_id: String,
    /// Rows of the two.
    pub rows: (i64, i64),
    /// Bytes of their databases.
    pub bytes: (i64, i64),
    /// Since when.
    pub paused_at: Timestamp,
}

impl Pause {
    /// Says that it begins.
    pub(in crate::backups) fn warn(&self) {
        tracing::warn!(
            tenant.id = %self.tenant_id,
            rows.before = self.rows.0,
            rows.after = self.rows.1,
            bytes.before = self.bytes.0,
            bytes.after = self.bytes.1,
            advice = "look whether data was lost; `ruko backup resume TENANT` lets old backups go again",
            "tenant shrank since its last backup: all its backups stay"
        );
    }

    /// The pause that follows from two backups of a tenant, when there was so much in the first and the
    /// second has lost `percent` of it. 0 percent is no guard.
    fn after(before: &Backup, after: &Backup, percent: u32, now: Timestamp) -> Option<Self> {
        let (was, is) = (before.content.as_ref()?, after.content.as_ref()?);
        let (rows, bytes) = ((rows(was), rows(is)), (was.database_bytes, is.database_bytes));
        let has_fallen = |was: u64, is: u64| {
            percent > 0 && u128::from(is) * 100 <= u128::from(was) * u128::from(100 - percent.min(100))
        };
        let lost_rows = rows.0 >= ROWS_MIN && has_fallen(rows.0.unsigned_abs(), rows.1.unsigned_abs());
        let lost_bytes = bytes.0 >= BYTES_MIN && has_fallen(bytes.0, bytes.1);
        let signed = |bytes: u64| i64::try_from(bytes).unwrap_or(i64::MAX);
        (lost_rows || lost_bytes).then(|| Self {
            tenant_id: after.tenant_id.clone(),
            before_id: before.id.clone(),
            after_id: after.id.clone(),
            rows,
            bytes: (signed(bytes.0), signed(bytes.1)),
            paused_at: now,
        })
    }
}

fn rows(content: &Content) -> i64 {
    content.row_counts.iter().filter(|(table, _)| !PASSING.contains(&table.as_str())).map(|(_, count)| count).sum()
}

/// Compares a backup that was just finished with the one before it; gives the pause that begins. The
/// numbers of one that goes on already are those that somebody has to see.
pub(in crate::backups) fn watch(tx: &mut Tx<'_>, made: &Backup, percent: u32, now: Timestamp) -> Result<Option<Pause>> {
    let Some(before) = backups::newest_before(tx, made)? else { return Ok(None) };
    let Some(pause) = Pause::after(&before, made, percent, now) else { return Ok(None) };
    let sql = "INSERT INTO retention_pauses (tenant_id, before_id, after_id, rows_before, rows_after, bytes_before, \
               bytes_after, paused_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT (tenant_id) DO NOTHING";
    let values = vals![
        pause.tenant_id.as_str(),
        &pause.before_id,
        &pause.after_id,
        pause.rows.0,
        pause.rows.1,
        pause.bytes.0,
        pause.bytes.1,
        now
    ];
    Ok((tx.execute(sql, values)? > 0).then_some(pause))
}

const COLUMNS: &str = "tenant_id, before_id, after_id, rows_before, rows_after, bytes_before, bytes_after, paused_at";

fn read_pause(row: &Row<'_, '_>) -> Result<Pause, DbError> {
    Ok(Pause {
        tenant_id: row.text(0)?.into(),
        before_id: row.get(1)?,
        after_id: row.get(2)?,
        rows: (row.get(3)?, row.get(4)?),
        bytes: (row.get(5)?, row.get(6)?),
        paused_at: row.get(7)?,
    })
}

pub(super) fn find(tx: &mut Tx<'_>, tenant_id: &str) -> Result<Option<Pause>> {
    let sql = format!("SELECT {COLUMNS} FROM retention_pauses WHERE tenant_id = ?1");
    Ok(tx.query_opt(&sql, vals![tenant_id], read_pause)?)
}

pub(super) fn all(tx: &mut Tx<'_>) -> Result<Vec<Pause>> {
    let sql = format!("SELECT {COLUMNS} FROM retention_pauses ORDER BY paused_at, tenant_id");
    Ok(tx.query(&sql, &[], read_pause)?)
}

pub(in crate::backups) fn end(tx: &mut Tx<'_>, tenant_id: &str) -> Result<bool> {
    Ok(tx.execute("DELETE FROM retention_pauses WHERE tenant_id = ?1", vals![tenant_id])? > 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backups::{Kind, State};

    fn backup(rows: i64, bytes: u64) -> Backup {
        let row_counts = [("products".to_owned(), rows), ("personal_access_tokens".to_owned(), 1000)].into();
        let content = Content {
            schema_version: 1,
            database_bytes: bytes,
            payload_bytes: 0,
            payload_sha256: String::new(),
            file_bytes: 0,
            row_counts,
            key_id: String::new(),
        };
        Backup {
            id: rows.to_string(),
            tenant_id: "warung-1".into(),
            kind: Kind::Daily,
            asked_by: None,
            state: State::Ok,
            folder: String::new(),
            file_name: String::new(),
            is_compressed: true,
            is_pinned: false,
            content: Some(content),
            warning: None,
            error: None,
            created_at: Timestamp(0),
            finished_at: None,
            expires_at: None,
            proven_at: None,
            proof_error: None,
            copy: None,
        }
    }

    #[test]
    fn half_of_many_rows_or_of_a_large_database_is_too_much_to_lose() {
        const MIB: u64 = 1024 * 1024;
        for (before, after, percent, pauses) in [
            ((40, MIB), (21, MIB), 50, false),
            ((40, MIB), (20, MIB), 50, true),
            ((40, MIB), (20, MIB), 51, false),
            ((19, MIB), (0, MIB), 50, false),
            ((40, MIB), (40, MIB / 2), 50, true),
            ((40, MIB - 1), (40, 4096), 50, false),
            ((40, MIB), (0, 0), 0, false),
            ((40, MIB), (1, MIB), 100, false),
            ((40, MIB), (0, MIB), 100, true),
            ((40, MIB), (80, 2 * MIB), 1, false),
        ] {
            let (was, is) = (backup(before.0, before.1), backup(after.0, after.1));
            let found = Pause::after(&was, &is, percent, Timestamp(7));
            assert_eq!(found.is_some(), pauses, "{before:?} {after:?} {percent}");
            if let Some(pause) = found {
                assert_eq!((pause.rows, pause.bytes.0), ((before.0, after.0), i64::try_from(before.1).unwrap()));
            }
        }
    }
}
