//! The clock is not to be trusted blindly: one that leaps forward makes everything look old. What
//! retention saw of it last stands in the central file.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::vals;

/// A longer time without a look is a leap: a wrong clock, or a server that was off.
const LEAP: Duration = Duration::from_secs(7 * 86_400);
/// For so long nothing goes after a leap: time for somebody to see the warning.
const GRACE: Duration = Duration::from_secs(3 * 86_400);
/// Clocks that are set go back by moments.
const SET_BACK: Duration = Duration::from_secs(3600);
/// Key of what was seen among the settings.
const KEY: &str = "retention_clock";

/// What retention knows of the clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Watch {
    seen_at_ms: i64,
    paused_until_ms: Option<i64>,
}

/// What a look at the clock told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum News {
    /// Nothing.
    None,
    /// It leapt forward.
    Leapt,
    /// It went back.
    WentBack,
}

impl Watch {
    pub(super) fn begin(now: Timestamp) -> Self {
        Self { seen_at_ms: now.0, paused_until_ms: None }
    }

    /// Looks at the clock.
    pub(super) fn look(self, now: Timestamp) -> (Self, News) {
        let seen = Timestamp(self.seen_at_ms);
        if now < seen.minus(SET_BACK) {
            return (Self::begin(now), News::WentBack);
        }
        if now > seen.plus(LEAP) {
            return (Self { seen_at_ms: now.0, paused_until_ms: Some(now.plus(GRACE).0) }, News::Leapt);
        }
        let paused_until_ms = self.paused_until_ms.filter(|until| *until > now.0);
        (Self { seen_at_ms: now.0.max(seen.0), paused_until_ms }, News::None)
    }

    /// Until when nothing goes.
    pub(super) fn paused_until(self) -> Option<Timestamp> {
        self.paused_until_ms.map(Timestamp)
    }
}

/// What was seen last; none before the first look.
pub(super) fn load(tx: &mut Tx<'_>) -> Result<Option<Watch>> {
    let sql = "SELECT value FROM settings WHERE key = ?1";
    let stored = tx.query_opt(sql, vals![KEY], |row| row.get::<String>(0))?;
    Ok(stored.and_then(|text| serde_json::from_str(&text).ok()))
}

pub(super) fn store(tx: &mut Tx<'_>, watch: Watch, now: Timestamp) -> Result<()> {
    let sql = "INSERT INTO settings (key, value, updated_at) VALUES (?1, ?2, ?3) \
               ON CONFLICT (key) DO UPDATE SET value = excluded.value, updated_at = excluded.updated_at";
    let text = serde_json::to_string(&watch).map_err(Error::internal)?;
    tx.execute(sql, vals![KEY, &text, now])?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 86_400_000;

    fn look(watch: Watch, day: i64) -> (Option<i64>, News, Watch) {
        let (watch, news) = watch.look(Timestamp(day * DAY));
        (watch.paused_until().map(|until| until.0 / DAY), news, watch)
    }

    #[test]
    fn leap_forward_buys_three_days_and_a_way_back_ends_them() {
        let (paused, news, watch) = look(Watch::begin(Timestamp(0)), 7);
        assert_eq!((paused, news), (None, News::None), "a week off is no leap");
        let (paused, news, watch) = look(watch, 15);
        assert_eq!((paused, news), (Some(18), News::Leapt));
        let (paused, news, later) = look(watch, 17);
        assert_eq!((paused, news), (Some(18), News::None));
        assert_eq!(look(later, 18).0, None);
        let (paused, news, watch) = look(later, 8);
        assert_eq!((paused, news), (None, News::WentBack));
        assert_eq!(look(watch, 9).1, News::None, "it counts from the time that it was set to");
    }

    #[test]
    fn clock_that_is_set_by_moments_is_none_that_went_back() {
        let (watch, news) = Watch::begin(Timestamp(DAY)).look(Timestamp(DAY - 1000));
        assert_eq!((watch, news), (Watch::begin(Timestamp(DAY)), News::None));
    }
}
