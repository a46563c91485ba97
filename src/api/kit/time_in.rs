//! Times in inputs. One that names no zone, or is a date alone, is read in the tenant's zone, which
//! is not known before the tenant is: so an input keeps what was sent until somebody says the zone.

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::TimeZone;
use poem_openapi::types::{ParseError, ParseFromJSON, ParseResult, ToJSON};
use serde_json::Value;

use crate::clock::Timestamp;

use super::wire_value::wire_value;

/// A time as it was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimeIn {
    /// With its zone (RFC 3339).
    Instant(Timestamp),
    /// What a clock on the wall shows: `2025-10-30T21:05:30`, `2025-10-30 21:05`.
    Wall(DateTime),
    /// A day.
    Day(Date),
}

impl TimeIn {
    /// Reads a time; nothing when it is none.
    pub fn parse(text: &str) -> Option<Self> {
        if let Ok(instant) = text.parse::<jiff::Timestamp>() {
            return Some(Self::Instant(Timestamp(instant.as_millisecond())));
        }
        // Of a zone or an offset that is no good the library would just read past.
        if !text.bytes().all(|byte| byte.is_ascii_digit() || b"-:.Tt ".contains(&byte)) {
            return None;
        }
        if text.contains(['T', 't', ' ', ':']) {
            text.parse().map(Self::Wall).ok()
        } else {
            text.parse().map(Self::Day).ok()
        }
    }

    /// When that is in a zone; of a day its beginning.
    pub fn since(self, zone: &TimeZone) -> Timestamp {
        match self {
            Self::Instant(instant) => instant,
            Self::Wall(wall) => when(wall, zone),
            Self::Day(day) => when(day.to_datetime(Time::midnight()), zone),
        }
    }

    /// When that is in a zone, as the end of a range; of a day its last moment.
    pub fn until(self, zone: &TimeZone) -> Timestamp {
        match self {
            Self::Day(day) => match day.tomorrow() {
                Ok(next) => Timestamp(Self::Day(next).since(zone).0 - 1),
                Err(_) => when(day.to_datetime(Time::MAX), zone),
            },
            other => other.since(zone),
        }
    }
}

/// A time that a zone skips is read as after the jump, one that it has twice as the first of them.
fn when(wall: DateTime, zone: &TimeZone) -> Timestamp {
    let instant = zone.to_ambiguous_timestamp(wall).compatible();
    // The last hours of the calendar lie outside of it in some zones.
    let end = if wall.year() > 0 { jiff::Timestamp::MAX } else { jiff::Timestamp::MIN };
    Timestamp(instant.unwrap_or(end).as_millisecond())
}

wire_value!(TimeIn, "time", super::time::schema());

impl ParseFromJSON for TimeIn {
    fn parse_from_json(value: Option<Value>) -> ParseResult<Self> {
        let text = value.as_ref().and_then(Value::as_str);
        text.and_then(Self::parse).ok_or_else(|| ParseError::custom("not a date or time"))
    }
}

impl ToJSON for TimeIn {
    fn to_json(&self) -> Option<Value> {
        Some(match self {
            Self::Instant(instant) => instant.to_string().into(),
            Self::Wall(wall) => wall.to_string().into(),
            Self::Day(day) => day.to_string().into(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn zone(name: &str) -> TimeZone {
        TimeZone::get(name).unwrap()
    }

    fn read(text: &str, zone_name: &str) -> (String, String) {
        let (sent, zone) = (TimeIn::parse(text).unwrap(), zone(zone_name));
        (sent.since(&zone).to_string(), sent.until(&zone).to_string())
    }

    #[test]
    fn time_without_a_zone_is_of_the_given_one() {
        for (text, zone, since) in [
            ("2025-10-30T14:05:30Z", "Asia/Jayapura", "2025-10-30T14:05:30.000000Z"),
            ("2025-10-30T14:05:30+07:00", "Asia/Jayapura", "2025-10-30T07:05:30.000000Z"),
            ("2025-10-30T14:05:30.25", "Asia/Jakarta", "2025-10-30T07:05:30.250000Z"),
            ("2025-10-30 14:05", "Asia/Makassar", "2025-10-30T06:05:00.000000Z"),
            // Twice and never in Berlin.
            ("2025-10-26T02:30:00", "Europe/Berlin", "2025-10-26T00:30:00.000000Z"),
            ("2025-03-30T02:30:00", "Europe/Berlin", "2025-03-30T01:30:00.000000Z"),
        ] {
            assert_eq!(read(text, zone), (since.into(), since.into()), "{text} in {zone}");
        }
    }

    #[test]
    fn day_begins_and_ends_in_its_zone() {
        let of = |since: &str, until: &str| (since.to_owned(), until.to_owned());
        let jakarta = of("2025-10-29T17:00:00.000000Z", "2025-10-30T16:59:59.999000Z");
        assert_eq!(read("2025-10-30", "Asia/Jakarta"), jakarta);
        // 25 hours, and a day that begins at one o'clock.
        let berlin = of("2025-10-25T22:00:00.000000Z", "2025-10-26T22:59:59.999000Z");
        assert_eq!(read("2025-10-26", "Europe/Berlin"), berlin);
        let beirut = of("2025-03-29T22:00:00.000000Z", "2025-03-30T20:59:59.999000Z");
        assert_eq!(read("2025-03-30", "Asia/Beirut"), beirut);
    }

    #[test]
    fn ends_of_the_calendar_are_no_trouble() {
        for text in ["9999-12-31", "9999-12-31T23:59:59", "-009999-01-01", "0000-01-01"] {
            for zone in ["Pacific/Kiritimati", "Pacific/Pago_Pago", "UTC"] {
                let (since, until) = read(text, zone);
                assert!(since <= until, "{text} in {zone}");
            }
        }
    }

    #[test]
    fn other_texts_are_no_times() {
        for text in [
            "",
            " ",
            "yesterday",
            "2025-13-01",
            "2025-02-29",
            "2025-10-30T",
            "2025-10-30T25:00",
            "14:05",
            "2025-10-30T14:05:30[Asia/Jakarta]",
            "2025-10-30T14:05:30+7",
            "2025-10-30T14:05:30+99:00",
            // What an unescaped plus becomes in a query.
            "2025-10-30T14:05:30 07:00",
            "1761833130",
            "2025-10-30T14:05:30 UTC",
        ] {
            assert_eq!(TimeIn::parse(text), None, "{text:?}");
        }
    }
}
