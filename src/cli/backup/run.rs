//! `ruko backup run`

use std::collections::HashMap;

use clap::Args;
use http::Method;
use serde_json::json;

use super::super::client::Client;
use super::super::failure::{CANCELLED, Failure, Outcome};
use super::super::globals::Globals;
use super::super::job::Watch;
use super::super::output::{self, plain};
use super::{TENANTS, named_or_all};
use crate::clock::{Clock, Timestamp};
use crate::id::TenantId;

/// Back one tenant up, or all of them
#[derive(Debug, Args)]
pub struct Run {
    /// Its id, number or file name; `central` for the server's own file; all of them when missing
    tenant: Option<String>,
    /// Stores the database as it is
    #[arg(long)]
    no_compress: bool,
}

/// Back one tenant up, or all of them (the artisan spelling)
#[derive(Debug, Args)]
pub struct ArtisanRun {
    /// Its id; all tenants when missing
    tenant: Option<String>,
    /// Compresses with zstd
    #[arg(long)]
    compress: bool,
}

impl Run {
    pub(super) async fn run(&self, globals: &Globals) -> Outcome {
        back_up(globals, self.tenant.as_deref(), !self.no_compress).await
    }
}

impl ArtisanRun {
    pub(in super::super) async fn run(&self, globals: &Globals) -> Outcome {
        back_up(globals, self.tenant.as_deref(), self.compress).await
    }
}

/// One that fails stops no other.
async fn back_up(globals: &Globals, tenant: Option<&str>, is_compressed: bool) -> Outcome {
    let config = globals.load(Vec::new())?.config;
    let client = Client::connect(config.clone()).await?;
    let outcome = match named_or_all(&config, tenant) {
        Ok(tenants) => {
            if tenant.is_none() && tenants.iter().all(TenantId::is_central) {
                eprintln!("ruko: no tenants found: only the server's own file is backed up");
            }
            back_up_each(&client, &tenants, is_compressed, globals.json).await
        }
        Err(failure) => Err(failure),
    };
    client.close().await;
    outcome
}

async fn back_up_each(client: &Client, tenants: &[TenantId], is_compressed: bool, is_json: bool) -> Outcome {
    let begun = Clock::system().now();
    let mut watch = Watch::over(tenants.len() as u64)?;
    let (mut made, mut failed, mut cancelled) = (Vec::new(), Vec::new(), None);
    for tenant in tenants {
        let path = format!("{TENANTS}/{tenant}/backup");
        match watch.run(client, tenant.as_str(), &path, Some(&json!({"compress": is_compressed}))).await {
            Ok(answer) => made.push(answer),
            Err(failure) if failure.code() == CANCELLED => {
                cancelled = Some(failure);
                break;
            }
            Err(failure) => failed.push((tenant, failure.to_string())),
        }
    }
    watch.end();
    if !failed.is_empty() {
        let causes = causes_since(client, begun).await;
        for (tenant, error) in &mut failed {
            if let Some(cause) = causes.get(tenant.as_str()) {
                error.clone_from(cause);
            }
        }
    }
    if is_json {
        let failed: Vec<_> = failed.iter().map(|(tenant, error)| json!({"tenant": tenant, "error": error})).collect();
        let made: Vec<_> = made
            .iter()
            .map(|answer| {
                let mut backup = answer["data"].clone();
                backup["tenant_id"] = answer["tenant_id"].clone();
                backup
            })
            .collect();
        output::json(&json!({"made": made, "failed": failed}))?;
    } else {
        for answer in &made {
            let backup = &answer["data"];
            output::line(&format!("{}  {}", plain(&backup["path"]), plain(&backup["size_formatted"])))?;
        }
    }
    if let Some(cancelled) = cancelled {
        return Err(cancelled);
    }
    if failed.is_empty() {
        return Ok(());
    }
    let lines: Vec<_> = failed.iter().map(|(tenant, error)| format!("{tenant}: {error}")).collect();
    let what = format!("{} of {} backups failed:\n  {}", failed.len(), tenants.len(), lines.join("\n  "));
    Err(Failure::new(what).hint("`ruko doctor` looks at every file"))
}

/// Why the last backup of each tenant failed. No answer shows the cause of a 5xx; the statistics do.
async fn causes_since(client: &Client, begun: Timestamp) -> HashMap<String, String> {
    // Times of answers are as long as each other, so their texts compare as they do.
    let begun = begun.to_string();
    let stats = client.call(Method::GET, "/api/central/backups/stats", None).await.unwrap_or_default();
    let lines = stats["data"].as_array().into_iter().flatten();
    let new = lines.filter(|line| line["last_error_at"].as_str().is_some_and(|at| at >= begun.as_str()));
    new.filter_map(|line| Some((line["tenant_id"].as_str()?.into(), line["last_error"].as_str()?.into()))).collect()
}
