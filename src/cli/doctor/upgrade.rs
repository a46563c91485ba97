//! What needs the application: it is started in this process, as a command does without a server, and
//! so finishes what a crash left half done and brings the central file to its newest version.

use super::Patient;
use crate::app::App;
use crate::clock::Clock;
use crate::db::MigrationOutcome;
use crate::error::Result;
use crate::id::TenantId;

/// Brings the files of these tenants to the newest version too; the outcomes in their order. The error
/// is a text for people.
pub(super) async fn run(patient: &Patient, ids: &[TenantId]) -> Result<Vec<Result<MigrationOutcome>>, String> {
    let (config, data_dir) = (patient.config.clone(), patient.data_dir.clone());
    let app = App::start_for_command(config, data_dir, Clock::system()).await.map_err(|error| error.to_string())?;
    let mut outcomes = Vec::with_capacity(ids.len());
    for id in ids {
        outcomes.push(app.tenants.migrate(id).await);
    }
    app.shut_down().await;
    Ok(outcomes)
}
