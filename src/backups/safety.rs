//! Backups of what is about to change: before a tenant is deleted, before its file is upgraded.

use std::sync::Arc;
use std::time::Duration;

use crate::error::Result;
use crate::id::TenantId;

use super::model::{Backup, Kind};
use super::progress::Progress;
use super::{BackupOrder, Backups};

/// For so long what is about to change waits for its backup.
const PATIENCE: Duration = Duration::from_secs(30);

impl Backups {
    /// As [`Backups::make`], but gives up when that takes too long: somebody waits for something else.
    ///
    /// # Errors
    /// As [`Backups::make`]; `cancelled` when it took too long.
    pub async fn make_in_time(&self, order: BackupOrder) -> Result<Backup> {
        let progress: Arc<Progress> = Arc::default();
        let mut making = std::pin::pin!(self.make(order, progress.clone()));
        if let Ok(made) = tokio::time::timeout(PATIENCE, &mut making).await {
            return made;
        }
        // What is past its point of no return is nearly done.
        progress.cancel();
        making.await
    }

    /// From now on every tenant is backed up before its file is brought to a newer schema.
    pub fn back_up_before_upgrades(&self) {
        // The tenants must not keep alive what keeps them alive.
        let shared = Arc::downgrade(&self.shared);
        self.shared.tenants.before_upgrades(Arc::new(move |id| {
            let backups = shared.upgrade().map(|shared| Self { shared });
            Box::pin(async move {
                if let Some(backups) = backups {
                    backups.make_before_upgrade(id).await;
                }
            })
        }));
    }

    /// Backs a tenant up whose file is about to be brought to a newer schema. One that cannot be made
    /// keeps nobody from it: the upgrade is one transaction, and the log says so.
    async fn make_before_upgrade(&self, tenant: TenantId) {
        let made = self.make_in_time(BackupOrder::new(tenant.clone(), Kind::PreUpgrade)).await;
        if let Err(error) = made {
            tracing::warn!(tenant.id = %tenant, %error, "tenant is upgraded without a backup before it");
        }
    }
}
