//! The door to every SQLite file of ruko: [`Db::read`] and [`Db::write`].
//!
//! Closures are `Fn` and free of side effects: they may be run again, when a read moves from the
//! async worker to a database thread or a batch of writes is replayed. Outward effects go through
//! outbox tables. The engine's own types stay inside this folder.
//!
//! SQL knows one function that is ruko's own: `found_in(part, text, ...)`, by which every search finds a
//! part of a text without regard to case (see `fold`).

mod adopt;
mod closed;
mod connection;
mod engine;
mod failure;
mod fleet;
mod fold;
mod group;
mod hold;
pub mod inspect;
mod migrate;
mod pair;
mod place;
mod pool;
mod probe;
mod ranges;
mod read;
mod snapshot;
mod stamp;
mod strange;
mod temp_file;
mod tidy;
mod tx;
mod workers;

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, OnceLock};
use std::time::Instant;

use crate::error::{DbError, Error, Result};

pub use closed::{complete, expect_writable, file_error, io_error, move_closed, remove_closed};
pub use connection::Durability;
pub use engine::{Engine, EngineOptions};
pub use fleet::{Fenced, Fleet, FleetStats};
pub use hold::{HeldWrites, while_held};
pub use migrate::{MigrationOutcome, Schema};
pub use pair::{Pair, Replaced, RowDiff, TableDiff};
pub use probe::count_rows;
pub use snapshot::{CopyError, CopyProgress, copy_live, snapshot};
pub use stamp::{APPLICATION_ID, Stamp};
pub use temp_file::TempFile;
pub use tx::{FromColumn, Prepared, Row, Tx, Val};

use group::Group;
use place::Place;
use pool::Pool;
use stamp::Whose;

/// Readers a file may have open at once.
const READERS_MAX: u32 = 4;

/// An open database file. Cheap to clone.
#[derive(Clone)]
pub struct Db {
    shared: Arc<Shared>,
}

struct Shared {
    engine: Engine,
    place: Arc<Place>,
    readers: Pool,
    writers: Pool,
    /// Keeps one slow or locked file from holding every database thread.
    slow_reads: Arc<tokio::sync::Semaphore>,
    group: Group,
    /// Raised by every committed batch; random at the start.
    generation: AtomicU64,
    last_write_ms: AtomicU64,
    is_tidy: AtomicBool,
    max_pages: AtomicU32,
    /// See [`Db::telling`].
    of_the_file: OnceLock<fn(DbError) -> Error>,
}

/// SQLite's own bound, which stands for "no limit".
const PAGES_UNLIMITED: u32 = u32::MAX - 1;

static PROCESS_START: LazyLock<Instant> = LazyLock::new(Instant::now);

/// Milliseconds since the process started.
fn uptime_ms() -> u64 {
    u64::try_from(PROCESS_START.elapsed().as_millis()).unwrap_or(u64::MAX)
}

impl Db {
    /// Opens an existing file, which must be the one of `whose`. Blocks.
    ///
    /// # Errors
    /// [`DbError::Unavailable`], [`DbError::Corrupt`] and their kin, with the real cause.
    fn open(engine: &Engine, path: &Path, whose: &Whose, durability: Durability) -> Result<Self> {
        let threads = &engine.0.pool_threads;
        let place = Arc::new(Place::at(path));
        let pool = |role, size| Pool::new(place.clone(), whose.clone(), role, durability, size, threads.clone());
        let (readers, writers) = (pool(connection::Role::Reader, READERS_MAX)?, pool(connection::Role::Writer, 1)?);
        let db = Self {
            shared: Arc::new(Shared {
                slow_reads: Arc::new(tokio::sync::Semaphore::new((engine.options().threads / 2).max(1))),
                engine: engine.clone(),
                place,
                readers,
                writers,
                group: Group::default(),
                generation: AtomicU64::new(crate::id::random_u64()),
                last_write_ms: AtomicU64::new(0),
                is_tidy: AtomicBool::new(true),
                max_pages: AtomicU32::new(PAGES_UNLIMITED),
                of_the_file: OnceLock::new(),
            }),
        };
        // The first open shows the real error and leaves its connection for the first read.
        drop(db.shared.readers.get(Instant::now() + engine.options().read_timeout)?);
        Ok(db)
    }

