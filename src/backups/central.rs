//! The server's own file, brought back while no server runs: its backups are found by their place, for
//! the rows that tell of them may be what was lost.

use std::path::{Path, PathBuf};

use crate::clock::Timestamp;
use crate::data_dir::DataDir;
use crate::db::{TempFile, file_error, remove_closed};
use crate::error::{Error, Result};
use crate::fault;
use crate::id::CENTRAL;

use super::keys::BackupKeys;
use super::make::{TEMP_PREFIX, sync_folder};
use super::open::BackupFile;

/// Backups of the central file on this disk, oldest first.
pub fn all(data_dir: &DataDir) -> Vec<PathBuf> {
    let (mut found, mut folders) = (Vec::new(), vec![data_dir.backups_dir().join(CENTRAL)]);
    while let Some(folder) = folders.pop() {
        for entry in folder.read_dir().into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "enc") {
                found.push(path);
            }
        }
    }
    // Their names begin alike and go on with the time.
    found.sort_unstable_by(|one, other| one.file_name().cmp(&other.file_name()));
    found
}

/// The newest of them.
pub fn newest(data_dir: &DataDir) -> Option<PathBuf> {
    all(data_dir).pop()
}

/// Puts the content of a backup in the place of the central file, whose data directory this process has
/// locked. Gives where that is now which was there before. Blocks.
///
/// # Errors
/// [`Error::Conflict`] `wrong_backup_key`, `backup_damaged`, `not_central`; storage errors. The file is as it
/// was then, but for an error of the very last step, before which its copy is complete.
pub fn restore(data_dir: &DataDir, file: &Path, keys: &BackupKeys, now: Timestamp) -> Result<Option<PathBuf>> {
    let key_id = BackupFile::key_id(file)?;
    let key = keys.find(&key_id).unwrap_or(keys.current());
    let backup = BackupFile::open(file, key)?;
    if backup.head().tenant_id != CENTRAL {
        let text = format!("{} is a backup of {}, not of the central file.", file.display(), backup.head().tenant_id);
        return Err(Error::conflict("not_central", text));
    }
    let restored =
        TempFile::new(data_dir.tmp_dir().join(format!("{TEMP_PREFIX}{}.central.db", crate::id::random_hex(8))));
    backup.write_database(restored.path(), |_| {})?;
    let live = data_dir.central_db();
    let aside = if live.exists() { Some(set_aside(data_dir, &live, now)?) } else { None };
    fault::point("central.set_aside").map_err(file_error)?;
    // A log of the old file would be replayed over the new one.
    for companion in companions(&live) {
        remove_closed(&companion)?;
    }
    std::fs::rename(restored.path(), &live).and_then(|()| sync_folder(data_dir.root())).map_err(file_error)?;
    restored.keep();
    Ok(aside)
}

/// Gives the file and its log a second name in the trash.
fn set_aside(data_dir: &DataDir, live: &Path, now: Timestamp) -> Result<PathBuf> {
    let aside = data_dir.trash_dir().join(format!("central-replaced-{}.db", now.0));
    let pairs = std::iter::once((live.to_owned(), aside.clone())).chain(companions(live).zip(companions(&aside)));
    for (from, to) in pairs.filter(|(from, _)| from.exists()) {
        // A copy, where the trash is on another disk.
        std::fs::hard_link(&from, &to).or_else(|_| std::fs::copy(&from, &to).map(|_| ())).map_err(file_error)?;
    }
    sync_folder(&data_dir.trash_dir()).map_err(file_error)?;
    Ok(aside)
}

/// What SQLite keeps beside a file that counts.
fn companions(path: &Path) -> impl Iterator<Item = PathBuf> {
    ["-wal", "-journal", "-shm"].into_iter().map(|ending| {
        let mut name = path.as_os_str().to_owned();
        name.push(ending);
        name.into()
    })
}
