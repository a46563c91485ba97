//! What the operator sees of backups.

use std::collections::HashMap;

use jiff::tz::TimeZone;
use poem_openapi::Object;
use serde::Serialize;

use crate::api::kit::time::Time;
use crate::app::App;
use crate::backups::retention::Pause;
use crate::backups::{Backup, BackupStats, Restored, Table};
use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::id::TenantId;
use crate::users::CarriedOver;

use super::destinations::DestinationOut;
use super::pause_out::PauseOut;

/// A finished backup.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "Backup")]
pub(super) struct BackupOut {
    /// Its id.
    id: String,
    /// Name of the download.
    filename: String,
    /// Where it lies below the data directory.
    path: String,
    /// When it was made, in the server's time zone.
    date: String,
    /// How long ago that is.
    age: String,
    /// Size of the download.
    size: u64,
    /// The same for people.
    size_formatted: String,
    /// Whether the download is a zstd frame.
    compressed: bool,
    /// Whether the file on the disk is encrypted.
    encrypted: bool,
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
    /// Whether it is kept past that.
    pinned: bool,
    /// When its file was last opened and found whole.
    proven_at: Option<Time>,
    /// What the last such look found wrong.
    proof_error: Option<String>,
    /// What is odd about the data in it.
    warning: Option<String>,
    /// How it stands at each place it goes to.
    destinations: Vec<DestinationOut>,
}

impl BackupOut {
    pub(super) fn new(backup: Backup, app: &App) -> Result<Self> {
        let path = format!("backups/{}/{}", backup.folder, backup.file_name);
        let duration_ms = duration_ms(&backup);
        let destinations = DestinationOut::all_of(&backup);
        let content =
            backup.content.ok_or_else(|| Error::internal(anyhow::anyhow!("an unfinished backup is shown")))?;
        Ok(Self {
            id: backup.id,
            filename: backup.file_name,
            path,
            date: local(backup.created_at, app.config.locale.time_zone.rules()),
            age: age(backup.created_at, app.clock.now()),
            size: content.payload_bytes,
            size_formatted: size_text(content.payload_bytes),
            compressed: backup.is_compressed,
            encrypted: true,
            kind: backup.kind.as_str().into(),
            checksum: content.payload_sha256,
            duration_ms,
            created_at: Time(backup.created_at),
            expires_at: backup.expires_at.map(Time),
            pinned: backup.is_pinned,
            proven_at: backup.proven_at.map(Time),
            proof_error: backup.proof_error,
            warning: backup.warning,
            destinations,
        })
    }
}

/// Backups of a tenant.
#[derive(Debug, Object, Serialize)]
pub(super) struct BackupList {
    /// All of them, newest first.
    pub(super) data: Vec<BackupOut>,
    /// How many there are.
    pub(super) total: u64,
    /// Why none of them goes by itself; null when they do.
    pub(super) retention_paused: Option<PauseOut>,
}

/// A backup that was made.
#[derive(Debug, Object, Serialize)]
pub(super) struct BackupMade {
    /// For people.
    pub(super) message: String,
    /// The tenant.
    pub(super) tenant_id: String,
    /// Its name.
    pub(super) tenant_name: String,
    /// Whether the download is a zstd frame.
    pub(super) compressed: bool,
    /// The backup.
    pub(super) data: BackupOut,
}

/// What of the present a restore has kept.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "KeptByRestore")]
#[allow(clippy::struct_field_names, reason = "each counts something else")]
pub(super) struct KeptOut {
    /// Tokens that go on being good; those of the backup are not.
    tokens: u64,
    /// Users whose role, state or password is today's and not the backup's.
    users: u64,
    /// Users that had been deleted and are back.
    users_back: u64,
}

impl From<CarriedOver> for KeptOut {
    fn from(carried: CarriedOver) -> Self {
        Self { tokens: carried.tokens as u64, users: carried.users_kept as u64, users_back: carried.users_back as u64 }
    }
}

