//! `ruko backup run`

use std::collections::HashMap;

use clap::Args;
use http::Method;
use serde_json::{Value, json};

use super::super::client::Client;
use super::super::failure::{CANCELLED, Failure, Outcome};
use super::super::globals::Globals;
use super::super::job::Watch;
use super::super::output::{self, plain};
use super::prune::Pruned;
use super::{TENANTS, named_or_all};
use crate::api::backups::size_text;
use crate::clock::{Clock, Timestamp};
use crate::id::TenantId;

/// Back one tenant up, or all of them
#[derive(Debug, Args)]
pub struct Run {
    /// Its id, number or file name; `central` for the server's own file; all of them when missing
    #[arg(conflicts_with = "all")]
    tenant: Option<String>,
    /// All tenants, as without a name
    #[arg(long)]
    all: bool,
    /// Compresses with zstd, as it does anyway
    #[arg(long, conflicts_with = "no_compress")]
    compress: bool,
    /// Stores the database as it is
    #[arg(long)]
    no_compress: bool,
    #[command(flatten)]
    keeping: Keeping,
}

// What the backups count as and how long they stay. No documentation: it would become that of the command.
#[derive(Debug, Args)]
struct Keeping {
    /// Keeps it so many days, and removes those of its kind that are older; of a tenant whose backup
    /// failed nothing is removed
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u32).range(1..=36_500))]
    keep_days: Option<u32>,
    /// What they count as
    #[arg(long, default_value = "manual", value_parser = ["manual", "daily", "weekly"])]
    kind: String,
}

impl Keeping {
    fn order(&self, is_compressed: bool) -> Value {
        let mut order = json!({"compress": is_compressed, "kind": self.kind});
        if let Some(days) = self.keep_days {
            order["keep_days"] = days.into();
        }
        order
    }
}

/// Back one tenant up, or all of them (the artisan spelling)
#[derive(Debug, Args)]
pub struct ArtisanRun {
    /// Its id; all tenants when missing
    tenant: Option<String>,
    /// Compresses with zstd
    #[arg(long)]
    compress: bool,
    #[command(flatten)]
    keeping: Keeping,
}

impl Run {
    pub(super) async fn run(&self, globals: &Globals) -> Outcome {
        back_up(globals, self.tenant.as_deref(), !self.no_compress, &self.keeping).await
    }
}

impl ArtisanRun {
    pub(in super::super) async fn run(&self, globals: &Globals) -> Outcome {
        back_up(globals, self.tenant.as_deref(), self.compress, &self.keeping).await
    }
}

/// One that fails stops no other.
async fn back_up(globals: &Globals, tenant: Option<&str>, is_compressed: bool, keeping: &Keeping) -> Outcome {
    let config = globals.load(Vec::new())?.config;
    let client = Client::connect(config.clone()).await?;
    let outcome = match named_or_all(&config, tenant) {
        Ok(tenants) => {
            if tenant.is_none() && tenants.iter().all(TenantId::is_central) {
                eprintln!("ruko: no tenants found: only the server's own file is backed up");
            }
            back_up_each(&client, &tenants, &keeping.order(is_compressed), globals.json).await
        }
        Err(failure) => Err(failure),
    };
    client.close().await;
    outcome
}

async fn back_up_each(client: &Client, tenants: &[TenantId], order: &Value, is_json: bool) -> Outcome {
    let begun = Clock::system().now();
    let mut watch = Watch::over(tenants.len() as u64)?;
    let (mut made, mut failed, mut cancelled) = (Vec::new(), Vec::new(), None);
    for tenant in tenants {
        let path = format!("{TENANTS}/{tenant}/backup");
        match watch.run(client, tenant.as_str(), &path, Some(order)).await {
            Ok(answer) => made.push(answer),
            Err(failure) if failure.code() == CANCELLED => {
                cancelled = Some(failure);
                break;
            }
            Err(failure) => failed.push((tenant, failure.to_string())),
        }
    }
    watch.end();
    let pruned = if cancelled.is_none() { remove_older(client, &made, order).await } else { None };
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
        let mut report = json!({"made": made, "failed": failed});
        if let Some(Ok(pruned)) = &pruned {
            report["removed"] = json!({"deleted": pruned.deleted, "freed": pruned.freed, "backups": pruned.backups});
        }
        output::json(&report)?;
    } else {
        for answer in &made {
            let backup = &answer["data"];
            output::line(&format!("{}  {}", plain(&backup["path"]), plain(&backup["size_formatted"])))?;
        }
        if let Some(Ok(Pruned { deleted, freed, .. })) = &pruned {
            output::line(&format!("{deleted} older backups removed, {} freed", size_text(*freed)))?;
        }
    }
    pruned.transpose()?;
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

/// Removes what `--keep-days` says of the tenants that have a new backup; none without that option.
async fn remove_older(client: &Client, made: &[Value], order: &Value) -> Option<Outcome<Pruned>> {
    let keep_days = order.get("keep_days")?;
    let mut all = Pruned::default();
    for answer in made {
        let order = json!({"tenant": answer["tenant_id"], "keep_days": keep_days, "kind": order["kind"]});
        match Pruned::ask(client, order).await {
            Ok(pruned) => all.add(pruned),
            Err(failure) => return Some(Err(failure)),
        }
    }
    Some(Ok(all))
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
