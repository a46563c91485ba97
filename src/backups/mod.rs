//! Backups of tenants: made while they serve, encrypted, proven.
//!
//! Invariants: a backup that says `ok` is on the disk under its final name and was checked; anything
//! else is `failed` and leaves no file; a restore is all or nothing; the name of a file never comes
//! from a client, it is looked up among the tenant's own rows.

pub mod catalog;
pub mod central;
pub mod container;
pub mod copies;
mod download;
pub mod instance;
pub mod jobs;
pub mod keys;
mod make;
mod model;
mod names;
pub mod open;
mod options;
mod order;
mod plain;
mod progress;
mod prove;
mod recover;
mod remove;
mod restore;
mod restore_store;
pub mod retention;
mod rotate;
mod safety;
mod standing;
mod store;
mod tally;
mod verify;

use std::collections::HashMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::task::TaskTracker;

use crate::clock::{Clock, Timestamp};
use crate::data_dir::DataDir;
use crate::db::{Db, Engine, Schema, Tx};
use crate::error::{Error, Result};
use crate::fault;
use crate::id::TenantId;
use crate::tenants::{Still, Tenants};

use keys::BackupKeys;
use make::{Task, in_background};
use retention::guard;
use store::NewBackup;

pub use download::Download;
pub use model::{Backup, BackupFilter, BackupStats, Content, Kind, State};
pub use options::{BackupOptions, KeepDays};
pub use order::BackupOrder;
pub use progress::{Progress, Step};
pub use restore::{Preview, RestoreOrder, Restored, RowChange, Table, TableChanges, refuse_central};
pub use rotate::KeyUse;
pub use standing::{Standing, each_standing};
pub use tally::Tallied;

/// Everything about backups. Cheap to clone.
#[derive(Clone)]
pub struct Backups {
    shared: Arc<Shared>,
}

struct Shared {
    central: Db,
    tenants: Tenants,
    engine: Engine,
    schema: Arc<Schema>,
    data_dir: DataDir,
    clock: Clock,
    keys: ArcSwap<BackupKeys>,
    /// Held while keys or what they encrypt are exchanged.
    rotating: tokio::sync::Mutex<()>,
    options: BackupOptions,
    /// Whether backups from before this start were looked through for those without a copy.
    are_copies_enlisted: std::sync::OnceLock<()>,
    /// Each keeps a processor and the disk busy.
    at_once: Arc<Semaphore>,
    /// Retention looks at one tenant at a time.
    pruning: Semaphore,
    running: Mutex<HashMap<String, Arc<Progress>>>,
    tasks: TaskTracker,
    tally: tally::Tally,
}

impl Backups {
    /// Backups of these tenants, in the same data directory.
    pub fn new(
        tenants: Tenants,
        engine: Engine,
        schema: Arc<Schema>,
        data_dir: DataDir,
        clock: Clock,
        keys: BackupKeys,
        options: BackupOptions,
    ) -> Self {
        let central = tenants.central().clone();
        let at_once = Arc::new(Semaphore::new(options.at_once.max(1)));
        let (pruning, running, tasks) = (Semaphore::new(1), Mutex::default(), TaskTracker::new());
        let (keys, rotating) = (ArcSwap::from_pointee(keys), tokio::sync::Mutex::default());
        let shared = Shared {
            central,
            tenants,
            engine,
            schema,
            data_dir,
            clock,
            keys,
            rotating,
            options,
            are_copies_enlisted: std::sync::OnceLock::new(),
            at_once,
            pruning,
            running,
            tasks,
            tally: tally::Tally::default(),
        };
        Self { shared: Arc::new(shared) }
    }

    /// True when a backup was ever finished, so that there is a key to be missed.
    ///
    /// # Errors
    /// Storage errors.
    pub async fn has_any(central: &Db) -> Result<bool> {
        central.read(store::has_any).await
    }

    /// Makes a backup of a tenant while it serves. It goes on when the caller hangs up.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Conflict`] `cancelled`, `interrupted`, `wal_limit`; storage errors.
    /// The row of the backup says so too, and no file stays behind. Of a cancelled one there is no row.
    pub async fn make(&self, order: BackupOrder, progress: Arc<Progress>) -> Result<Backup> {
        self.to_the_end(move |backups| async move { backups.make_now(order, progress).await }).await
    }

