//! Bringing a backup back into the live tenant: all of it or nothing, without a restart.

mod as_new;
mod partial;
mod preview;
mod recover;
mod swap;
mod tables;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::db::inspect::Look;
use crate::db::{CopyError, Db, Durability, TempFile, Tx, file_error, snapshot, while_held};
use crate::error::{DbError, Error, Result};
use crate::fault;
use crate::id::TenantId;
use crate::tenants::{Alone, TenantState};
use crate::users::{self, CarriedOver};

use super::download::damaged;
use super::make::{TEMP_PREFIX, Task, in_background, sync_folder};
use super::model::{Backup, Kind};
use super::progress::{Progress, Step, Watched};
use super::prove::prove;
use super::{BackupOrder, Backups, UnderWay, restore_store};

pub use as_new::refuse_central;
pub use preview::{Preview, RowChange, TableChanges};
pub use tables::Table;

pub(super) use partial::REFUSALS;
pub(super) use recover::ASIDE_PREFIX;

/// How long writes wait before they are refused.
const WRITERS_WAIT: Duration = Duration::from_secs(30);

/// Percent of the work that the unpacking is, and where the live data is replaced.
const UNPACKED: u32 = 40;
const REPLACED: u32 = 60;

/// A restore that is to be made.
#[derive(Debug, Clone)]
pub struct RestoreOrder {
    /// Of whom.
    pub tenant: TenantId,
    /// From what.
    pub backup: Backup,
    /// Only these tables; all that there is, when none is named.
    pub tables: Vec<Table>,
}

impl RestoreOrder {
    /// Whether the backup is another tenant's.
    fn is_of_another(&self) -> bool {
        self.backup.tenant_id != self.tenant
    }
}

/// What a restore did.
#[derive(Debug, Clone)]
pub struct Restored {
    /// From what.
    pub backup: Backup,
    /// Only these tables; all that there is, when none is named.
    pub tables: Vec<Table>,
    /// What was there before.
    pub before: Option<Backup>,
    /// Why that was not kept, when it was not.
    pub before_error: Option<String>,
    /// What was kept of the present.
    pub carried: CarriedOver,
}

impl Backups {
    /// Puts the content of a backup into a tenant, or some tables of it. Requests go on: reads see the old content or the
    /// new one, writes wait. Access that was taken away since the backup stays away. The users of another
    /// tenant's backup are other people: with them no token stays good. It goes on when the caller hangs up.
    ///
    /// # Errors
    /// [`Error::Conflict`] `backup_damaged`, `backup_key_missing`, `backup_newer`, `tenant_frozen`,
    /// `restore_needs_tables`, `restore_needs_whole`, `cancelled`, `interrupted`; [`Error::NotFound`]; storage
    /// errors. The live data is as it was then.
    pub async fn restore(&self, order: RestoreOrder, progress: Arc<Progress>) -> Result<Restored> {
        self.to_the_end(move |backups| async move { backups.restore_now(order, progress).await }).await
    }

    async fn restore_now(&self, order: RestoreOrder, progress: Arc<Progress>) -> Result<Restored> {
        let alone = progress.unless_ended(self.shared.tenants.alone(&order.tenant)).await??;
        let _permit = self.turn(&progress).await?;
        progress.enter(Step::Unpacking)?;
        if alone.tenant.state == TenantState::Frozen {
            return Err(Error::conflict("tenant_frozen", "The tenant is frozen; thaw it first."));
        }
        let mark = crate::id::uuid().to_string();
        let (tenant, backup, now) = (order.tenant.clone(), order.backup.id.clone(), self.shared.clock.now());
        self.note(&mark, move |tx, mark| restore_store::begin(tx, tenant.as_str(), &backup, mark, now)).await?;
        let _ = fault::point("restore.begun");
        match self.replace(&alone, order, &mark, &progress).await {
            Ok(restored) => {
                self.shared.tenants.restored(&alone.tenant.id, self.shared.schema.latest()).await?;
                let _ = fault::point("restore.done");
                let why_no_undo = restored.before_error.clone();
                self.note(&mark, move |tx, mark| restore_store::finish(tx, mark, why_no_undo.as_deref())).await?;
                let _ = fault::point("restore.noted");
                Ok(restored)
            }
            Err(error) => {
                let (code, text) = (error.code(), error.to_string());
                if code == "cancelled" || REFUSALS.contains(&code) {
                    tracing::info!(tenant.id = %alone.tenant.id, error.code = code, "restore not made");
                } else {
                    tracing::error!(tenant.id = %alone.tenant.id, error.code = code, error = text, "restore failed");
                }
                if let Err(error) = self.note(&mark, move |tx, mark| restore_store::fail(tx, mark, code, &text)).await {
                    tracing::error!(%error, "the failure could not be written down; the next start does it");
                }
                Err(error)
            }
        }
    }