/// A tenant that was restored.
#[derive(Debug, Object, Serialize)]
pub(super) struct BackupRestored {
    /// For people.
    message: String,
    /// The tenant.
    tenant_id: String,
    /// What it was restored from.
    backup_file: String,
    /// The tenant whose backup that is, when it is another's; else null.
    from_tenant: Option<String>,
    /// Only these tables; null when everything was restored.
    tables: Option<Vec<String>>,
    /// The backup of what was there before, for an undo; null when there is none.
    pre_restore_file: Option<String>,
    /// Why there is no such backup, and so no undo.
    pre_restore_error: Option<String>,
    /// What of the present was kept.
    kept: KeptOut,
}

impl BackupRestored {
    pub(super) fn new(restored: Restored, tenant: &TenantId, message: &str) -> Self {
        let from = restored.backup.tenant_id;
        Self {
            message: message.into(),
            tenant_id: tenant.to_string(),
            backup_file: restored.backup.file_name,
            from_tenant: (from != *tenant).then(|| from.to_string()),
            tables: table_names(&restored.tables),
            pre_restore_file: restored.before.map(|before| before.file_name),
            pre_restore_error: restored.before_error,
            kept: KeptOut::from(restored.carried),
        }
    }
}

/// The names of the tables that were restored; none when all were.
pub(super) fn table_names(tables: &[Table]) -> Option<Vec<String>> {
    (!tables.is_empty()).then(|| tables.iter().map(|table| table.name().to_owned()).collect())
}

/// A backup that is gone.
#[derive(Debug, Object, Serialize)]
pub(super) struct BackupDeleted {
    /// For people.
    pub(super) message: String,
    /// Its name.
    pub(super) file: String,
}

/// The backups of one tenant, summed up.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "TenantBackupStats")]
struct TenantStatsOut {
    /// The tenant.
    tenant_id: String,
    /// Its name.
    tenant_name: String,
    /// Finished backups.
    backup_count: i64,
    /// Size of their downloads.
    total_size: u64,
    /// The same for people.
    total_size_formatted: String,
    /// Name of the newest one.
    latest_backup: Option<String>,
    /// When that was made, in the server's time zone.
    latest_backup_date: Option<String>,
    /// How long ago that is.
    latest_backup_age: Option<String>,
    /// How that one stands at each place it goes to.
    latest_backup_destinations: Vec<DestinationOut>,
    /// Whether the last try was a success: `ok`, `failed`, or null without a try.
    last_status: Option<String>,
    /// Why the last try failed.
    last_error: Option<String>,
    /// When that try began.
    last_error_at: Option<Time>,
    /// When one of its backups was last opened and found whole.
    last_proven_at: Option<Time>,
    /// What is wrong with the newest one, when it was found damaged.
    proof_error: Option<String>,
    /// Why no backup of it goes by itself; null when they do.
    retention_paused: Option<PauseOut>,
}

/// The backups of all tenants.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "BackupStats")]
pub(super) struct BackupStatsOut {
    /// A line for each tenant.
    data: Vec<TenantStatsOut>,
    /// How many tenants there are.
    total_tenants: u64,
    /// Until when no backup of any tenant goes by itself, because the clock leapt; null when they do.
    retention_paused_until: Option<Time>,
}

