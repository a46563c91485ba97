//! What a start of the server does about backups that a crash cut short.

use crate::db::Tx;
use crate::error::Result;

use super::make::{PART_SUFFIX, TEMP_PREFIX};
use super::restore::ASIDE_PREFIX;
use super::{Backups, store};

impl Backups {
    /// Finishes restores that can be finished, marks what else was under way as failed and removes what
    /// it left. Call it once, before requests are served.
    ///
    /// # Errors
    /// When the central file cannot be read or written.
    pub async fn recover(&self) -> Result<()> {
        self.recover_swaps().await;
        let unfinished = self.shared.central.read(store::unfinished).await?;
        let (root, now) = (self.shared.data_dir.backups_dir(), self.shared.clock.now());
        for backup in unfinished {
            // It may have got its name, and its row not yet said so.
            self.remove_file(&backup);
            let part = root.join(&backup.folder).join(format!(".{}{PART_SUFFIX}", backup.id));
            if let Err(error) = crate::db::remove_closed(&part) {
                tracing::warn!(file = %part.display(), %error, "a leftover could not be removed");
            }
            if self.pack_aside(&backup).await {
                continue;
            }
            tracing::warn!(tenant.id = %backup.tenant_id, backup.id, "a backup was cut short by the end of the server");
            let text = "the server ended before it was done";
            let mark = move |tx: &mut Tx<'_>| store::fail(tx, &backup.id, "interrupted", text, now);
            self.shared.central.write(mark).await?;
        }
        self.recover_restores().await?;
        for entry in self.shared.data_dir.tmp_dir().read_dir().into_iter().flatten().flatten() {
            let name = entry.file_name();
            if [TEMP_PREFIX, ASIDE_PREFIX].iter().any(|prefix| name.to_string_lossy().starts_with(prefix))
                && let Err(error) = std::fs::remove_file(entry.path())
            {
                tracing::warn!(file = %entry.path().display(), %error, "a leftover could not be removed");
            }
        }
        Ok(())
    }
}
