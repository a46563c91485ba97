//! When something happens again and again: a cron expression.

use std::str::FromStr as _;

use croner::Cron;
use jiff::tz::TimeZone;

use super::value::Text;
use crate::clock::Timestamp;

/// A cron expression of five fields, or never.
#[derive(Debug, Clone)]
pub struct Schedule {
    text: String,
    cron: Option<Cron>,
}

impl Schedule {
    /// Reads one; none when it says nothing.
    pub fn find(text: &str) -> Option<Self> {
        <Self as Text>::parse(text)
    }

    /// The expression, or `off`.
    pub fn expression(&self) -> &str {
        &self.text
    }

    /// The last time it was due, `now` included; none when it never is.
    pub fn last_due(&self, zone: &TimeZone, now: Timestamp) -> Option<Timestamp> {
        let due = self.cron.as_ref()?.find_previous_occurrence(&now.in_zone(zone), true).ok()?;
        Some(Timestamp(due.timestamp().as_millisecond()))
    }

    /// The next time it is due, `now` excluded; none when it never is.
    pub fn next_due(&self, zone: &TimeZone, now: Timestamp) -> Option<Timestamp> {
        let due = self.cron.as_ref()?.find_next_occurrence(&now.in_zone(zone), false).ok()?;
        Some(Timestamp(due.timestamp().as_millisecond()))
    }
}

impl Text for Schedule {
    const EXPECTED: &'static str = "a cron expression, or off";
    const EXAMPLES: &'static [&'static str] = &["0 2 * * *", "off", "0 3 * * 0"];

    fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        if text.eq_ignore_ascii_case("off") {
            return Some(Self { text: "off".to_owned(), cron: None });
        }
        // The library takes seconds and nicknames too; cron has neither of the first.
        let cron = Cron::from_str(text).ok().filter(|_| text.split_whitespace().count() == 5)?;
        Some(Self { text: text.to_owned(), cron: Some(cron) })
    }

    fn text(&self) -> String {
        self.text.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp(text.parse::<jiff::Timestamp>().unwrap().as_millisecond())
    }

    fn last_due(schedule: &str, zone: &str, now: &str) -> Timestamp {
        let zone = TimeZone::get(zone).unwrap();
        Schedule::parse(schedule).unwrap().last_due(&zone, at(now)).unwrap()
    }

    #[test]
    fn last_time_is_that_of_the_zone() {
        let jakarta = "Asia/Jakarta";
        assert_eq!(last_due("0 2 * * *", jakarta, "2026-11-27T18:59:59Z"), at("2026-11-26T19:00:00Z"));
        assert_eq!(last_due("0 2 * * *", jakarta, "2026-11-27T19:00:00Z"), at("2026-11-27T19:00:00Z"));
        assert_eq!(last_due("0 3 * * 0", jakarta, "2026-11-27T12:00:00Z"), at("2026-11-21T20:00:00Z"));
    }

    #[test]
    fn next_time_follows_the_last_one() {
        let (zone, schedule) = (TimeZone::get("Asia/Jakarta").unwrap(), Schedule::parse("0 2 * * *").unwrap());
        let next = |now: &str| schedule.next_due(&zone, at(now)).unwrap();
        assert_eq!(next("2026-11-27T18:59:59Z"), at("2026-11-27T19:00:00Z"));
        assert_eq!(next("2026-11-27T19:00:00Z"), at("2026-11-28T19:00:00Z"));
    }

    #[test]
    fn every_day_has_one_time_where_clocks_are_changed() {
        let zone = TimeZone::get("Europe/Berlin").unwrap();
        let schedule = Schedule::parse("30 2 * * *").unwrap();
        let (mut now, mut times) = (at("2026-03-20T00:00:00Z"), std::collections::BTreeSet::new());
        while now < at("2026-11-10T00:00:00Z") {
            times.insert(schedule.last_due(&zone, now).unwrap());
            now = now.plus(std::time::Duration::from_secs(900));
        }
        let days = (at("2026-11-10T00:00:00Z").0 - at("2026-03-20T00:00:00Z").0) / 86_400_000;
        assert!(
            (days..=days + 1).contains(&i64::try_from(times.len()).unwrap()),
            "{} times in {days} days",
            times.len()
        );
    }

    #[test]
    fn never_is_never_and_nonsense_is_refused() {
        let zone = TimeZone::UTC;
        assert!(Schedule::parse("off").unwrap().last_due(&zone, Timestamp(0)).is_none());
        assert!(Schedule::parse("off").unwrap().next_due(&zone, Timestamp(0)).is_none());
        for text in ["", "daily", "@daily", "0 2 * *", "0 0 2 * * *", "61 2 * * *", "0 2 * * 9"] {
            assert!(Schedule::parse(text).is_none(), "{text}");
        }
    }
}