    async fn make_now(&self, order: BackupOrder, progress: Arc<Progress>) -> Result<Backup> {
        // The tenant first: who waits for one that another restores must not keep the others waiting too.
        let source = progress.unless_ended(self.source(&order.tenant)).await??;
        let permit = self.turn(&progress).await?;
        progress.enter(Step::Copying)?;
        let backup = self.begin(&order).await?;
        let under_way = UnderWay::new(self, &backup.id, progress.clone());
        let (shared, row) = (self.shared.clone(), backup.clone());
        let made = in_background(move || {
            // They travel with the work.
            let _held = (permit, under_way);
            let keys = shared.keys.load();
            let task = Task {
                backup: &row,
                live: &source.path,
                owner: order.tenant.as_str(),
                key: keys.current(),
                tmp: &shared.data_dir.tmp_dir(),
                root: &shared.data_dir.backups_dir(),
                progress: &progress,
            };
            task.run()
        })
        .await;
        self.end(&backup, made).await
    }

    /// The file of a tenant, which nobody moves or replaces meanwhile, or the server's own.
    async fn source(&self, tenant: &TenantId) -> Result<Source> {
        if tenant.is_central() {
            return Ok(Source { path: self.shared.data_dir.central_db(), _still: None });
        }
        let still = self.shared.tenants.still(tenant).await?;
        Ok(Source { path: still.path.clone(), _still: Some(still) })
    }

    /// Waits until there is room for one more.
    async fn turn(&self, progress: &Progress) -> Result<OwnedSemaphorePermit> {
        progress.unless_ended(self.shared.at_once.clone().acquire_owned()).await?.map_err(Error::internal)
    }

    /// Writes the row of a backup that is about to be made.
    async fn begin(&self, order: &BackupOrder) -> Result<Backup> {
        let (now, options) = (self.shared.clock.now(), &self.shared.options);
        let (folder, stem) = names::of(&order.tenant, now, &options.zone);
        let new = NewBackup {
            id: crate::id::uuid().to_string(),
            tenant_id: order.tenant.clone(),
            kind: order.kind,
            folder,
            stem,
            is_compressed: order.is_compressed,
            asked_by: order.asked_by,
            expires_at: Some(now.plus(order.keep_days.map_or_else(|| options.keep.of(order.kind), options::days))),
            now,
        };
        self.shared.central.write(move |tx| store::insert(tx, &new)).await
    }

