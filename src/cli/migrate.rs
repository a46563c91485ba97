//! `ruko migrate`

use std::time::Duration;

use clap::Args;
use futures_util::StreamExt as _;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

use super::client::{Client, Missing};
use super::failure::{Failure, IN_USE, Outcome};
use super::globals::{Globals, look_at_data_dir};
use super::output;
use crate::config::Config;
use crate::db::inspect::Look;
use crate::db::{MigrationOutcome, Schema};
use crate::error::Error;
use crate::tenants::{Tenant, TenantState, directory};

/// Files that are brought up to date at the same time.
const AT_ONCE: usize = 8;

/// Bring the central file and every tenant's file to the newest schema
#[derive(Debug, Args)]
pub struct Migrate {
    /// Only this tenant: its id, number or file name
    #[arg(value_name = "TENANT")]
    tenant: Option<String>,
    /// As the argument, in the spelling of artisan
    #[arg(long, value_name = "TENANT", conflicts_with = "tenant", hide = true)]
    tenants: Option<String>,
    /// Accepted for scripts written for artisan
    #[arg(long, hide = true)]
    force: bool,
}

/// What became of one tenant's file.
struct Done {
    tenant: Tenant,
    outcome: Result<MigrationOutcome, Error>,
}

impl Migrate {
    pub(super) async fn run(&self, globals: &Globals) -> Outcome {
        let _ = self.force;
        let config = globals.load(Vec::new())?.config;
        let client = Client::connect(config.clone(), Missing::Make).await?;
        let outcome = match client.app() {
            Some(app) => {
                let due = self.due(&config)?;
                let bar = progress(due.len() as u64);
                let work = due.into_iter().map(|tenant| {
                    let (tenants, bar) = (app.tenants.clone(), bar.clone());
                    async move {
                        let outcome = tenants.migrate(&tenant.id).await;
                        bar.inc(1);
                        Done { tenant, outcome }
                    }
                });
                let done: Vec<Done> = futures_util::stream::iter(work).buffered(AT_ONCE).collect().await;
                bar.finish_and_clear();
                report(&done, globals.json)
            }
            None => self.look(&config, globals.json),
        };
        client.close().await;
        outcome
    }

    /// The tenants whose files are looked at. A frozen file is promised not to change.
    fn due(&self, config: &Config) -> Outcome<Vec<Tenant>> {
        let central = Look::open(&look_at_data_dir(config)?.central_db())?;
        let named = self.tenant.as_ref().or(self.tenants.as_ref());
        let mut tenants = match named {
            Some(text) => vec![central.read(|tx| directory::get(tx, text))?],
            None => central.read(directory::all)?,
        };
        tenants.retain(|tenant| matches!(tenant.state, TenantState::Active | TenantState::Suspended));
        Ok(tenants)
    }

    /// Beside a server nothing is migrated behind its back: it has migrated the central file, and
    /// does each tenant's at its first open. So this only says whether anything is left.
    fn look(&self, config: &Config, is_json: bool) -> Outcome {
        let (data_dir, latest) = (look_at_data_dir(config)?, Schema::tenant()?.latest());
        let is_behind = |tenant: &Tenant| {
            let path = data_dir.tenants_dir().join(format!("{}.db", tenant.db_name));
            let version = Look::open(&path).and_then(|look| look.stamp()).map(|stamp| stamp.user_version);
            version.is_ok_and(|version| version < latest)
        };
        let due = self.due(config)?;
        let behind = due.iter().filter(|tenant| is_behind(tenant)).count();
        if behind == 0 {
            return if is_json {
                output::json(&json!({"migrated": 0, "current": due.len(), "failed": []}))
            } else {
                output::line(&format!("nothing to do: a server runs, and {} files are up to date", due.len()))
            };
        }
        let what =
            format!("a server runs, and {behind} of {} files wait for their first use to be migrated", due.len());
        Err(Failure::new(what).hint("stop the server to migrate them all at once").with_code(IN_USE))
    }
}

fn report(done: &[Done], is_json: bool) -> Outcome {
    let changed = done.iter().filter(|done| done.outcome.as_ref().is_ok_and(|moved| moved.from < moved.to)).count();
    let failed: Vec<_> = done.iter().filter_map(|done| Some((&done.tenant, done.outcome.as_ref().err()?))).collect();
    let current = done.len() - changed - failed.len();
    if is_json {
        let failed: Vec<_> =
            failed.iter().map(|(tenant, error)| json!({"tenant": tenant.id, "error": error.to_string()})).collect();
        output::json(&json!({"migrated": changed, "current": current, "failed": failed}))?;
    } else {
        output::line(&format!("central file up to date; tenants: {changed} migrated, {current} up to date already"))?;
    }
    if failed.is_empty() {
        return Ok(());
    }
    let lines: Vec<_> = failed.iter().map(|(tenant, error)| format!("{}: {error}", tenant.id)).collect();
    let what =
        format!("{} files could not be migrated, the others are served:\n  {}", failed.len(), lines.join("\n  "));
    Err(Failure::new(what).hint("`ruko doctor` tells more about each of them"))
}

/// A bar on standard error; it hides itself where that is no terminal.
fn progress(count: u64) -> ProgressBar {
    let bar = ProgressBar::new(count);
    let style = ProgressStyle::with_template("{wide_bar} {pos}/{len} tenants, {eta} left");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}
