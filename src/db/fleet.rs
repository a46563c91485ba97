//! The bounded set of open tenant files. A file is opened once however many ask for it, closed
//! only when nobody holds it, and never open twice: two writers on one file would be two queues.

mod renewal;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::sync::watch;

use crate::error::{DbError, Error, Result};
use crate::id::TenantId;

use super::{Db, Durability, Engine, Schema, place, uptime_ms};

/// How long a failed open answers for the next ones, so that a broken file costs little.
const FAILURE_REMEMBERED: Duration = Duration::from_secs(1);
/// How long a request waits for a file that is being opened, closed or moved.
const PATIENCE: Duration = Duration::from_secs(10);
const DRAIN_POLL: Duration = Duration::from_millis(2);

/// The open tenant files.
#[derive(Clone)]
pub struct Fleet {
    shared: Arc<Shared>,
}

struct Shared {
    engine: Engine,
    schema: Arc<Schema>,
    durability: Durability,
    capacity: usize,
    berths: Mutex<HashMap<TenantId, Berth>>,
}

enum Berth {
    Open(Ship),
    /// Being opened, closed or moved; the sender's end tells when that is over.
    Occupied(watch::Receiver<()>),
    Failed(DbError, Instant),
}

/// What [`Fleet::ask`] found.
enum Answer {
    Open(Db),
    Failed(DbError),
    /// Open, and not in its place any more.
    Lost,
    Moving(watch::Receiver<()>),
    /// The berth is free and now the asker's.
    Ours(Occupied),
}

struct Ship {
    db: Db,
    last_used_ms: AtomicU64,
}

/// Numbers of the fleet.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FleetStats {
    /// Files open now.
    pub open: usize,
    /// Files that may be open at once.
    pub capacity: usize,
}

/// Holds a tenant's file closed. Nobody opens it until this is dropped.
pub struct Fenced {
    _closed: Draining,
}

/// A file on its way to being closed. Dropped before it is, it goes back to the others as it was:
/// some of them still hold it, and a second open beside them must not happen.
struct Draining {
    db: Option<Db>,
    occupied: Occupied,
}

impl Draining {
    fn is_done(&self) -> bool {
        self.db.as_ref().is_none_or(Db::is_unused)
    }
}

impl Drop for Draining {
    fn drop(&mut self) {
        if let Some(db) = self.db.take() {
            let ship = Ship { db, last_used_ms: AtomicU64::new(uptime_ms()) };
            self.occupied.shared.berths.lock().insert(self.occupied.id.clone(), Berth::Open(ship));
        }
    }
}

/// Frees the berth when dropped, so that a caller who goes away blocks nobody.
struct Occupied {
    shared: Arc<Shared>,
    id: TenantId,
    _done: watch::Sender<()>,
}

impl Drop for Occupied {
    fn drop(&mut self) {
        let mut berths = self.shared.berths.lock();
        if let Some(Berth::Occupied(_)) = berths.get(&self.id) {
            berths.remove(&self.id);
        }
    }
}

impl Fleet {
    /// An empty fleet of at most `capacity` open files.
    pub fn new(engine: Engine, schema: Arc<Schema>, durability: Durability, capacity: usize) -> Self {
        let berths = Mutex::default();
        Self { shared: Arc::new(Shared { engine, schema, durability, capacity: capacity.max(1), berths }) }
    }

    /// The open file of a tenant, opened from `path` when it is not. `path` is asked for once nobody
    /// can move the file any more.
    ///
    /// # Errors
    /// What `path` answers; whatever opening says (see [`Schema::open`]); [`DbError::Timeout`] when another task keeps
    /// the file closed for too long.
    pub async fn get(&self, id: &TenantId, path: impl FnOnce() -> Result<PathBuf>) -> Result<Db> {
        let deadline = Instant::now() + PATIENCE;
        let mut has_renewed = false;
        loop {
            let mut moving = match self.ask(id) {
                Answer::Open(db) if db.refuses_writes() && !has_renewed => {
                    if let Some(db) = self.renew(id, db).await {
                        return Ok(db);
                    }
                    has_renewed = true;
                    continue;
                }
                Answer::Open(db) => return Ok(db),
                Answer::Failed(error) => return Err(error.into()),
                Answer::Ours(occupied) => return self.open(occupied, path()?).await,
                Answer::Moving(moving) => moving,
                Answer::Lost => {
                    // Closed by whoever finds it unused; then the next request opens what is there.
                    self.close_if_unused(id);
                    return Err(place::lost().into());
                }
            };
            if tokio::time::timeout_at(deadline.into(), moving.changed()).await.is_err() {
                return Err(DbError::Timeout.into());
            }
        }
    }