    /// Writes down how it ended. A file whose row cannot say `ok` is removed.
    async fn end(&self, backup: &Backup, made: Result<make::Made>) -> Result<Backup> {
        let (id, now) = (backup.id.clone(), self.shared.clock.now());
        let error = match made {
            Ok(made) => {
                let _ = fault::point("backup.synced");
                let percent = self.shared.options.shrink_guard_percent;
                let bucket = self.shared.options.bucket.clone();
                let finish = move |tx: &mut Tx<'_>| {
                    let backup = store::finish(tx, &id, &made.content, made.warning.as_deref(), now)?;
                    Self::enlist_copy(bucket.as_deref(), tx, &id, now)?;
                    let pause = guard::watch(tx, &backup, percent, now)?;
                    Ok((pause, store::get(tx, &id)?))
                };
                match self.shared.central.write(finish).await {
                    Ok((pause, backup)) => {
                        let _ = fault::point("backup.noted");
                        self.shared.tally.made(&backup, now);
                        if let Some(pause) = pause {
                            pause.warn();
                        }
                        return Ok(backup);
                    }
                    Err(error) => {
                        self.remove_file(backup);
                        error
                    }
                }
            }
            Err(error) => error,
        };
        self.fail(backup, &error).await;
        Err(error)
    }

    /// Writes down why there is no backup. The row of one that was cancelled, or that a refused restore does
    /// not need, goes: nothing failed.
    async fn fail(&self, backup: &Backup, error: &Error) {
        let now = self.shared.clock.now();
        let (id, code, text) = (backup.id.clone(), error.code(), error.to_string());
        if code == "cancelled" || restore::REFUSALS.contains(&code) {
            tracing::info!(tenant.id = %backup.tenant_id, backup.id, error.code = code, "backup not made");
            if let Err(error) = self.shared.central.write(move |tx| store::remove(tx, &id)).await {
                tracing::error!(%error, "the row of a cancelled backup could not be removed; the next start ends it");
            }
            return;
        }
        self.shared.tally.failed();
        tracing::error!(
            tenant.id = %backup.tenant_id, backup.id, backup.kind = backup.kind.as_str(), error.code = code,
            error = text, "backup failed"
        );
        let failed = self.shared.central.write(move |tx| store::fail(tx, &id, code, &text, now)).await;
        if let Err(error) = failed {
            tracing::error!(backup.id, %error, "the failure could not be written down; the next start does it");
        }
    }

    /// The row of a backup.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn get(&self, id: &str) -> Result<Backup> {
        let id = id.to_owned();
        self.shared.central.read(move |tx| store::get(tx, &id)).await
    }

    /// The finished backup of a tenant with this file name; with the `.enc` of the disk too.
    ///
    /// # Errors
    /// Storage errors.
    pub async fn find_file(&self, tenant: &TenantId, file_name: &str) -> Result<Option<Backup>> {
        let (tenant, name) = (tenant.clone(), file_name.strip_suffix(".enc").unwrap_or(file_name).to_owned());
        self.shared.central.read(move |tx| store::find_file(tx, tenant.as_str(), &name)).await
    }

    /// The newest finished backup of a tenant.
    ///
    /// # Errors
    /// Storage errors.
    pub async fn find_newest(&self, tenant: &TenantId) -> Result<Option<Backup>> {
        let tenant = tenant.clone();
        self.shared.central.read(move |tx| store::newest(tx, tenant.as_str())).await
    }

    /// The last try to back a tenant up, when it failed.
    ///
    /// # Errors
    /// Storage errors.
    pub async fn find_last_failed(&self, tenant: &TenantId) -> Result<Option<Backup>> {
        let tenant = tenant.clone();
        self.shared.central.read(move |tx| store::last_failed(tx, tenant.as_str())).await
    }

    /// The finished backups of a tenant, newest first.
    ///
    /// # Errors
    /// Storage errors.
    pub async fn of_tenant(&self, tenant: &TenantId) -> Result<Vec<Backup>> {
        let tenant = tenant.clone();
        self.shared.central.read(move |tx| store::of_tenant(tx, tenant.as_str())).await
    }

    /// Backups of all tenants, newest first, from behind `before` (time and id) on.
    ///
    /// # Errors
    /// Storage errors.
    pub async fn list(
        &self,
        filter: BackupFilter,
        before: Option<(Timestamp, String)>,
        limit: i64,
    ) -> Result<Vec<Backup>> {
        self.shared.central.read(move |tx| store::list(tx, &filter, before.clone(), limit)).await
    }

    /// Tenants that have a file and no finished backup of this kind since then.
    ///
    /// # Errors
    /// Storage errors.
    pub async fn tenants_without(&self, kind: Kind, since: Timestamp) -> Result<Vec<TenantId>> {
        let now = self.shared.clock.now();
        self.shared.central.scan(move |tx| store::tenants_without(tx, kind, since, now)).await
    }

    /// The backups of every tenant, summed up.
    ///
    /// # Errors
    /// Storage errors.
    pub async fn stats(&self) -> Result<Vec<BackupStats>> {
        self.shared.central.scan(store::stats).await
    }

    /// Ends what is under way, without results unless it is past its point of no return, and waits for it.
    pub async fn shut_down(&self) {
        self.shared.running.lock().values().for_each(|progress| progress.stop());
        self.shared.tasks.close();
        self.shared.tasks.wait().await;
    }

    /// Runs work to its end, also when the caller hangs up in between.
    async fn to_the_end<T, F>(&self, work: impl FnOnce(Self) -> F) -> Result<T>
    where
        T: Send + 'static,
        F: Future<Output = Result<T>> + Send + 'static,
    {
        let task = self.shared.tasks.spawn(work(self.clone()));
        task.await.map_err(|error| Error::internal(anyhow::anyhow!("work on a backup broke off: {error}")))?
    }
}

/// What is copied.
struct Source {
    path: std::path::PathBuf,
    _still: Option<Still>,
}

/// Shows a backup among those under way until this is dropped.
struct UnderWay {
    backups: Backups,
    id: String,
}

impl UnderWay {
    fn new(backups: &Backups, id: &str, progress: Arc<Progress>) -> Self {
        backups.shared.running.lock().insert(id.to_owned(), progress);
        Self { backups: backups.clone(), id: id.to_owned() }
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.backups.shared.running.lock().remove(&self.id);
    }
}
