//! How far long work is, and the wish to end it.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

/// Shared between the work and whoever watches it.
#[derive(Debug, Default)]
pub struct Progress {
    percent: AtomicU32,
    is_cancelled: AtomicBool,
}

impl Progress {
    /// 0 to 100.
    pub fn percent(&self) -> u32 {
        self.percent.load(Ordering::Relaxed)
    }

    /// Asks the work to end without a result.
    pub fn cancel(&self) {
        self.is_cancelled.store(true, Ordering::Relaxed);
    }

    /// Whether somebody asked for the end.
    pub fn is_cancelled(&self) -> bool {
        self.is_cancelled.load(Ordering::Relaxed)
    }

    /// Part `done` of `total` of the stretch from percent `from` to `to` is behind.
    pub(super) fn advance(&self, (from, to): (u32, u32), done: u64, total: u64) {
        let share = u64::from(to - from) * done.min(total) / total.max(1);
        self.percent.store(from + u32::try_from(share).unwrap_or(0), Ordering::Relaxed);
    }
}
