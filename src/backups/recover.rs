//! What a start of the server does about backups that a crash cut short.

use crate::db::{Tx, file_error};
use crate::error::Result;

use super::download::open_stored;
use super::make::{PART_SUFFIX, TEMP_PREFIX, in_background};
use super::model::{Backup, Content};
use super::restore::ASIDE_PREFIX;
use super::{Backups, copies, store};

impl Backups {
    /// Finishes restores that can be finished, marks what else was under way as failed and removes what
    /// it left. Call it once, before requests are served.
    ///
    /// # Errors
    /// When the central file cannot be read or written.
    pub async fn recover(&self) -> Result<()> {
        let now = self.shared.clock.now();
        self.shared.central.write(move |tx| copies::store::resume(tx, now)).await?;
        self.recover_swaps().await;
        let unfinished = self.shared.central.read(store::unfinished).await?;
        let (root, now) = (self.shared.data_dir.backups_dir(), self.shared.clock.now());
        for backup in unfinished {
            // It may have got its name, and its row not yet said so: then it is whole and was checked. A central
            // file that comes from a backup has the row of that backup like this.
            if self.finish_landed(&backup).await {
                continue;
            }
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
            let name = name.to_string_lossy();
            let is_part = name.starts_with('.') && name.ends_with(PART_SUFFIX);
            if (is_part || [TEMP_PREFIX, ASIDE_PREFIX].iter().any(|prefix| name.starts_with(prefix)))
                && let Err(error) = std::fs::remove_file(entry.path())
            {
                tracing::warn!(file = %entry.path().display(), %error, "a leftover could not be removed");
            }
        }
        Ok(())
    }

    /// Says `ok` of a backup whose file is there and opens; false when it does not.
    async fn finish_landed(&self, backup: &Backup) -> bool {
        let path = self.shared.data_dir.backups_dir().join(backup.stored_path());
        let (row, shared) = (backup.clone(), self.shared.clone());
        let opened = in_background(move || {
            let unpacker = open_stored(&path, &row, &shared.keys.load())?;
            let file_bytes = path.metadata().map_err(file_error)?.len();
            Ok(Content {
                schema_version: unpacker.manifest.schema_version,
                database_bytes: unpacker.manifest.database_bytes,
                payload_bytes: unpacker.payload_bytes(),
                payload_sha256: unpacker.manifest.payload_sha256,
                file_bytes,
                row_counts: unpacker.manifest.row_counts,
                key_id: unpacker.head.key_id,
            })
        });
        let Ok(content) = opened.await else { return false };
        let (id, now) = (backup.id.clone(), self.shared.clock.now());
        let bucket = self.shared.options.bucket.clone();
        let finish = move |tx: &mut Tx<'_>| {
            store::finish(tx, &id, &content, None, now)?;
            Self::enlist_copy(bucket.as_deref(), tx, &id, now)
        };
        match self.shared.central.write(finish).await {
            Ok(()) => {
                tracing::warn!(tenant.id = %backup.tenant_id, backup.id, "a backup was whole when the server ended");
                true
            }
            Err(error) => {
                tracing::error!(backup.id, %error, "that a backup is whole could not be written down");
                false
            }
        }
    }
}
