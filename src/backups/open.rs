//! Opening the file of a backup by itself: no server and no data directory, only the file and its key.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use crate::db::{TempFile, file_error};
use crate::error::{Error, Result};

use super::container::{ContainerError, Head, Manifest, Unpacker, read_head};
use super::keys::BackupKey;
use super::make::sync_folder;
use super::prove::prove;

/// An opened file of a backup.
pub struct BackupFile {
    path: PathBuf,
    unpacker: Unpacker<File>,
}

impl BackupFile {
    /// Which key opens a file; see [`BackupKey::id`].
    ///
    /// # Errors
    /// [`Error::Conflict`] `backup_damaged` for a file that is none of ours; storage errors.
    pub fn key_id(path: &Path) -> Result<String> {
        let mut file = File::open(path).map_err(file_error)?;
        read_head(&mut file).map(|head| head.key_id).map_err(|error| unusable(path, error))
    }

    /// Opens a file with its key; its end is authenticated.
    ///
    /// # Errors
    /// [`Error::Conflict`] `wrong_backup_key`, `backup_damaged`; storage errors.
    pub fn open(path: &Path, key: &BackupKey) -> Result<Self> {
        let made_with = Self::key_id(path)?;
        if made_with != key.id() {
            let text = format!(
                "The backup {} was made with the key {made_with}; the given one is {}.",
                path.display(),
                key.id()
            );
            return Err(Error::conflict("wrong_backup_key", text));
        }
        let file = File::open(path).map_err(file_error)?;
        let unpacker = Unpacker::open(file, key.stream_key()).map_err(|error| unusable(path, error))?;
        Ok(Self { path: path.into(), unpacker })
    }

    /// Whose it is.
    pub fn head(&self) -> &Head {
        &self.unpacker.head
    }

    /// What it holds.
    pub fn manifest(&self) -> &Manifest {
        &self.unpacker.manifest
    }

    /// Writes the database to `to`, which must not be there, and checks it; `passed` is told how many bytes
    /// went by. Gives what is odd about the data. Nothing stays behind when it fails.
    ///
    /// # Errors
    /// [`Error::Conflict`] `backup_damaged`; storage errors.
    pub fn write_database(self, to: &Path, passed: impl FnMut(u64)) -> Result<Option<String>> {
        let owner = self.unpacker.head.tenant_id.clone();
        let part = TempFile::new(beside(to));
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(part.path()).map_err(file_error)?;
        let mut out = Counted { to: BufWriter::with_capacity(256 * 1024, file), passed };
        let manifest = self.unpacker.unpack(&mut out, u64::MAX).map_err(|error| unusable(&self.path, error))?;
        let file = out.to.into_inner().map_err(|error| file_error(error.into_error()))?;
        file.sync_all().map_err(file_error)?;
        let proof = prove(part.path(), &owner)?;
        if proof.row_counts != manifest.row_counts {
            return Err(unusable(&self.path, ContainerError::Unreadable("content")));
        }
        // A link does not replace what is there.
        std::fs::hard_link(part.path(), to).map_err(file_error)?;
        drop(part);
        sync_folder(to.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new(".")))
            .map_err(file_error)?;
        Ok(proof.warning)
    }

    /// Writes the database to `to`. What came before an error is worth nothing.
    ///
    /// # Errors
    /// [`Error::Conflict`] `backup_damaged`; storage errors.
    pub fn stream_database(self, to: &mut impl Write) -> Result<()> {
        self.unpacker.unpack(to, u64::MAX).map_err(|error| unusable(&self.path, error))?;
        to.flush().map_err(file_error)
    }
}

fn beside(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}.{}.part", crate::id::random_hex(8)))
}

fn unusable(path: &Path, error: ContainerError) -> Error {
    match error {
        ContainerError::Io(error) => file_error(error),
        other => Error::conflict("backup_damaged", format!("The file {} cannot be used: {other}.", path.display())),
    }
}

struct Counted<W, F> {
    to: W,
    passed: F,
}

impl<W: Write, F: FnMut(u64)> Write for Counted<W, F> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.to.write(bytes)?;
        (self.passed)(count as u64);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}
