//! `[backup]`: how copies of the data are made and how long they stay.

use secrecy::SecretString;

use super::schedule::Schedule;
use super::section::section;
use super::value::Text as _;

section! {
    /// How copies of the data are made and how long they stay.
    pub struct Backup = "backup" {
        /// The key that new backups are encrypted with, as `ruko key generate backup` prints it. Unset: made at the
        /// first start and kept in the data directory.
        key: Option<SecretString> = None;
        /// When all tenants are backed up for the day, in the zone of `locale.time_zone`. A time at which no
        /// server ran is made up for once.
        daily: Schedule = schedule("0 2 * * *");
        /// When they are backed up for the week.
        weekly: Schedule = schedule("0 3 * * 0");
        /// Backups and restores that may run at once.
        at_once: usize = 2, within 1..=64;
        /// Days that a backup is kept which somebody asked for.
        keep_manual_days: u32 = 30, within 1..=36_500;
        /// Days that the backup of a day is kept.
        keep_daily_days: u32 = 30, within 1..=36_500;
        /// Days that the backup of a week is kept.
        keep_weekly_days: u32 = 90, within 1..=36_500;
        /// Days that the backup is kept which a restore or an upgrade makes of what was there before,
        /// and the last one of a deleted tenant.
        keep_safety_days: u32 = 30, within 1..=36_500;
        /// Newest backups of a tenant that stay, however old they are.
        keep_newest: u32 = 3, within 1..=1000;
        /// Days that have a backup and of which the newest stays, however old it is.
        keep_daily: u32 = 0, within 0..=100_000;
        /// The same for weeks, from Monday to Sunday.
        keep_weekly: u32 = 0, within 0..=100_000;
        /// The same for months.
        keep_monthly: u32 = 0, within 0..=100_000;
        /// The same for years.
        keep_yearly: u32 = 0, within 0..=1000;
        /// When a tenant has lost this share of its rows or of the size of its database since its last
        /// backup, all its backups stay until somebody resumes its retention. 0 for never.
        shrink_guard_percent: u32 = 50, within 0..=100;
        /// Whether a tenant's admins may restore its backups.
        tenant_restore: bool = true;
        /// Whether a tenant's admins may download its backups.
        tenant_download: bool = false;
    }
}

fn schedule(text: &str) -> Schedule {
    Schedule::parse(text).expect("the default is a cron expression")
}
