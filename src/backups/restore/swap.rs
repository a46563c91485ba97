//! Restoring where the live file itself cannot be read: another file takes its place.
//!
//! The restored file first waits in tmp/ under a name that says what it is for. Then the damaged file
//! goes to the trash, then its log, index and journal, and only then the restored file gets the name.
//! After a crash a file that still waits there tells: is there a live file, nothing was begun and it is
//! removed; is there none, [`Waiting::finish`] does the rest. So a log never meets another's file.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use crate::data_dir::DataDir;
use crate::db::{TempFile, file_error, move_closed, remove_closed};
use crate::error::{Error, Result};
use crate::fault;
use crate::id::TenantId;
use crate::tenants::Alone;

use super::super::Backups;
use super::super::make::{in_background, sync_folder};
use super::super::model::Backup;
use super::{Restored, carry_over};

const PREFIX: &str = "swap-";
const DAMAGED: &str = "-damaged-";
/// What SQLite puts beside a file.
const COMPANIONS: [&str; 3] = ["-wal", "-shm", "-journal"];

/// Puts the restored file where the live one was, which is kept in the trash. Nothing can be carried
/// over: everybody logs in again.
pub(super) async fn swap(
    backups: &Backups,
    alone: &Alone,
    backup: Backup,
    restored: TempFile,
    mark: String,
) -> Result<Restored> {
    let fenced = backups.shared.tenants.fence_alone(alone).await?;
    let tenant = alone.tenant.id.clone();
    let trash_name = format!("{tenant}{DAMAGED}{}.db", backups.shared.clock.now().0);
    let before_error = if alone.path.exists() {
        format!("the file that was there could not be read; it is kept in the trash as {trash_name}")
    } else {
        "there was no file".into()
    };
    let (data_dir, live) = (backups.shared.data_dir.clone(), alone.path.clone());
    let carried = in_background(move || {
        let carried = carry_over(None, restored.path(), &mark)?;
        let waiting = Waiting::begin(&data_dir, tenant, trash_name, restored)?;
        if let Err(error) = waiting.finish(&live) {
            waiting.take_back(&live, error)?;
        }
        Waiting::all(&data_dir).iter().filter(|other| other.tenant == waiting.tenant).for_each(Waiting::discard);
        Ok(carried)
    })
    .await?;
    backups.shared.tenants.raise_epoch(&alone.tenant.id);
    drop(fenced);
    Ok(Restored { backup, tables: Vec::new(), before: None, before_error: Some(before_error), carried })
}

/// A restored file that waits for its place.
pub(in super::super) struct Waiting {
    pub(in super::super) tenant: TenantId,
    path: PathBuf,
    /// Where the damaged file goes.
    aside: PathBuf,
}

impl Waiting {
    fn begin(data_dir: &DataDir, tenant: TenantId, trash_name: String, restored: TempFile) -> Result<Self> {
        let path = data_dir.tmp_dir().join(format!("{PREFIX}{trash_name}"));
        std::fs::rename(restored.path(), &path).map_err(file_error)?;
        restored.keep();
        let waiting = Self { tenant, path, aside: data_dir.trash_dir().join(trash_name) };
        let synced = sync_folder(&data_dir.tmp_dir()).and_then(|()| fault::point("swap.waiting"));
        synced.inspect_err(|_| waiting.discard()).map_err(file_error)?;
        Ok(waiting)
    }

    /// Those there are, the newest first.
    pub(in super::super) fn all(data_dir: &DataDir) -> Vec<Self> {
        let entries = data_dir.tmp_dir().read_dir().into_iter().flatten().flatten();
        let mut found: Vec<(u64, Self)> = entries
            .filter_map(|entry| {
                let name = entry.file_name().into_string().ok()?;
                let trash_name = name.strip_prefix(PREFIX)?;
                let (tenant, at) = trash_name.strip_suffix(".db")?.rsplit_once(DAMAGED)?;
                let aside = data_dir.trash_dir().join(trash_name);
                Some((at.parse().ok()?, Self { tenant: tenant.into(), path: entry.path(), aside }))
            })
            .collect();
        found.sort_unstable_by_key(|(at, _)| std::cmp::Reverse(*at));
        found.into_iter().map(|(_, waiting)| waiting).collect()
    }

    /// Moves the damaged file aside, with all that lies beside it, and the restored one in.
    ///
    /// # Errors
    /// Storage errors; what was done until then is done.
    pub(in super::super) fn finish(&self, live: &Path) -> Result<()> {
        let clear = || -> io::Result<()> {
            move_if_there(live, &self.aside)?;
            fault::point("swap.moved")?;
            for suffix in COMPANIONS {
                move_if_there(&beside(live, suffix), &beside(&self.aside, suffix))?;
            }
            [&self.aside, live].into_iter().filter_map(|path| path.parent()).try_for_each(sync_folder)?;
            fault::point("swap.cleared")
        };
        clear().map_err(file_error)?;
        move_closed(&self.path, live)?;
        let _ = fault::point("swap.placed");
        Ok(())
    }

    /// Undoes what [`Waiting::finish`] began, the file itself last; fine when all was done but for the
    /// last flush.
    fn take_back(&self, live: &Path, cause: Error) -> Result<()> {
        if !self.path.exists() {
            tracing::warn!(file = %live.display(), error = %cause, "a restored file is in place, and was not flushed");
            return Ok(());
        }
        let back = || -> io::Result<()> {
            for suffix in COMPANIONS.into_iter().chain([""]) {
                move_if_there(&beside(&self.aside, suffix), &beside(live, suffix))?;
            }
            [&self.aside, live].into_iter().filter_map(|path| path.parent()).try_for_each(sync_folder)
        };
        match back() {
            Ok(()) => self.discard(),
            Err(error) => tracing::error!(
                tenant.id = %self.tenant, file = %live.display(), %error,
                "a damaged file could not be put back; the next start of the server finishes the restore"
            ),
        }
        Err(cause)
    }

    /// Removes it.
    pub(in super::super) fn discard(&self) {
        if let Err(error) = remove_closed(&self.path) {
            tracing::warn!(file = %self.path.display(), %error, "a leftover could not be removed");
        }
    }
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

fn move_if_there(from: &Path, to: &Path) -> io::Result<()> {
    match std::fs::rename(from, to) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
