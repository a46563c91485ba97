//! What happened on this server: the log of API requests and the audit log, in a file of their own.
//!
//! Invariants:
//! - Recording never waits and never fails. What does not fit the queue is dropped and counted.
//! - Nothing is written on a request's way, and a read of a tenant never writes to the tenant's file.
//! - Reading writes what waits first, so everybody finds what they did themselves.
//! - No secret is kept: of a path its query is left out, of an audit detail secret names are hidden.
//! - A damaged file never stops the server.
//! - A row's id holds its time.

mod actor;
mod cursor;
mod file;
#[cfg(test)]
mod ground;
mod listing;
mod model;
mod numbering;
mod redact;
mod store;
mod writer;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::clock::{Clock, Timestamp};
use crate::db::Engine;
use crate::error::Result;

pub use model::{
    Actor, ActorId, ActorKind, AuditEntry, AuditFilter, AuditRow, LogPage, RequestEntry, RequestFilter, RequestRow,
    Route, SentTexts,
};

use cursor::Cursor;
use file::LogFile;
use listing::Found;
use store::Log;

/// How long a list waits for what is not written yet. A disk that hangs must not hide what it holds.
const FLUSH_PATIENCE: Duration = Duration::from_secs(2);

/// Bounds of the logs.
#[derive(Debug, Clone)]
pub struct ActivityOptions {
    /// Entries that may wait to be written.
    pub queue_capacity: usize,
    /// The part of the queue that requests leave to audit entries, at most half of it.
    pub audit_reserve: usize,
    /// How long entries gather before they are written together.
    pub linger: Duration,
    /// Days a request is kept.
    pub keep_requests_days: u32,
    /// Days an audit entry is kept.
    pub keep_audit_days: u32,
}

impl Default for ActivityOptions {
    fn default() -> Self {
        Self {
            queue_capacity: 16_384,
            audit_reserve: 2048,
            linger: Duration::from_millis(200),
            keep_requests_days: 30,
            keep_audit_days: 365,
        }
    }
}

/// What [`Activity::prune`] deleted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Pruned {
    /// Rows of the request log.
    pub requests: usize,
    /// Rows of the audit log.
    pub audit: usize,
}

/// The two logs. Cheap to clone.
#[derive(Clone)]
pub struct Activity {
    shared: Arc<Shared>,
}

struct Shared {
    file: Arc<LogFile>,
    engine: Engine,
    clock: Clock,
    queue: writer::Queue,
    options: ActivityOptions,
}

impl Activity {
    /// Opens the file at `path`, or makes it, and starts the writer. A file that cannot be used is
    /// moved aside. Where none can be had for now, entries are dropped and counted until it can.
    ///
    /// # Errors
    /// When called outside of a runtime.
    pub async fn start(engine: &Engine, path: &Path, clock: Clock, options: ActivityOptions) -> Result<Self> {
        let file = Arc::new(LogFile::at(engine.clone(), path.to_owned(), clock.clone()));
        // Why it cannot be had is told there, and no reason not to start.
        let _ = file.db().await;
        let queue = writer::start(file.clone(), &options)?;
        Ok(Self { shared: Arc::new(Shared { file, engine: engine.clone(), clock, queue, options }) })
    }

    /// Notes an answered request.
    pub fn record_request(&self, entry: RequestEntry) {
        self.shared.queue.push_request(self.shared.clock.now(), entry);
    }

    /// Notes something done that may have to be accounted for.
    pub fn record_audit(&self, mut entry: AuditEntry) {
        redact::hide_secrets(&mut entry.detail);
        self.shared.queue.push_audit(self.shared.clock.now(), entry);
    }

    /// Entries lost since the start: the queue was full, or the file could not be written.
    pub fn dropped(&self) -> u64 {
        self.shared.queue.dropped()
    }

    /// Entries that wait to be written.
    pub fn waiting(&self) -> usize {
        self.shared.queue.waiting()
    }

    /// Waits until everything recorded before is in the file, or counted as dropped.
    pub async fn flush(&self) {
        self.shared.queue.flush().await;
    }

