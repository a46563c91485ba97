//! `ruko backup list`

use clap::Args;
use http::Method;
use serde_json::Value;

use super::super::client::Client;
use super::super::failure::Outcome;
use super::super::globals::Globals;
use super::super::output::{self, plain};
use super::{TENANTS, named_or_all};
use crate::id::TenantId;

/// List backups
#[derive(Debug, Args)]
pub struct List {
    /// Its id, number or file name; `central` for the server's own file; all of them when missing
    tenant: Option<String>,
}

impl List {
    pub(in super::super) async fn run(&self, globals: &Globals) -> Outcome {
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

async fn list(client: &Client, tenants: &[TenantId], is_json: bool) -> Outcome {
    let mut found = Vec::new();
    for tenant in tenants {
        let answer = client.call(Method::GET, &format!("{TENANTS}/{tenant}/backups"), None).await?;
        if answer["retention_paused"].is_object() {
            eprintln!(
                "note: {tenant} shrank, so all its backups stay; `ruko backup resume {tenant}` lets old ones go again"
            );
        }
        for mut backup in answer["data"].as_array().cloned().unwrap_or_default() {
            backup["tenant_id"] = tenant.to_string().into();
            found.push(backup);
        }
    }
    if is_json {
        return output::json(&Value::Array(found));
    }
    if found.is_empty() {
        return output::line("No backups found.");
    }
    let fields = ["tenant_id", "filename", "date", "age", "size_formatted"];
    let row = |backup: &Value| {
        let mut cells = fields.map(|field| plain(&backup[field])).to_vec();
        let pin = if backup["pinned"] == true { " (pinned)" } else { "" };
        cells.extend([format!("{}{pin}", plain(&backup["kind"])), places(backup)]);
        cells
    };
    let rows: Vec<_> = found.iter().map(row).collect();
    output::table(&["Tenant", "File", "Date", "Age", "Size", "Kind", "Where"], &rows)
}

/// `local, s3 failed`
fn places(backup: &Value) -> String {
    let places = backup["destinations"].as_array().into_iter().flatten().map(|place| match place["state"].as_str() {
        Some("ok") => plain(&place["name"]),
        state => format!("{} {}", plain(&place["name"]), state.unwrap_or_default()),
    });
    places.collect::<Vec<_>>().join(", ")
}
