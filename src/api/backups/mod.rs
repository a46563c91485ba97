//! Backups: the operator's of all tenants, an admin's of the own tenant, and the jobs that make and
//! restore them.

mod destinations;
mod download;
mod instance;
mod job_out;
mod job_reply;
mod jobs;
mod keys;
mod operator;
mod orders;
mod out;
mod own_out;
mod pieces;
mod sql_dump;
mod tenant;

use poem_openapi::OpenApi;

use crate::app::App;

/// All of them.
pub fn apis(app: &App) -> impl OpenApi + 'static {
    (
        operator::BackupsApi(app.clone()),
        keys::BackupKeysApi(app.clone()),
        destinations::DestinationsApi(app.clone()),
        instance::InstanceApi(app.clone()),
        jobs::JobsApi(app.clone()),
        tenant::OwnBackupsApi(app.clone()),
        jobs::OwnJobsApi(app.clone()),
    )
}