    /// Writes what waits, ends the writer and leaves the file complete. What is recorded later is dropped and counted. Where
    /// writing fails it returns all the same, after at most one batch's tries.
    pub async fn shutdown(&self) {
        self.shared.queue.stop().await;
        if let Some(db) = self.shared.file.db_if_open().cloned() {
            // Somebody reading may keep the file from being complete by itself; the next start sees to it.
            let _ = self.shared.engine.run(move || Ok(db.tidy()?)).await;
        }
    }

    /// Requests, newest first; `cursor` is the `next` of the page before.
    ///
    /// # Errors
    /// `Invalid` for a cursor that is none of ours, and any `DbError`.
    pub async fn list_requests(
        &self,
        filter: RequestFilter,
        cursor: Option<&str>,
        limit: u32,
    ) -> Result<LogPage<RequestRow>> {
        let is_short =
            filter.text.is_none() && filter.status_class.is_none() && filter.actor.is_none() && filter.route.is_none();
        self.list(cursor, limit, is_short, move |tx, before, limit| listing::requests(tx, &filter, before, limit)).await
    }

    /// Audit entries, newest first; `cursor` is the `next` of the page before.
    ///
    /// # Errors
    /// As [`Activity::list_requests`].
    pub async fn list_audit(&self, filter: AuditFilter, cursor: Option<&str>, limit: u32) -> Result<LogPage<AuditRow>> {
        let is_short = filter.text.is_none();
        self.list(cursor, limit, is_short, move |tx, before, limit| listing::audit(tx, &filter, before, limit)).await
    }

    /// `is_short` says that few rows besides those of the page are looked at.
    async fn list<T, F>(&self, cursor: Option<&str>, limit: u32, is_short: bool, find: F) -> Result<LogPage<T>>
    where
        T: Send + 'static,
        F: Fn(&mut crate::db::Tx<'_>, Cursor, usize) -> Result<Found<T>> + Send + 'static,
    {
        let before = cursor.map_or(Ok(Cursor::NEWEST), Cursor::parse)?;
        let limit = usize::try_from(limit.max(1)).unwrap_or(usize::MAX);
        let _ = tokio::time::timeout(FLUSH_PATIENCE, self.flush()).await;
        let work = move |tx: &mut crate::db::Tx<'_>| find(tx, before, limit);
        let db = self.shared.file.db().await?;
        let found = if is_short { db.read(work).await } else { db.scan(work).await };
        let (rows, next) = found.inspect_err(|error| self.shared.file.note_damage(error))?;
        Ok(LogPage { rows, next: next.map(Cursor::to_text) })
    }

    /// Deletes what is older than it is kept, in small steps between which others write.
    ///
    /// # Errors
    /// Any `DbError`; what was deleted until then stays deleted.
    pub async fn prune(&self, now: Timestamp) -> Result<Pruned> {
        let options = &self.shared.options;
        let pruned = Pruned {
            requests: self.prune_log(Log::Requests, now.minus(days(options.keep_requests_days))).await?,
            audit: self.prune_log(Log::Audit, now.minus(days(options.keep_audit_days))).await?,
        };
        if pruned != Pruned::default() {
            let db = self.shared.file.db().await?.clone();
            // Somebody reading may keep the file from being tidied; the next pruning tries again.
            let _ = self.shared.engine.run(move || Ok(db.tidy()?)).await;
        }
        Ok(pruned)
    }

    async fn prune_log(&self, log: Log, before: Timestamp) -> Result<usize> {
        let (db, mut deleted) = (self.shared.file.db().await?, 0);
        loop {
            let chunk = db.write(move |tx| store::delete_older(tx, log, before)).await?;
            deleted += chunk;
            if chunk < store::DELETE_CHUNK {
                return Ok(deleted);
            }
        }
    }
}

impl std::fmt::Debug for Activity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Activity")
            .field("waiting", &self.waiting())
            .field("dropped", &self.dropped())
            .finish_non_exhaustive()
    }
}

fn days(count: u32) -> Duration {
    Duration::from_secs(u64::from(count) * 86_400)
}
