//! `ruko backup`: each of its commands is one operation of the central API, but for those that need no server.

mod list;
mod open;
mod rotate_key;
mod run;
mod test_destination;

use clap::Subcommand;

use super::failure::{Failure, Outcome};
use super::globals::{Globals, look_at_central};
use crate::config::Config;
use crate::error::Error;
use crate::id::{CENTRAL, TenantId};
use crate::tenants::{Tenant, TenantState, directory};

pub use list::List;
pub use open::Open;
pub(super) use open::in_words;
pub use rotate_key::{Keys, RotateKey};
pub use run::{ArtisanRun, Run};
pub use test_destination::TestDestination;

const TENANTS: &str = "/api/central/tenants";

/// Make, list and open backups
#[derive(Debug, Subcommand)]
pub enum BackupCommand {
    /// Back one tenant up, or all of them
    Run(Run),
    /// List backups
    List(List),
    /// Decrypt and unpack a backup file, on any machine
    Open(Open),
    /// List the keys of backups and how many each opens
    Keys(Keys),
    /// Encrypt backups with a new key from now on
    RotateKey(RotateKey),
    /// Try the bucket for copies out and name the setting that is wrong
    TestDestination(TestDestination),
}

impl BackupCommand {
    pub(super) async fn run(&self, globals: &Globals) -> Outcome {
        match self {
            Self::Run(run) => run.run(globals).await,
            Self::List(list) => list.run(globals).await,
            Self::Open(open) => open.run(globals),
            Self::Keys(keys) => keys.run(globals).await,
            Self::RotateKey(rotate) => rotate.run(globals).await,
            Self::TestDestination(test) => test.run(globals).await,
        }
    }
}

/// The tenant that is meant, or all that have a file, and behind them the server's own file.
fn named_or_all(config: &Config, tenant: Option<&str>) -> Outcome<Vec<TenantId>> {
    match tenant {
        Some(CENTRAL) => return Ok(vec![TenantId::central()]),
        Some(text) => return Ok(vec![named(config, text)?.id]),
        None => {}
    }
    let mut tenants = look_at_central(config)?.read(directory::all)?;
    tenants.retain(|tenant| matches!(tenant.state, TenantState::Active | TenantState::Suspended | TenantState::Frozen));
    let ids = tenants.into_iter().map(|tenant| tenant.id);
    Ok(ids.chain([TenantId::central()]).collect())
}

/// The tenant that is meant; where there is none, the original's words say so.
pub(super) fn named(config: &Config, text: &str) -> Outcome<Tenant> {
    look_at_central(config)?.read(|tx| directory::get(tx, text)).map_err(|error| match error {
        Error::NotFound { .. } => Failure::new(format!("Tenant with ID '{text}' not found!"))
            .hint("`ruko tenant list` shows ids, numbers and file names"),
        other => other.into(),
    })
}
