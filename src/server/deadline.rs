//! When a connection has to end, given what it does. No socket and no timer in here: the
//! connection asks after each of its steps, and sets its one timer by the answer.

use tokio::time::Instant;

use super::listener::ListenOptions;
use super::pulse::{Look, State};

/// How a connection came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    /// The peer or HTTP said so.
    Finished,
    /// Nothing came for longer than we keep a silent connection.
    Idle,
    /// A request's head took too long.
    SlowHead,
    /// The peer did not read what we sent.
    Stalled,
    /// The server stopped and the request was not done in time.
    Dropped,
}

pub(super) struct Deadline {
    options: ListenOptions,
    seen: Look,
    since: Instant,
    closing: Option<(Instant, Ending)>,
}

impl Deadline {
    pub(super) fn new(options: ListenOptions, now: Instant) -> Self {
        Self { options, seen: Look { state: State::Fresh, round: 0 }, since: now, closing: None }
    }

    /// The connection was told to finish; at `at` it ends in any case. The earlier one counts.
    pub(super) fn close_by(&mut self, at: Instant, ending: Ending) {
        if self.closing.is_none_or(|(earlier, _)| at < earlier) {
            self.closing = Some((at, ending));
        }
    }

    /// When, and as what, the connection ends if it goes on doing what it does now.
    pub(super) fn next(&mut self, look: Look, now: impl FnOnce() -> Instant) -> Option<(Instant, Ending)> {
        if look != self.seen {
            self.seen = look;
            // A busy connection has no time limit here, so it need not pay for the clock.
            if look.state != State::Busy {
                self.since = now();
            }
        }
        let by_state = match look.state {
            State::Head => Some((self.since + self.options.header_timeout, Ending::SlowHead)),
            State::Stalled => Some((self.since + self.options.idle_timeout, Ending::Stalled)),
            State::Fresh if self.closing.is_none() => Some((self.since + self.options.header_timeout, Ending::Idle)),
            State::Idle if self.closing.is_none() => Some((self.since + self.options.idle_timeout, Ending::Idle)),
            State::Fresh | State::Idle | State::Busy => None,
        };
        match (by_state, self.closing) {
            (Some(a), Some(b)) => Some(if a.0 <= b.0 { a } else { b }),
            (one, other) => one.or(other),
        }
    }

    /// Whether [`Deadline::close_by`] was called.
    pub(super) fn is_closing(&self) -> bool {
        self.closing.is_some()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const OPTIONS: ListenOptions = ListenOptions {
        header_timeout: Duration::from_secs(10),
        idle_timeout: Duration::from_secs(75),
        max_connections: 1,
        shutdown_timeout: Duration::from_secs(30),
    };

    fn look(state: State, round: u32) -> Look {
        Look { state, round }
    }

    fn deadline() -> (Deadline, Instant) {
        let begin = Instant::now();
        (Deadline::new(OPTIONS, begin), begin)
    }

    #[test]
    fn trickling_bytes_do_not_move_the_deadline_of_a_head() {
        let (mut deadline, begin) = deadline();
        let due = Some((begin + OPTIONS.header_timeout, Ending::SlowHead));
        assert_eq!(deadline.next(look(State::Head, 0), || begin), due);
        assert_eq!(deadline.next(look(State::Head, 0), || begin + Duration::from_secs(9)), due);
    }

    #[test]
    fn a_request_in_between_starts_the_idle_time_anew() {
        let (mut deadline, begin) = deadline();
        let later = begin + Duration::from_secs(50);
        assert_eq!(deadline.next(look(State::Idle, 1), || begin), Some((begin + OPTIONS.idle_timeout, Ending::Idle)));
        assert_eq!(deadline.next(look(State::Idle, 2), || later), Some((later + OPTIONS.idle_timeout, Ending::Idle)));
    }

    #[test]
    fn a_peer_that_reads_a_little_now_and_then_is_not_stalled() {
        let (mut deadline, begin) = deadline();
        let later = begin + Duration::from_secs(50);
        deadline.next(look(State::Stalled, 0), || begin);
        let due = Some((later + OPTIONS.idle_timeout, Ending::Stalled));
        assert_eq!(deadline.next(look(State::Stalled, 1), || later), due);
    }

    #[test]
    fn work_has_no_deadline_until_the_server_stops() {
        let (mut deadline, begin) = deadline();
        assert_eq!(deadline.next(look(State::Busy, 1), || begin), None);
        let end = begin + OPTIONS.shutdown_timeout;
        deadline.close_by(end, Ending::Dropped);
        assert_eq!(deadline.next(look(State::Busy, 1), || begin), Some((end, Ending::Dropped)));
    }

    #[test]
    fn the_stop_does_not_prolong_a_goodbye() {
        let (mut deadline, begin) = deadline();
        let soon = begin + Duration::from_secs(5);
        deadline.close_by(soon, Ending::Idle);
        deadline.close_by(begin + OPTIONS.shutdown_timeout, Ending::Dropped);
        assert_eq!(deadline.next(look(State::Idle, 1), || begin), Some((soon, Ending::Idle)));
    }
}
