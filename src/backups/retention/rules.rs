//! What retention goes by.

use std::time::Duration;

use jiff::tz::TimeZone;

use crate::backups::model::Kind;
use crate::clock::Timestamp;

/// How long a failure is remembered.
pub const FAILURES_KEPT_FOR: Duration = Duration::from_secs(30 * 86_400);

/// What is kept past its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules {
    /// So many of the newest backups of each tenant.
    pub newest: u32,
    /// The newest backup of each of so many days that have one.
    pub daily: u32,
    /// The same for weeks.
    pub weekly: u32,
    /// The same for months.
    pub monthly: u32,
    /// The same for years.
    pub yearly: u32,
}

impl Rules {
    /// Each period with the number of them that count.
    pub(super) fn periods(self) -> [(Period, u32); 4] {
        [
            (Period::Day, self.daily),
            (Period::Week, self.weekly),
            (Period::Month, self.monthly),
            (Period::Year, self.yearly),
        ]
    }
}

/// A stretch of the calendar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Period {
    /// From midnight to midnight where the server is.
    Day,
    /// From Monday to Sunday.
    Week,
    /// A month.
    Month,
    /// A year.
    Year,
}

impl Period {
    /// Names the one that a time lies in: the same for two times exactly when they lie in the same.
    pub(super) fn of(self, at: Timestamp, zone: &TimeZone) -> (i16, i16) {
        let date = at.in_zone(zone).date();
        match self {
            Self::Day => (date.year(), date.day_of_year()),
            Self::Week => {
                let week = date.iso_week_date();
                (week.year(), week.week().into())
            }
            Self::Month => (date.year(), date.month().into()),
            Self::Year => (date.year(), 0),
        }
    }
}

/// When the time of a backup is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// When its row says so.
    Expiry,
    /// When it is so old, whatever its row says.
    Age {
        /// So old.
        keep: Duration,
        /// Of this kind only.
        kind: Option<Kind>,
    },
}

/// How a tenant stands at the moment that retention looks at it.
#[derive(Debug, Clone, Copy)]
pub struct Standing<'a> {
    /// Now.
    pub now: Timestamp,
    /// The zone whose midnight begins a day.
    pub zone: &'a TimeZone,
    /// There is no such tenant any more, so nothing of it has to be the newest.
    pub is_gone: bool,
    /// Its retention is paused.
    pub is_paused: bool,
    /// The clock may be wrong.
    pub has_clock_leapt: bool,
}