    fn ask(&self, id: &TenantId) -> Answer {
        let mut berths = self.shared.berths.lock();
        match berths.get(id) {
            Some(Berth::Open(ship)) if ship.db.is_lost() => Answer::Lost,
            Some(Berth::Open(ship)) => {
                ship.last_used_ms.store(uptime_ms(), Ordering::Relaxed);
                Answer::Open(ship.db.clone())
            }
            Some(Berth::Failed(error, until)) if *until > Instant::now() => Answer::Failed(error.clone()),
            Some(Berth::Occupied(moving)) => Answer::Moving(moving.clone()),
            Some(Berth::Failed(..)) | None => Answer::Ours(self.occupy(&mut berths, id)),
        }
    }

    fn occupy(&self, berths: &mut HashMap<TenantId, Berth>, id: &TenantId) -> Occupied {
        let (done, moving) = watch::channel(());
        berths.insert(id.clone(), Berth::Occupied(moving));
        Occupied { shared: self.shared.clone(), id: id.clone(), _done: done }
    }

    async fn open(&self, occupied: Occupied, path: PathBuf) -> Result<Db> {
        let shared = self.shared.clone();
        let opening = self.shared.engine.run(move || {
            // The berth travels with the work: a caller who goes away must not let a second open
            // start beside this one.
            let opened = shared.schema.open(&shared.engine, &path, occupied.id.as_str(), shared.durability);
            let mut berths = shared.berths.lock();
            let result = match opened {
                Ok((db, _)) => {
                    let ship = Ship { db: db.clone(), last_used_ms: AtomicU64::new(uptime_ms()) };
                    berths.insert(occupied.id.clone(), Berth::Open(ship));
                    Ok(db)
                }
                Err(Error::Db(error)) => {
                    // Whoever parks the tenant for a failed migration says so once.
                    if !matches!(error, DbError::MigrationFailed { .. }) {
                        tracing::error!(
                            tenant.id = %occupied.id, error.code = error.code(), %error, advice = super::advice(&error),
                            "tenant file cannot be opened"
                        );
                    }
                    // A missing file may have been renamed a moment ago; a damaged one stays so.
                    if !matches!(error, DbError::Unavailable(_)) {
                        let until = Instant::now() + FAILURE_REMEMBERED;
                        berths.insert(occupied.id.clone(), Berth::Failed(error.clone(), until));
                    }
                    Err(Error::Db(error))
                }
                Err(other) => Err(other),
            };
            drop(berths);
            drop(occupied);
            result
        });
        let db = opening.await?;
        self.close_surplus();
        Ok(db)
    }

    /// Closes the longest unused files while there are more than the capacity.
    fn close_surplus(&self) {
        let berths = self.shared.berths.lock();
        if berths.len() <= self.shared.capacity {
            return;
        }
        // A few more than needed, so that not every further open pays for the look around.
        let surplus = berths.len() - self.shared.capacity + self.shared.capacity / 50;
        let mut unused: Vec<(u64, TenantId)> = berths
            .iter()
            .filter_map(|(id, berth)| match berth {
                Berth::Open(ship) if ship.db.is_unused() => {
                    Some((ship.last_used_ms.load(Ordering::Relaxed), id.clone()))
                }
                _ => None,
            })
            .collect();
        drop(berths);
        unused.sort_unstable();
        for (_, id) in unused.into_iter().take(surplus) {
            self.close_if_unused(&id);
        }
    }

    /// Closes the files nobody used for `idle`.
    pub fn close_idle(&self, idle: Duration) {
        let idle_ms = u64::try_from(idle.as_millis()).unwrap_or(u64::MAX);
        let now = uptime_ms();
        let is_idle = |ship: &Ship| now.saturating_sub(ship.last_used_ms.load(Ordering::Relaxed)) >= idle_ms;
        let ids: Vec<TenantId> = {
            let mut berths = self.shared.berths.lock();
            berths.retain(|_, berth| !matches!(berth, Berth::Failed(_, until) if *until <= Instant::now()));
            let open = berths.iter().filter(|(_, berth)| matches!(berth, Berth::Open(ship) if is_idle(ship)));
            open.map(|(id, _)| id.clone()).collect()
        };
        for id in ids {
            self.close_if_unused(&id);
        }
    }

