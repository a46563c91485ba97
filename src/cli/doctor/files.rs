//! One database file: there, ours, of a version we know, undamaged, writable for the service.

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use super::{Patient, short};
use crate::db::inspect::{Depth, Look, has_hot_journal};
use crate::error::DbError;

pub(super) const GO_FORWARD: &str =
    "start the newer ruko that wrote it, or put a copy from before the upgrade in its place";
pub(super) const GIVE_BACK: &str = "`chown` it to the owner of the data directory and `chmod u+rw` it";

/// A file that can be used.
pub(super) enum Finding {
    Fine,
    /// Its version.
    Older(i64),
}

/// Why a file cannot be used.
pub(super) struct Trouble {
    pub(super) kind: Kind,
    /// For people.
    pub(super) text: String,
}

/// What is wrong with a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Missing,
    BadName,
    HotJournal,
    /// Another's stamp is on it.
    Foreign,
    Newer,
    Corrupt,
    ReadOnly,
    Locked,
    IoError,
    Unavailable,
}

impl Trouble {
    pub(super) fn new(kind: Kind, text: impl Into<String>) -> Self {
        Self { kind, text: text.into() }
    }
}

impl From<DbError> for Trouble {
    fn from(error: DbError) -> Self {
        let kind = match &error {
            DbError::Corrupt(_) => Kind::Corrupt,
            DbError::Newer { .. } => Kind::Newer,
            DbError::Busy | DbError::Timeout => Kind::Locked,
            DbError::ReadOnly => Kind::ReadOnly,
            DbError::Io(_) => Kind::IoError,
            _ => Kind::Unavailable,
        };
        Self::new(kind, error.to_string())
    }
}

/// Looks at one file without changing anything.
pub(super) fn look(path: &Path, owner: Option<&str>, newest: i64, depth: Option<Depth>) -> Result<Finding, Trouble> {
    if !path.exists() {
        return Err(Trouble::new(Kind::Missing, "the file is missing"));
    }
    if has_hot_journal(path) {
        let text = "not opened: a journal lies beside it, and opening the file would roll a change back";
        return Err(Trouble::new(Kind::HotJournal, text));
    }
    let look = Look::open(path)?;
    let stamp = look.stamp()?;
    if owner.is_some() && stamp.owner.as_deref() != owner {
        let found = stamp.owner.unwrap_or_else(|| "nobody".into());
        return Err(Trouble::new(Kind::Foreign, format!("the file carries the stamp of {found}")));
    }
    let version = stamp.user_version;
    if version > newest {
        let text = format!("version {version} is newer than {newest}, the newest this ruko knows");
        return Err(Trouble::new(Kind::Newer, text));
    }
    let problems = depth.map_or(Ok(Vec::new()), |depth| look.problems(depth))?;
    if !problems.is_empty() {
        return Err(Trouble::new(Kind::Corrupt, format!("damaged: {}", problems.join("; "))));
    }
    Ok(if version < newest { Finding::Older(version) } else { Finding::Fine })
}

/// Why the service cannot write a file.
pub(super) fn unwritable(patient: &Patient, path: &Path) -> Option<String> {
    forbidden(patient, path, "write", 0o200)
}

/// Why the service lacks a right on a file, whoever runs this command: the data directory is its user's.
/// `right` is that of an owner: 0400 or 0200.
pub(super) fn forbidden(patient: &Patient, path: &Path, deed: &str, right: u32) -> Option<String> {
    let (folder, file) = (patient.data_dir.root().metadata().ok()?, path.metadata().ok()?);
    let (user, mode) = (folder.uid(), file.mode() & 0o777);
    let needed = match file.uid() {
        own if own == user => right,
        _ if file.gid() == folder.gid() => right >> 3,
        _ => right >> 6,
    };
    let (name, owner) = (short(patient, path), file.uid());
    let text =
        || format!("user {user}, who owns the data directory, cannot {deed} {name} (user {owner}, mode {mode:04o})");
    (user != 0 && mode & needed == 0).then(text)
}
