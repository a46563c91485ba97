//! Another key: new backups are made with it, and those that are there can be encrypted anew. The old one
//! goes on opening what it made.

use std::fs::OpenOptions;
use std::io::{BufWriter, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use crate::db::{TempFile, Tx, file_error, remove_closed};
use crate::error::{Error, Result};
use crate::fault;

use super::container::{Head, reseal};
use super::download::{damaged, open_stored};
use super::keys::BackupKey;
use super::make::{PART_SUFFIX, in_background, sync_folder};
use super::model::Backup;
use super::{Backups, Shared, copies, store};

/// A key and what hangs on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyUse {
    /// See [`BackupKey::id`].
    pub id: String,
    /// New backups are made with it.
    pub is_current: bool,
    /// This server has it.
    pub is_here: bool,
    /// Finished backups that it opens.
    pub backups: u64,
}

impl Backups {
    /// The keys of this server and those of its backups, the one in use first.
    ///
    /// # Errors
    /// Storage errors.
    pub async fn keys(&self) -> Result<Vec<KeyUse>> {
        let mut counts = self.shared.central.read(store::keys_in_use).await?;
        let keys = self.shared.keys.load();
        let here = keys.all().map(|key| KeyUse {
            id: key.id().to_owned(),
            is_current: key.id() == keys.current().id(),
            is_here: true,
            backups: counts.remove(key.id()).unwrap_or(0),
        });
        let mut uses: Vec<_> = here.collect();
        let gone = |(id, backups)| KeyUse { id, is_current: false, is_here: false, backups };
        uses.extend(counts.into_iter().map(gone));
        Ok(uses)
    }

    /// Makes a new key and writes it in front of the others; gives its id. Backups under way end with
    /// the key they began with.
    ///
    /// # Errors
    /// [`Error::Conflict`] `backup_key_configured` where the settings say which key it is; storage errors.
    pub async fn rotate_key(&self) -> Result<String> {
        self.to_the_end(|backups| async move {
            let _one_at_a_time = backups.shared.rotating.lock().await;
            let shared = backups.shared.clone();
            in_background(move || {
                let keys = shared.keys.load();
                if keys.is_configured() {
                    let text = "The settings name the backup key (backup.key, RUKO_BACKUP_KEY). Put the new one there, \
                                and the one of now as a line into keys/backup.key; then restart the server.";
                    return Err(Error::conflict("backup_key_configured", text));
                }
                let rotated = keys.with_new(BackupKey::generate());
                rotated.write(&shared.data_dir.backup_key_file())?;
                let id = rotated.current().id().to_owned();
                tracing::warn!(backup_key.id = id, "backups are made with a new key from now on: keep a copy of it");
                shared.keys.store(rotated.into());
                Ok(id)
            })
            .await
        })
        .await
    }

    /// Encrypts the next backup behind `after` (an id) anew that was made with another key than the one in
    /// use, and gives it; none when there is none.
    ///
    /// # Errors
    /// Storage errors. Why the backup could not be opened stands beside it.
    pub async fn rewrap_next(&self, after: &str) -> Result<Option<(Backup, Result<()>)>> {
        let (after, current) = (after.to_owned(), self.shared.keys.load().current().id().to_owned());
        let find = move |tx: &mut Tx<'_>| store::next_with_other_key(tx, &current, &after);
        let Some(backup) = self.shared.central.read(find).await? else { return Ok(None) };
        let row = backup.clone();
        let outcome = self.to_the_end(move |backups| async move { backups.rewrap(row).await }).await;
        Ok(Some((backup, outcome)))
    }

    async fn rewrap(&self, backup: Backup) -> Result<()> {
        let permit = self.shared.at_once.clone().acquire_owned().await.map_err(Error::internal)?;
        let _one_at_a_time = self.shared.rotating.lock().await;
        let (shared, row) = (self.shared.clone(), backup.clone());
        let sealed = in_background(move || {
            let _permit = permit;
            reseal_file(&shared, &row)
        });
        let (key_id, file_bytes) = sealed.await?;
        let now = self.shared.clock.now();
        let note = move |tx: &mut Tx<'_>| {
            store::set_key(tx, &backup.id, &key_id, file_bytes)?;
            copies::store::renew(tx, &backup.id, now)
        };
        self.shared.central.write(note).await
    }
}

/// Encrypts the file of a backup with the key in use; gives that key's id and the new size.
fn reseal_file(shared: &Shared, backup: &Backup) -> Result<(String, u64)> {
    let keys = shared.keys.load();
    let path = shared.data_dir.backups_dir().join(backup.stored_path());
    let unpacker = open_stored(&path, backup, &keys)?;
    let key = keys.current();
    if unpacker.head.key_id == key.id() {
        // A crash came between the file and its row.
        return Ok((key.id().to_owned(), path.metadata().map_err(file_error)?.len()));
    }
    let folder = path.parent().unwrap_or(Path::new("."));
    let part = TempFile::new(folder.join(format!(".{}{PART_SUFFIX}", backup.id)));
    // That of one that a crash cut short.
    remove_closed(part.path())?;
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(part.path()).map_err(file_error)?;
    let head = Head { key_id: key.id().to_owned(), ..unpacker.head.clone() };
    let to = BufWriter::with_capacity(256 * 1024, file);
    let mut to = reseal(unpacker, to, key.stream_key(), &head).map_err(|error| damaged(backup, &error))?;
    to.flush().map_err(file_error)?;
    to.get_ref().sync_all().map_err(file_error)?;
    let file_bytes = part.path().metadata().map_err(file_error)?.len();
    fault::point("rewrap.written").map_err(file_error)?;
    std::fs::rename(part.path(), &path).map_err(file_error)?;
    part.keep();
    let _ = fault::point("rewrap.landed");
    sync_folder(folder).map_err(file_error)?;
    Ok((key.id().to_owned(), file_bytes))
}
