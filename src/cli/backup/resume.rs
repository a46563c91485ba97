//! `ruko backup resume`

use clap::Args;
use http::Method;

use super::super::client::Client;
use super::super::failure::Outcome;
use super::super::globals::Globals;
use super::super::output::{self, plain};
use super::{TENANTS, named};

/// Let old backups go again that a guard has kept
#[derive(Debug, Args)]
pub struct Resume {
    /// Its id, number or file name: this tenant shrank, and that is right. Without it: the clock leapt,
    /// or the server was off for long, and the time is right
    tenant: Option<String>,
}

impl Resume {
    pub(super) async fn run(&self, globals: &Globals) -> Outcome {
        let config = globals.load(Vec::new())?.config;
        let path = match &self.tenant {
            Some(text) => format!("{TENANTS}/{}/backups/retention/resume", named(&config, text)?.id),
            None => "/api/central/backups/retention/resume".into(),
        };
        let client = Client::connect(config).await?;
        let outcome = client.call(Method::POST, &path, None).await;
        client.close().await;
        let answer = outcome?;
        if globals.json { output::json(&answer) } else { output::line(&plain(&answer["message"])) }
    }
}
