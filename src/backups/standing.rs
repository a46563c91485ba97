//! How each tenant stands with its backups, read from the central file alone: no tenant's file is opened.

use crate::clock::Timestamp;
use crate::db::Tx;
use crate::error::{DbError, Result};
use crate::id::{CENTRAL, TenantId};
use crate::vals;

/// How a tenant, or the central file, stands with its backups.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// Whose.
    pub tenant_id: TenantId,
    /// Its name, as somebody outside chose it.
    pub tenant_name: String,
    /// Since when it is there; none for the central file.
    pub created_at: Option<Timestamp>,
    /// When its newest finished backup was begun.
    pub last_ok_at: Option<Timestamp>,
    /// When a backup of it was last opened and found whole.
    pub last_proven_at: Option<Timestamp>,
    /// Why the last try failed, when it did.
    pub failure: Option<String>,
    /// What is wrong with the newest backup that was opened, when something is.
    pub proof_error: Option<String>,
}

/// Each part is a seek on the index by tenant and time that ends at its first row, so this costs by the
/// number of tenants and not by that of backups. What a restore put aside says nothing of the schedule.
fn sql() -> String {
    let newest = |what: &str, so: &str| {
        format!(
            "(SELECT {what} FROM backups b WHERE b.tenant_id = t.id AND b.kind <> 'pre_restore' AND {so} \
             ORDER BY b.created_at DESC, b.id DESC LIMIT 1)"
        )
    };
    format!(
        "SELECT t.id, t.name, t.created_at, {}, {}, {}, {} FROM (SELECT ?1 AS id, ?1 AS name, NULL AS created_at \
         UNION ALL SELECT id, name, created_at FROM tenants WHERE state IN ('active', 'suspended', 'frozen')) t",
        newest("b.created_at", "b.state = 'ok'"),
        newest("b.proven_at", "b.state = 'ok' AND b.proven_at IS NOT NULL"),
        newest("iif(b.state = 'failed', coalesce(b.error, ''), NULL)", "b.state <> 'running'"),
        newest("b.proof_error", "b.state = 'ok' AND (b.proven_at IS NOT NULL OR b.proof_error IS NOT NULL)"),
    )
}

/// Shows how the central file and each tenant that has a file stand, one after the other.
///
/// # Errors
/// Storage errors.
pub fn each_standing(tx: &mut Tx<'_>, mut visit: impl FnMut(Standing)) -> Result<(), DbError> {
    tx.each(&sql(), vals![CENTRAL], |row| {
        visit(Standing {
            tenant_id: row.text(0)?.into(),
            tenant_name: row.get(1)?,
            created_at: row.get(2)?,
            last_ok_at: row.get(3)?,
            last_proven_at: row.get(4)?,
            failure: row.get(5)?,
            proof_error: row.get(6)?,
        });
        Ok(true)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::{Durability, Engine, EngineOptions, Schema};

    #[tokio::test]
    async fn standing_is_that_of_the_newest_rows_found_on_an_index() {
        let (folder, schema) = (tempfile::tempdir().unwrap(), Schema::central().unwrap());
        let (engine, path) = (Engine::start(EngineOptions::default()).unwrap(), folder.path().join("central.db"));
        schema.create(&path, CENTRAL).unwrap();
        let db = schema.open(&engine, &path, CENTRAL, Durability::Normal).unwrap().0;
        let rows = [
            ("a", "daily", "ok", 10, Some(11), None),
            ("b", "daily", "ok", 20, Some(21), Some("a flipped bit")),
            ("c", "daily", "ok", 30, None, None),
            ("d", "daily", "failed", 40, None, None),
            ("e", "pre_restore", "ok", 50, Some(51), None),
            ("f", "daily", "running", 60, None, None),
        ];
        let fill = move |tx: &mut Tx<'_>| {
            for (id, kind, state, at, proven, wrong) in rows {
                let sql = "INSERT INTO backups (id, tenant_id, kind, state, folder, file_name, is_compressed, created_at, \
                           proven_at, proof_error, error) VALUES (?1, 'central', ?2, ?3, '', ?1, 1, ?4, ?5, ?6, 'full')";
                tx.execute(sql, vals![id, kind, state, at, proven, wrong])?;
            }
            Ok(())
        };
        db.write(fill).await.unwrap();
        let look = |tx: &mut Tx<'_>| {
            let mut found = Vec::new();
            each_standing(tx, |standing| found.push(standing))?;
            Ok(found)
        };
        let expected = Standing {
            tenant_id: TenantId::central(),
            tenant_name: CENTRAL.into(),
            created_at: None,
            last_ok_at: Some(Timestamp(30)),
            last_proven_at: Some(Timestamp(21)),
            failure: Some("full".into()),
            proof_error: Some("a flipped bit".into()),
        };
        assert_eq!(db.scan(look).await.unwrap(), [expected]);
        let plan = |tx: &mut Tx<'_>| {
            let sql = format!("EXPLAIN QUERY PLAN {}", sql());
            Ok(tx.query(&sql, vals![CENTRAL], |row| row.get::<String>(3))?)
        };
        let plan = db.scan(plan).await.unwrap();
        let seeks = plan.iter().filter(|step| step.contains("SEARCH b USING INDEX backups_by_tenant (tenant_id=?)"));
        assert_eq!(seeks.count(), 4, "{plan:?}");
        assert!(!plan.iter().any(|step| step.contains("TEMP B-TREE") && !step.contains("LAST TERM")), "{plan:?}");
    }
}
