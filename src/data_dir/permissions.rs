//! Who may enter folders and read keys.

use std::fmt;
use std::fs::{self, DirBuilder, Metadata, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

use super::error::{DataDirError, Doing};

/// Only the owner enters.
const FOLDER: u32 = 0o700;
/// Only the owner reads.
const FILE: u32 = 0o600;

/// Permissions that were wider than keys allow, and are not any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repair {
    /// Of what.
    pub path: PathBuf,
    /// The mode it had.
    pub from: u32,
    /// The mode it has now.
    pub to: u32,
}

impl fmt::Display for Repair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (path, from, to) = (self.path.display(), self.from, self.to);
        write!(f, "{path} had mode {from:04o}, now {to:04o}; if strangers could read it, make new keys")
    }
}

/// Makes a folder for the owner alone, unless it is there; one that is there keeps its mode.
pub(super) fn create_folder(path: &Path) -> Result<(), DataDirError> {
    let failed = |error| DataDirError::from_io(path, Doing::Creating, error);
    if let Ok(found) = path.metadata() {
        return if found.is_dir() { Ok(()) } else { Err(failed(io::ErrorKind::NotADirectory.into())) };
    }
    DirBuilder::new().recursive(true).mode(FOLDER).create(path).map_err(failed)
}

/// Closes a folder and the files right in it to everybody but their owner.
pub(super) fn close(folder: &Path) -> Result<Vec<Repair>, DataDirError> {
    let failed = |error| DataDirError::from_io(folder, Doing::Reading, error);
    let mut repairs = Vec::new();
    repairs.extend(set_mode(folder, &folder.metadata().map_err(failed)?, FOLDER)?);
    for entry in fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let found = entry.metadata().map_err(failed)?;
        // A link leads to a file somebody else looks after, often on a read-only mount.
        if !found.is_symlink() {
            repairs.extend(set_mode(&entry.path(), &found, if found.is_dir() { FOLDER } else { FILE })?);
        }
    }
    Ok(repairs)
}

/// Sets the mode when the present one is another, and tells.
fn set_mode(path: &Path, found: &Metadata, to: u32) -> Result<Option<Repair>, DataDirError> {
    let from = found.permissions().mode() & 0o7777;
    if from == to {
        return Ok(None);
    }
    let failed = |error| DataDirError::from_io(path, Doing::Closing, error);
    fs::set_permissions(path, Permissions::from_mode(to)).map_err(failed)?;
    Ok(Some(Repair { path: path.to_owned(), from, to }))
}
