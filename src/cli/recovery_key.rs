//! The recovery key as commands take it that need no server.

use std::io::{IsTerminal as _, Read as _, Write as _};

use clap::Args;
use secrecy::{ExposeSecret as _, SecretString};

use super::failure::{Failure, Outcome, WRONG_KEY};
use super::globals::{Globals, look_at_data_dir};
use crate::backups::keys::{BackupKey, BackupKeys};
use crate::error::Result;

/// Where the recovery key comes from.
#[derive(Debug, Args)]
pub struct RecoveryKey {
    /// The recovery key, rbk1-...; - reads it from standard input. Without it the key of the settings or
    /// of the data directory is taken, or it is asked for
    #[arg(long, value_name = "KEY", env = "RUKO_RECOVERY_KEY", hide_env_values = true)]
    recovery_key: Option<String>,
}

impl RecoveryKey {
    /// The key with this id, or the one that was given, whatever it is.
    pub(super) fn find(&self, globals: &Globals, id: &str) -> Outcome<Result<BackupKey>> {
        let text = match self.recovery_key.as_deref() {
            Some("-") => read_key()?,
            Some(text) => SecretString::from(text),
            None => {
                if let Some(key) = own_keys(globals).and_then(|keys| keys.find(id).cloned()) {
                    return Ok(Ok(key));
                }
                if !std::io::stdin().is_terminal() {
                    let hint = "give it with --recovery-key, or in RUKO_RECOVERY_KEY, which no list of processes shows";
                    return Err(Failure::new(format!("the backup needs the key {id}")).hint(hint).with_code(WRONG_KEY));
                }
                eprint!("Recovery key {id} (rbk1-...): ");
                std::io::stderr().flush()?;
                let mut line = String::new();
                std::io::stdin().read_line(&mut line)?;
                line.into()
            }
        };
        Ok(BackupKey::from_text(text.expose_secret()))
    }
}

fn read_key() -> Outcome<SecretString> {
    // A key has 85 letters; whoever pipes a file in by mistake is told so soon.
    let mut text = String::new();
    std::io::stdin().lock().take(1024).read_to_string(&mut text)?;
    Ok(text.into())
}

/// The keys of the data directory here, when there is one.
fn own_keys(globals: &Globals) -> Option<BackupKeys> {
    let (loaded, _) = globals.load_to_show().ok()?;
    let path = look_at_data_dir(&loaded.config).ok().map(|dir| dir.backup_key_file());
    BackupKeys::read(&path.unwrap_or_default(), loaded.config.backup.key.as_ref()).ok()?
}
