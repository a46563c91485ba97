//! One connection to a SQLite file: how it is opened, its PRAGMAs, and its time budget.

use std::cell::Cell;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use rusqlite::config::DbConfig;
use rusqlite::limits::Limit;

use crate::error::DbError;

use super::failure::db_error;
use super::fold;
use super::inspect::{expect_content, log_bytes};
use super::stamp::Whose;

/// Instructions of the engine between two looks at the clock, about 10 us.
const OPS_BETWEEN_CHECKS: i32 = 1000;

/// How long an open waits for a lock. The last connection of a file holds one while it closes, and
/// may do so in the background just when the file is opened again.
const OPEN_BUSY_MS: u32 = 250;

/// What a connection is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// Refuses every write; a locked file is an answer at once.
    Reader,
    /// The one that writes; waits 50 ms for a file locked by another program.
    Writer,
}

/// How much a commit waits for the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Durability {
    /// Every commit is on the disk before it is answered.
    #[default]
    Full,
    /// A power cut may lose the last commits, a crash of the process never.
    Normal,
}

/// A connection and the deadline its statements run under.
pub(super) struct Connection {
    pub(super) raw: rusqlite::Connection,
    deadline_ns: Arc<AtomicU64>,
    max_pages: Cell<u32>,
}

static PROCESS_START: LazyLock<Instant> = LazyLock::new(Instant::now);

fn ns_since_start(at: Instant) -> u64 {
    u64::try_from(at.saturating_duration_since(*PROCESS_START).as_nanos()).unwrap_or(u64::MAX)
}

impl Connection {
    /// Sets a fresh connection up for its role. A file that is not what `whose` says is left as it
    /// is, with the log beside it.
    ///
    /// # Errors
    /// [`DbError::Corrupt`] and [`DbError::Newer`] for the wrong file; whatever opening says.
    pub(super) fn prepare(
        raw: rusqlite::Connection,
        role: Role,
        durability: Durability,
        whose: &Whose,
    ) -> Result<Self, DbError> {
        let path = raw.path().map(PathBuf::from).unwrap_or_default();
        expect_content(&path)?;
        if !matches!(whose, Whose::Anyones) && path.metadata().is_ok_and(|found| found.len() == 0) {
            return Err(DbError::Corrupt("it is empty".into()));
        }
        let has_log = log_bytes(&path) > 0;
        let keep_log = |keeps| raw.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, keeps).map(|_| ());
        let guard =
            format!("PRAGMA busy_timeout={OPEN_BUSY_MS}; PRAGMA trusted_schema=OFF; PRAGMA cell_size_check=ON;");
        raw.execute_batch(&guard).and_then(|()| keep_log(has_log)).map_err(|error| db_error(&error))?;
        whose.check(&raw)?;
        keep_log(false).map_err(|error| db_error(&error))?;
        Self::set_up(raw, role, durability, whose).map_err(|error| db_error(&error))
    }

    fn set_up(raw: rusqlite::Connection, role: Role, durability: Durability, whose: &Whose) -> rusqlite::Result<Self> {
        let (busy_ms, cache_kib) = match role {
            Role::Reader => (0, 2000),
            Role::Writer => (50, 8000),
        };
        let synchronous = match durability {
            Durability::Full => "FULL",
            Durability::Normal => "NORMAL",
        };
        let journal = if matches!(whose, Whose::Anyones) { "" } else { "PRAGMA journal_mode=WAL;" };
        raw.execute_batch(&format!(
            "{journal} PRAGMA synchronous={synchronous}; \
             PRAGMA foreign_keys=ON; PRAGMA journal_size_limit=67108864; PRAGMA wal_autocheckpoint=1000; PRAGMA temp_store=MEMORY; \
             PRAGMA cache_size=-{cache_kib}; PRAGMA mmap_size=0;"
        ))?;
        if role == Role::Reader {
            raw.execute_batch("PRAGMA query_only=ON;")?;
        }
        raw.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
        // Without it a bound LIMIT makes the engine prepare a cached statement again at each run.
        raw.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
        raw.set_limit(Limit::SQLITE_LIMIT_ATTACHED, 0)?;
        raw.set_prepared_statement_cache_capacity(128);
        fold::register(&raw)?;
        raw.execute_batch(&format!("PRAGMA busy_timeout={busy_ms};"))?;

        let deadline_ns = Arc::new(AtomicU64::new(u64::MAX));
        let watched = deadline_ns.clone();
        raw.progress_handler(
            OPS_BETWEEN_CHECKS,
            Some(move || {
                let deadline = watched.load(Ordering::Relaxed);
                deadline != u64::MAX && ns_since_start(Instant::now()) > deadline
            }),
        )?;
        Ok(Self { raw, deadline_ns, max_pages: Cell::new(u32::MAX) })
    }

    /// True when SQLite opened the file for reading only because nothing else was allowed then.
    pub(super) fn cannot_write(&self) -> bool {
        self.raw.is_readonly("main").unwrap_or(true)
    }

    /// Interrupts any statement that still runs at `deadline`.
    pub(super) fn set_deadline(&self, deadline: Instant) {
        self.deadline_ns.store(ns_since_start(deadline), Ordering::Relaxed);
    }

    /// Interrupts any statement that runs longer than `budget` from now.
    pub(super) fn set_budget(&self, budget: Duration) {
        self.set_deadline(Instant::now() + budget);
    }

    /// Lets statements run as long as they take.
    pub(super) fn clear_deadline(&self) {
        self.deadline_ns.store(u64::MAX, Ordering::Relaxed);
    }

    /// Bounds the size of the file; costs nothing while the bound stays the same.
    ///
    /// # Errors
    /// Any [`DbError`].
    pub(super) fn bound_pages(&self, pages: u32) -> Result<(), DbError> {
        if self.max_pages.replace(pages) != pages {
            self.integer(&format!("PRAGMA max_page_count={pages}"))?;
        }
        Ok(())
    }

    /// Runs a statement that returns nothing, from the statement cache.
    ///
    /// # Errors
    /// Any [`DbError`].
    pub(super) fn run(&self, sql: &str) -> Result<(), DbError> {
        let outcome = self.raw.prepare_cached(sql).and_then(|mut statement| statement.raw_execute());
        outcome.map(|_| ()).map_err(|error| db_error(&error))
    }

    /// Runs several statements that are not worth caching.
    ///
    /// # Errors
    /// Any [`DbError`].
    pub(super) fn run_batch(&self, sql: &str) -> Result<(), DbError> {
        self.raw.execute_batch(sql).map_err(|error| db_error(&error))
    }

    /// The single integer a PRAGMA or query answers.
    ///
    /// # Errors
    /// Any [`DbError`].
    pub(super) fn integer(&self, sql: &str) -> Result<i64, DbError> {
        self.raw.query_row(sql, [], |row| row.get(0)).map_err(|error| db_error(&error))
    }

    /// Ends the transaction of a read, if there is one. Nothing was written, so there is nothing to
    /// undo, and COMMIT leaves the cursors of cached statements alone.
    pub(super) fn end_read(&self) {
        if !self.raw.is_autocommit() && self.run("COMMIT").is_err() {
            self.roll_back();
        }
    }

    /// Ends whatever transaction is still open.
    pub(super) fn roll_back(&self) {
        if !self.raw.is_autocommit()
            && let Err(error) = self.run("ROLLBACK")
        {
            tracing::error!(%error, "a transaction could not be rolled back");
        }
    }
}
