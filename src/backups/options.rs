//! How backups are made and how long they stay.

use std::sync::Arc;
use std::time::Duration;

use jiff::tz::TimeZone;

use crate::config::Config;
use crate::error::Result;

use super::copies::Bucket;
use super::model::Kind;
use super::retention::Rules;

/// How backups are made and how long they stay.
#[derive(Debug, Clone)]
pub struct BackupOptions {
    /// Backups and restores that may run at once.
    pub at_once: usize,
    /// The zone of the times in names.
    pub zone: TimeZone,
    /// How long they stay.
    pub keep: KeepDays,
    /// What stays longer.
    pub rules: Rules,
    /// Share of its rows or bytes that a tenant may lose between two backups before they all stay; 0
    /// for any.
    pub shrink_guard_percent: u32,
    /// Backups that a tenant's admins may have asked for and still have.
    pub tenant_keep_max: usize,
    /// Where copies go.
    pub bucket: Option<Arc<Bucket>>,
}

impl BackupOptions {
    /// As the settings say.
    ///
    /// # Errors
    /// When the settings of the bucket cannot be used.
    pub fn of(config: &Config) -> Result<Self> {
        let backup = &config.backup;
        let keep = KeepDays {
            manual: backup.keep_manual_days,
            daily: backup.keep_daily_days,
            weekly: backup.keep_weekly_days,
            safety: backup.keep_safety_days,
        };
        let rules = Rules {
            newest: backup.keep_newest,
            daily: backup.keep_daily,
            weekly: backup.keep_weekly,
            monthly: backup.keep_monthly,
            yearly: backup.keep_yearly,
        };
        let bucket = Bucket::of(&config.s3)?.map(Arc::new);
        Ok(Self {
            at_once: backup.at_once,
            zone: config.locale.time_zone.rules().clone(),
            keep,
            rules,
            shrink_guard_percent: backup.shrink_guard_percent,
            tenant_keep_max: backup.tenant_keep_max,
            bucket,
        })
    }
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
        self::days(days)
    }
}

/// So many days, each of 24 hours.
pub(super) fn days(count: u32) -> Duration {
    Duration::from_secs(u64::from(count) * 86_400)
}
