//! A file that goes when nobody needs it any more.

use std::path::{Path, PathBuf};

use super::closed::remove_closed;

/// A file that goes when this is dropped, with what SQLite puts beside it. Making it is the
/// caller's.
#[derive(Debug)]
pub struct TempFile {
    path: PathBuf,
    is_kept: bool,
}

impl TempFile {
    /// The file at `path`.
    pub fn new(path: PathBuf) -> Self {
        Self { path, is_kept: false }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// It has got another name: nothing is to be removed.
    pub fn keep(mut self) {
        self.is_kept = true;
    }
}

impl Drop for TempFile {
    fn drop(&mut self) {
        if self.is_kept {
            return;
        }
        if let Err(error) = remove_closed(&self.path) {
            tracing::warn!(file = %self.path.display(), %error, "a temporary file could not be removed");
        }
    }
}
