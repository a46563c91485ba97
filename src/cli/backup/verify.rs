//! `ruko backup verify`

use clap::Args;
use http::Method;
use serde_json::{Value, json};

use super::super::client::Client;
use super::super::failure::{CANCELLED, DAMAGED, Failure, Outcome};
use super::super::globals::Globals;
use super::super::job::Watch;
use super::super::output::{self, plain};
use super::{TENANTS, named_or_all};
use crate::id::TenantId;

/// Open backups and look at every page and row of them
#[derive(Debug, Args)]
pub struct Verify {
    /// Whose: its id, number or file name; `central` for the server's own file; all of them when missing
    tenant: Option<String>,
    /// Name of the backup, as `ruko backup list` shows it; the newest when missing
    #[arg(requires = "tenant")]
    file: Option<String>,
    /// Every backup and not only the newest
    #[arg(long, conflicts_with = "file")]
    all: bool,
    /// Compares indexes with their rows too, which takes much longer
    #[arg(long)]
    deep: bool,
}

impl Verify {
    pub(super) async fn run(&self, globals: &Globals) -> Outcome {
        let config = globals.load(Vec::new())?.config;
        let tenants = named_or_all(&config, self.tenant.as_deref())?;
        let client = Client::connect(config).await?;
        let outcome = self.verify(&client, &tenants, globals.json).await;
        client.close().await;
        outcome
    }

    async fn verify(&self, client: &Client, tenants: &[TenantId], is_json: bool) -> Outcome {
        let backups = self.meant(client, tenants).await?;
        if backups.is_empty() && !is_json {
            return output::line("No backups found.");
        }
        let mut watch = Watch::over(backups.len() as u64)?;
        let (mut whole, mut damaged, mut cancelled) = (Vec::new(), Vec::new(), None);
        for backup in &backups {
            let path = format!("/api/central/backups/{}/verify", plain(&backup["id"]));
            match watch.run(client, &plain(&backup["filename"]), &path, Some(&json!({"deep": self.deep}))).await {
                Ok(answer) => whole.push(answer),
                Err(failure) if failure.code() == CANCELLED => {
                    cancelled = Some(failure);
                    break;
                }
                Err(failure) => damaged.push((backup, failure.to_string())),
            }
        }
        watch.end();
        if is_json {
            let damaged: Vec<_> = damaged
                .iter()
                .map(|(backup, error)| json!({"id": backup["id"], "filename": backup["filename"], "error": error}))
                .collect();
            output::json(&json!({"whole": whole, "damaged": damaged}))?;
        } else {
            for backup in &whole {
                output::line(&format!("{}  whole", plain(&backup["filename"])))?;
            }
        }
        if let Some(cancelled) = cancelled {
            return Err(cancelled);
        }
        if damaged.is_empty() {
            return Ok(());
        }
        let lines: Vec<_> =
            damaged.iter().map(|(backup, error)| format!("{}: {error}", plain(&backup["filename"]))).collect();
        let what = format!("{} of {} backups are not whole:\n  {}", damaged.len(), backups.len(), lines.join("\n  "));
        Err(Failure::new(what).hint("make new ones with `ruko backup run` while the data is there").with_code(DAMAGED))
    }

    /// The backups that are to be looked at.
    async fn meant(&self, client: &Client, tenants: &[TenantId]) -> Outcome<Vec<Value>> {
        let mut meant = Vec::new();
        for tenant in tenants {
            let answer = client.call(Method::GET, &format!("{TENANTS}/{tenant}/backups"), None).await?;
            let backups = answer["data"].as_array().cloned().unwrap_or_default();
            let Some(file) = self.file.as_deref() else {
                meant.extend(backups.into_iter().take(if self.all { usize::MAX } else { 1 }));
                continue;
            };
            let name = file.rsplit('/').next().unwrap_or(file);
            let name = name.strip_suffix(".enc").unwrap_or(name);
            let found = backups.into_iter().find(|backup| backup["filename"] == name);
            meant.push(found.ok_or_else(|| Failure::new(format!("{tenant} has no backup {name}")))?);
        }
        Ok(meant)
    }
}
