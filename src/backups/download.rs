//! A backup on its way out: decrypted while it is sent.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use crate::db::file_error;
use crate::error::{Error, Result};

use super::Backups;
use super::container::{ContainerError, Unpacker, read_head};
use super::keys::BackupKeys;
use super::make::in_background;
use super::model::{Backup, Content};

/// A backup that is ready to be sent.
pub struct Download {
    /// Its row.
    pub backup: Backup,
    /// What it holds.
    pub content: Content,
    /// The bytes from the asked one on.
    pub payload: Box<dyn Read + Send>,
}

impl Backups {
    /// Opens a finished backup for sending, from byte `from` of the download on. Its end is
    /// authenticated before anything is sent.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Conflict`] `backup_damaged`, `backup_key_missing`.
    pub async fn open(&self, backup: &Backup, from: u64) -> Result<Download> {
        let unpacker = self.unpacker(backup).await?;
        let content = backup.content.clone().ok_or_else(|| Error::not_found("backup", &backup.id))?;
        let payload = Box::new(unpacker.payload(from).map_err(|error| damaged(backup, &error))?);
        Ok(Download { backup: backup.clone(), content, payload })
    }

    /// Opens the file of a backup, or its copy where that is gone, and checks that it is the one of the row.
    pub(super) async fn unpacker(&self, backup: &Backup) -> Result<Unpacker<File>> {
        let path = self.shared.data_dir.backups_dir().join(backup.stored_path());
        let is_here = tokio::fs::try_exists(&path).await.unwrap_or(true);
        let fetched = if is_here { None } else { Some(self.fetch_copy(backup).await?) };
        let path = fetched.as_ref().map_or(path, |file| file.path().to_owned());
        let (row, shared) = (backup.clone(), self.shared.clone());
        in_background(move || {
            // It is read on to its end after its name is gone.
            let _fetched = fetched;
            open_stored(&path, &row, &shared.keys.load())
        })
        .await
    }
}

/// Opens the file of a backup with the key that its head names, which may be newer than the one of its
/// row. Blocks.
pub(super) fn open_stored(path: &Path, backup: &Backup, keys: &BackupKeys) -> Result<Unpacker<File>> {
    let mut file = File::open(path).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => {
            Error::conflict("backup_damaged", format!("The file of the backup {} is gone.", backup.file_name))
        }
        _ => file_error(error),
    })?;
    let head = read_head(&mut file).map_err(|error| damaged(backup, &error))?;
    let key = keys.find(&head.key_id).ok_or_else(|| {
        let text = format!(
            "The backup was made with the key {}, which this server does not have. Set it as backup.key.",
            head.key_id
        );
        Error::conflict("backup_key_missing", text)
    })?;
    let unpacker = Unpacker::open(file, key.stream_key()).map_err(|error| damaged(backup, &error))?;
    if unpacker.head.backup_id == backup.id && unpacker.head.tenant_id == backup.tenant_id.as_str() {
        Ok(unpacker)
    } else {
        let text = format!("The file of the backup {} is another backup's.", backup.file_name);
        Err(Error::conflict("backup_damaged", text))
    }
}

/// The answer for a file that does not open or not to its end.
pub(super) fn damaged(backup: &Backup, error: &ContainerError) -> Error {
    match error {
        ContainerError::Io(error) => crate::db::io_error(error).into(),
        other => Error::conflict("backup_damaged", format!("The backup {} cannot be used: {other}.", backup.file_name)),
    }
}
