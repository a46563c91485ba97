//! The file of the logs. It must never keep the server from starting: one that cannot be used is
//! moved aside for a person to look at, and a new one takes its place.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::clock::Clock;
use crate::db::{Db, Durability, Engine, Schema};
use crate::error::{DbError, Error, Result};

const OWNER: &str = "logs";

/// How long a start waits for a program that looks into the file, or for the connections of an
/// earlier use to close.
const BUSY_PATIENCE: Duration = Duration::from_secs(2);
const BUSY_PAUSE: Duration = Duration::from_millis(20);

/// Opens the file, or makes it.
///
/// # Errors
/// When no usable file can be had: the folder cannot be written, the disk is full, or another
/// program holds the file.
pub(super) async fn open(engine: &Engine, path: &Path, clock: &Clock) -> Result<Db> {
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
        error.code = outcome.code(), error = %outcome, log.moved_to = %aside.display(),
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
pub(super) fn mark_damaged(path: &Path) {
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
    let failed = |error: std::io::Error| Error::Db(DbError::Io(error.to_string()));
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
