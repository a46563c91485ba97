//! What is asked of a backup.

use crate::id::TenantId;

use super::jobs::AskedBy;
use super::model::Kind;

/// A backup that is to be made.
#[derive(Debug, Clone)]
pub struct BackupOrder {
    /// Of whom.
    pub tenant: TenantId,
    /// Why.
    pub kind: Kind,
    /// Whether the download will be a zstd frame.
    pub is_compressed: bool,
    /// For how many days; as the settings say of its kind, when missing.
    pub keep_days: Option<u32>,
    /// Who wants it; nobody but the server itself, when missing.
    pub asked_by: Option<AskedBy>,
}

impl BackupOrder {
    /// One that the server makes by itself.
    pub fn new(tenant: TenantId, kind: Kind) -> Self {
        Self { tenant, kind, is_compressed: true, keep_days: None, asked_by: None }
    }
}
