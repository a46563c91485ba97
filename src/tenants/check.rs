//! Whether a tenant's file can be used, and how large it is.

use crate::error::{DbError, Error, Result};
use crate::id::TenantId;

use super::Tenants;
use super::model::Tenant;

impl Tenants {
    /// Opens the tenant's file anew, reads from it, and asks whether it may be written; the inner
    /// result says how that went.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn check(&self, id: &TenantId) -> Result<(Tenant, Result<(), DbError>)> {
        let _still = self.hold_still(id).await;
        let tenant = self.get(id).await?;
        let (path, owner, schema) = (self.file_of(&tenant.file_name()?), id.to_string(), self.shared.schema.clone());
        let look = async {
            // Opening another file beside one that is open under its name would harm both.
            let open = self.shared.fleet.find_open(id);
            let is_lost = move || Ok(open.is_some_and(|db| db.expect_in_place().is_err()));
            let fenced = if self.shared.engine.run(is_lost).await? { Some(self.fence(id).await?) } else { None };
            let look = move || {
                schema.probe(&path, &owner)?;
                Ok(crate::db::expect_writable(&path)?)
            };
            let outcome = self.shared.engine.run(look).await;
            drop(fenced);
            outcome
        };
        let looked = match self.expect_not_parked(id, &tenant.file_name()?).await {
            Ok(()) => look.await,
            Err(error) => Err(error),
        };
        let outcome = match looked {
            Ok(()) => Ok(()),
            Err(Error::Db(error)) => Err(error),
            Err(other) => return Err(other),
        };
        if let Err(error) = &outcome {
            tracing::warn!(
                tenant.id = %id, error.code = error.code(), %error, advice = crate::db::advice(error),
                "tenant file failed its check"
            );
        }
        Ok((tenant, outcome))
    }

    /// The size of the tenant's file; none when there is no file.
    ///
    /// # Errors
    /// [`DbError::Overloaded`].
    pub async fn size_bytes(&self, tenant: &Tenant) -> Result<Option<u64>> {
        let path = self.file_of(&tenant.file_name()?);
        self.shared.engine.run(move || Ok(path.metadata().ok().map(|found| found.len()))).await
    }
}
