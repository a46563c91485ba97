//! The lock on a data directory.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use super::error::{DataDirError, Doing, Holder};

/// An exclusive lock that the operating system ends with the process, however that ends. The file
/// stays: if it were removed, two processes could hold locks on two files of that name.
#[derive(Debug)]
pub struct DirLock {
    _held: File,
}

impl DirLock {
    /// Who holds the lock, without keeping it. A process that wants it in the very moment of the look
    /// is refused, which is why nothing but a person's command asks.
    pub(super) fn holder(path: &Path) -> Result<Option<Holder>, DataDirError> {
        let failed = |error| DataDirError::from_io(path, Doing::Locking, error);
        let mut file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed(error)),
        };
        match flock(&file, FlockOperation::NonBlockingLockShared) {
            Ok(()) => Ok(None),
            Err(Errno::WOULDBLOCK) => Ok(Some(Holder(holder(&mut file)))),
            Err(errno) => Err(failed(errno.into())),
        }
    }

    /// Takes the lock, or says who has it.
    pub(super) fn take(path: &Path) -> Result<Self, DataDirError> {
        let failed = |doing| move |error| DataDirError::from_io(path, doing, error);
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).mode(0o600);
        let mut file = options.open(path).map_err(failed(Doing::Locking))?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(Errno::WOULDBLOCK) => {
                let root = path.parent().unwrap_or(path).to_owned();
                return Err(DataDirError::Locked { root, pid: holder(&mut file) });
            }
            Err(errno) => return Err(failed(Doing::Locking)(errno.into())),
        }
        match tell_id(&mut file) {
            // It is there for people, and a full disk can be read from.
            Err(error) if !matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded) => {
                Err(failed(Doing::Writing)(error))
            }
            _ => Ok(Self { _held: file }),
        }
    }
}

/// Writes the id of this process down, or nothing: never the one of somebody else.
fn tell_id(file: &mut File) -> std::io::Result<()> {
    // The id of the last holder may be longer than ours.
    file.set_len(0)?;
    let told = writeln!(file, "{}", std::process::id());
    if told.is_err() {
        file.set_len(0)?;
    }
    told
}

/// The id in the lock file. Only good while somebody holds the lock.
fn holder(file: &mut File) -> Option<u32> {
    let mut text = String::new();
    file.read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}
