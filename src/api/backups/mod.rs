//! Backups: the operator's of all tenants, an admin's of the own tenant, and the jobs that make and
//! restore them.

mod alerts;
mod choice;
mod destinations;
mod download;
mod health;
mod instance;
mod job_out;
mod job_reply;
mod jobs;
mod keys;
mod kinds;
mod operator;
mod orders;
mod out;
mod own_out;
mod pause_out;
mod pieces;
mod preview;
mod preview_out;
mod retention;
mod sql_dump;
mod tenant;
mod verify;

use poem_openapi::OpenApi;

use crate::app::App;

pub use out::size_text;

/// All of them.
pub fn apis(app: &App) -> impl OpenApi + 'static {
    (
        operator::BackupsApi(app.clone()),
        retention::RetentionApi(app.clone()),
        verify::VerifyApi(app.clone()),
        keys::BackupKeysApi(app.clone()),
        destinations::DestinationsApi(app.clone()),
        instance::InstanceApi(app.clone()),
        alerts::AlertsApi(app.clone()),
        health::BackupHealthApi::new(app.clone()),
        jobs::JobsApi(app.clone()),
        tenant::OwnBackupsApi(app.clone()),
        jobs::OwnJobsApi(app.clone()),
        preview::PreviewsApi(app.clone()),
        preview::OwnPreviewsApi(app.clone()),
    )
}
