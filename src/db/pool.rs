//! r2d2 pools over our connections, tuned so that a tenant costs no thread and opens nothing
//! before it is asked for.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use r2d2::ManageConnection;
use r2d2_sqlite::SqliteConnectionManager;
use rusqlite::OpenFlags;
use scheduled_thread_pool::ScheduledThreadPool;

use crate::error::DbError;

use super::closed::is_read_only;
use super::connection::{Connection, Durability, Role};
use super::failure::db_error;
use super::place::Place;
use super::stamp::Whose;

const IDLE_TIMEOUT: Duration = Duration::from_secs(120);

/// Makes connections of one role to one existing file.
struct Opener {
    files: SqliteConnectionManager,
    role: Role,
    durability: Durability,
    whose: Whose,
    place: Arc<Place>,
    /// A connection opened ahead of the pool, so that its real error could be seen.
    opened: Mutex<Option<Connection>>,
}

impl Opener {
    fn open(&self) -> Result<Connection, DbError> {
        self.place.check()?;
        let connect = || self.files.connect().map_err(|error| db_error(&error));
        let opened = connect().and_then(|raw| Connection::prepare(raw, self.role, self.durability, &self.whose));
        match opened {
            // All SQLite says of a disk that takes no writes is that it cannot open.
            Err(DbError::Unavailable(_)) if is_read_only(self.place.path()) => Err(DbError::ReadOnly),
            Ok(connection) => {
                if self.role == Role::Writer && connection.cannot_write() {
                    self.place.note_refusal();
                }
                Ok(connection)
            }
            Err(error) => Err(error),
        }
    }
}

/// r2d2's view of an [`Opener`].
pub(super) struct Manager(Arc<Opener>);

impl ManageConnection for Manager {
    type Connection = Connection;
    type Error = DbError;

    fn connect(&self) -> Result<Connection, DbError> {
        let opened = self.0.opened.lock().take();
        opened.map_or_else(|| self.0.open(), Ok)
    }

    fn is_valid(&self, connection: &mut Connection) -> Result<(), DbError> {
        self.0.files.is_valid(&mut connection.raw).map_err(|error| db_error(&error))
    }

    /// r2d2 keeps a connection whose user left in the middle of a transaction; we do not. Nor a
    /// writer that SQLite opened for reading only because nothing else was allowed then.
    fn has_broken(&self, connection: &mut Connection) -> bool {
        !connection.raw.is_autocommit() || self.0.role == Role::Writer && connection.cannot_write()
    }
}

/// A connection on loan.
pub(super) type Loan = r2d2::PooledConnection<Manager>;

/// A pool of connections of one role to one file.
pub(super) struct Pool {
    connections: r2d2::Pool<Manager>,
    opener: Arc<Opener>,
    has_opened: AtomicBool,
}

impl Pool {
    /// A pool of at most `max_size` connections to the file of `whose`. Opens nothing yet.
    ///
    /// # Errors
    /// None in practice: with no idle connections to keep, r2d2 only allocates.
    pub(super) fn new(
        place: Arc<Place>,
        whose: Whose,
        role: Role,
        durability: Durability,
        max_size: u32,
        threads: Arc<ScheduledThreadPool>,
    ) -> Result<Self, DbError> {
        // Without CREATE: the default would silently make a missing tenant anew, empty.
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let files = SqliteConnectionManager::file(place.path()).with_flags(flags);
        let opener = Arc::new(Opener { files, role, durability, whose, place, opened: Mutex::new(None) });
        let connections = r2d2::Pool::builder()
            .max_size(max_size)
            .min_idle(Some(0))
            .test_on_check_out(false)
            .max_lifetime(None)
            .idle_timeout(Some(IDLE_TIMEOUT))
            .connection_timeout(Duration::from_secs(3))
            .error_handler(Box::new(r2d2::NopErrorHandler))
            .thread_pool(threads)
            .build(Manager(opener.clone()))
            .map_err(|error| DbError::Unavailable(error.to_string()))?;
        Ok(Self { connections, opener, has_opened: AtomicBool::new(false) })
    }

    /// A connection that is open and idle right now. Never waits, never opens.
    pub(super) fn try_get(&self) -> Option<Loan> {
        // r2d2 would start to open one in the background; where none exists yet the caller is
        // about to open it itself and wants its error.
        if self.has_opened.load(Ordering::Relaxed) { self.connections.try_get() } else { None }
    }

    /// A connection, opened if need be. Blocks until `deadline`.
    ///
    /// # Errors
    /// What opening said, or [`DbError::Timeout`].
    pub(super) fn get(&self, deadline: Instant) -> Result<Loan, DbError> {
        let state = self.connections.state();
        if state.idle_connections == 0 && state.connections < self.connections.max_size() {
            let connection = self.opener.open()?;
            *self.opener.opened.lock() = Some(connection);
        }
        let patience = deadline.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
        let loan = self.connections.get_timeout(patience).map_err(|_| DbError::Timeout)?;
        self.has_opened.store(true, Ordering::Relaxed);
        Ok(loan)
    }

    /// Open connections, lent or idle.
    pub(super) fn open_connections(&self) -> u32 {
        self.connections.state().connections
    }
}
