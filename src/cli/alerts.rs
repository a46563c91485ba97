//! `ruko alerts`: each of its commands is one operation of the central API.

use clap::{Args, Subcommand};
use http::Method;
use serde_json::Value;

use super::client::Client;
use super::failure::{Failure, Outcome};
use super::globals::Globals;
use super::output::{self, plain};

const ALERTS: &str = "/api/central/backups/alerts";

/// Show what is wrong with backups, and test whether somebody would hear of it
#[derive(Debug, Subcommand)]
pub enum AlertsCommand {
    /// List what is wrong with backups now
    List(List),
    /// Send a test by mail, to the webhook and to the heartbeat URL
    Test(Test),
}

/// List what is wrong with backups now
#[derive(Debug, Args)]
pub struct List {}

/// Send a test by mail, to the webhook and to the heartbeat URL
#[derive(Debug, Args)]
pub struct Test {}

impl AlertsCommand {
    pub(super) async fn run(&self, globals: &Globals) -> Outcome {
        let (method, path) = match self {
            Self::List(_) => (Method::GET, ALERTS.to_owned()),
            Self::Test(_) => (Method::POST, format!("{ALERTS}/test")),
        };
        let client = Client::connect(globals.load(Vec::new())?.config).await?;
        let outcome = client.call(method, &path, None).await;
        client.close().await;
        let answer = outcome?;
        if globals.json {
            output::json(&answer)?;
        }
        match self {
            Self::List(_) if globals.json => Ok(()),
            Self::List(_) => list(&answer),
            Self::Test(_) => judge(&answer, globals.json),
        }
    }
}

fn rows(answer: &Value) -> impl Iterator<Item = &Value> {
    answer["data"].as_array().into_iter().flatten()
}

fn list(answer: &Value) -> Outcome {
    let columns = ["condition", "tenant_id", "tenant_name", "since", "detail"];
    let lines: Vec<_> = rows(answer).map(|row| columns.map(|column| plain(&row[column])).to_vec()).collect();
    if lines.is_empty() {
        output::line("nothing is wrong with backups")?;
    } else {
        output::table(&["What", "Tenant", "Name", "Since", "Detail"], &lines)?;
        let more = answer["total"].as_u64().unwrap_or(0).saturating_sub(lines.len() as u64);
        if more > 0 {
            output::line(&format!("and {more} more"))?;
        }
    }
    for channel in answer["undelivered"].as_array().into_iter().flatten() {
        let text = |name: &str| plain(&channel[name]);
        output::line(&format!("not delivered: {}, {}: {}", text("channel"), text("setting"), text("error")))?;
    }
    Ok(())
}

/// Fails when a channel does not deliver, and when there is none.
fn judge(answer: &Value, is_json: bool) -> Outcome {
    let (mut failed, mut is_any) = (Vec::new(), false);
    for row in rows(answer) {
        let text = |name: &str| plain(&row[name]);
        let outcome = text("outcome");
        is_any |= outcome != "off";
        if outcome == "failed" {
            failed.push(format!("{} failed: {}: {}", text("channel"), text("setting"), text("error")));
        } else if !is_json {
            output::line(&format!("{}: {outcome}", text("channel")))?;
        }
    }
    if !failed.is_empty() {
        return Err(
            Failure::new(failed.join("\n      ")).hint("`ruko config` shows the settings and where they come from")
        );
    }
    if !is_any {
        let hint = "set alerts.email with mail.host, alerts.webhook_url or alerts.heartbeat_url";
        return Err(Failure::new("nobody would hear of an alert: no channel is set".to_owned()).hint(hint));
    }
    Ok(())
}
