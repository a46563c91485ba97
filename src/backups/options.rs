//! How backups are made and how long they stay.

use std::sync::Arc;
use std::time::Duration;

use jiff::tz::TimeZone;

use super::copies::Bucket;
use super::model::Kind;

/// How backups are made and how long they stay.
#[derive(Debug, Clone)]
pub struct BackupOptions {
    /// Backups and restores that may run at once.
    pub at_once: usize,
    /// The zone of the times in names.
    pub zone: TimeZone,
    /// How long they stay.
    pub keep: KeepDays,
    /// Where copies go.
    pub bucket: Option<Arc<Bucket>>,
}

/// Days that backups are kept.
#[derive(Debug, Clone, Copy)]
pub struct KeepDays {
    /// Those that somebody asked for.
    pub manual: u32,
    /// Those of a day.
    pub daily: u32,
    /// Those of a week.
    pub weekly: u32,
    /// Those of what was there before something else came.
    pub safety: u32,
}

impl KeepDays {
    pub(super) fn of(self, kind: Kind) -> Duration {
        let days = match kind {
            Kind::Manual => self.manual,
            Kind::Daily => self.daily,
            Kind::Weekly => self.weekly,
            Kind::PreRestore | Kind::PreUpgrade | Kind::Final => self.safety,
        };
        Duration::from_secs(u64::from(days) * 86_400)
    }
}