impl BackupStatsOut {
    /// `held` are the tenants whose backups all stay, and until when those of everybody do.
    pub(super) fn new(
        stats: Vec<BackupStats>,
        (pauses, until): (Vec<Pause>, Option<Timestamp>),
        app: &App,
    ) -> Result<Self> {
        let mut pauses: HashMap<_, _> = pauses.into_iter().map(|pause| (pause.tenant_id.clone(), pause)).collect();
        let (zone, now) = (app.config.locale.time_zone.rules(), app.clock.now());
        let mut line = |stats: BackupStats| {
            let total_size = u64::try_from(stats.total_bytes).map_err(Error::internal)?;
            let at = stats.latest.as_ref().map(|backup| backup.created_at);
            let last_status = match (&stats.last_failed, &stats.latest) {
                (Some(_), _) => Some("failed"),
                (None, Some(_)) => Some("ok"),
                (None, None) => None,
            };
            Ok(TenantStatsOut {
                retention_paused: pauses.remove(&stats.tenant_id).map(PauseOut::from),
                tenant_id: stats.tenant_id.to_string(),
                tenant_name: stats.tenant_name,
                backup_count: stats.count,
                total_size,
                total_size_formatted: size_text(total_size),
                latest_backup_destinations: stats.latest.as_ref().map(DestinationOut::all_of).unwrap_or_default(),
                latest_backup: stats.latest.as_ref().map(|backup| backup.file_name.clone()),
                latest_backup_date: at.map(|at| local(at, zone)),
                latest_backup_age: at.map(|at| age(at, now)),
                last_status: last_status.map(Into::into),
                last_proven_at: stats.last_proven_at.map(Time),
                proof_error: stats.latest.as_ref().and_then(|backup| backup.proof_error.clone()),
                last_error_at: stats.last_failed.as_ref().map(|backup| Time(backup.created_at)),
                last_error: stats
                    .last_failed
                    .and_then(|backup| backup.error)
                    .map(|(code, text)| format!("{code}: {text}")),
            })
        };
        let data = stats.into_iter().map(&mut line).collect::<Result<Vec<_>>>()?;
        Ok(Self { total_tenants: data.len() as u64, data, retention_paused_until: until.map(Time) })
    }
}

/// How long it took to make it.
pub(super) fn duration_ms(backup: &Backup) -> i64 {
    backup.finished_at.map_or(0, |end| end.0.saturating_sub(backup.created_at.0).max(0))
}

/// `2026-11-27 02:00:00`, as the original writes it.
fn local(at: Timestamp, zone: &TimeZone) -> String {
    at.in_zone(zone).strftime("%Y-%m-%d %H:%M:%S").to_string()
}

/// `3 hours ago`, as Laravel writes it.
fn age(at: Timestamp, now: Timestamp) -> String {
    const UNITS: [(&str, i64); 7] = [
        ("year", 31_536_000),
        ("month", 2_592_000),
        ("week", 604_800),
        ("day", 86_400),
        ("hour", 3600),
        ("minute", 60),
        ("second", 1),
    ];
    let secs = now.0.saturating_sub(at.0).max(0) / 1000;
    let (unit, size) = UNITS.into_iter().find(|(_, size)| secs >= *size).unwrap_or(("second", 1));
    let count = secs / size;
    format!("{count} {unit}{} ago", if count == 1 { "" } else { "s" })
}

/// `1.25 MB`, in steps of 1024, as the original writes it.
pub fn size_text(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KB", "MB", "GB", "TB"];
    let (mut hundredths, mut unit) = (u128::from(bytes) * 100, 0);
    while hundredths >= 102_400 && unit + 1 < UNITS.len() {
        hundredths = (hundredths + 512) / 1024;
        unit += 1;
    }
    let text = format!("{}.{:02}", hundredths / 100, hundredths % 100);
    format!("{} {}", text.trim_end_matches('0').trim_end_matches('.'), UNITS[unit])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_ages_read_as_in_the_original() {
        let sizes = [(0, "0 B"), (1023, "1023 B"), (1024, "1 KB"), (1536, "1.5 KB"), (1_310_720, "1.25 MB")];
        for (bytes, text) in sizes {
            assert_eq!(size_text(bytes), text);
        }
        let ages = [(0, "0 seconds ago"), (1, "1 second ago"), (3599, "59 minutes ago"), (7200, "2 hours ago")];
        for (secs, text) in ages {
            assert_eq!(age(Timestamp(0), Timestamp(secs * 1000)), text);
        }
        assert_eq!(age(Timestamp(5000), Timestamp(0)), "0 seconds ago");
    }
}
