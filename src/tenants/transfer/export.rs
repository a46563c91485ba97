//! Out: while the tenant serves.

use std::fs::File;

use crate::db::Tx;
use crate::error::{Error, Result};
use crate::id::TenantId;

use super::super::Tenants;
use super::manifest::Central;
use super::{pack, run_long};

/// An archive that is ready to be sent.
#[derive(Debug)]
pub struct Export {
    /// The archive, at its start. It has no name; it goes when this is closed.
    pub file: File,
    /// Its size.
    pub size_bytes: u64,
    /// Its SHA-256, in hex.
    pub sha256: String,
    /// What it may be called.
    pub file_name: String,
}

impl Tenants {
    /// Packs a tenant: its file as of one moment, its row without secrets, the hashes of its keys.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Conflict`] `file_not_exportable` for a file that nobody could
    /// import; storage errors.
    pub async fn export(&self, id: &TenantId) -> Result<Export> {
        let permit = self.shared.transfers.clone().acquire_owned().await.map_err(Error::internal)?;
        let still = self.hold_still(id).await;
        let tenant_id = id.clone();
        let central = self.shared.central.read(move |tx: &mut Tx<'_>| Central::read(tx, tenant_id.as_str())).await?;
        let (live, tmp) = (self.file_of(&central.tenant.file_name()?), self.shared.data_dir.tmp_dir());
        let (schema, now) = (self.shared.schema.clone(), self.shared.clock.now());
        run_long(move || {
            // They travel with the work: it goes on when the caller hangs up.
            let _held = (permit, still);
            pack::pack(&live, &tmp, central, &schema, now)
        })
        .await
    }
}
