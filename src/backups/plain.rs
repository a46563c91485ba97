//! Databases as plain closed files, for who wants them as SQL text: that of a backup, and that of a tenant
//! as it is now.

use std::fs::File;
use std::io::BufWriter;

use crate::db::{CopyError, TempFile, file_error, snapshot};
use crate::error::{Error, Result};
use crate::id::TenantId;

use super::Backups;
use super::download::damaged;
use super::make::{LOG_BYTES_MAX, TEMP_PREFIX, in_background};
use super::model::Backup;

impl Backups {
    /// The database of a finished backup, authenticated to its end.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Conflict`] `backup_damaged`, `backup_key_missing`; storage errors.
    pub async fn database(&self, backup: &Backup) -> Result<TempFile> {
        let permit = self.shared.at_once.clone().acquire_owned().await.map_err(Error::internal)?;
        let (unpacker, row, to) = (self.unpacker(backup).await?, backup.clone(), self.temp_database());
        in_background(move || {
            let _permit = permit;
            let mut out = BufWriter::with_capacity(256 * 1024, File::create_new(to.path()).map_err(file_error)?);
            unpacker.unpack(&mut out, u64::MAX).map_err(|error| damaged(&row, &error))?;
            out.into_inner().map_err(|error| file_error(error.into_error()))?;
            Ok(to)
        })
        .await
    }

    /// The database of a tenant as of one moment, copied while it serves.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Conflict`] `wal_limit`; storage errors.
    pub async fn copy_of(&self, tenant: &TenantId) -> Result<TempFile> {
        let permit = self.shared.at_once.clone().acquire_owned().await.map_err(Error::internal)?;
        let (source, to) = (self.source(tenant).await?, self.temp_database());
        in_background(move || {
            let _permit = permit;
            let live_bytes = source.path.metadata().map_or(0, |found| found.len());
            match snapshot(&source.path, to.path(), LOG_BYTES_MAX.max(live_bytes), &mut |_| true) {
                Ok(()) => Ok(to),
                Err(CopyError::Db(error)) => Err(error.into()),
                Err(other) => Err(Error::conflict("wal_limit", other.to_string())),
            }
        })
        .await
    }

    fn temp_database(&self) -> TempFile {
        let name = format!("{TEMP_PREFIX}{}.plain.db", crate::id::random_hex(8));
        TempFile::new(self.shared.data_dir.tmp_dir().join(name))
    }
}
