//! How many backups this process has made, for metrics.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::clock::Timestamp;

use super::Backups;
use super::model::Backup;

/// Counts since the start of the process.
#[derive(Debug, Default)]
pub(super) struct Tally {
    made: AtomicU64,
    failed: AtomicU64,
    bytes: AtomicU64,
    ms: AtomicU64,
}

/// The counts at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tallied {
    /// Backups finished.
    pub made: u64,
    /// Backups that failed. A cancelled one is none of them.
    pub failed: u64,
    /// Size of the finished ones' files.
    pub bytes: u64,
    /// Seconds that the finished ones took together.
    pub seconds: u64,
}

impl Tally {
    pub(super) fn made(&self, backup: &Backup, now: Timestamp) {
        let bytes = backup.content.as_ref().map_or(0, |content| content.file_bytes);
        let took = now.0.saturating_sub(backup.created_at.0).max(0).unsigned_abs();
        for (count, by) in [(&self.made, 1), (&self.bytes, bytes), (&self.ms, took)] {
            count.fetch_add(by, Ordering::Relaxed);
        }
    }

    pub(super) fn failed(&self) {
        self.failed.fetch_add(1, Ordering::Relaxed);
    }
}

impl Backups {
    /// How many backups this process has made.
    pub fn tallied(&self) -> Tallied {
        let tally = &self.shared.tally;
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        Tallied {
            made: read(&tally.made),
            failed: read(&tally.failed),
            bytes: read(&tally.bytes),
            seconds: read(&tally.ms) / 1000,
        }
    }
}
