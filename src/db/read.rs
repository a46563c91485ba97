//! Where a read runs: on the async worker while it is quick, else on a database thread.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::error::{DbError, Error, Result};

use super::Shared;
use super::connection::Connection;
use super::tx::Tx;

/// What a read may take on the async worker: far above a point read (5 us) or a short list,
/// far below what other requests would notice.
const INLINE_BUDGET: Duration = Duration::from_micros(200);
const BUSY_PAUSE_FIRST: Duration = Duration::from_millis(2);
const BUSY_PAUSE_LONGEST: Duration = Duration::from_millis(50);

/// Tries on the spot, then on the threads.
pub(super) async fn read<T, F>(db: &Arc<Shared>, work: F) -> Result<T>
where
    T: Send + 'static,
    F: Fn(&mut Tx<'_>) -> Result<T> + Send + 'static,
{
    if let Some(connection) = db.readers.try_get() {
        connection.set_budget(INLINE_BUDGET);
        match run(&connection, &work) {
            Err(Error::Db(DbError::Timeout | DbError::Busy)) => {}
            outcome => return outcome,
        }
    }
    on_threads(db, work).await
}

/// Runs on a database thread, again and again while another program holds the file, until the
/// read's deadline.
pub(super) async fn on_threads<T, F>(db: &Arc<Shared>, work: F) -> Result<T>
where
    T: Send + 'static,
    F: Fn(&mut Tx<'_>) -> Result<T> + Send + 'static,
{
    let deadline = Instant::now() + db.engine.0.options.read_timeout;
    let mut work = work;
    let mut pause = BUSY_PAUSE_FIRST;
    loop {
        let permit = tokio::time::timeout_at(deadline.into(), db.slow_reads.clone().acquire_owned()).await;
        let Ok(Ok(permit)) = permit else { return Err(DbError::Timeout.into()) };
        let (sender, receiver) = tokio::sync::oneshot::channel();
        let thread_db = db.clone();
        db.engine.0.readers.submit(move || {
            let outcome = thread_db.readers.get(deadline).map_err(Error::Db).and_then(|connection| {
                connection.set_deadline(deadline);
                run(&connection, &work)
            });
            drop(permit);
            let _ = sender.send((outcome, work));
        })?;
        match receiver.await {
            Ok((Err(Error::Db(DbError::Busy)), returned)) => {
                if Instant::now() + pause >= deadline {
                    return Err(DbError::Busy.into());
                }
                work = returned;
            }
            Ok((outcome, _)) => return outcome,
            Err(_) => return Err(Error::internal(anyhow::anyhow!("a read panicked"))),
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(BUSY_PAUSE_LONGEST);
    }
}

fn run<T>(connection: &Connection, work: &impl Fn(&mut Tx<'_>) -> Result<T>) -> Result<T> {
    let outcome = work(&mut Tx::new(&connection.raw));
    connection.end_read();
    connection.clear_deadline();
    outcome
}
