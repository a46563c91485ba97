//! `ruko restore central`: the server's own file, while no server runs.

use std::path::{Path, PathBuf};

use serde_json::json;

use super::failure::{Failure, Outcome};
use super::globals::Globals;
use super::output;
use crate::backups::central;
use crate::backups::keys::BackupKeys;
use crate::clock::Clock;
use crate::config::Config;
use crate::data_dir::DataDir;

/// Puts a backup of the central file in its place. What was there is put aside into the trash.
pub(super) fn run(globals: &Globals, config: &Config, file: Option<&Path>, is_confirmed: bool) -> Outcome {
    let storage = &config.storage;
    let data_dir = DataDir::open(&storage.data_dir)?.with_central_file(storage.central_file.clone());
    let file = match file {
        Some(file) => find(&data_dir, file)?,
        None => central::newest(&data_dir).ok_or_else(|| {
            Failure::new("no backup of the central file is here")
                .hint("name a file; `ruko backup open FILE --info` shows what is in one")
        })?,
    };
    let keys = BackupKeys::read(&data_dir.backup_key_file(), config.backup.key.as_ref())?.ok_or_else(|| {
        Failure::new("the backup key is missing").hint("put it into keys/backup.key, or set backup.key")
    })?;
    let question = format!("Replace the server's own file by {}? Tenants' files stay as they are.", file.display());
    super::ask::confirm(&question, is_confirmed)?;
    let aside = central::restore(&data_dir, &file, &keys, Clock::system().now())?;
    if globals.json {
        return output::json(&json!({"backup_file": file, "aside": aside}));
    }
    output::line(&format!("the central file is that of {}", file.display()))?;
    if let Some(aside) = aside {
        output::line(&format!("what was there before is {}", aside.display()))?;
    }
    output::line(
        "tenants, domains and keys are as they were then: `ruko doctor` shows files without a row and rows without a file;",
    )?;
    output::line("replace keys that were revoked since with `ruko tenant regenerate-key`")
}

/// The file itself, or the backup of that name.
fn find(data_dir: &DataDir, file: &Path) -> Outcome<PathBuf> {
    if file.is_file() {
        return Ok(file.into());
    }
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let name = name.strip_suffix(".enc").unwrap_or(&name);
    let found = central::all(data_dir).into_iter().find(|path| path.file_stem().is_some_and(|stem| stem == name));
    found.ok_or_else(|| Failure::new(format!("{} is no backup of the central file", file.display())))
}