    /// Writes to the row of the restore with this mark.
    async fn note(&self, mark: &str, work: impl Fn(&mut Tx<'_>, &str) -> Result<()> + Send + 'static) -> Result<()> {
        let mark = mark.to_owned();
        self.shared.central.write(move |tx| work(tx, &mark)).await
    }

    async fn replace(
        &self,
        alone: &Alone,
        order: RestoreOrder,
        mark: &str,
        progress: &Arc<Progress>,
    ) -> Result<Restored> {
        let restored = self.unpack(&order.backup, &alone.tenant.id, progress).await?;
        fault::point("restore.unpacked").map_err(file_error)?;
        progress.enter(Step::Replacing)?;
        match self.shared.tenants.open_alone(alone).await {
            Ok(db) => self.overwrite(alone, &db, order, restored, mark, progress).await,
            Err(Error::Db(error)) if is_lost(&error, &alone.path) && order.tables.is_empty() => {
                tracing::warn!(tenant.id = %alone.tenant.id, %error, "the live file cannot be read and is put aside");
                progress.commit()?;
                swap::swap(self, alone, order.backup, restored, mark.to_owned()).await
            }
            Err(error) => Err(error),
        }
    }

    /// The backup of what the last restore of a tenant replaced, of any backup or of this one; none when
    /// there was no such restore, when what it replaced was not kept, and when that backup is gone.
    ///
    /// # Errors
    /// Storage errors.
    pub async fn find_before_last_restore(&self, tenant: &TenantId, of: Option<&str>) -> Result<Option<Backup>> {
        let (tenant, of) = (tenant.clone(), of.map(str::to_owned));
        let find = move |tx: &mut Tx<'_>| restore_store::before_last(tx, tenant.as_str(), of.as_deref());
        self.shared.central.read(find).await
    }

    /// Why what the last restore of a tenant replaced was not kept.
    ///
    /// # Errors
    /// Storage errors.
    pub async fn why_no_undo(&self, tenant: &TenantId) -> Result<Option<String>> {
        let tenant = tenant.clone();
        self.shared.central.read(move |tx| restore_store::why_no_undo(tx, tenant.as_str())).await
    }

    /// The database of a backup as a closed file of `tenant` and of this release's schema, checked.
    async fn unpack(&self, backup: &Backup, tenant: &TenantId, progress: &Arc<Progress>) -> Result<TempFile> {
        let newest = self.shared.schema.latest();
        if backup.content.as_ref().is_some_and(|content| content.schema_version > newest) {
            let text = "The backup was made by a newer ruko, of a schema that this one does not know.";
            return Err(Error::conflict("backup_newer", text));
        }
        let unpacker = progress.unless_ended(self.unpacker(backup)).await??;
        let to = self.shared.data_dir.tmp_dir().join(format!("{TEMP_PREFIX}{}.restore.db", crate::id::random_hex(8)));
        let (row, tenant, shared) = (backup.clone(), tenant.clone(), self.shared.clone());
        let progress = progress.clone();
        in_background(move || {
            let file = TempFile::new(to);
            let out = std::io::BufWriter::with_capacity(
                256 * 1024,
                std::fs::File::create_new(file.path()).map_err(file_error)?,
            );
            let total = row.content.as_ref().map_or(0, |content| content.database_bytes);
            let mut out = Watched { to: out, progress: &progress, stretch: (0, UNPACKED), done: 0, total };
            if let Err(error) = unpacker.unpack(&mut out, u64::MAX) {
                progress.check()?;
                return Err(damaged(&row, &error));
            }
            out.to.into_inner().map_err(|error| file_error(error.into_error()))?.sync_all().map_err(file_error)?;
            progress.enter(Step::Checking)?;
            let owner = row.tenant_id.as_str();
            prove(file.path(), owner)?;
            let (opened, _) = shared.schema.open(&shared.engine, file.path(), owner, Durability::Normal)?;
            drop(opened);
            crate::db::complete(file.path())?;
            if tenant != row.tenant_id {
                shared.schema.hand_over(&shared.engine, file.path(), tenant.as_str())?;
            }
            Ok(file)
        })
        .await
    }

    async fn overwrite(
        &self,
        alone: &Alone,
        db: &Db,
        order: RestoreOrder,
        restored: TempFile,
        mark: &str,
        progress: &Arc<Progress>,
    ) -> Result<Restored> {
        let before = self.begin(&BackupOrder::new(alone.tenant.id.clone(), Kind::PreRestore)).await?;
        let under_way = UnderWay::new(self, &before.id, progress.clone());
        let id = before.id.clone();
        if let Err(error) = self.note(mark, move |tx, mark| restore_store::set_before(tx, mark, &id)).await {
            self.fail(&before, &error).await;
            return Err(error);
        }
        let tmp = self.shared.data_dir.tmp_dir();
        let copy = TempFile::new(tmp.join(format!("{TEMP_PREFIX}{}.db", before.id)));
        let aside = TempFile::new(recover::aside(&tmp, &before.id));
        let (live, mark, watched, asked) = (alone.path.clone(), mark.to_owned(), progress.clone(), order.clone());
        let replaced = while_held(db, WRITERS_WAIT, move |held| {
            fault::point("restore.held").map_err(file_error)?;
            copy_aside(&live, copy.path(), &watched)?;
            fault::point("restore.copied").map_err(file_error)?;
            // Under this name it is complete, and a start after a crash makes a backup of it.
            std::fs::rename(copy.path(), aside.path()).and_then(|()| sync_folder(&tmp)).map_err(file_error)?;
            copy.keep();
            fault::point("restore.set_aside").map_err(file_error)?;
            let (restored, carried) = become_of(aside.path(), restored, &asked, &mark, &watched)?;
            fault::point("restore.carried").map_err(file_error)?;
            watched.commit()?;
            held.overwrite(restored.path())?;
            let _ = fault::point("restore.overwritten");
            Ok((aside, carried))
        })
        .await;
        let (aside, carried) = match replaced {
            Ok(replaced) => replaced,
            Err(error) => {
                let error = progress.check().err().unwrap_or(error);
                // The row of what was to be put aside tells of it too.
                self.fail(&before, &error).await;
                return Err(error);
            }
        };
        self.shared.tenants.raise_epoch(&alone.tenant.id);
        progress.advance((UNPACKED, REPLACED), 1, 1);
        progress.enter(Step::PuttingAside)?;
        let kept = self.keep_aside(&alone.tenant.id, before, aside, under_way, progress.clone()).await;
        let before_error = kept.as_ref().err().map(|error| format!("what was there before could not be kept: {error}"));
        let RestoreOrder { backup, tables, .. } = order;
        Ok(Restored { backup, tables, before: kept.ok(), before_error, carried })
    }

    /// Makes a backup of the file that a restore has put aside.
    async fn keep_aside(
        &self,
        tenant: &TenantId,
        row: Backup,
        aside: TempFile,
        under_way: UnderWay,
        progress: Arc<Progress>,
    ) -> Result<Backup> {
        let (shared, owner, backup) = (self.shared.clone(), tenant.to_string(), row.clone());
        // It goes when the row is written: until then a crash must find it.
        let aside = Arc::new(aside);
        let packed = aside.clone();
        let made = in_background(move || {
            let (_under_way, aside) = (under_way, packed);
            let keys = shared.keys.load();
            let task = Task {
                backup: &backup,
                live: aside.path(),
                owner: &owner,
                key: keys.current(),
                tmp: &shared.data_dir.tmp_dir(),
                root: &shared.data_dir.backups_dir(),
                progress: &progress,
            };
            task.pack(aside.path())
        })
        .await;
        let kept = self.end(&row, made).await;
        drop(aside);
        kept
    }
}

/// What becomes of a live file, of which `aside` is a copy, by a restore. Blocks.
fn become_of(
    aside: &Path,
    restored: TempFile,
    order: &RestoreOrder,
    mark: &str,
    progress: &Arc<Progress>,
) -> Result<(TempFile, CarriedOver)> {
    if !order.tables.is_empty() {
        return partial::merge(aside, &restored, order, mark, progress);
    }
    let carried = carry_over((!order.is_of_another()).then_some(aside), restored.path(), mark)?;
    Ok((restored, carried))
}

/// Copies the live file, whose writers are held. Blocks.
fn copy_aside(live: &Path, aside: &Path, progress: &Progress) -> Result<()> {
    snapshot(live, aside, u64::MAX, &mut |_| progress.check().is_ok()).map_err(|error| match error {
        CopyError::Db(error) => error.into(),
        other => progress.check().err().unwrap_or_else(|| DbError::Other(other.to_string()).into()),
    })
}

/// Keeps in the restored file what a restore must not undo. Blocks.
fn carry_over(live: Option<&Path>, restored: &Path, mark: &str) -> Result<CarriedOver> {
    let restored_file = Look::open_for_writing(restored)?;
    let present = match live.map(|live| Look::open(live)?.read(users::present)) {
        Some(Err(Error::Db(error @ DbError::Corrupt(_)))) => {
            tracing::warn!(%error, "who has access cannot be read from the live file: everybody logs in again");
            None
        }
        present => present.transpose()?,
    };
    let carried = restored_file.change(|tx| {
        restore_store::set_mark(tx, mark)?;
        match &present {
            Some(present) => users::carry_over(tx, present),
            None => users::carry_nothing_over(tx),
        }
    })?;
    drop(restored_file);
    crate::db::complete(restored)?;
    Ok(carried)
}

/// Whether an error of opening means that there is nothing to put a backup into. A file that only
/// cannot be opened now is not lost.
fn is_lost(error: &DbError, live: &Path) -> bool {
    match error {
        DbError::Corrupt(_) | DbError::Io(_) | DbError::Newer { .. } => true,
        DbError::Unavailable(_) => matches!(live.try_exists(), Ok(false)),
        _ => false,
    }
}
