//! What a start of the server does about backups that a crash cut short.

use crate::db::Tx;
use crate::error::Result;

use super::make::{PART_SUFFIX, TEMP_PREFIX};
use super::{Backups, store};

impl Backups {
    /// Marks what was under way as failed and removes what it left. Call it once, before requests are
    /// served.
    ///
    /// # Errors
    /// When the central file cannot be read or written.
    pub async fn recover(&self) -> Result<()> {
        let unfinished = self.shared.central.read(store::unfinished).await?;
        let root = self.shared.data_dir.backups_dir();
        for backup in &unfinished {
            // It may have got its name, and its row not yet said so.
            self.remove_file(backup);
            let part = root.join(&backup.folder).join(format!(".{}{PART_SUFFIX}", backup.id));
            if let Err(error) = crate::db::remove_closed(&part) {
                tracing::warn!(file = %part.display(), %error, "a leftover could not be removed");
            }
            tracing::warn!(tenant.id = %backup.tenant_id, backup.id, "a backup was cut short by the end of the server");
        }
        let now = self.shared.clock.now();
        if !unfinished.is_empty() {
            let mark = move |tx: &mut Tx<'_>| {
                let text = "the server ended before it was done";
                unfinished.iter().try_for_each(|backup| store::fail(tx, &backup.id, "interrupted", text, now))
            };
            self.shared.central.write(mark).await?;
        }
        for entry in self.shared.data_dir.tmp_dir().read_dir().into_iter().flatten().flatten() {
            if entry.file_name().to_string_lossy().starts_with(TEMP_PREFIX)
                && let Err(error) = std::fs::remove_file(entry.path())
            {
                tracing::warn!(file = %entry.path().display(), %error, "a leftover could not be removed");
            }
        }
        Ok(())
    }
}
