//! `ruko backup open`: needs the file and its key, and nothing else of a server.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;

use super::super::failure::{DAMAGED, Failure, Outcome, WRONG_KEY};
use super::super::globals::Globals;
use super::super::output;
use super::super::progress;
use super::super::recovery_key::RecoveryKey;
use crate::backups::container::{Head, Manifest};
use crate::backups::open::BackupFile;
use crate::clock::Timestamp;
use crate::error::Error;

/// Decrypt and unpack a backup file into a database, on any machine
#[derive(Debug, Args)]
pub struct Open {
    /// The file, as it lies below backups/ or in a bucket (.db.zst.enc)
    file: PathBuf,
    #[command(flatten)]
    key: RecoveryKey,
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
        let file =
            BackupFile::open(&self.file, &self.key.find(globals, &key_id)?.map_err(in_words)?).map_err(in_words)?;
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
pub(in super::super) fn in_words(error: Error) -> Failure {
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
