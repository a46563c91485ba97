//! When a tenant has had no backup for too long: 26 hours after the last one when there should have been
//! one meanwhile, or when two runs were missed.

use std::time::Duration;

use crate::clock::Timestamp;

/// A backup of every day may come so long after the last.
const AFTER: Duration = Duration::from_secs(26 * 3600);
/// A run is missed when it has brought no backup so long after its time.
const GRACE: Duration = Duration::from_secs(2 * 3600);

/// The tenants whose newest backup is older than this are overdue; none are where nothing is ever due.
/// `last_due` gives the last time before a moment when a backup was due.
pub fn limit(last_due: impl Fn(Timestamp) -> Option<Timestamp>, now: Timestamp) -> Option<Timestamp> {
    let last = last_due(now.minus(GRACE))?;
    let before = last_due(last.minus(Duration::from_millis(1)));
    let for_too_long = last.min(now.minus(AFTER));
    Some(before.map_or(for_too_long, |two_missed| two_missed.max(for_too_long)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Schedule;
    use jiff::tz::TimeZone;

    const HOUR: i64 = 3_600_000;
    /// Friday, 27 November 2026, 02:00 UTC.
    const TWO: i64 = 1_795_744_800_000;

    /// Hours after the backup of 02:00 when it becomes too old, for schedules without any other.
    fn hours(schedules: &[&str]) -> Option<i64> {
        let schedules: Vec<_> = schedules.iter().map(|text| Schedule::find(text).unwrap()).collect();
        let last_due = |at| schedules.iter().filter_map(|one| one.last_due(&TimeZone::UTC, at)).max();
        (0..24 * 60).find(|hour| limit(last_due, Timestamp(TWO + hour * HOUR + 1000)) > Some(Timestamp(TWO)))
    }

    #[test]
    fn backup_is_too_old_after_26_hours_or_two_missed_runs_of_its_schedule() {
        assert_eq!(hours(&["0 2 * * *"]), Some(26));
        assert_eq!(hours(&["0 2 * * *", "0 3 * * 0"]), Some(26));
        assert_eq!(hours(&["0 * * * *"]), Some(4), "03:00 and 04:00, and two hours of grace");
        assert_eq!(hours(&["0 2 * * 5"]), Some(7 * 24 + 2), "once a week is never 26 hours");
        assert_eq!(hours(&["off"]), None);
    }
}
