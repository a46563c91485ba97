//! Whether the file behind a name is still the one that was opened under it. When somebody moves
//! another one there, what is open goes on with the old file, and what is written is lost with it.
//! Worse, both share the index beside them: opening the new one cuts it off under the old one, which
//! costs the process its life.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::error::DbError;

use super::closed::io_error;

/// The place of an open file.
pub(super) struct Place {
    path: PathBuf,
    /// Device and number of the file that was there first.
    first: OnceLock<(u64, u64)>,
    is_lost: AtomicBool,
    refuses_writes: AtomicBool,
}

impl Place {
    pub(super) fn at(path: &Path) -> Self {
        let (is_lost, refuses_writes) = Default::default();
        Self { path: path.to_owned(), first: OnceLock::new(), is_lost, refuses_writes }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Asked before every opening, and before what was written is answered for.
    ///
    /// # Errors
    /// [`DbError::Unavailable`] when it is not the same file as at the first time.
    pub(super) fn check(&self) -> Result<(), DbError> {
        let found = match self.path.metadata() {
            Ok(found) => Some((found.dev(), found.ino())),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
            Err(error) => return Err(io_error(&error)),
        };
        match (self.first.get(), found) {
            (Some(first), Some(found)) if *first == found => Ok(()),
            (Some(_), _) => {
                self.is_lost.store(true, Ordering::Relaxed);
                Err(lost())
            }
            (None, Some(found)) => {
                self.first.get_or_init(|| found);
                Ok(())
            }
            // Opening says what is wrong.
            (None, None) => Ok(()),
        }
    }

    /// Keeps the log of a file that was replaced from being replayed over the one that lies there now.
    /// Only when nobody has the former one open any more.
    pub(super) fn part_with_former_log(&self) {
        if !self.is_lost() || self.path.metadata().is_err() || self.check().is_ok() {
            return;
        }
        let mut log = self.path.clone().into_os_string();
        log.push("-wal");
        let mut kept = log.clone();
        kept.push(format!(".former-{}", crate::id::random_hex(8)));
        match std::fs::rename(&log, &kept) {
            Ok(()) => tracing::warn!(
                file = %self.path.display(), log.moved_to = %Path::new(&kept).display(),
                "a file was replaced while it was open; the log of the former one is kept aside"
            ),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => {
                tracing::error!(file = %self.path.display(), %error, "the log of a former file stays beside it");
            }
        }
    }

    /// Takes note that writes are refused, because the file cannot be written or could not when it was
    /// opened.
    pub(super) fn note_refusal(&self) {
        self.refuses_writes.store(true, Ordering::Relaxed);
    }

    /// True once that was so.
    pub(super) fn refuses_writes(&self) -> bool {
        self.refuses_writes.load(Ordering::Relaxed)
    }

    /// As [`Place::refuses_writes`], once for each refusal.
    pub(super) fn take_refusal(&self) -> bool {
        self.refuses_writes.swap(false, Ordering::Relaxed)
    }

    /// True once [`Place::check`] found another file, or none.
    pub(super) fn is_lost(&self) -> bool {
        self.is_lost.load(Ordering::Relaxed)
    }
}

pub(super) fn lost() -> DbError {
    DbError::Unavailable("the file was moved, replaced or removed while it was open".into())
}
