//! A backup whose file is gone, brought back from its copy. What comes is trusted as little as any file:
//! whoever opens it finds out whether it is the backup.

use std::os::unix::fs::OpenOptionsExt as _;

use crate::db::{TempFile, file_error};
use crate::error::{Error, Result};

use super::super::Backups;
use super::super::make::TEMP_PREFIX;
use super::super::model::Backup;
use super::model::CopyState;

impl Backups {
    /// The file of the copy, for as long as the caller holds it.
    ///
    /// # Errors
    /// [`Error::Conflict`] `backup_damaged` when there is no copy either, `copy_unavailable` when it cannot
    /// be had now or from here; storage errors.
    pub(in super::super) async fn fetch_copy(&self, backup: &Backup) -> Result<TempFile> {
        let gone = format!("The file of the backup {} is gone", backup.file_name);
        let Some(copy) = backup.copy.as_ref().filter(|copy| copy.state == CopyState::Ok) else {
            return Err(Error::conflict("backup_damaged", format!("{gone}.")));
        };
        let Some(bucket) = self.shared.options.bucket.as_deref() else {
            let text = format!("{gone}. Its copy {} is in a bucket that is not set up any more (s3.bucket).", copy.key);
            return Err(Error::conflict("copy_unavailable", text));
        };
        if bucket.is_write_only {
            let text = format!(
                "{gone}. Its copy {} cannot be read from here (s3.write_only): get it with credentials that may read, \
                 and open it with `ruko backup open`.",
                copy.key
            );
            return Err(Error::conflict("copy_unavailable", text));
        }
        let bytes = backup.content.as_ref().map_or(0, |content| content.file_bytes);
        let name = format!("{TEMP_PREFIX}{}.copy", crate::id::random_hex(8));
        let to = TempFile::new(self.shared.data_dir.tmp_dir().join(name));
        let file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(to.path());
        let mut file = tokio::fs::File::from_std(file.map_err(file_error)?);
        tracing::warn!(backup.id, object = copy.key, "the file of a backup is gone; its copy is used");
        bucket.get(&copy.key, bytes, &mut file).await.map_err(|trouble| {
            let text = format!("{gone}, and its copy {} cannot be used: {}", copy.key, trouble.text);
            Error::conflict("copy_unavailable", text)
        })?;
        Ok(to)
    }
}
