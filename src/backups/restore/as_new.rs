//! A backup that becomes another tenant, beside the one it was made of or after its end.

use std::sync::Arc;

use crate::db::file_error;
use crate::db::inspect::Look;
use crate::error::{Error, Result};
use crate::fault;
use crate::id::TenantId;
use crate::tenants::{NewTenant, Tenant};
use crate::users;

use super::super::make::in_background;
use super::super::model::Backup;
use super::super::progress::{Progress, Step};
use super::super::{Backups, UnderWay};

impl Backups {
    /// Makes a new tenant of a backup; gives it and its key, which is shown this once. The tenant that the
    /// backup was made of stays as it is, and need not be there any more. Its users come with their
    /// passwords and without tokens; its keys, domains, limits and settings do not come. It goes on when
    /// the caller hangs up.
    ///
    /// # Errors
    /// As [`crate::tenants::Tenants::create`]; [`Error::Conflict`] `backup_of_central`, `backup_damaged`,
    /// `backup_key_missing`, `backup_newer`, `interrupted`; storage errors. Nothing stays behind then.
    pub async fn restore_as_new(&self, backup: Backup, input: NewTenant) -> Result<(Tenant, String)> {
        refuse_central(&backup.tenant_id)?;
        self.to_the_end(move |backups| async move { backups.restore_as_new_now(backup, input).await }).await
    }

    async fn restore_as_new_now(&self, backup: Backup, input: NewTenant) -> Result<(Tenant, String)> {
        let progress = Arc::<Progress>::default();
        // No job: what comes of it holds a key, which is kept nowhere. A stop of the server ends it all the same.
        let _under_way = UnderWay::new(self, &crate::id::uuid().to_string(), progress.clone());
        let _permit = self.turn(&progress).await?;
        progress.enter(Step::Unpacking)?;
        let file = self.unpack(&backup, &backup.tenant_id, &progress).await?;
        let file = in_background(move || {
            Look::open_for_writing(file.path())?.change(users::carry_nothing_over)?;
            crate::db::complete(file.path())?;
            Ok(file)
        })
        .await?;
        progress.check()?;
        fault::point("restore.as_new").map_err(file_error)?;
        self.shared.tenants.create_from(input, file).await
    }
}

/// The server's own file holds no tenant.
///
/// # Errors
/// [`Error::Conflict`] `backup_of_central`.
pub fn refuse_central(owner: &TenantId) -> Result<()> {
    if owner.is_central() {
        let text = "A backup of the server's own file is none of a tenant. `ruko restore central` puts it back.";
        return Err(Error::conflict("backup_of_central", text));
    }
    Ok(())
}
