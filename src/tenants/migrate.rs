//! Bringing a tenant's file to the newest schema before anybody asks for it.

use std::time::Instant;

use crate::db::{Durability, MigrationOutcome};
use crate::error::Result;
use crate::id::TenantId;

use super::life::FENCE_PATIENCE;
use super::{Tenants, parse_db_name, store};

impl Tenants {
    /// Brings the file of a tenant to the newest schema; requests for it wait meanwhile.
    ///
    /// # Errors
    /// [`crate::error::Error::NotFound`]; what opening the file says.
    pub async fn migrate(&self, id: &TenantId) -> Result<MigrationOutcome> {
        let tenant = self.get(id).await?;
        let fenced = self.shared.fleet.fence(id, Instant::now() + FENCE_PATIENCE).await?;
        let (path, owner) = (self.file_of(&parse_db_name(&tenant.db_name)?), id.to_string());
        let (schema, engine) = (self.shared.schema.clone(), self.shared.engine.clone());
        let open = move || Ok(schema.open(&engine, &path, &owner, Durability::Full)?.1);
        let outcome = self.shared.engine.run(open).await?;
        drop(fenced);
        if tenant.schema_version != outcome.to {
            let (id, now) = (id.clone(), self.shared.clock.now());
            let note =
                move |tx: &mut crate::db::Tx<'_>| store::set(tx, id.as_str(), "schema_version", outcome.to.into(), now);
            self.shared.central.write(note).await?;
        }
        Ok(outcome)
    }
}
