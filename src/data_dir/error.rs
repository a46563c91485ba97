//! Why the data directory cannot be used, and what to do about it.

use std::fmt;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

/// What to do about a data directory that is none, behind "name".
pub const RIGHT_DATA_DIR: &str =
    "the right one with --data-dir (RUKO_DATA_DIR), or begin a new one there with `ruko serve` or `ruko migrate`";

/// Why the data directory cannot be used. Every text names the path and the way out.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DataDirError {
    /// Another process holds the lock; its id, when it has written it yet.
    #[error(
        "the data directory {} is in use by {}; stop that one first, or use another directory (RUKO_DATA_DIR)",
        .root.display(), Holder(*.pid)
    )]
    Locked {
        /// The data directory.
        root: PathBuf,
        /// Process id of the holder.
        pid: Option<u32>,
    },
    /// Something else stands where a folder should be.
    #[error(
        "{} or something above it is a file and not a folder; move it away, or use another data directory \
         (RUKO_DATA_DIR)", .0.display()
    )]
    NotADirectory(PathBuf),
    /// There is nothing.
    #[error("there is no {}; name {RIGHT_DATA_DIR}", .0.display())]
    Missing(PathBuf),
    /// The user of this process may not.
    #[error("no permission for {doing} {}; give it to the user that runs ruko: chown -R <user> <data directory>", .path.display())]
    NoPermission {
        /// What was tried.
        doing: Doing,
        /// On what.
        path: PathBuf,
    },
    /// The disk takes no writes.
    #[error("{} is on a read-only disk; mount it for writing, or use another data directory (RUKO_DATA_DIR)", .0.display())]
    ReadOnly(PathBuf),
    /// The disk is full.
    #[error("the disk of {} is full; make room, or use another data directory (RUKO_DATA_DIR)", .0.display())]
    Full(PathBuf),
    /// A secret file that must not be replaced is there already.
    #[error("{} exists already and is not overwritten; move it away if it is really not needed any more", .0.display())]
    Exists(PathBuf),
    /// Anything else the operating system said.
    #[error("{doing} {} failed: {source}", .path.display())]
    Io {
        /// What was tried.
        doing: Doing,
        /// On what.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
}

/// What was tried when it failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Doing {
    /// Making a folder or file.
    Creating,
    /// Reading one.
    Reading,
    /// Writing one.
    Writing,
    /// Taking the lock.
    Locking,
    /// Changing permissions.
    Closing,
}

impl DataDirError {
    /// The error for what the operating system said about this path.
    pub(super) fn from_io(path: &Path, doing: Doing, source: io::Error) -> Self {
        let path = path.to_owned();
        match source.kind() {
            ErrorKind::NotADirectory => Self::NotADirectory(path),
            ErrorKind::NotFound => Self::Missing(path),
            ErrorKind::PermissionDenied => Self::NoPermission { doing, path },
            ErrorKind::ReadOnlyFilesystem => Self::ReadOnly(path),
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => Self::Full(path),
            _ => Self::Io { doing, path, source },
        }
    }
}

impl fmt::Display for Doing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Creating => "creating",
            Self::Reading => "reading",
            Self::Writing => "writing",
            Self::Locking => "locking",
            Self::Closing => "changing the permissions of",
        })
    }
}

/// A process that holds a data directory; its id, when it has written it yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Holder(pub Option<u32>);

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(pid) => write!(f, "process {pid}"),
            None => f.write_str("another process"),
        }
    }
}
