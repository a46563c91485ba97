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
        let look = move || {
            schema.probe(&path, &owner)?;
            Ok(crate::db::expect_writable(&path)?)
        };
        let looked = match self.expect_not_parked(id, &tenant.file_name()?).await {
            Ok(()) => self.shared.engine.run(look).await,
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
