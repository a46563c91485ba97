//! The kinds of backups as they are sent.

use poem_openapi::Enum;

use crate::backups::Kind;

/// What a backup that somebody asks for counts as.
#[derive(Debug, Clone, Copy, Enum)]
#[oai(rename_all = "snake_case", rename = "BackupRunKind")]
pub(super) enum RunKind {
    /// Somebody asked for it.
    Manual,
    /// The one of the day.
    Daily,
    /// The one of the week.
    Weekly,
}

impl From<RunKind> for Kind {
    fn from(kind: RunKind) -> Self {
        match kind {
            RunKind::Manual => Self::Manual,
            RunKind::Daily => Self::Daily,
            RunKind::Weekly => Self::Weekly,
        }
    }
}

/// Why a backup was made.
#[derive(Debug, Clone, Copy, Enum)]
#[oai(rename_all = "snake_case", rename = "BackupKind")]
pub(super) enum KindName {
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

impl From<KindName> for Kind {
    fn from(kind: KindName) -> Self {
        match kind {
            KindName::Manual => Self::Manual,
            KindName::Daily => Self::Daily,
            KindName::Weekly => Self::Weekly,
            KindName::PreRestore => Self::PreRestore,
            KindName::PreUpgrade => Self::PreUpgrade,
            KindName::Final => Self::Final,
        }
    }
}
