//! Backups of what is about to change: before a tenant is deleted, before its file is upgraded.

use std::sync::Arc;
use std::time::Duration;

use crate::error::Result;

use super::model::Backup;
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
}
