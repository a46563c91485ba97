//! The time. Everything asks a [`Clock`], so that a test can hold it still.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jiff::Zoned;
use jiff::tz::TimeZone;
use serde::{Serialize, Serializer};

/// Source of the wall clock.
#[derive(Debug, Clone, Default)]
pub struct Clock {
    held: Option<Arc<AtomicI64>>,
}

impl Clock {
    /// The machine's clock.
    pub fn system() -> Self {
        Self { held: None }
    }

    /// A clock that stands still until [`Clock::advance`].
    pub fn held_at(now: Timestamp) -> Self {
        Self { held: Some(Arc::new(AtomicI64::new(now.0))) }
    }

    /// Now.
    #[allow(clippy::disallowed_methods, reason = "the one place that asks the machine")]
    pub fn now(&self) -> Timestamp {
        if let Some(held) = &self.held {
            return Timestamp(held.load(Ordering::Relaxed));
        }
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
        Timestamp(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }

    /// Moves a held clock on; a running one is left alone.
    pub fn advance(&self, by: Duration) {
        if let Some(held) = &self.held {
            held.fetch_add(i64::try_from(by.as_millis()).unwrap_or(i64::MAX), Ordering::Relaxed);
        }
    }
}

/// Milliseconds since 1970-01-01 UTC. On the wire `2025-10-30T14:05:30.000000Z`, as Laravel
/// writes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// This much later.
    pub fn plus(self, by: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(by.as_millis()).unwrap_or(i64::MAX)))
    }

    /// This much earlier.
    pub fn minus(self, by: Duration) -> Self {
        Self(self.0.saturating_sub(i64::try_from(by.as_millis()).unwrap_or(i64::MAX)))
    }

    /// The wall clock of a zone at this time.
    pub fn in_zone(self, zone: &TimeZone) -> Zoned {
        jiff::Timestamp::from_millisecond(self.0).unwrap_or_default().to_zoned(zone.clone())
    }

    /// The 27 characters of the wire form. Years outside 0 to 9999 are clamped.
    pub fn to_wire(self) -> [u8; 27] {
        let clamped = self.0.clamp(-62_167_219_200_000, 253_402_300_799_999);
        let (days, ms) = (clamped.div_euclid(86_400_000), clamped.rem_euclid(86_400_000));
        let (year, month, day) = civil_from_days(days);
        // The clamp keeps each of them below 10,000.
        let [year, month, day, ms] = [year, month, day, ms].map(|part| u32::try_from(part).unwrap_or(0));
        let secs = ms / 1000;
        let mut out = *b"0000-00-00T00:00:00.000000Z";
        let mut put = |at: usize, value: u32| out[at..at + 2].copy_from_slice(&two_digits(value));
        put(0, year / 100);
        put(2, year % 100);
        put(5, month);
        put(8, day);
        put(11, secs / 3600);
        put(14, secs / 60 % 60);
        put(17, secs % 60);
        // Three digits of milliseconds, written as four of the six decimals.
        put(20, ms % 1000 / 10);
        put(22, ms % 10 * 10);
        out
    }
}

/// The two decimal digits of a number below 100. Lists hold many, so there is no loop in it.
fn two_digits(value: u32) -> [u8; 2] {
    let value = u8::try_from(value).unwrap_or(0);
    [b'0' + value / 10, b'0' + value % 10]
}

/// Year, month and day of a day number (0 is 1970-01-01), after Howard Hinnant,
/// "chrono-Compatible Low-Level Date Algorithms".
fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(std::str::from_utf8(&self.to_wire()).unwrap_or_default())
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(std::str::from_utf8(&self.to_wire()).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn wire_form_agrees_with_a_calendar_library(ms in -62_167_219_200_000i64..253_402_300_799_999) {
            let expected = jiff::Timestamp::from_millisecond(ms).unwrap().strftime("%Y-%m-%dT%H:%M:%S.%6fZ").to_string();
            prop_assert_eq!(Timestamp(ms).to_string(), expected);
        }
    }

    #[test]
    fn held_clock_moves_only_when_told() {
        let clock = Clock::held_at(Timestamp(1000));
        assert_eq!(clock.now(), clock.now());
        clock.advance(Duration::from_secs(2));
        assert_eq!(clock.now(), Timestamp(3000));
    }
}