    fn close_if_unused(&self, id: &TenantId) {
        let mut berths = self.shared.berths.lock();
        match berths.remove(id) {
            Some(Berth::Open(ship)) if ship.db.is_unused() => {
                let occupied = self.occupy(&mut berths, id);
                drop(berths);
                // Closing the last connection folds the write-ahead log in: disk work, so on a
                // thread. When the queue is full it happens right here.
                let _ = self.shared.engine.0.readers.submit(move || {
                    ship.db.close();
                    drop(occupied);
                });
            }
            Some(berth) => {
                berths.insert(id.clone(), berth);
            }
            None => {}
        }
    }

    /// Waits until nobody holds the tenant's file, closes it and keeps it closed. New requests
    /// for it wait meanwhile.
    ///
    /// # Errors
    /// [`DbError::Timeout`] when it is still in use at `deadline`.
    pub async fn fence(&self, id: &TenantId, deadline: Instant) -> Result<Fenced> {
        let (db, occupied) = loop {
            let mut moving = match self.take(id) {
                Ok(taken) => break taken,
                Err(moving) => moving,
            };
            if tokio::time::timeout_at(deadline.into(), moving.changed()).await.is_err() {
                return Err(DbError::Timeout.into());
            }
        };
        self.close(Draining { db, occupied }, deadline).await
    }

    /// Waits until nobody else holds a file whose berth is taken, and closes it.
    async fn close(&self, mut draining: Draining, deadline: Instant) -> Result<Fenced> {
        while !draining.is_done() {
            if Instant::now() >= deadline {
                return Err(DbError::Timeout.into());
            }
            tokio::time::sleep(DRAIN_POLL).await;
        }
        // The berth travels with the work, as at an open.
        let close = move || {
            if let Some(db) = draining.db.take() {
                db.close();
            }
            Ok(draining)
        };
        let closed = self.shared.engine.run(close).await?;
        Ok(Fenced { _closed: closed })
    }

    fn take(&self, id: &TenantId) -> Result<(Option<Db>, Occupied), watch::Receiver<()>> {
        let mut berths = self.shared.berths.lock();
        match berths.remove(id) {
            Some(Berth::Occupied(moving)) => {
                berths.insert(id.clone(), Berth::Occupied(moving.clone()));
                Err(moving)
            }
            Some(Berth::Open(ship)) => Ok((Some(ship.db), self.occupy(&mut berths, id))),
            Some(Berth::Failed(..)) | None => Ok((None, self.occupy(&mut berths, id))),
        }
    }

    /// Lets the next request try again what has failed a moment ago.
    pub fn forget_failure(&self, id: &TenantId) {
        let mut berths = self.shared.berths.lock();
        if let Some(Berth::Failed(..)) = berths.get(id) {
            berths.remove(id);
        }
    }

    /// Whether the tenant's file is open now, and so of the newest schema.
    pub fn is_open(&self, id: &TenantId) -> bool {
        matches!(self.shared.berths.lock().get(id), Some(Berth::Open(_)))
    }

    /// The tenant's file, if it is open.
    pub fn find_open(&self, id: &TenantId) -> Option<Db> {
        match self.shared.berths.lock().get(id) {
            Some(Berth::Open(ship)) => Some(ship.db.clone()),
            _ => None,
        }
    }

    /// Every file open now.
    pub fn open_files(&self) -> Vec<(TenantId, Db)> {
        let berths = self.shared.berths.lock();
        let open = berths.iter().filter_map(|(id, berth)| match berth {
            Berth::Open(ship) => Some((id.clone(), ship.db.clone())),
            _ => None,
        });
        open.collect()
    }

    /// How many files are open.
    pub fn stats(&self) -> FleetStats {
        let berths = self.shared.berths.lock();
        let open = berths.values().filter(|berth| matches!(berth, Berth::Open(_))).count();
        FleetStats { open, capacity: self.shared.capacity }
    }
}
