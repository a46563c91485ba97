//! `ruko backup`: each of its commands is one operation of the central API, but for those that need no server.

mod list;
mod open;
mod pin;
mod prune;
mod resume;
mod rotate_key;
mod run;
mod test_destination;
mod verify;

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
pub use verify::Verify;

const TENANTS: &str = "/api/central/tenants";

/// Make, list, open, keep and remove backups
#[derive(Debug, Subcommand)]
pub enum BackupCommand {
    /// Back one tenant up, or all of them
    Run(Run),
    /// List backups
    List(List),
    /// Remove backups whose time is over, as the server does every hour
    Prune(prune::Prune),
    /// Keep a backup past its time
    Pin(pin::Pin),
    /// Let a backup go when its time is over
    Unpin(pin::Pin),
    /// Let old backups go again that a guard has kept
    Resume(resume::Resume),
    /// Open backups and look at every page and row of them
    Verify(Verify),
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
            Self::Prune(prune) => prune.run(globals).await,
            Self::Pin(pin) => pin.run(globals, true).await,
            Self::Unpin(pin) => pin.run(globals, false).await,
            Self::Resume(resume) => resume.run(globals).await,
            Self::Verify(verify) => verify.run(globals).await,
            Self::Open(open) => open.run(globals),
            Self::Keys(keys) => keys.run(globals).await,
            Self::RotateKey(rotate) => rotate.run(globals).await,
            Self::TestDestination(test) => test.run(globals).await,
        }
    }
}

/// The tenant that is meant, or all that have a file, and behind them the server's own file.
fn named_or_all(config: &Config, tenant: Option<&str>) -> Outcome<Vec<TenantId>> {
    if let Some(text) = tenant {
        return Ok(vec![named_owner(config, text)?]);
    }
    let mut tenants = look_at_central(config)?.read(directory::all)?;
    tenants.retain(|tenant| matches!(tenant.state, TenantState::Active | TenantState::Suspended | TenantState::Frozen));
    let ids = tenants.into_iter().map(|tenant| tenant.id);
    Ok(ids.chain([TenantId::central()]).collect())
}

/// The tenant that is meant, or the server's own file.
pub(super) fn named_owner(config: &Config, text: &str) -> Outcome<TenantId> {
    if text == CENTRAL { Ok(TenantId::central()) } else { Ok(named(config, text)?.id) }
}

/// The tenant that is meant; where there is none, the original's words say so.
pub(super) fn named(config: &Config, text: &str) -> Outcome<Tenant> {
    look_at_central(config)?.read(|tx| directory::get(tx, text)).map_err(|error| match error {
        Error::NotFound { .. } => Failure::new(format!("Tenant with ID '{text}' not found!"))
            .hint("`ruko tenant list` shows ids, numbers and file names"),
        other => other.into(),
    })
}
