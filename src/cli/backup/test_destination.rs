//! `ruko backup test-destination`

use clap::Args;
use http::Method;

use super::super::client::Client;
use super::super::failure::{Failure, Outcome};
use super::super::globals::Globals;
use super::super::output::{self, plain};

/// Try the bucket for copies out and name the setting that is wrong
#[derive(Debug, Args)]
pub struct TestDestination;

impl TestDestination {
    pub(super) async fn run(&self, globals: &Globals) -> Outcome {
        let client = Client::connect(globals.load(Vec::new())?.config).await?;
        let outcome = client.call(Method::POST, "/api/central/backups/destinations/test", None).await;
        client.close().await;
        let answer = outcome?;
        if globals.json {
            output::json(&answer)?;
        } else {
            let steps = answer["steps"].as_array().into_iter().flatten();
            let rows: Vec<_> =
                steps.map(|step| ["step", "state", "error"].map(|field| plain(&step[field])).to_vec()).collect();
            output::table(&["Step", "State", "Why"], &rows)?;
        }
        if answer["ok"] == true {
            return Ok(());
        }
        let failed = answer["steps"].as_array().into_iter().flatten().find(|step| step["state"] == "failed");
        let why = failed.map(|step| format!("{}: {}", plain(&step["step"]), plain(&step["error"]))).unwrap_or_default();
        Err(Failure::new(format!("copies cannot be kept in the bucket as it is set up: {why}"))
            .hint("`ruko config` shows where each setting comes from"))
    }
}
