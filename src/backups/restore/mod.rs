//! Bringing a backup back into the live tenant: all of it or nothing, without a restart.

mod swap;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::db::inspect::Look;
use crate::db::{CopyError, Db, Durability, TempFile, Tx, file_error, snapshot, while_held};
use crate::error::{DbError, Error, Result};
use crate::id::TenantId;
use crate::tenants::{Alone, TenantState};
use crate::users::{self, CarriedOver};

use super::download::damaged;
use super::make::{TEMP_PREFIX, Task, in_background};
use super::model::{Backup, Kind};
use super::progress::{Progress, Step, Watched};
use super::prove::prove;
use super::{Backups, UnderWay, store};

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
}

/// What a restore did.
#[derive(Debug, Clone)]
pub struct Restored {
    /// From what.
    pub backup: Backup,
    /// What was there before; none when it could not be read.
    pub before: Option<Backup>,
    /// What was kept of the present.
    pub carried: CarriedOver,
}

impl Backups {
    /// Puts the content of a backup into its tenant. Requests go on: reads see the old content or the
    /// new one, writes wait. Access that was taken away since the backup stays away. It goes on when
    /// the caller hangs up.
    ///
    /// # Errors
    /// [`Error::Conflict`] `backup_damaged`, `backup_key_missing`, `backup_newer`, `tenant_frozen`,
    /// `restore_failed`, `cancelled`, `interrupted`; [`Error::NotFound`]; storage errors. The live data is as it was then.
    pub async fn restore(&self, order: RestoreOrder, progress: Arc<Progress>) -> Result<Restored> {
        self.to_the_end(move |backups| async move { backups.restore_now(order, progress).await }).await
    }

    async fn restore_now(&self, order: RestoreOrder, progress: Arc<Progress>) -> Result<Restored> {
        let _permit = self.turn(&progress).await?;
        let alone = progress.unless_ended(self.shared.tenants.alone(&order.tenant)).await??;
        progress.enter(Step::Unpacking)?;
        if alone.tenant.state == TenantState::Frozen {
            return Err(Error::conflict("tenant_frozen", "The tenant is frozen; thaw it first."));
        }
        let restored = self.unpack(&order.backup, &alone.tenant.id, &progress).await?;
        progress.enter(Step::Replacing)?;
        let outcome = match self.shared.tenants.open_alone(&alone).await {
            Ok(db) => self.overwrite(&alone, &db, order.backup.clone(), restored, &progress).await,
            Err(Error::Db(error)) if is_lost(&error) => {
                tracing::warn!(tenant.id = %alone.tenant.id, %error, "the live file cannot be read and is put aside");
                progress.commit()?;
                swap::swap(self, &alone, order.backup.clone(), restored).await
            }
            Err(error) => Err(error),
        };
        if let Ok(restored) = &outcome {
            self.shared.tenants.restored(&alone.tenant.id, self.shared.schema.latest()).await?;
            let (tenant, backup) = (order.tenant.clone(), restored.backup.id.clone());
            let (before, now) = (restored.before.as_ref().map(|before| before.id.clone()), self.shared.clock.now());
            let note =
                move |tx: &mut Tx<'_>| store::insert_restore(tx, tenant.as_str(), &backup, before.as_deref(), now);
            self.shared.central.write(note).await?;
        }
        outcome
    }

    /// The database of a backup as a closed file of this release's schema, checked.
    async fn unpack(&self, backup: &Backup, tenant: &TenantId, progress: &Arc<Progress>) -> Result<TempFile> {
        let newest = self.shared.schema.latest();
        if backup.content.as_ref().is_some_and(|content| content.schema_version > newest) {
            let text = "The backup was made by a newer ruko, of a schema that this one does not know.";
            return Err(Error::conflict("backup_newer", text));
        }
        let unpacker = self.unpacker(backup).await?;
        let to = self.shared.data_dir.tmp_dir().join(format!("{TEMP_PREFIX}{}.restore.db", crate::id::random_hex(8)));
        let (row, owner, shared) = (backup.clone(), tenant.to_string(), self.shared.clone());
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
            prove(file.path(), &owner)?;
            let (opened, _) = shared.schema.open(&shared.engine, file.path(), &owner, Durability::Normal)?;
            drop(opened);
            crate::db::complete(file.path())?;
            Ok(file)
        })
        .await
    }

    async fn overwrite(
        &self,
        alone: &Alone,
        db: &Db,
        backup: Backup,
        restored: TempFile,
        progress: &Arc<Progress>,
    ) -> Result<Restored> {
        let before = self.begin(&alone.tenant.id, Kind::PreRestore, true).await?;
        let under_way = UnderWay::new(self, &before.id, progress.clone());
        let aside = TempFile::new(self.shared.data_dir.tmp_dir().join(format!("{TEMP_PREFIX}{}.db", before.id)));
        let (live, watched) = (alone.path.clone(), progress.clone());
        let replaced = while_held(db, WRITERS_WAIT, move |held| {
            copy_aside(&live, aside.path(), &watched)?;
            let carried = carry_over(Some(aside.path()), restored.path())?;
            watched.commit()?;
            held.overwrite(restored.path())?;
            Ok((aside, carried))
        })
        .await;
        let (aside, carried) = match replaced {
            Ok(replaced) => replaced,
            Err(error) => {
                let (text, ended) = (error.to_string(), progress.check());
                // The row of what was to be put aside tells of it too.
                let _ = self.end(&before, Err(error)).await;
                ended?;
                return Err(Error::conflict("restore_failed", format!("Nothing was changed: {text}.")));
            }
        };
        self.shared.tenants.raise_epoch(&alone.tenant.id);
        progress.advance((UNPACKED, REPLACED), 1, 1);
        progress.enter(Step::PuttingAside)?;
        let before = self.keep_aside(&alone.tenant.id, before, aside, under_way, progress.clone()).await;
        Ok(Restored { backup, before: before.ok(), carried })
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
        let made = in_background(move || {
            let _under_way = under_way;
            let task = Task {
                backup: &backup,
                live: aside.path(),
                owner: &owner,
                key: shared.keys.current(),
                tmp: &shared.data_dir.tmp_dir(),
                root: &shared.data_dir.backups_dir(),
                progress: &progress,
            };
            task.pack(aside.path())
        })
        .await;
        self.end(&row, made).await
    }
}

/// Copies the live file, whose writers are held. Blocks.
fn copy_aside(live: &Path, aside: &Path, progress: &Progress) -> Result<()> {
    snapshot(live, aside, u64::MAX, &mut |_| progress.check().is_ok()).map_err(|error| match error {
        CopyError::Db(error) => error.into(),
        other => progress.check().err().unwrap_or_else(|| DbError::Other(other.to_string()).into()),
    })
}

/// Keeps in the restored file what a restore must not undo. Blocks.
fn carry_over(live: Option<&Path>, restored: &Path) -> Result<CarriedOver> {
    let restored_file = Look::open_for_writing(restored)?;
    let carried = match live {
        Some(live) => {
            let live = Look::open(live)?;
            let present = live.read(users::present)?;
            restored_file.change(|tx| users::carry_over(tx, &present))?
        }
        None => restored_file.change(|tx: &mut Tx<'_>| users::carry_nothing_over(tx))?,
    };
    drop(restored_file);
    crate::db::complete(restored)?;
    Ok(carried)
}

/// Whether an error of opening means that there is nothing to put a backup into.
fn is_lost(error: &DbError) -> bool {
    matches!(error, DbError::Corrupt(_) | DbError::Unavailable(_) | DbError::Io(_) | DbError::Newer { .. })
}
