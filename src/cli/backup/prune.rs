//! `ruko backup prune`

use clap::Args;
use http::Method;
use serde_json::{Value, json};

use super::super::client::Client;
use super::super::failure::Outcome;
use super::super::globals::Globals;
use super::super::output::{self, plain};
use super::named;
use crate::api::backups::size_text;

/// Remove backups whose time is over, as the server does every hour
#[derive(Debug, Args)]
pub struct Prune {
    /// Its id, number or file name; all tenants when missing
    tenant: Option<String>,
    /// Says of every backup whether it would go and why, and removes nothing
    #[arg(long)]
    dry_run: bool,
    /// Removes those that are older, whatever their own time says
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u32).range(1..=36_500))]
    keep_days: Option<u32>,
    /// Of these only
    #[arg(long, requires = "keep_days", value_parser = ["manual", "daily", "weekly", "pre_restore", "pre_upgrade", "final"])]
    kind: Option<String>,
}

/// What became of the backups of some tenants.
#[derive(Debug, Default)]
pub(super) struct Pruned {
    /// As the API tells of them.
    pub(super) backups: Vec<Value>,
    pub(super) deleted: u64,
    pub(super) kept: u64,
    pub(super) freed: u64,
}

impl Pruned {
    /// Asks the API, which takes some tenants at a time.
    pub(super) async fn ask(client: &Client, mut order: Value) -> Outcome<Self> {
        let mut all = Self::default();
        loop {
            let answer = client.call(Method::POST, "/api/central/backups/prune", Some(&order)).await?;
            let number = |name: &str| answer[name].as_u64().unwrap_or(0);
            all.add(Self {
                backups: answer["data"].as_array().cloned().unwrap_or_default(),
                deleted: number("deleted"),
                kept: number("kept"),
                freed: number("freed"),
            });
            match answer["next_cursor"].as_str() {
                Some(next) => order["cursor"] = next.into(),
                None => return Ok(all),
            }
        }
    }

    /// Those of other tenants too.
    pub(super) fn add(&mut self, other: Self) {
        self.backups.extend(other.backups);
        self.deleted += other.deleted;
        self.kept += other.kept;
        self.freed += other.freed;
    }
}

impl Prune {
    pub(super) async fn run(&self, globals: &Globals) -> Outcome {
        let config = globals.load(Vec::new())?.config;
        let tenant = self.tenant.as_deref().map(|text| named(&config, text)).transpose()?;
        let mut order = json!({"dry_run": self.dry_run});
        for (name, value) in [
            ("tenant", tenant.map(|tenant| json!(tenant.id))),
            ("keep_days", self.keep_days.map(Value::from)),
            ("kind", self.kind.clone().map(Value::from)),
        ] {
            if let Some(value) = value {
                order[name] = value;
            }
        }
        let client = Client::connect(config).await?;
        let outcome = Pruned::ask(&client, order).await;
        client.close().await;
        let pruned = outcome?;
        if globals.json {
            let Pruned { backups, deleted, kept, freed } = pruned;
            return output::json(&json!({
                "dry_run": self.dry_run, "deleted": deleted, "kept": kept, "freed": freed, "backups": backups,
            }));
        }
        self.tell(&pruned)
    }

    fn tell(&self, pruned: &Pruned) -> Outcome {
        if !pruned.backups.is_empty() {
            let rows: Vec<_> = pruned.backups.iter().map(|backup| self.row(backup)).collect();
            output::table(&["Tenant", "File", "Kind", "What", "Why"], &rows)?;
        }
        let Pruned { deleted, kept, freed, .. } = pruned;
        let (removed, freed) = (if self.dry_run { "would be removed" } else { "removed" }, size_text(*freed));
        output::line(&format!("{deleted} backups {removed}, {freed} freed; {kept} stay"))
    }

    fn row(&self, backup: &Value) -> Vec<String> {
        let what = match (backup["deleted"].as_bool(), self.dry_run) {
            (Some(true), true) => "would go",
            (Some(true), false) => "removed",
            _ => "stays",
        };
        let text = |name: &str| plain(&backup[name]);
        vec![text("tenant_id"), text("filename"), text("kind"), what.into(), why(&text("reason"))]
    }
}

/// The reason in words.
fn why(reason: &str) -> String {
    let text = match reason {
        "under_way" => "it is being made",
        "pinned" => "it is pinned",
        "other_kind" => "it is of another kind",
        "of_the_future" => "by the clock it is of a time to come",
        "not_expired" => "its time is not over",
        "never_expires" => "it goes only by hand",
        "clock_leapt" => "the clock leapt; `ruko backup resume` trusts it",
        "paused" => "the tenant shrank; `ruko backup resume TENANT` lets it go",
        "last_run_failed" => "the last run of its kind failed",
        "newest_proven" => "it is the newest that was proven",
        "newest" => "it is one of the newest",
        "rule_daily" => "it is the newest of a day that counts",
        "rule_weekly" => "it is the newest of a week that counts",
        "rule_monthly" => "it is the newest of a month that counts",
        "rule_yearly" => "it is the newest of a year that counts",
        "last_try" => "it says why the last try failed",
        "expired" => "its time is over",
        "too_old" => "it is older than --keep-days",
        "failed_long_ago" => "it failed long ago",
        other => other,
    };
    text.into()
}
