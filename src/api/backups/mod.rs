//! Backups: the operator's of all tenants, an admin's of the own tenant, and the jobs that make and
//! restore them.

mod choice;
mod download;
mod job_out;
mod job_reply;
mod jobs;
mod operator;
mod orders;
mod out;
mod own_out;
mod preview;
mod preview_out;
mod tenant;

use poem_openapi::OpenApi;

use crate::app::App;

/// All of them.
pub fn apis(app: &App) -> impl OpenApi + 'static {
    (
        operator::BackupsApi(app.clone()),
        jobs::JobsApi(app.clone()),
        tenant::OwnBackupsApi(app.clone()),
        jobs::OwnJobsApi(app.clone()),
        preview::PreviewsApi(app.clone()),
        preview::OwnPreviewsApi(app.clone()),
    )
}
