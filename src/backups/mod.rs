//! Backups of tenants: made while they serve, encrypted, proven.
//!
//! Invariants: a backup that says `ok` is on the disk under its final name and was checked; anything
//! else is `failed` and leaves no file; a restore is all or nothing; the name of a file never comes
//! from a client, it is looked up among the tenant's own rows.

pub mod catalog;
pub mod container;
mod download;
pub mod jobs;
pub mod keys;
mod make;
mod model;
mod names;
mod options;
mod progress;
mod prove;
mod recover;
mod restore;
mod restore_store;
mod store;

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::task::TaskTracker;

use crate::clock::{Clock, Timestamp};
use crate::data_dir::DataDir;
use crate::db::{Db, Engine, Schema, Tx};
use crate::error::{Error, Result};
use crate::fault;
use crate::id::TenantId;
use crate::tenants::Tenants;

use keys::BackupKeys;
use make::{Task, in_background};
use store::NewBackup;

pub use download::Download;
pub use model::{Backup, BackupFilter, BackupStats, Content, Kind, State};
pub use options::{BackupOptions, KeepDays};
pub use progress::{Progress, Step};
pub use restore::{Preview, RestoreOrder, Restored, RowChange, Table, TableChanges};

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
    keys: BackupKeys,
    options: BackupOptions,
    /// Each keeps a processor and the disk busy.
    at_once: Arc<Semaphore>,
    running: Mutex<HashMap<String, Arc<Progress>>>,
    tasks: TaskTracker,
}

/// A backup that is to be made.
#[derive(Debug, Clone)]
pub struct BackupOrder {
    /// Of whom.
    pub tenant: TenantId,
    /// Why.
    pub kind: Kind,
    /// Whether the download will be a zstd frame.
    pub is_compressed: bool,
}

/// Rows that retention reads at once.
const PRUNED_AT_ONCE: i64 = 100;

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
        let (running, tasks) = (Mutex::default(), TaskTracker::new());
        let shared =
            Shared { central, tenants, engine, schema, data_dir, clock, keys, options, at_once, running, tasks };
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
        let still = progress.unless_ended(self.shared.tenants.still(&order.tenant)).await??;
        let permit = self.turn(&progress).await?;
        progress.enter(Step::Copying)?;
        let backup = self.begin(&order.tenant, order.kind, order.is_compressed).await?;
        let under_way = UnderWay::new(self, &backup.id, progress.clone());
        let (shared, row) = (self.shared.clone(), backup.clone());
        let made = in_background(move || {
            // They travel with the work.
            let _held = (permit, under_way);
            let task = Task {
                backup: &row,
                live: &still.path,
                owner: still.tenant.id.as_str(),
                key: shared.keys.current(),
                tmp: &shared.data_dir.tmp_dir(),
                root: &shared.data_dir.backups_dir(),
                progress: &progress,
            };
            task.run()
        })
        .await;
        self.end(&backup, made).await
    }

    /// Waits until there is room for one more.
    async fn turn(&self, progress: &Progress) -> Result<OwnedSemaphorePermit> {
        progress.unless_ended(self.shared.at_once.clone().acquire_owned()).await?.map_err(Error::internal)
    }

    /// Writes the row of a backup that is about to be made.
    async fn begin(&self, tenant: &TenantId, kind: Kind, is_compressed: bool) -> Result<Backup> {
        let now = self.shared.clock.now();
        let (folder, stem) = names::of(tenant, now, &self.shared.options.zone);
        let new = NewBackup {
            id: crate::id::uuid().to_string(),
            tenant_id: tenant.clone(),
            kind,
            folder,
            stem,
            is_compressed,
            expires_at: Some(now.plus(self.shared.options.keep.of(kind))),
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
                let finish = move |tx: &mut Tx<'_>| store::finish(tx, &id, &made.content, made.warning.as_deref(), now);
                match self.shared.central.write(finish).await {
                    Ok(backup) => {
                        let _ = fault::point("backup.noted");
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
        tracing::error!(
            tenant.id = %backup.tenant_id, backup.id, backup.kind = backup.kind.as_str(), error.code = code,
            error = text, "backup failed"
        );
        let failed = self.shared.central.write(move |tx| store::fail(tx, &id, code, &text, now)).await;
        if let Err(error) = failed {
            tracing::error!(backup.id, %error, "the failure could not be written down; the next start does it");
        }
    }

    fn remove_file(&self, backup: &Backup) {
        let path = self.shared.data_dir.backups_dir().join(backup.stored_path());
        if let Err(error) = crate::db::remove_closed(&path) {
            tracing::error!(file = %path.display(), %error, "the file of a failed backup could not be removed");
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
        self.shared.central.scan(move |tx| store::tenants_without(tx, kind, since)).await
    }

    /// The backups of every tenant, summed up.
    ///
    /// # Errors
    /// Storage errors.
    pub async fn stats(&self) -> Result<Vec<BackupStats>> {
        self.shared.central.scan(store::stats).await
    }

    /// Removes a backup: the file first, so that a row without a file tells of a half deletion, and
    /// never a file without a row.
    ///
    /// # Errors
    /// Storage errors.
    pub async fn delete(&self, backup: &Backup) -> Result<()> {
        let path = self.shared.data_dir.backups_dir().join(backup.stored_path());
        let id = backup.id.clone();
        self.to_the_end(move |backups| async move {
            backups.shared.engine.run(move || Ok(crate::db::remove_closed(&path)?)).await?;
            backups.shared.central.write(move |tx| store::remove(tx, &id)).await
        })
        .await
    }

    /// Removes every backup of a tenant, pinned ones too: nothing of it is to be left.
    ///
    /// # Errors
    /// The first storage error.
    pub async fn forget(&self, tenant: &TenantId) -> Result<()> {
        let id = tenant.clone();
        for backup in self.shared.central.read(move |tx| store::ended_of(tx, id.as_str())).await? {
            self.delete(&backup).await?;
        }
        Ok(())
    }

    /// Removes the backups whose time is over; gives how many. The newest of a tenant stays, however
    /// old it is.
    ///
    /// # Errors
    /// The first storage error; what was removed until then stays removed.
    pub async fn prune(&self) -> Result<usize> {
        let (now, mut removed) = (self.shared.clock.now(), 0);
        loop {
            let expired = self.shared.central.read(move |tx| store::expired(tx, now, PRUNED_AT_ONCE)).await?;
            if expired.is_empty() {
                return Ok(removed);
            }
            for backup in &expired {
                self.delete(backup).await?;
                removed += 1;
            }
        }
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
