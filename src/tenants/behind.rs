//! The SQL of tenants whose files are behind the newest schema. What central knows of a file's version is
//! a hint: the file itself decides.

use crate::db::Tx;
use crate::error::Result;
use crate::vals;

use super::model::{MigrationFailure, Tenant};
use super::store::{COLUMNS, read_tenant};

/// What counts as behind; the index `tenants_by_schema` is made for it.
const BEHIND: &str = "state IN ('active', 'suspended') AND schema_version < ?1";

/// How many tenants' files are older than `latest`.
pub(super) fn count(tx: &mut Tx<'_>, latest: i64) -> Result<u32> {
    let sql = format!("SELECT count(*) FROM tenants WHERE {BEHIND}");
    Ok(tx.query_one(&sql, vals![latest], |row| row.get(0))?)
}

/// Tenants whose files are older than `latest`, the oldest first, behind this version and number.
pub(super) fn list(tx: &mut Tx<'_>, latest: i64, after: (i64, i64), limit: i64) -> Result<Vec<Tenant>> {
    Ok(tx.query(&list_sql(), vals![latest, after.0, after.1, limit], read_tenant)?)
}

fn list_sql() -> String {
    format!(
        "SELECT {COLUMNS} FROM tenants t WHERE {BEHIND} AND (schema_version, number) > (?2, ?3) \
         ORDER BY schema_version, number LIMIT ?4"
    )
}

/// The file has this schema. It is no change of the tenant, so its tag and `updated_at` stay.
pub(super) fn note_version(tx: &mut Tx<'_>, id: &str, version: i64) -> Result<()> {
    let sql = "UPDATE tenants SET schema_version = ?2, migration_error_code = NULL, migration_error = NULL, \
               migration_failed_at = NULL WHERE id = ?1";
    tx.execute(sql, vals![id, version])?;
    Ok(())
}

/// The file could not be brought to the newest schema and still has `version`, where that is known. An
/// error that stands there already keeps its time.
pub(super) fn note_failure(tx: &mut Tx<'_>, id: &str, failure: &MigrationFailure, version: Option<i64>) -> Result<()> {
    let sql = "UPDATE tenants SET migration_error_code = ?2, migration_error = ?3, migration_failed_at = ?4, \
               schema_version = coalesce(?5, schema_version) \
               WHERE id = ?1 AND (migration_error_code, migration_error) IS NOT (?2, ?3)";
    tx.execute(sql, vals![id, &failure.code, &failure.text, failure.at, version])?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::{Durability, Engine, EngineOptions, Schema, Val};

    fn check_plans(tx: &mut Tx<'_>) -> Result<()> {
        let count = format!("SELECT count(*) FROM tenants WHERE {BEHIND}");
        let queries: [(&str, &[Val<'_>]); 2] =
            [(&count, vals![2_i64]), (&list_sql(), vals![2_i64, 1_i64, 5_i64, 9_i64])];
        for (sql, values) in queries {
            let plan = tx.query(&format!("EXPLAIN QUERY PLAN {sql}"), values, |row| row.get::<String>(3))?;
            let is_on_index = plan.len() == 1 && plan[0].contains("INDEX tenants_by_schema (schema_version");
            assert!(is_on_index, "{plan:?}");
        }
        Ok(())
    }

    #[tokio::test]
    async fn few_that_are_behind_are_found_among_many_on_an_index() {
        let (folder, schema) = (tempfile::tempdir().unwrap(), Schema::central().unwrap());
        let (engine, path) = (Engine::start(EngineOptions::default()).unwrap(), folder.path().join("central.db"));
        schema.create(&path, "central").unwrap();
        let db = schema.open(&engine, &path, "central", Durability::Normal).unwrap().0;
        db.read(check_plans).await.unwrap();
        let fill = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000) \
                    INSERT INTO tenants (id, name, db_name, schema_version, created_at, updated_at) \
                    SELECT 't' || i, 'x', 't' || i, 1 + (i > 3), 0, 0 FROM n";
        for sql in [fill, "ANALYZE"] {
            db.write(move |tx| Ok(tx.execute(sql, &[]).map(|_| ())?)).await.unwrap();
        }
        db.read(check_plans).await.unwrap();
        let rest = db.read(|tx| Ok((count(tx, 2)?, list(tx, 2, (1, 1), 9)?))).await.unwrap();
        assert_eq!((rest.0, rest.1.iter().map(|tenant| tenant.number).collect()), (3, vec![2, 3]));
    }
}
