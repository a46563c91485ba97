//! Tenants that are backed up at times of their own.

use crate::db::Tx;
use crate::error::{DbError, Result};
use crate::id::TenantId;

use super::Tenants;
use super::settings::OwnSettings;

/// A tenant with a file and with settings of its own about backups.
#[derive(Debug, Clone)]
pub struct Scheduled {
    /// The tenant.
    pub id: TenantId,
    /// What it has set.
    pub settings: OwnSettings,
}

/// In the words of the index `tenants_scheduled`.
const LIST: &str = "SELECT id, settings FROM tenants WHERE instr(settings, '\"backup_') > 0 \
                    AND state IN ('active', 'suspended', 'frozen') ORDER BY number";

impl Tenants {
    /// Those tenants, in the order they were made; where there is none, this is one look at an index.
    ///
    /// # Errors
    /// Storage errors.
    pub async fn list_scheduled(&self) -> Result<Vec<Scheduled>> {
        self.shared.central.read(list).await
    }
}

fn list(tx: &mut Tx<'_>) -> Result<Vec<Scheduled>> {
    Ok(tx.query(LIST, &[], |row| {
        let settings = serde_json::from_str(row.text(1)?)
            .map_err(|_| DbError::Corrupt("tenants.settings is not readable".into()))?;
        Ok(Scheduled { id: row.text(0)?.into(), settings })
    })?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::{Durability, Engine, EngineOptions, Schema};

    #[tokio::test]
    async fn few_with_times_of_their_own_are_found_among_many_on_an_index() {
        let (folder, schema) = (tempfile::tempdir().unwrap(), Schema::central().unwrap());
        let (engine, path) = (Engine::start(EngineOptions::default()).unwrap(), folder.path().join("central.db"));
        schema.create(&path, "central").unwrap();
        let db = schema.open(&engine, &path, "central", Durability::Normal).unwrap().0;
        let fill = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000) \
                    INSERT INTO tenants (id, name, db_name, settings, created_at, updated_at) \
                    SELECT 't' || i, 'x', 't' || i, iif(i = 7, '{\"backup_daily\":\"0 4 * * *\"}', '{}'), 0, 0 FROM n";
        for sql in [fill, "ANALYZE"] {
            db.write(move |tx| Ok(tx.execute(sql, &[]).map(|_| ())?)).await.unwrap();
        }
        let plan =
            |tx: &mut Tx<'_>| Ok(tx.query(&format!("EXPLAIN QUERY PLAN {LIST}"), &[], |row| row.get::<String>(3))?);
        let plan = db.read(plan).await.unwrap();
        assert!(plan.len() == 1 && plan[0].contains("INDEX tenants_scheduled"), "{plan:?}");
        let found = db.read(list).await.unwrap();
        assert_eq!(found.iter().map(|one| one.id.as_str()).collect::<Vec<_>>(), ["t7"]);
        assert_eq!(found[0].settings.backup().daily.as_deref(), Some("0 4 * * *"));
    }
}
