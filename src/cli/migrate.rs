//! `ruko migrate`

use clap::Args;
use futures_util::StreamExt as _;
use http::Method;
use serde_json::json;

use super::client::Client;
use super::failure::{Failure, Outcome};
use super::globals::{Globals, look_at_central};
use super::{output, progress};
use crate::config::Config;
use crate::tenants::{Tenant, TenantState, directory};

/// Files that are brought up to date at the same time: alone, and beside a server, which has to
/// answer requests as well.
const AT_ONCE: usize = 8;
const AT_ONCE_BESIDE: usize = 2;

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

/// What became of one tenant's file: whether it was changed, or why it could not be.
struct Done {
    tenant: Tenant,
    outcome: Result<bool, String>,
}

impl Migrate {
    pub(super) async fn run(&self, globals: &Globals) -> Outcome {
        let _ = self.force;
        let config = globals.load(Vec::new())?.config;
        let client = match self.named() {
            Some(_) => Client::connect(config.clone()).await?,
            // What people type first on a new machine.
            None => Client::connect_or_begin(config.clone()).await?,
        };
        if let Some(root) = client.begun() {
            let other = "was another one meant? Remove it, and name the right one with --data-dir (RUKO_DATA_DIR)";
            eprintln!("note: {} is a data directory from now on; {other}", root.display());
        }
        let outcome = match self.due(&config) {
            Ok(due) => report(&migrate_all(&client, due).await, globals.json),
            Err(failure) => Err(failure),
        };
        client.close().await;
        outcome
    }

    fn named(&self) -> Option<&str> {
        self.tenant.as_deref().or(self.tenants.as_deref())
    }

    /// The tenants whose files are looked at. A frozen file is promised not to change.
    fn due(&self, config: &Config) -> Outcome<Vec<Tenant>> {
        let central = look_at_central(config)?;
        let mut tenants = match self.named() {
            Some(text) => vec![central.read(|tx| directory::get(tx, text))?],
            None => central.read(directory::all)?,
        };
        tenants.retain(|tenant| matches!(tenant.state, TenantState::Active | TenantState::Suspended));
        Ok(tenants)
    }
}

/// One that fails stops no other.
async fn migrate_all(client: &Client, due: Vec<Tenant>) -> Vec<Done> {
    let bar = progress::over_tenants(due.len() as u64);
    let work = due.into_iter().map(|tenant| {
        let bar = bar.clone();
        async move {
            let outcome = migrate(client, &tenant).await;
            bar.inc(1);
            Done { tenant, outcome }
        }
    });
    let at_once = if client.app().is_some() { AT_ONCE } else { AT_ONCE_BESIDE };
    let done = futures_util::stream::iter(work).buffered(at_once).collect().await;
    bar.finish_and_clear();
    done
}

async fn migrate(client: &Client, tenant: &Tenant) -> Result<bool, String> {
    if let Some(app) = client.app() {
        let outcome = app.tenants.migrate(&tenant.id).await;
        return outcome.map(|outcome| outcome.from < outcome.to).map_err(|error| error.to_string());
    }
    let path = format!("/api/central/tenants/{}", tenant.id);
    match client.call(Method::POST, &format!("{path}/migrate"), None).await {
        Ok(answer) => Ok(answer["data"]["from"] != answer["data"]["to"]),
        Err(failure) => {
            // No answer shows the cause of a 5xx; what is noted with the tenant does.
            let shown = client.call(Method::GET, &path, None).await.unwrap_or_default();
            let noted = shown["data"]["migration_error"]["message"].as_str().map(str::to_owned);
            Err(noted.unwrap_or_else(|| failure.to_string()))
        }
    }
}

fn report(done: &[Done], is_json: bool) -> Outcome {
    let changed = done.iter().filter(|done| done.outcome == Ok(true)).count();
    let failed: Vec<_> = done.iter().filter_map(|done| Some((&done.tenant, done.outcome.as_ref().err()?))).collect();
    let current = done.len() - changed - failed.len();
    if is_json {
        let failed: Vec<_> =
            failed.iter().map(|(tenant, error)| json!({"tenant": tenant.id, "error": error})).collect();
        output::json(&json!({"migrated": changed, "current": current, "failed": failed}))?;
    } else {
        output::line(&format!("central file up to date; tenants: {changed} migrated, {current} up to date already"))?;
    }
    if failed.is_empty() {
        return Ok(());
    }
    let lines: Vec<_> =
        failed.iter().map(|(tenant, error)| format!("{} ({}.db): {error}", tenant.id, tenant.db_name)).collect();
    let what =
        format!("{} files could not be migrated, the others are served:\n  {}", failed.len(), lines.join("\n  "));
    let hint = "nothing in them was changed; `ruko doctor` tells more about each of them";
    Err(Failure::new(what).hint(hint))
}
