//! What a copy of a backup off this machine is.

use serde::Deserialize;

use crate::clock::Timestamp;
use crate::id::TenantId;

/// How far a copy is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CopyState {
    /// To be sent, or being sent.
    Pending,
    /// At the destination, and checked as far as the credentials allow.
    Ok,
    /// It could not be sent; it is tried again.
    Failed,
    /// It was there and is gone or another one; it is sent again while the file is here.
    Lost,
    /// Its backup was deleted; the object goes too.
    Removing,
}

impl CopyState {
    /// The stored and sent word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Ok => "ok",
            Self::Failed => "failed",
            Self::Lost => "lost",
            Self::Removing => "removing",
        }
    }
}

/// The copy of a backup at a destination, as its row tells.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct BackupCopy {
    /// How far it is.
    pub state: CopyState,
    /// Name of the object.
    #[serde(rename = "object_key")]
    pub key: String,
    /// How often it was tried since it was last well.
    pub tries: u32,
    /// Code of what went wrong last.
    pub error_code: Option<String>,
    /// The same in words.
    pub error: Option<String>,
    /// Milliseconds since 1970 at which it was last sent.
    pub uploaded_at: Option<i64>,
}

impl BackupCopy {
    /// When it was last sent.
    pub fn uploaded_at(&self) -> Option<Timestamp> {
        self.uploaded_at.map(Timestamp)
    }
}

/// A copy that is not well: for who tells people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TroubledCopy {
    /// Of which backup.
    pub backup_id: String,
    /// Of whom.
    pub tenant_id: TenantId,
    /// Name of the object.
    pub key: String,
    /// `failed`, `lost`, or `removing` for an object that could not be removed.
    pub state: String,
    /// How often it was tried.
    pub tries: u32,
    /// Code and text of what went wrong last.
    pub error: (String, String),
    /// When it is tried again.
    pub next_try_at: Timestamp,
}
