//! Restoring where the live file itself cannot be read: another file takes its place.

use crate::db::{TempFile, move_closed};
use crate::error::Result;
use crate::tenants::Alone;

use super::super::Backups;
use super::super::make::in_background;
use super::super::model::Backup;
use super::{Restored, carry_over};

/// Puts the restored file where the live one was, which is kept in the trash. Nothing can be carried
/// over: everybody logs in again.
pub(super) async fn swap(backups: &Backups, alone: &Alone, backup: Backup, restored: TempFile) -> Result<Restored> {
    let fenced = backups.shared.tenants.fence_alone(alone).await?;
    let trash_name = format!("{}-damaged-{}.db", alone.tenant.id, backups.shared.clock.now().0);
    let (live, aside) = (alone.path.clone(), backups.shared.data_dir.trash_dir().join(trash_name));
    let carried = in_background(move || {
        let carried = carry_over(None, restored.path())?;
        // With what lies beside it: a log that stayed would be replayed over the restored file.
        move_aside(&live, &aside)?;
        move_closed(restored.path(), &live)?;
        Ok(carried)
    })
    .await?;
    backups.shared.tenants.raise_epoch(&alone.tenant.id);
    drop(fenced);
    Ok(Restored { backup, before: None, carried })
}

fn move_aside(live: &std::path::Path, aside: &std::path::Path) -> Result<()> {
    for ending in ["", "-wal", "-shm", "-journal"] {
        let with_ending = |path: &std::path::Path| {
            let mut name = path.as_os_str().to_owned();
            name.push(ending);
            std::path::PathBuf::from(name)
        };
        match std::fs::rename(with_ending(live), with_ending(aside)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(crate::db::io_error(&error).into());
            }
            _ => {}
        }
    }
    Ok(())
}
