//! What a tenant's admins see of its backups: nothing of the server's disk.

use poem_openapi::Object;
use serde::Serialize;

use crate::api::kit::time::Time;
use crate::backups::{Backup, Restored};
use crate::error::{Error, Result};

use super::destinations::OwnDestinationOut;
use super::out::{KeptOut, duration_ms, size_text, table_names};

/// A finished backup of the tenant.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "OwnBackup")]
pub(super) struct OwnBackupOut {
    /// Its id.
    pub(super) id: String,
    /// Name of the download.
    filename: String,
    /// Size of the download.
    size: u64,
    /// The same for people.
    size_formatted: String,
    /// Whether the download is a zstd frame.
    compressed: bool,
    /// `manual`, `daily`, `weekly`, `pre_restore`, `pre_upgrade` or `final`.
    kind: String,
    /// SHA-256 of the download, in hex.
    checksum: String,
    /// How long it took.
    duration_ms: i64,
    /// Made.
    created_at: Time,
    /// When it goes by itself.
    expires_at: Option<Time>,
    /// Whether the operator keeps it past that.
    pinned: bool,
    /// When its file was last opened and found whole.
    proven_at: Option<Time>,
    /// What is odd about the data in it.
    warning: Option<String>,
    /// How it stands at each place it goes to.
    destinations: Vec<OwnDestinationOut>,
}

impl OwnBackupOut {
    pub(super) fn new(backup: Backup) -> Result<Self> {
        let duration_ms = duration_ms(&backup);
        let destinations = OwnDestinationOut::all_of(&backup);
        let content =
            backup.content.ok_or_else(|| Error::internal(anyhow::anyhow!("an unfinished backup is shown")))?;
        Ok(Self {
            id: backup.id,
            filename: backup.file_name,
            size: content.payload_bytes,
            size_formatted: size_text(content.payload_bytes),
            compressed: backup.is_compressed,
            kind: backup.kind.as_str().into(),
            checksum: content.payload_sha256,
            duration_ms,
            created_at: Time(backup.created_at),
            expires_at: backup.expires_at.map(Time),
            pinned: backup.is_pinned,
            proven_at: backup.proven_at.map(Time),
            warning: backup.warning,
            destinations,
        })
    }
}

/// Backups of the tenant.
#[derive(Debug, Object, Serialize)]
pub(super) struct OwnBackupList {
    /// All of them, newest first.
    data: Vec<OwnBackupOut>,
    /// How many there are.
    total: u64,
    /// Whether the last try was a success: `ok`, `failed`, or null without a try.
    last_status: Option<String>,
    /// Code of why the last try failed.
    last_error_code: Option<String>,
}

impl OwnBackupList {
    /// `failed` is the last try, when it failed.
    pub(super) fn new(backups: Vec<Backup>, failed: Option<Backup>) -> Result<Self> {
        let last_status = match (&failed, backups.is_empty()) {
            (Some(_), _) => Some("failed"),
            (None, false) => Some("ok"),
            (None, true) => None,
        };
        let data = backups.into_iter().map(OwnBackupOut::new).collect::<Result<Vec<_>>>()?;
        Ok(Self {
            total: data.len() as u64,
            data,
            last_status: last_status.map(Into::into),
            last_error_code: failed.and_then(|backup| backup.error).map(|(code, _)| code),
        })
    }
}

/// A tenant that was restored.
#[derive(Debug, Object, Serialize)]
pub(super) struct OwnRestored {
    /// For people.
    message: String,
    /// What it was restored from.
    backup_id: String,
    /// Only these tables; null when everything was restored.
    tables: Option<Vec<String>>,
    /// The backup of what was there before; null when there is none, and so no undo.
    pre_restore_id: Option<String>,
    /// What of the present was kept.
    kept: KeptOut,
}

impl OwnRestored {
    pub(super) fn new(restored: Restored, message: &str) -> Self {
        Self {
            message: message.into(),
            backup_id: restored.backup.id,
            tables: table_names(&restored.tables),
            pre_restore_id: restored.before.map(|before| before.id),
            kept: KeptOut::from(restored.carried),
        }
    }
}
