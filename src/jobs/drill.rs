//! The drill: the newest backup of each tenant is opened and looked at in full, before somebody needs it.

use std::sync::Arc;
use std::time::Duration;

use crate::app::App;
use crate::db::inspect::Depth;
use crate::error::Result;

/// A proof is good for this long.
const PROVEN_FOR: Duration = Duration::from_secs(7 * 86_400);

/// Proves what is to be proven, one backup after the other; the next run goes on where this one is broken off.
///
/// # Errors
/// When the central file cannot be read or written. What is wrong with a backup stands in its row, and
/// does not stop the others.
pub async fn run(app: &App) -> Result<()> {
    let before = app.clock.now().minus(PROVEN_FOR);
    for backup in app.backups.unproven(before).await? {
        let (tenant, id) = (backup.tenant_id.clone(), backup.id.clone());
        if let Err(error) = app.backups.verify(backup, Depth::Full, Arc::default()).await
            && !matches!(error.code(), "backup_damaged" | "backup_key_missing")
        {
            tracing::warn!(tenant.id = %tenant, backup.id = id, %error, "a backup could not be looked at; it is its turn again");
        }
    }
    Ok(())
}
