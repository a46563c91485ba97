//! `ruko restore`

use std::path::Path;

use clap::Args;
use serde_json::json;

use super::client::Client;
use super::failure::Outcome;
use super::globals::Globals;
use super::job::Watch;
use super::output::{self, plain};
use super::{ask, backup, restore_central};
use crate::id::CENTRAL;

/// Bring a backup back into its tenant, which goes on serving
#[derive(Debug, Args)]
pub struct Restore {
    /// Its id, number or file name; `central` for the server's own file, while no server runs
    tenant: String,
    /// Name of the backup, as `ruko backup list` shows it; when missing, the newest that no restore has made
    file: Option<String>,
    /// Takes the last restore back
    #[arg(long, conflicts_with = "file")]
    undo: bool,
    /// Does not ask
    #[arg(long, short, visible_alias = "force")]
    yes: bool,
}

impl Restore {
    pub(super) async fn run(&self, globals: &Globals) -> Outcome {
        let config = globals.load(Vec::new())?.config;
        if self.tenant == CENTRAL {
            return restore_central::run(globals, &config, self.file.as_deref().map(Path::new), self.yes);
        }
        let tenant = backup::named(&config, &self.tenant)?;
        let what = if self.undo { "take the last restore back" } else { "replace its data by a backup" };
        let name = output::without_controls(&tenant.name);
        ask::confirm(&format!("{name} ({}): {what}?", tenant.id), self.yes)?;

        let client = Client::connect(config).await?;
        let (path, body) = (format!("/api/central/tenants/{}/restore", tenant.id), self.body());
        let path = if self.undo { format!("{path}/undo") } else { path };
        let outcome = match Watch::over(1) {
            Ok(mut watch) => {
                let outcome = watch.run(&client, tenant.id.as_str(), &path, Some(&body)).await;
                watch.end();
                outcome
            }
            Err(failure) => Err(failure),
        };
        client.close().await;
        let answer = outcome?;
        if globals.json {
            return output::json(&answer);
        }
        if self.file.is_none() && !self.undo {
            output::line(&format!("Using latest backup: {}", plain(&answer["backup_file"])))?;
        }
        output::line(&format!("{}: {}", tenant.id, plain(&answer["message"])))?;
        match answer["pre_restore_file"].as_str() {
            Some(before) => output::line(&format!("what was there before is {before}; --undo brings it back")),
            None => output::line(&format!("there is no undo: {}", plain(&answer["pre_restore_error"]))),
        }
    }

    /// A path as the original wanted it names a file of this tenant all the same.
    fn body(&self) -> serde_json::Value {
        let file = self.file.as_deref().and_then(|file| Path::new(file).file_name()?.to_str());
        file.map_or_else(|| json!({}), |file| json!({"file": file}))
    }
}
