//! What a backup is.

use std::collections::BTreeMap;

use crate::clock::Timestamp;
use crate::id::TenantId;

use super::copies::BackupCopy;
use super::jobs::AskedBy;

/// Why a backup was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Somebody asked for it.
    Manual,
    /// The schedule of every day.
    Daily,
    /// The schedule of every week.
    Weekly,
    /// What a restore replaced.
    PreRestore,
    /// As a file was before an upgrade.
    PreUpgrade,
    /// As a tenant was when it was deleted.
    Final,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Manual, Self::Daily, Self::Weekly, Self::PreRestore, Self::PreUpgrade, Self::Final];

    /// The stored and sent word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Manual => "manual",
            Self::Daily => "daily",
            Self::Weekly => "weekly",
            Self::PreRestore => "pre_restore",
            Self::PreUpgrade => "pre_upgrade",
            Self::Final => "final",
        }
    }
}

impl std::str::FromStr for Kind {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text).ok_or(())
    }
}

/// How far a backup is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Being made.
    Running,
    /// On the disk under its name, and checked.
    Ok,
    /// There is none; the row says why.
    Failed,
}

impl State {
    /// The stored and sent word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Ok => "ok",
            Self::Failed => "failed",
        }
    }
}

impl std::str::FromStr for State {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        [Self::Running, Self::Ok, Self::Failed].into_iter().find(|state| state.as_str() == text).ok_or(())
    }
}

/// A backup's row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backup {
    /// Its id.
    pub id: String,
    /// Whose data it holds.
    pub tenant_id: TenantId,
    /// Why it was made.
    pub kind: Kind,
    /// Who asked for it; nobody but the server itself, when missing.
    pub asked_by: Option<AskedBy>,
    /// How far it is.
    pub state: State,
    /// Folder below the folder of backups.
    pub folder: String,
    /// Name of the download.
    pub file_name: String,
    /// Whether the download is a zstd frame.
    pub is_compressed: bool,
    /// Whether it is kept past its time.
    pub is_pinned: bool,
    /// What it holds, when it is done.
    pub content: Option<Content>,
    /// What is odd about the data and no reason against a backup.
    pub warning: Option<String>,
    /// Code and text of why it failed.
    pub error: Option<(String, String)>,
    /// Begun.
    pub created_at: Timestamp,
    /// Ended, well or not.
    pub finished_at: Option<Timestamp>,
    /// When it may go; none: only by hand.
    pub expires_at: Option<Timestamp>,
    /// When its file was last opened and found whole.
    pub proven_at: Option<Timestamp>,
    /// What the last such look found wrong.
    pub proof_error: Option<String>,
    /// Its copy off this machine; none when there is none to be.
    pub copy: Option<BackupCopy>,
}

/// What a finished backup holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Content {
    /// Schema version of the database.
    pub schema_version: i64,
    /// Size of the database.
    pub database_bytes: u64,
    /// Size of the download.
    pub payload_bytes: u64,
    /// SHA-256 of the download, in hex.
    pub payload_sha256: String,
    /// Size of the file on the disk.
    pub file_bytes: u64,
    /// Rows of every table.
    pub row_counts: BTreeMap<String, i64>,
    /// Which key encrypted it; see [`super::keys::BackupKey::id`].
    pub key_id: String,
}

impl Backup {
    /// Path of the file below the folder of backups.
    pub fn stored_path(&self) -> String {
        format!("{}/{}.enc", self.folder, self.file_name)
    }
}

/// Which backups a list shows.
#[derive(Debug, Clone, Default)]
pub struct BackupFilter {
    /// Of this tenant only.
    pub tenant: Option<TenantId>,
    /// In this state only.
    pub state: Option<State>,
    /// Of this kind only.
    pub kind: Option<Kind>,
}

/// The backups of one tenant, summed up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackupStats {
    /// The tenant.
    pub tenant_id: TenantId,
    /// Its name.
    pub tenant_name: String,
    /// Finished backups.
    pub count: i64,
    /// Size of their downloads.
    pub total_bytes: i64,
    /// The newest finished one.
    pub latest: Option<Backup>,
    /// The last that was tried, when it failed.
    pub last_failed: Option<Backup>,
    /// When one of them was last opened and found whole.
    pub last_proven_at: Option<Timestamp>,
}
