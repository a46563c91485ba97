//! `ruko backup`: each of its commands is one operation of the central API.

use std::collections::HashMap;

use clap::{Args, Subcommand};
use http::Method;
use serde_json::{Value, json};

use super::client::Client;
use super::failure::{CANCELLED, Failure, Outcome};
use super::globals::{Globals, look_at_central};
use super::job::Watch;
use super::output::{self, plain};
use crate::clock::{Clock, Timestamp};
use crate::config::Config;
use crate::error::Error;
use crate::tenants::{Tenant, TenantState, directory};

const TENANTS: &str = "/api/central/tenants";

/// Make and list backups
#[derive(Debug, Subcommand)]
pub enum BackupCommand {
    /// Back one tenant up, or all of them
    Run(Run),
    /// List backups
    List(List),
}

/// Back one tenant up, or all of them
#[derive(Debug, Args)]
pub struct Run {
    /// Its id, number or file name; all tenants when missing
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

/// List backups
#[derive(Debug, Args)]
pub struct List {
    /// Its id, number or file name; all tenants when missing
    tenant: Option<String>,
}

impl BackupCommand {
    pub(super) async fn run(&self, globals: &Globals) -> Outcome {
        match self {
            Self::Run(run) => back_up(globals, run.tenant.as_deref(), !run.no_compress).await,
            Self::List(list) => list.run(globals).await,
        }
    }
}

impl ArtisanRun {
    pub(super) async fn run(&self, globals: &Globals) -> Outcome {
        back_up(globals, self.tenant.as_deref(), self.compress).await
    }
}

/// One that fails stops no other.
async fn back_up(globals: &Globals, tenant: Option<&str>, is_compressed: bool) -> Outcome {
    let config = globals.load(Vec::new())?.config;
    let client = Client::connect(config.clone()).await?;
    let outcome = match named_or_all(&config, tenant) {
        Ok(tenants) if tenants.is_empty() => {
            eprintln!("ruko: no tenants found, so there is nothing to back up");
            Ok(())
        }
        Ok(tenants) => back_up_each(&client, &tenants, is_compressed, globals.json).await,
        Err(failure) => Err(failure),
    };
    client.close().await;
    outcome
}

async fn back_up_each(client: &Client, tenants: &[Tenant], is_compressed: bool, is_json: bool) -> Outcome {
    let begun = Clock::system().now();
    let mut watch = Watch::over(tenants.len() as u64)?;
    let (mut made, mut failed, mut cancelled) = (Vec::new(), Vec::new(), None);
    for tenant in tenants {
        let path = format!("{TENANTS}/{}/backup", tenant.id);
        match watch.run(client, tenant.id.as_str(), &path, Some(&json!({"compress": is_compressed}))).await {
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
            if let Some(cause) = causes.get(tenant.id.as_str()) {
                error.clone_from(cause);
            }
        }
    }
    if is_json {
        let failed: Vec<_> =
            failed.iter().map(|(tenant, error)| json!({"tenant": tenant.id, "error": error})).collect();
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
    let lines: Vec<_> = failed.iter().map(|(tenant, error)| format!("{}: {error}", tenant.id)).collect();
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

impl List {
    pub(super) async fn run(&self, globals: &Globals) -> Outcome {
        let config = globals.load(Vec::new())?.config;
        let client = Client::connect(config.clone()).await?;
        let outcome = match named_or_all(&config, self.tenant.as_deref()) {
            Ok(tenants) => list(&client, &tenants, globals.json).await,
            Err(failure) => Err(failure),
        };
        client.close().await;
        outcome
    }
}

async fn list(client: &Client, tenants: &[Tenant], is_json: bool) -> Outcome {
    let mut found = Vec::new();
    for tenant in tenants {
        let answer = client.call(Method::GET, &format!("{TENANTS}/{}/backups", tenant.id), None).await?;
        for mut backup in answer["data"].as_array().cloned().unwrap_or_default() {
            backup["tenant_id"] = tenant.id.to_string().into();
            found.push(backup);
        }
    }
    if is_json {
        return output::json(&Value::Array(found));
    }
    if found.is_empty() {
        return output::line("No backups found.");
    }
    let fields = ["tenant_id", "filename", "date", "age", "size_formatted", "kind"];
    let rows: Vec<_> = found.iter().map(|backup| fields.map(|field| plain(&backup[field])).to_vec()).collect();
    output::table(&["Tenant", "File", "Date", "Age", "Size", "Kind"], &rows)
}

/// The tenant that is meant, or all that have a file.
fn named_or_all(config: &Config, tenant: Option<&str>) -> Outcome<Vec<Tenant>> {
    if let Some(text) = tenant {
        return Ok(vec![named(config, text)?]);
    }
    let mut tenants = look_at_central(config)?.read(directory::all)?;
    tenants.retain(|tenant| matches!(tenant.state, TenantState::Active | TenantState::Suspended | TenantState::Frozen));
    Ok(tenants)
}

/// The tenant that is meant; where there is none, the original's words say so.
pub(super) fn named(config: &Config, text: &str) -> Outcome<Tenant> {
    look_at_central(config)?.read(|tx| directory::get(tx, text)).map_err(|error| match error {
        Error::NotFound { .. } => Failure::new(format!("Tenant with ID '{text}' not found!"))
            .hint("`ruko tenant list` shows ids, numbers and file names"),
        other => other.into(),
    })
}
