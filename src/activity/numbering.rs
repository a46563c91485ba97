//! The ids of rows. An id holds its row's time: milliseconds since 1970, then 11 bits that count the
//! rows of one millisecond. So the order of ids is the order of time: a span of time is a span of
//! ids, and a list, its cursor and the deletion of the old need no index but the table itself.
//!
//! JavaScript reads these ids exactly until the year 2109.

use crate::clock::Timestamp;
use crate::db::{Row, Tx};
use crate::error::Result;
use crate::vals;

use super::store::Log;

const COUNT_BITS: u32 = 11;
/// Ids of one millisecond. When they are used up, the next millisecond lends its own.
const IDS_PER_MS: i64 = 1 << COUNT_BITS;
/// Rows that come this much out of order stay in the order in which they came, and so in the time
/// of the latest of them: threads overtake each other on their way to the queue.
const UNORDERED_MAX: i64 = 64 * IDS_PER_MS;
/// Times are bounded by this many milliseconds, so that there are ids beyond every time.
const TIME_MAX: i64 = i64::MAX >> (COUNT_BITS + 1);

/// The first id of a millisecond.
pub(super) fn first_id(at: Timestamp) -> i64 {
    at.0.clamp(-TIME_MAX, TIME_MAX) << COUNT_BITS
}

/// The time an id holds.
pub(super) fn time_of(id: i64) -> Timestamp {
    Timestamp(id >> COUNT_BITS)
}

/// Gives ids to the new rows of a log, for the length of one transaction. It knows of the file what
/// stands around the place where it gives ids, and looks again when that place is another one: the
/// clock was put back, or was wrong before and rows from the future lie ahead.
pub(super) struct Numbering {
    log: Log,
    /// The last id given, or taken before.
    last: i64,
    /// From `last` up to here no id is taken.
    free_until: i64,
}

impl Numbering {
    pub(super) fn of(log: Log) -> Self {
        Self { log, last: i64::MIN, free_until: i64::MIN }
    }

    /// The id of a row of this time, which is to be inserted before the next call.
    ///
    /// # Errors
    /// Any `DbError`.
    pub(super) fn next(&mut self, tx: &mut Tx<'_>, at: Timestamp) -> Result<i64> {
        let first = first_id(at);
        if self.last.saturating_sub(first) > UNORDERED_MAX {
            *self = Self::of(self.log);
        }
        loop {
            let id = first.max(self.last.saturating_add(1));
            if id < self.free_until {
                self.last = id;
                return Ok(id);
            }
            self.look_around(tx, id)?;
        }
    }

    /// Finds the last id taken in the millisecond after `id` or before it, and the next one taken.
    fn look_around(&mut self, tx: &mut Tx<'_>, id: i64) -> Result<()> {
        let read = |row: &Row<'_, '_>| Ok((row.get::<Option<i64>>(0)?, row.get::<Option<i64>>(1)?));
        let (last, next) = tx.query_one(&around_sql(self.log), vals![id.saturating_add(IDS_PER_MS)], read)?;
        self.last = self.last.max(last.unwrap_or(i64::MIN));
        self.free_until = next.unwrap_or(i64::MAX);
        Ok(())
    }
}

fn around_sql(log: Log) -> String {
    let table = log.table();
    format!("SELECT (SELECT max(id) FROM {table} WHERE id < ?1), (SELECT min(id) FROM {table} WHERE id >= ?1)")
}

#[cfg(test)]
mod tests;
