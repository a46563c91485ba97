//! The SQL of retention, in the central file.

use crate::backups::model::Backup;
use crate::backups::store::{COLUMNS, read_backup};
use crate::clock::Timestamp;
use crate::db::Tx;
use crate::error::Result;
use crate::id::TenantId;
use crate::vals;

/// When retention looks at a backup next, in the words of an index.
const DUE: &str = "coalesce(kept_until, expires_at) <= ?1";

fn due_sql() -> String {
    format!("SELECT tenant_id FROM backups WHERE {DUE} ORDER BY coalesce(kept_until, expires_at) LIMIT ?2")
}

/// Whose backups are due, each once; of as many rows as `limit`.
pub(super) fn due(tx: &mut Tx<'_>, now: Timestamp, limit: i64) -> Result<Vec<TenantId>> {
    let mut tenants: Vec<TenantId> = tx.query(&due_sql(), vals![now, limit], |row| Ok(row.text(0)?.into()))?;
    tenants.sort_unstable_by(|one, other| one.as_str().cmp(other.as_str()));
    tenants.dedup();
    Ok(tenants)
}

/// Tenants that have rows of backups, in the order of their ids, from behind `after` on.
pub(super) fn tenants(tx: &mut Tx<'_>, after: &str, limit: i64) -> Result<Vec<TenantId>> {
    let sql = "SELECT DISTINCT tenant_id FROM backups WHERE tenant_id > ?1 ORDER BY tenant_id LIMIT ?2";
    Ok(tx.query(sql, vals![after, limit], |row| Ok(row.text(0)?.into()))?)
}

/// Every row of a tenant, newest first.
pub(super) fn all_of(tx: &mut Tx<'_>, tenant_id: &str) -> Result<Vec<Backup>> {
    let sql = format!("SELECT {COLUMNS} FROM backups b WHERE b.tenant_id = ?1 ORDER BY b.created_at DESC, b.id DESC");
    Ok(tx.query(&sql, vals![tenant_id], read_backup)?)
}

pub(super) fn is_gone(tx: &mut Tx<'_>, tenant_id: &str) -> Result<bool> {
    let sql = "SELECT ?1 <> 'central' AND NOT EXISTS (SELECT 1 FROM tenants WHERE id = ?1)";
    Ok(tx.query_one(sql, vals![tenant_id], |row| row.get(0))?)
}

/// What of a tenant is due and stays is not looked at again before `until`.
pub(super) fn postpone(tx: &mut Tx<'_>, tenant_id: &str, now: Timestamp, until: Timestamp) -> Result<()> {
    let sql = format!("UPDATE backups SET kept_until = ?2 WHERE {DUE} AND tenant_id = ?3");
    tx.execute(&sql, vals![now, until, tenant_id])?;
    Ok(())
}

/// Retention looks at everything again, of one tenant or of all.
pub(super) fn look_again(tx: &mut Tx<'_>, tenant_id: Option<&str>) -> Result<()> {
    let sql = "UPDATE backups SET kept_until = NULL WHERE kept_until IS NOT NULL AND (?1 IS NULL OR tenant_id = ?1)";
    tx.execute(sql, vals![tenant_id])?;
    Ok(())
}

pub(super) fn set_pinned(tx: &mut Tx<'_>, id: &str, is_pinned: bool) -> Result<()> {
    tx.execute("UPDATE backups SET is_pinned = ?2, kept_until = NULL WHERE id = ?1", vals![id, is_pinned])?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::{Durability, Engine, EngineOptions, Schema};

    #[tokio::test]
    async fn few_that_are_due_are_found_among_many_on_an_index() {
        let (folder, schema) = (tempfile::tempdir().unwrap(), Schema::central().unwrap());
        let (engine, path) = (Engine::start(EngineOptions::default()).unwrap(), folder.path().join("central.db"));
        schema.create(&path, "central").unwrap();
        let db = schema.open(&engine, &path, "central", Durability::Normal).unwrap().0;
        let fill = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000) \
                    INSERT INTO backups (id, tenant_id, kind, state, folder, file_name, is_compressed, created_at, \
                    expires_at) SELECT i, 't' || (i % 100), 'daily', 'ok', '', i, 1, i, i FROM n";
        for sql in [fill, "ANALYZE"] {
            db.write(move |tx| Ok(tx.execute(sql, &[]).map(|_| ())?)).await.unwrap();
        }
        let plan = |tx: &mut Tx<'_>| {
            let sql = format!("EXPLAIN QUERY PLAN {}", due_sql());
            Ok(tx.query(&sql, vals![3_i64, 9_i64], |row| row.get::<String>(3))?)
        };
        let plan = db.read(plan).await.unwrap();
        assert!(plan.len() == 1 && plan[0].contains("SEARCH backups USING INDEX backups_by_expiry"), "{plan:?}");
        let found = db.read(|tx| due(tx, Timestamp(3), 9)).await.unwrap();
        assert_eq!(found.iter().map(TenantId::as_str).collect::<Vec<_>>(), ["t1", "t2", "t3"]);
        db.write(|tx| postpone(tx, "t2", Timestamp(3), Timestamp(50))).await.unwrap();
        assert_eq!(db.read(|tx| due(tx, Timestamp(3), 9)).await.unwrap().len(), 2);
        db.write(|tx| look_again(tx, Some("t2"))).await.unwrap();
        assert_eq!(db.read(|tx| due(tx, Timestamp(3), 9)).await.unwrap().len(), 3);
    }
}
