//! `ruko schedule:run`, for cron lines that were written for artisan.

use clap::Args;

use super::client::Client;
use super::failure::{Failure, Outcome};
use super::globals::Globals;
use crate::jobs;

/// Run the jobs that are due
#[derive(Debug, Args)]
pub struct Run {}

impl Run {
    /// A server has its own schedule, so beside one there is nothing to do. Without one no job was
    /// run since the last time, so all of them are due.
    pub(super) async fn run(&self, globals: &Globals) -> Outcome {
        let config = globals.load(Vec::new())?.config;
        let Some(client) = Client::if_free(config).await? else { return Ok(()) };
        let failed = match client.app() {
            Some(app) => jobs::run_once(app, jobs::all()).await,
            None => Vec::new(),
        };
        client.close().await;
        match failed.as_slice() {
            [] => Ok(()),
            failed => Err(Failure::new(failed.join("\n      "))),
        }
    }
}
