//! Bringing tenants' files to the newest schema before anybody asks for them.

use std::sync::atomic::Ordering;
use std::time::Instant;

use crate::db::{Durability, MigrationOutcome, Tx};
use crate::error::{DbError, Error, Result};
use crate::id::TenantId;

use super::life::FENCE_PATIENCE;
use super::model::{Tenant, TenantState};
use super::{Tenants, behind};

/// Tenants that are read at once of those that are behind.
const BATCH: i64 = 100;

impl Tenants {
    /// Brings the file of a tenant to the newest schema, also one that is parked; requests for it
    /// wait meanwhile.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Conflict`] `tenant_frozen`, for the file of such a one is promised
    /// not to change; what opening the file says.
    pub async fn migrate(&self, id: &TenantId) -> Result<MigrationOutcome> {
        let id = id.clone();
        self.to_the_end(move |tenants| async move {
            tenants.prepare_upgrade(&id).await;
            let _still = tenants.hold_still(&id).await;
            let tenant = tenants.get(&id).await?;
            if tenant.state == TenantState::Frozen {
                return Err(Error::conflict("tenant_frozen", "The tenant is frozen; thaw it first."));
            }
            let outcome = tenants.migrate_file(&tenant).await;
            match &outcome {
                Ok(outcome) => tenants.note_version(&tenant, outcome.to).await?,
                Err(Error::Db(error @ DbError::MigrationFailed { .. })) => {
                    tenants.park(&id, &tenant.file_name()?, error).await;
                }
                Err(Error::Db(error)) if tenant.schema_version < tenants.shared.schema.latest() => {
                    tenants.note_failure(&id, error).await?;
                }
                Err(_) => {}
            }
            outcome
        })
        .await
    }

    async fn migrate_file(&self, tenant: &Tenant) -> Result<MigrationOutcome> {
        if self.shared.fleet.is_open(&tenant.id) {
            let latest = self.shared.schema.latest();
            return Ok(MigrationOutcome { from: latest, to: latest });
        }
        let fenced = self.shared.fleet.fence(&tenant.id, Instant::now() + FENCE_PATIENCE).await?;
        let (path, owner) = (self.file_of(&tenant.file_name()?), tenant.id.to_string());
        let (schema, engine) = (self.shared.schema.clone(), self.shared.engine.clone());
        let open = move || Ok(schema.open(&engine, &path, &owner, Durability::Full)?.1);
        let outcome = self.shared.engine.run(open).await;
        drop(fenced);
        outcome
    }

    async fn note_version(&self, tenant: &Tenant, version: i64) -> Result<()> {
        self.release(&tenant.id);
        if tenant.schema_version == version && tenant.migration_failure.is_none() {
            return Ok(());
        }
        let id = tenant.id.clone();
        self.shared.central.write(move |tx: &mut Tx<'_>| behind::note_version(tx, id.as_str(), version)).await
    }

    /// How many tenants' files are older than this build's schema, as far as is known. Neither
    /// frozen ones nor those in the trash count: they are migrated when they are used again.
    ///
    /// # Errors
    /// Storage errors.
    pub async fn count_behind(&self) -> Result<u32> {
        let latest = self.shared.schema.latest();
        let count = self.shared.central.read(move |tx| behind::count(tx, latest)).await?;
        self.shared.parking.behind.store(count, Ordering::Relaxed);
        Ok(count)
    }

    /// What [`Tenants::count_behind`] found when it was asked last.
    pub fn behind_when_last_counted(&self) -> u32 {
        self.shared.parking.behind.load(Ordering::Relaxed)
    }

    /// Some of those that [`Tenants::count_behind`] counts, beginning behind `after`.
    ///
    /// # Errors
    /// Storage errors.
    pub async fn list_behind(&self, after: Option<&Tenant>) -> Result<Vec<Tenant>> {
        let latest = self.shared.schema.latest();
        let after = after.map_or((-1, 0), |tenant| (tenant.schema_version, tenant.number));
        self.shared.central.read(move |tx| behind::list(tx, latest, after, BATCH)).await
    }

    /// Whether the tenant is parked, and its file still the one that failed.
    pub async fn is_parked(&self, tenant: &Tenant) -> bool {
        let Ok(db_name) = tenant.file_name() else { return false };
        self.expect_not_parked(&tenant.id, &db_name).await.is_err()
    }
}
