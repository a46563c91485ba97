//! What a start of the server does about restores that a crash cut short.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::db::TempFile;
use crate::db::inspect::Look;
use crate::error::{Error, Result};
use crate::id::TenantId;

use super::super::make::in_background;
use super::super::model::Backup;
use super::super::restore_store::{self, Unfinished};
use super::super::{Backups, UnderWay};
use super::swap::Waiting;

/// How files begin that hold the content that a restore replaces.
pub(in super::super) const ASIDE_PREFIX: &str = "aside-";

/// Where the content that a restore replaces waits for its packing. It is complete.
pub(super) fn aside(tmp: &Path, before_id: &str) -> PathBuf {
    tmp.join(format!("{ASIDE_PREFIX}{before_id}.db"))
}

impl Backups {
    /// Finishes or takes back each swap of files; what fails is told and does not stop the start.
    pub(in super::super) async fn recover_swaps(&self) {
        for waiting in Waiting::all(&self.shared.data_dir) {
            let tenant = waiting.tenant.clone();
            match self.recover_swap(waiting).await {
                Ok(()) => {
                    tracing::warn!(tenant.id = %tenant, "a restore that was cut short was finished or taken back");
                }
                Err(error) => tracing::error!(tenant.id = %tenant, %error, "a half restored tenant needs attention"),
            }
        }
    }

    async fn recover_swap(&self, waiting: Waiting) -> Result<()> {
        let alone = match self.shared.tenants.alone(&waiting.tenant).await {
            Err(Error::NotFound { .. }) => {
                waiting.discard();
                return Ok(());
            }
            found => found?,
        };
        let live = alone.path.clone();
        in_background(move || {
            if live.symlink_metadata().is_ok() {
                waiting.discard();
                return Ok(());
            }
            waiting.finish(&live)
        })
        .await
    }

    /// Makes the backup of what a restore replaced, when a crash came before it was made; false when
    /// there is nothing to make it of.
    pub(in super::super) async fn pack_aside(&self, row: &Backup) -> bool {
        let aside = TempFile::new(aside(&self.shared.data_dir.tmp_dir(), &row.id));
        if !aside.path().exists() {
            return false;
        }
        let progress = Arc::default();
        let under_way = UnderWay::new(self, &row.id, Arc::clone(&progress));
        match self.keep_aside(&row.tenant_id, row.clone(), aside, under_way, progress).await {
            Ok(_) => {
                tracing::warn!(tenant.id = %row.tenant_id, backup.id = row.id, "the backup of before a restore was finished");
            }
            Err(error) => {
                tracing::error!(tenant.id = %row.tenant_id, backup.id = row.id, %error, "what a restore replaced is lost");
            }
        }
        true
    }

    /// Writes down how each restore ended, by what is in the tenant's file now.
    pub(in super::super) async fn recover_restores(&self) -> Result<()> {
        for Unfinished { mark, tenant_id } in self.shared.central.read(restore_store::unfinished).await? {
            match self.live_mark(&tenant_id).await {
                Ok(found) if found.as_ref() == Some(&mark) => {
                    tracing::warn!(tenant.id = %tenant_id, "a restore had been done when the server ended");
                    self.shared.tenants.restored(&tenant_id, self.shared.schema.latest()).await?;
                    self.note(&mark, |tx, mark| restore_store::finish(tx, mark, None)).await?;
                }
                found => {
                    let text = match found {
                        Ok(_) => "the server ended before it was done; nothing was changed".to_owned(),
                        Err(error) => format!("the server ended before it was done; the tenant's file says: {error}"),
                    };
                    tracing::warn!(tenant.id = %tenant_id, "a restore was cut short: {text}");
                    self.note(&mark, move |tx, mark| restore_store::fail(tx, mark, "interrupted", &text)).await?;
                }
            }
        }
        Ok(())
    }

    async fn live_mark(&self, tenant: &TenantId) -> Result<Option<String>> {
        let still = self.shared.tenants.still(tenant).await?;
        in_background(move || Look::open(&still.path)?.read(restore_store::mark)).await
    }
}
