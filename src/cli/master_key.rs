//! Showing a master key that was made just now: it is stored as its hash, so this is the only time.

use std::io::IsTerminal;
use std::path::PathBuf;

use secrecy::{ExposeSecret, SecretString};

use super::failure::Outcome;
use crate::data_dir::{DataDir, secret_file};
use crate::operator::NewMasterKey;

/// Where a new master key can be found.
pub enum Announced {
    /// None was made.
    Nothing,
    /// A person sits there: show it.
    Show(SecretString),
    /// Output goes into a log or a file, where a secret does not belong; it stands in this file.
    File(PathBuf),
}

/// Decides where a new master key goes; call it right after it was made.
pub fn announce(new_key: NewMasterKey, data_dir: &DataDir) -> Outcome<Announced> {
    let Some(key) = new_key else { return Ok(Announced::Nothing) };
    if std::io::stdout().is_terminal() {
        return Ok(Announced::Show(key));
    }
    let path = data_dir.keys_dir().join("master.key");
    secret_file::replace(&path, format!("{}\n", key.expose_secret()).as_bytes())?;
    tracing::warn!(path = %path.display(), "master key made: keep the content of this file, then delete the file");
    Ok(Announced::File(path))
}
