//! How far long work is, and the wish to end it.

use std::io::{self, Write};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;

use crate::error::{Error, Result};

/// What work on a backup is at.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Step {
    /// Others have their turn.
    #[default]
    Waiting,
    /// The live file is copied.
    Copying,
    /// The copy is checked, compressed and encrypted.
    Packing,
    /// A backup is authenticated and decrypted.
    Unpacking,
    /// What was in it is checked.
    Checking,
    /// What a restore would make of it is held against the live data.
    Comparing,
    /// The live data is replaced.
    Replacing,
    /// What was there before becomes a backup.
    PuttingAside,
}

impl Step {
    /// The word that is sent.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Copying => "copying",
            Self::Packing => "packing",
            Self::Unpacking => "unpacking",
            Self::Checking => "checking",
            Self::Comparing => "comparing",
            Self::Replacing => "replacing",
            Self::PuttingAside => "putting_aside",
        }
    }
}

/// Shared between the work and whoever watches it.
#[derive(Debug, Default)]
pub struct Progress {
    now: Mutex<Now>,
    ended: CancellationToken,
}

#[derive(Debug, Default)]
struct Now {
    percent: u32,
    step: Step,
    begun: Option<Instant>,
    /// Past the point of no return.
    is_committed: bool,
    /// The server ends, and nobody asked for the end of this.
    is_stopped: bool,
}

impl Progress {
    /// 0 to 100; it never goes back.
    pub fn percent(&self) -> u32 {
        self.now.lock().percent
    }

    /// What it is at.
    pub fn step(&self) -> Step {
        self.now.lock().step
    }

    /// For how long it has been at work; none while it waits for its turn.
    pub fn running_for(&self) -> Option<Duration> {
        self.now.lock().begun.map(|begun| begun.elapsed())
    }

    /// Asks the work to end without a result; false when it is past its point of no return.
    pub fn cancel(&self) -> bool {
        let now = self.now.lock();
        if !now.is_committed {
            self.ended.cancel();
        }
        !now.is_committed
    }

    /// As [`Progress::cancel`], because the server ends.
    pub fn stop(&self) {
        let mut now = self.now.lock();
        if !now.is_committed && !self.ended.is_cancelled() {
            now.is_stopped = true;
            self.ended.cancel();
        }
    }

    /// Goes on to the next step.
    ///
    /// # Errors
    /// As [`Progress::check`].
    pub(super) fn enter(&self, step: Step) -> Result<()> {
        self.check()?;
        let mut now = self.now.lock();
        now.step = step;
        now.begun.get_or_insert_with(Instant::now);
        Ok(())
    }

    /// Part `done` of `total` of the stretch from percent `from` to `to` is behind.
    pub(super) fn advance(&self, (from, to): (u32, u32), done: u64, total: u64) {
        let share = u64::from(to - from) * done.min(total) / total.max(1);
        let mut now = self.now.lock();
        now.percent = now.percent.max(from + u32::try_from(share).unwrap_or(0));
    }

    /// The point of no return: from here on the work is done to its end.
    ///
    /// # Errors
    /// As [`Progress::check`].
    pub(super) fn commit(&self) -> Result<()> {
        let mut now = self.now.lock();
        if self.ended.is_cancelled() {
            return Err(ended(now.is_stopped));
        }
        now.is_committed = true;
        Ok(())
    }

    /// Goes on only as long as nobody asked for the end.
    ///
    /// # Errors
    /// [`Error::Conflict`] `cancelled`, `interrupted`.
    pub(super) fn check(&self) -> Result<()> {
        if self.ended.is_cancelled() { Err(ended(self.now.lock().is_stopped)) } else { Ok(()) }
    }

    /// Waits for something, but no longer than until somebody asks for the end.
    ///
    /// # Errors
    /// As [`Progress::check`].
    pub(super) async fn unless_ended<T>(&self, awaited: impl Future<Output = T>) -> Result<T> {
        tokio::select! {
            biased;
            () = self.ended.cancelled() => Err(ended(self.now.lock().is_stopped)),
            found = awaited => Ok(found),
        }
    }
}

fn ended(is_stopped: bool) -> Error {
    if is_stopped {
        Error::conflict("interrupted", "The server ended before it was done.")
    } else {
        Error::conflict("cancelled", "It was cancelled.")
    }
}

/// Writes on, tells how far it is, and ends when somebody asks for it.
pub(super) struct Watched<'a, W> {
    pub(super) to: W,
    pub(super) progress: &'a Progress,
    /// Percent that the writing is.
    pub(super) stretch: (u32, u32),
    pub(super) done: u64,
    pub(super) total: u64,
}

impl<W: Write> Write for Watched<'_, W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.progress.check().map_err(io::Error::other)?;
        let count = self.to.write(bytes)?;
        self.done += count as u64;
        self.progress.advance(self.stretch, self.done, self.total);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percent_never_goes_back() {
        let progress = Progress::default();
        progress.advance((0, 40), 30, 40);
        progress.advance((0, 40), 1, 40);
        assert_eq!(progress.percent(), 30);
        progress.advance((40, 99), 5, 0);
        assert_eq!(progress.percent(), 40);
    }

    #[test]
    fn either_the_cancel_or_the_commit_wins() {
        let cancelled = Progress::default();
        assert!(cancelled.cancel() && cancelled.cancel());
        assert_eq!(cancelled.commit().unwrap_err().code(), "cancelled");
        assert_eq!(cancelled.enter(Step::Packing).unwrap_err().code(), "cancelled");

        let committed = Progress::default();
        committed.commit().unwrap();
        assert!(!committed.cancel());
        committed.stop();
        assert!(committed.check().is_ok() && committed.commit().is_ok());
    }

    #[test]
    fn stop_of_the_server_is_told_from_a_cancel() {
        let progress = Progress::default();
        progress.stop();
        assert_eq!(progress.check().unwrap_err().code(), "interrupted");
        let progress = Progress::default();
        progress.cancel();
        progress.stop();
        assert_eq!(progress.check().unwrap_err().code(), "cancelled");
    }
}
