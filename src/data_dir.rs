//! Every path below the data directory, and the lock that keeps it to one process.
//!
//! ```text
//! central.db            tenants and accounts (the name can be set)
//! tenants/<db_name>.db  one file per tenant
//! logs.db               audit log and API requests
//! backups/ media/ trash/ tmp/
//! keys/                 0700, its files 0600; never part of a backup
//! ruko.sock ruko.lock   the running server
//! ```

mod error;
mod lock;
mod names;
mod permissions;
pub mod secret_file;

#[cfg(test)]
mod tests;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub use error::{DataDirError, Doing, Holder, RIGHT_DATA_DIR};
pub use lock::DirLock;
pub use names::{CentralFile, DbName, UnusableName};
pub use permissions::Repair;

/// Folders below the root. Everything in them can hold data of tenants, so nobody else may enter.
const FOLDERS: [&str; 6] = ["tenants", "backups", "media", "trash", "tmp", KEYS];
const KEYS: &str = "keys";
const LOGS: &str = "logs.db";
const SOCKET: &str = "ruko.sock";
const LOCK: &str = "ruko.lock";

/// The data directory. Clones share the lock, which ends with the last of them.
#[derive(Debug, Clone)]
pub struct DataDir {
    root: PathBuf,
    central_file: CentralFile,
    lock: Option<Arc<DirLock>>,
    repairs: Vec<Repair>,
}

impl DataDir {
    /// Creates what is missing, locks the directory for this process, and closes permissions of keys
    /// that somebody opened.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, DataDirError> {
        let root = absolute(path.as_ref())?;
        permissions::create_folder(&root)?;
        // Before the lock is held, nothing below the root may be touched: it may be another's.
        let lock = DirLock::take(&root.join(LOCK))?;
        for folder in FOLDERS {
            permissions::create_folder(&root.join(folder))?;
        }
        let repairs = permissions::close(&root.join(KEYS))?;
        Ok(Self { root, central_file: CentralFile::default(), lock: Some(Arc::new(lock)), repairs })
    }

    /// The paths of a directory that is there, without lock and without writing anything.
    pub fn look(path: impl AsRef<Path>) -> Result<Self, DataDirError> {
        let root = absolute(path.as_ref())?;
        let found = root.metadata().map_err(|error| DataDirError::from_io(&root, Doing::Reading, error))?;
        if !found.is_dir() {
            let error = io::ErrorKind::NotADirectory.into();
            return Err(DataDirError::from_io(&root, Doing::Reading, error));
        }
        Ok(Self { root, central_file: CentralFile::default(), lock: None, repairs: Vec::new() })
    }

    /// Uses another name for the central database.
    pub fn with_central_file(self, central_file: CentralFile) -> Self {
        Self { central_file, ..self }
    }

    /// Whether this process holds the lock, so may write.
    pub fn is_locked(&self) -> bool {
        self.lock.is_some()
    }

    /// Who holds the directory, without taking it; `None` when it is free.
    pub fn holder(&self) -> Result<Option<Holder>, DataDirError> {
        DirLock::holder(&self.lock_file())
    }

    /// The permissions that were closed by [`DataDir::open`]; the operator should know.
    pub fn repairs(&self) -> &[Repair] {
        &self.repairs
    }

    /// The directory itself, absolute.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The central database.
    pub fn central_db(&self) -> PathBuf {
        self.root.join(self.central_file.as_str())
    }

    /// The folder of the tenants' files.
    pub fn tenants_dir(&self) -> PathBuf {
        self.root.join("tenants")
    }

    /// The file of one tenant.
    pub fn tenant_file(&self, name: &DbName) -> PathBuf {
        self.tenants_dir().join(format!("{name}.db"))
    }

    /// The audit log and the log of API requests.
    pub fn logs_db(&self) -> PathBuf {
        self.root.join(LOGS)
    }

    /// The folder of local backups.
    pub fn backups_dir(&self) -> PathBuf {
        self.root.join("backups")
    }

    /// The folder of media files.
    pub fn media_dir(&self) -> PathBuf {
        self.root.join("media")
    }

    /// The folder deleted tenants wait in.
    pub fn trash_dir(&self) -> PathBuf {
        self.root.join("trash")
    }

    /// The folder of key files.
    pub fn keys_dir(&self) -> PathBuf {
        self.root.join(KEYS)
    }

    /// The keys of backups, one a line.
    pub fn backup_key_file(&self) -> PathBuf {
        self.keys_dir().join("backup.key")
    }

    /// The folder of unfinished files, on the same file system as all others.
    pub fn tmp_dir(&self) -> PathBuf {
        self.root.join("tmp")
    }

    /// The socket on which the running server takes commands.
    pub fn socket(&self) -> PathBuf {
        self.root.join(SOCKET)
    }

    /// The file that carries the lock.
    pub fn lock_file(&self) -> PathBuf {
        self.root.join(LOCK)
    }
}

/// A later change of the working directory must not move the data.
fn absolute(path: &Path) -> Result<PathBuf, DataDirError> {
    std::path::absolute(path).map_err(|error| DataDirError::from_io(path, Doing::Reading, error))
}
