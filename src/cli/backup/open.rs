//! `ruko backup open`: needs the file and its key, and nothing else of a server.

use std::io::{IsTerminal as _, Read as _, Write as _};
use std::path::{Path, PathBuf};

use clap::Args;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::json;

use super::super::failure::{DAMAGED, Failure, Outcome, WRONG_KEY};
use super::super::globals::{Globals, look_at_data_dir};
use super::super::output;
use super::super::progress;
use crate::backups::container::{Head, Manifest};
use crate::backups::keys::{BackupKey, BackupKeys};
use crate::backups::open::BackupFile;
use crate::clock::Timestamp;
use crate::error::Error;

/// Decrypt and unpack a backup file into a database, on any machine
#[derive(Debug, Args)]
pub struct Open {
    /// The file, as it lies below backups/ or in a bucket (.db.zst.enc)
    file: PathBuf,
    /// The recovery key, rbk1-...; - reads it from standard input. Without it the key of the settings or
    /// of the data directory is taken, or it is asked for
    #[arg(long, value_name = "KEY", env = "RUKO_RECOVERY_KEY", hide_env_values = true)]
    recovery_key: Option<String>,
    /// Where the database goes; - is standard output. Never replaces a file
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Only shows what is in it
    #[arg(long, conflicts_with = "output")]
    info: bool,
}

impl Open {
    pub(super) fn run(&self, globals: &Globals) -> Outcome {
        let key_id = BackupFile::key_id(&self.file).map_err(in_words)?;
        let file = BackupFile::open(&self.file, &self.key(globals, &key_id)?).map_err(in_words)?;
        let (head, manifest) = (file.head().clone(), file.manifest().clone());
        if self.info {
            return tell(globals, &head, &manifest, None, None);
        }
        let to = self.output.clone().unwrap_or_else(|| default_output(&self.file));
        if to == Path::new("-") {
            return file.stream_database(&mut std::io::stdout().lock()).map_err(in_words);
        }
        if to.symlink_metadata().is_ok() {
            let hint = "name another file with --output";
            return Err(Failure::new(format!("{} is there already", to.display())).hint(hint));
        }
        let bar = progress::over_bytes(Some(manifest.database_bytes));
        let warning = file.write_database(&to, |bytes| bar.inc(bytes)).map_err(in_words)?;
        bar.finish_and_clear();
        tell(globals, &head, &manifest, Some(&to), warning)
    }

    fn key(&self, globals: &Globals, id: &str) -> Outcome<BackupKey> {
        let text = match self.recovery_key.as_deref() {
            Some("-") => read_key(&mut std::io::stdin().lock())?,
            Some(text) => SecretString::from(text),
            None => {
                if let Some(key) = own_keys(globals).and_then(|keys| keys.find(id).cloned()) {
                    return Ok(key);
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
        BackupKey::from_text(text.expose_secret()).map_err(in_words)
    }
}

fn read_key(from: &mut impl std::io::Read) -> Outcome<SecretString> {
    // A key has 85 letters; whoever pipes a file in by mistake is told so soon.
    let mut text = String::new();
    from.take(1024).read_to_string(&mut text)?;
    Ok(text.into())
}

/// The keys of the data directory here, when there is one.
fn own_keys(globals: &Globals) -> Option<BackupKeys> {
    let (loaded, _) = globals.load_to_show().ok()?;
    let path = look_at_data_dir(&loaded.config).ok().map(|dir| dir.backup_key_file());
    BackupKeys::read(&path.unwrap_or_default(), loaded.config.backup.key.as_ref()).ok()?
}

/// `warung-1_2026-11-27_020000.db` in the folder that one is in.
fn default_output(file: &Path) -> PathBuf {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let plain = name.strip_suffix(".enc").unwrap_or(&name);
    let plain = plain.strip_suffix(".zst").unwrap_or(plain);
    format!("{}.db", plain.strip_suffix(".db").unwrap_or(plain)).into()
}

fn tell(globals: &Globals, head: &Head, manifest: &Manifest, to: Option<&Path>, warning: Option<String>) -> Outcome {
    let created_at = Timestamp(manifest.created_at_ms).to_string();
    if globals.json {
        return output::json(&json!({
            "tenant_id": head.tenant_id,
            "backup_id": head.backup_id,
            "key_id": head.key_id,
            "kind": manifest.kind,
            "created_at": created_at,
            "ruko_version": manifest.ruko_version,
            "schema_version": manifest.schema_version,
            "database_bytes": manifest.database_bytes,
            "checksum": manifest.payload_sha256,
            "row_counts": manifest.row_counts,
            "database": to,
            "warning": warning,
        }));
    }
    let rows: i64 = manifest.row_counts.values().sum();
    let mut pairs = vec![
        ("tenant", head.tenant_id.clone()),
        ("made", format!("{created_at} by ruko {} ({})", manifest.ruko_version, manifest.kind)),
        ("backup", head.backup_id.clone()),
        ("key", head.key_id.clone()),
        ("schema", manifest.schema_version.to_string()),
        ("size", format!("{} bytes, {rows} rows in {} tables", manifest.database_bytes, manifest.row_counts.len())),
        ("checksum", manifest.payload_sha256.clone()),
    ];
    pairs.extend(warning.map(|warning| ("warning", warning)));
    pairs.extend(to.map(|to| ("written", format!("{}, whole and checked", to.display()))));
    output::pairs(&pairs)
}

/// The exit codes tell a wrong key from a damaged file.
fn in_words(error: Error) -> Failure {
    let code = error.code();
    let failure = Failure::from(error);
    match code {
        "wrong_backup_key" => {
            let hint = "look for the paper or the password store that has this key's id beside it";
            failure.hint(hint).with_code(WRONG_KEY)
        }
        "bad_recovery_key" => failure.with_code(WRONG_KEY),
        "backup_damaged" => failure.hint("take another backup, or another copy of this one").with_code(DAMAGED),
        _ => failure,
    }
}
