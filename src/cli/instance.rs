//! `ruko instance`: everything a server has as one archive, and a server from one.

use std::io::{IsTerminal as _, Read};
use std::path::PathBuf;

use clap::{Args, Subcommand};
use http::Method;
use serde_json::json;

use super::backup::in_words;
use super::client::Client;
use super::exchange::full;
use super::failure::{Failure, Outcome};
use super::globals::Globals;
use super::landing::{refuse_to_replace, write};
use super::recovery_key::RecoveryKey;
use super::{output, progress};
use crate::backups::instance;
use crate::error::Error;

/// Move everything a server has
#[derive(Debug, Subcommand)]
pub enum InstanceCommand {
    /// Write everything into one archive, encrypted with the backup key, while the server goes on
    Export(Export),
    /// Make a new data directory of an archive
    Import(Import),
}

/// Write everything into one archive
#[derive(Debug, Args)]
pub struct Export {
    /// The file to write, `-` for standard output
    #[arg(long, short, value_name = "FILE")]
    output: PathBuf,
}

/// Make a new data directory of an archive
#[derive(Debug, Args)]
pub struct Import {
    /// The archive, `-` for standard input
    file: PathBuf,
    #[command(flatten)]
    key: RecoveryKey,
}

impl InstanceCommand {
    pub(super) async fn run(&self, globals: &Globals) -> Outcome {
        match self {
            Self::Export(export) => export.run(globals).await,
            Self::Import(import) => import.run(globals),
        }
    }
}

impl Export {
    async fn run(&self, globals: &Globals) -> Outcome {
        let to = &self.output;
        if to.as_os_str() == "-" && std::io::stdout().is_terminal() {
            return Err(Failure::usage("an archive does not go to a terminal").hint("name a file with --output"));
        }
        refuse_to_replace(to)?;
        let client = Client::connect(globals.load(Vec::new())?.config).await?;
        let empty = full(hyper::body::Bytes::new());
        let answer = client.send(Method::GET, "/api/central/instance/export", "application/json", empty).await;
        let written = match answer {
            Ok(answer) => write(answer, to).await,
            Err(failure) => Err(failure),
        };
        client.close().await;
        let hint = "the log of the server says which file could not be copied; nothing was kept of the archive";
        match written.map_err(|failure| failure.hint(hint))? {
            None => Ok(()),
            Some(bytes) if globals.json => output::json(&json!({"file": to, "size_bytes": bytes})),
            Some(bytes) => output::line(&format!("{bytes} bytes in {}", to.display())),
        }
    }
}

impl Import {
    fn run(&self, globals: &Globals) -> Outcome {
        let storage = globals.load(Vec::new())?.config.storage;
        let unreadable = |error: std::io::Error| Failure::new(format!("cannot read {}: {error}", self.file.display()));
        let (from, size): (Box<dyn Read>, _) = if self.file.as_os_str() == "-" {
            (Box::new(std::io::stdin().lock()), None)
        } else {
            let file = std::fs::File::open(&self.file).map_err(unreadable)?;
            let size = file.metadata().map_err(unreadable)?.len();
            (Box::new(std::io::BufReader::with_capacity(256 * 1024, file)), Some(size))
        };
        let bar = progress::over_bytes(size);
        let mut no_key = None;
        let find_key = |id: &str| {
            self.key.find(globals, id).unwrap_or_else(|failure| {
                no_key = Some(failure);
                Err(Error::conflict("wrong_backup_key", "No key was given."))
            })
        };
        let imported = instance::import(bar.wrap_read(from), &storage.data_dir, &storage.central_file, find_key);
        bar.finish_and_clear();
        let imported = imported.map_err(|error| no_key.take().unwrap_or_else(|| in_words(error)))?;
        if globals.json {
            return output::json(&json!({
                "data_dir": storage.data_dir, "tenants": imported.tenants, "gone": imported.gone,
                "has_server_key": imported.has_server_key,
            }));
        }
        output::line(&format!("{} tenants are in {}", imported.tenants, storage.data_dir.display()))?;
        if !imported.gone.is_empty() {
            output::line(&format!("deleted while the archive was made: {}", imported.gone.join(", ")))?;
        }
        if !imported.has_server_key {
            output::line("set APP_KEY as it was on the other server before you start this one")?;
        }
        output::line(
            "MASTER_API_KEY and other settings do not come along, nor do backups; `ruko doctor` looks at every file",
        )
    }
}