    /// Runs a read. Point reads and bounded lists stay on the async worker; what takes longer
    /// than its small budget moves to a database thread and starts again there.
    ///
    /// # Errors
    /// Those of `work`, and any [`DbError`].
    pub async fn read<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: Fn(&mut Tx<'_>) -> Result<T> + Send + 'static,
    {
        read::read(&self.shared, work).await.map_err(|error| self.named(error))
    }

    /// Runs a read that may scan much: straight on a database thread.
    ///
    /// # Errors
    /// As [`Db::read`].
    pub async fn scan<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: Fn(&mut Tx<'_>) -> Result<T> + Send + 'static,
    {
        read::on_threads(&self.shared, work).await.map_err(|error| self.named(error))
    }

    /// Runs a write in the next group commit. `Ok` means it is on the disk.
    ///
    /// `work` may run more than once, each time without what it wrote before. It must not change the
    /// schema: where it fails, only changed rows are noticed and undone.
    ///
    /// # Errors
    /// Those of `work`, in which case nothing of it stays, and any [`DbError`].
    pub async fn write<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: Fn(&mut Tx<'_>) -> Result<T> + Send + 'static,
    {
        group::write(&self.shared, work).await.map_err(|error| self.named(error))
    }

    /// A number that changes with every committed write and with every start of the process.
    pub fn generation(&self) -> u64 {
        self.shared.generation.load(Ordering::Acquire)
    }

    /// Bounds the file to this many bytes; writes past it answer [`DbError::Full`]. A file that
    /// is larger already keeps its size.
    pub fn set_max_bytes(&self, bytes: Option<u64>) {
        let pages =
            bytes.map_or(PAGES_UNLIMITED, |bytes| u32::try_from(bytes / 4096).unwrap_or(PAGES_UNLIMITED).max(1));
        self.shared.max_pages.store(pages, Ordering::Relaxed);
    }

    /// Makes this one of the server's own files: what is wrong with it is no tenant's trouble, and is
    /// told as this error.
    #[must_use]
    pub fn telling(self, of_the_file: fn(DbError) -> Error) -> Self {
        self.shared.of_the_file.get_or_init(|| of_the_file);
        self
    }

    fn named(&self, error: Error) -> Error {
        match (error, self.shared.of_the_file.get()) {
            (Error::Db(error), Some(of_the_file)) if error.is_of_the_file() => of_the_file(error),
            (other, _) => other,
        }
    }

    /// The file.
    pub fn path(&self) -> &Path {
        self.shared.place.path()
    }

    /// Makes sure that the file is still the one that was opened.
    ///
    /// # Errors
    /// [`DbError::Unavailable`] when it was moved, replaced or removed.
    pub fn expect_in_place(&self) -> Result<(), DbError> {
        self.shared.place.check()
    }

    /// True when it was found that another file, or none, has taken its place.
    fn is_lost(&self) -> bool {
        self.shared.place.is_lost()
    }

    /// True when writes were refused because the file could not be written.
    fn refuses_writes(&self) -> bool {
        self.shared.place.refuses_writes()
    }

    /// As [`Db::refuses_writes`], once for each refusal.
    fn take_refusal(&self) -> bool {
        self.shared.place.take_refusal()
    }

    /// Open connections: readers and writers.
    pub fn open_connections(&self) -> u32 {
        self.shared.readers.open_connections() + self.shared.writers.open_connections()
    }

    /// Closes the file, when this is the last handle of it.
    fn close(self) {
        let place = self.shared.place.clone();
        if let Some(shared) = Arc::into_inner(self.shared) {
            drop(shared);
            place.part_with_former_log();
        }
    }

    /// True when nobody but the asker holds this database.
    fn is_unused(&self) -> bool {
        Arc::strong_count(&self.shared) == 1
    }
}

impl std::fmt::Debug for Db {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Db").field("path", &self.path()).finish_non_exhaustive()
    }
}

/// What to do about a tenant's file that could not be migrated.
pub const MIGRATION_ADVICE: &str = "nothing in the file was changed: mend what the error names, or go back to the older \
                                    ruko and report it; then `ruko migrate TENANT`";

/// As [`advice`], for the server's own file of tenants and keys.
pub fn central_advice(error: &DbError) -> &'static str {
    match error {
        DbError::Corrupt(_) => {
            "stop the server, put a good copy of central.db in place, or save what `ruko doctor` shows"
        }
        DbError::MigrationFailed { .. } => {
            "nothing in the file was changed: start the older ruko again, and report this error"
        }
        other => advice(other),
    }
}

/// As [`advice`], for the file of the request and audit logs.
pub fn logs_advice(error: &DbError) -> &'static str {
    match error {
        DbError::Full => "free disk space; it recovers by itself",
        DbError::Corrupt(_) => "restart the server: it keeps logs.db aside and begins a new one",
        DbError::Newer { .. } => "run the newer ruko that wrote this file, or move it away",
        other => advice(other),
    }
}

/// The text of a [`DbError`] for an operator, with what to do about it.
pub fn advice(error: &DbError) -> &'static str {
    match error {
        DbError::Busy => "another program holds the file's lock: close it, or wait until it is done",
        DbError::Full => "free disk space, or raise the tenant's storage limit; it recovers by itself",
        DbError::ReadOnly => "make the file and its folder writable for the user ruko runs as",
        DbError::Corrupt(_) => "restore the tenant from a backup, or run `ruko doctor`",
        DbError::Io(_) => "check the disk (dmesg, SMART), then run `ruko doctor`",
        DbError::Unavailable(_) => "check that the file exists and may be read; `ruko doctor` tells more",
        DbError::Newer { .. } => "run the newer ruko that wrote this file, or restore an older backup",
        DbError::MigrationFailed { .. } => MIGRATION_ADVICE,
        DbError::Timeout => "the file is slow or its disk overloaded",
        DbError::Overloaded => "the tenant gets more writes than its disk can take",
        DbError::Restoring => "wait for the restore to end",
        _ => "this is a defect of ruko: please report it with this log line",
    }
}
