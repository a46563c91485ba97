//! The file of the logs. It must never keep the server from starting: one that cannot be used is
//! moved aside for a person to look at, and a new one takes its place. Where none can be had, on a full
//! disk say, the server does without and tries again.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::sync::OnceCell;

use crate::clock::Clock;
use crate::db::{Db, Durability, Engine, Schema, io_error, logs_advice};
use crate::error::{DbError, Error, Result};

const OWNER: &str = "logs";

/// How long a start waits for a program that looks into the file, or for the connections of an
/// earlier use to close.
const BUSY_PATIENCE: Duration = Duration::from_secs(2);
const BUSY_PAUSE: Duration = Duration::from_millis(20);

/// Pauses between two tries to have a file: an older one is rewritten at each of them.
const PAUSE_FIRST: Duration = Duration::from_secs(1);
const PAUSE_LONGEST: Duration = Duration::from_secs(60);

/// The file, once it can be had.
pub(super) struct LogFile {
    engine: Engine,
    path: PathBuf,
    clock: Clock,
    db: OnceCell<Db>,
    /// Why the last try failed.
    failed: Mutex<Option<Failed>>,
}

struct Failed {
    cause: DbError,
    pause: Duration,
    next_try: Instant,
}

impl LogFile {
    /// A file that is not open yet.
    pub(super) fn at(engine: Engine, path: PathBuf, clock: Clock) -> Self {
        Self { engine, path, clock, db: OnceCell::new(), failed: Mutex::default() }
    }

    /// The file, opened if need be.
    ///
    /// # Errors
    /// Why it cannot be had; for a while the last answer, without another try.
    pub(super) async fn db(&self) -> Result<&Db> {
        if self.db.get().is_none()
            && let Some(failed) = &*self.failed.lock()
            && Instant::now() < failed.next_try
        {
            return Err(of_logs(failed.cause.clone().into()));
        }
        let open = || async {
            let outcome = open(&self.engine, &self.path, &self.clock).await.map(|db| db.telling(Error::Logs));
            outcome.inspect_err(|error| self.note_failure(error)).inspect(|_| self.note_success())
        };
        self.db.get_or_try_init(open).await.map_err(of_logs)
    }

    /// The file, if it is open.
    pub(super) fn db_if_open(&self) -> Option<&Db> {
        self.db.get()
    }

    /// Has the next start begin a new file when this error says that the file is damaged.
    pub(super) fn note_damage(&self, error: &Error) {
        if is_damage(error) && !damage_mark(&self.path).exists() {
            mark_damaged(&self.path);
            tracing::error!(%error, "the file of the request and audit logs is damaged; the next start begins a new one");
        }
    }

    fn note_failure(&self, error: &Error) {
        let cause = if let Error::Db(cause) = error { cause } else { &DbError::Other(error.to_string()) };
        let mut failed = self.failed.lock();
        let pause = failed.as_ref().map_or(PAUSE_FIRST, |before| (before.pause * 2).min(PAUSE_LONGEST));
        if failed.as_ref().is_none_or(|before| before.cause != *cause) {
            tracing::error!(
                error.code = cause.logs_code(), error = %cause, advice = logs_advice(cause),
                "the request and audit logs cannot be written: their entries are lost and counted, all else goes on"
            );
        }
        *failed = Some(Failed { cause: cause.clone(), pause, next_try: Instant::now() + pause });
    }

    fn note_success(&self) {
        if self.failed.lock().take().is_some() {
            tracing::info!("the request and audit logs are written again");
        }
    }
}

pub(super) fn is_damage(error: &Error) -> bool {
    matches!(error, Error::Logs(DbError::Corrupt(_)))
}

fn of_logs(error: Error) -> Error {
    match error {
        Error::Db(cause) if cause.is_of_the_file() => Error::Logs(cause),
        other => other,
    }
}

/// Opens the file, or makes it.
///
/// # Errors
/// When no usable file can be had: the folder cannot be written, the disk is full, or another
/// program holds the file.
async fn open(engine: &Engine, path: &Path, clock: &Clock) -> Result<Db> {
    let outcome = match open_patiently(engine, path).await {
        Ok(db) if !damage_mark(path).exists() => return Ok(db),
        Ok(db) => {
            drop(db);
            DbError::Corrupt("damage was met while the server ran".to_owned())
        }
        Err(Error::Db(error)) if is_beyond_use(&error) => error,
        Err(error) => return Err(error),
    };
    let (from, now) = (path.to_owned(), clock.now().0);
    let aside = engine.run(move || move_aside(&from, now)).await?;
    tracing::error!(
        error.code = outcome.logs_code(), error = %outcome, log.moved_to = %aside.display(),
        "the file of the request and audit logs cannot be used; a new one is begun"
    );
    open_patiently(engine, path).await
}

async fn open_patiently(engine: &Engine, path: &Path) -> Result<Db> {
    let started = Instant::now();
    loop {
        match try_open(engine, path).await {
            Err(Error::Db(DbError::Busy)) if started.elapsed() < BUSY_PATIENCE => {
                tokio::time::sleep(BUSY_PAUSE).await;
            }
            outcome => return outcome,
        }
    }
}

async fn try_open(engine: &Engine, path: &Path) -> Result<Db> {
    let (thread_engine, path) = (engine.clone(), path.to_owned());
    let opening = engine.run(move || {
        let schema = Schema::logs()?;
        if !path.exists() {
            schema.create(&path, OWNER)?;
        }
        // A power cut may cost the last log lines, which is worth a commit without a disk flush.
        schema.open(&thread_engine, &path, OWNER, Durability::Normal).map(|(db, _)| db)
    });
    let db = opening.await?;
    db.scan(super::store::touch_newest).await?;
    Ok(db)
}

/// Leaves a note for the next start. Replacing a file that has open connections would damage the
/// new one, so until then the entries are dropped and counted.
fn mark_damaged(path: &Path) {
    if let Err(error) = std::fs::File::create(damage_mark(path)) {
        tracing::warn!(%error, "the damage of the log file could not be noted for the next start");
    }
}

fn damage_mark(path: &Path) -> PathBuf {
    with_suffix(path, ".is-damaged")
}

/// Whether trying again later is pointless.
fn is_beyond_use(error: &DbError) -> bool {
    match error {
        DbError::Busy
        | DbError::Full
        | DbError::ReadOnly
        | DbError::Unavailable(_)
        | DbError::Timeout
        | DbError::Overloaded
        | DbError::Restoring => false,
        DbError::Corrupt(_)
        | DbError::Newer { .. }
        | DbError::MigrationFailed { .. }
        | DbError::Io(_)
        | DbError::Other(_)
        | DbError::Unique(_)
        | DbError::ForeignKey
        | DbError::Check(_)
        | DbError::NotNull(_) => true,
    }
}

fn move_aside(path: &Path, now_ms: i64) -> Result<PathBuf> {
    let failed = |error: std::io::Error| Error::Db(io_error(&error));
    let aside = with_suffix(path, &format!(".damaged-{now_ms}"));
    std::fs::rename(path, &aside).map_err(failed)?;
    for suffix in ["-wal", "-shm"] {
        // Under their old names they would be taken for the new file's own.
        match std::fs::rename(with_suffix(path, suffix), with_suffix(&aside, suffix)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(failed(error)),
            _ => {}
        }
    }
    match std::fs::remove_file(damage_mark(path)) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(failed(error)),
        _ => Ok(aside),
    }
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}
