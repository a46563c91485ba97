//! What to do when `accept` fails: go on at once if it was about one connection, else wait a
//! little. Out of file descriptors, `accept` fails at once and again; without the pause the loop
//! would burn a core and fill the disk with log lines just when the machine is short of things.

use std::io::{Error, ErrorKind};
use std::time::Duration;

use tokio::time::Instant;

const SHORTEST: Duration = Duration::from_millis(10);
const LONGEST: Duration = Duration::from_secs(1);
const BETWEEN_LOG_LINES: Duration = Duration::from_secs(1);

#[derive(Debug, Default)]
pub(super) struct AcceptTrouble {
    pause: Duration,
    logged: Option<Instant>,
    unlogged: u32,
}

impl AcceptTrouble {
    /// A connection was accepted: the trouble is over.
    pub(super) fn over(&mut self) {
        self.pause = Duration::ZERO;
    }

    /// Logs `error` unless that was done less than a second ago, and says how long to wait.
    pub(super) fn note(&mut self, error: &Error, now: Instant) -> Duration {
        if matches!(error.kind(), ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset | ErrorKind::Interrupted) {
            return Duration::ZERO;
        }
        if self.logged.is_some_and(|last| now - last < BETWEEN_LOG_LINES) {
            self.unlogged += 1;
        } else {
            tracing::error!(%error, unlogged = self.unlogged, "cannot accept connections");
            self.logged = Some(now);
            self.unlogged = 0;
        }
        self.pause = (self.pause * 2).clamp(SHORTEST, LONGEST);
        self.pause
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_a_second_and_start_anew_after_success() {
        let (mut trouble, now) = (AcceptTrouble::default(), Instant::now());
        let full = Error::from_raw_os_error(rustix::io::Errno::MFILE.raw_os_error());
        let pauses: Vec<u128> = (0..9).map(|_| trouble.note(&full, now).as_millis()).collect();
        assert_eq!(pauses, [10, 20, 40, 80, 160, 320, 640, 1000, 1000]);
        trouble.over();
        assert_eq!(trouble.note(&full, now).as_millis(), 10);
    }

    #[test]
    fn at_most_one_line_a_second_is_logged() {
        let (mut trouble, now) = (AcceptTrouble::default(), Instant::now());
        let full = Error::from_raw_os_error(rustix::io::Errno::MFILE.raw_os_error());
        for _ in 0..5 {
            trouble.note(&full, now);
        }
        assert_eq!((trouble.logged, trouble.unlogged), (Some(now), 4));
        let later = now + BETWEEN_LOG_LINES;
        trouble.note(&full, later);
        assert_eq!((trouble.logged, trouble.unlogged), (Some(later), 0));
    }

    #[test]
    fn a_client_that_left_is_no_trouble() {
        let mut trouble = AcceptTrouble::default();
        assert_eq!(trouble.note(&ErrorKind::ConnectionAborted.into(), Instant::now()), Duration::ZERO);
        assert!(trouble.logged.is_none());
    }
}
