//! `[backup]`: how copies of the data are made and how long they stay.

use secrecy::SecretString;

use super::section::section;

section! {
    /// How copies of the data are made and how long they stay.
    pub struct Backup = "backup" {
        /// The key that backups are encrypted with, as `ruko backup key` prints it. Unset: made at the
        /// first start and kept in the data directory.
        key: Option<SecretString> = None;
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
    }
}
