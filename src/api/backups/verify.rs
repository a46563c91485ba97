//! `/api/central/backups/{id}/verify`: a backup is opened and looked at as a restore would.

use poem::Request;
use poem_openapi::{Object, OpenApi};
use serde_json::json;

use crate::api::Tag;
use crate::api::kit::audit::Auditor;
use crate::api::kit::closed::Closed;
use crate::api::kit::credentials::Operator;
use crate::api::kit::input::Input;
use crate::api::kit::path::Path;
use crate::api::kit::reply::Reply;
use crate::api::kit::request::note_tenant;
use crate::app::App;
use crate::backups::jobs::{AskedBy, Kind, NewJob};
use crate::db::inspect::Depth;
use crate::error::Error;

use super::job_reply::JobReply;
use super::out::BackupOut;

/// Proving backups.
pub struct VerifyApi(pub App);

/// How hard to look.
#[derive(Debug, Object)]
struct VerifyIn {
    /// Whether indexes are compared with their rows too, which takes much longer; false when missing.
    deep: Option<bool>,
}

#[OpenApi(prefix_path = "/api/central/backups", tag = "Tag::CentralBackups")]
impl VerifyApi {
    /// Verify a backup
    ///
    /// Decrypts and unpacks it into a file that goes again, checks the checksum, every page and the number
    /// of rows of every table, and writes down that it is proven or what is wrong with it.
    #[oai(path = "/:id/verify", method = "post", operation_id = "central.backups.verify")]
    async fn verify(
        &self,
        _operator: Operator,
        request: &Request,
        id: Path<String>,
        input: Input<Closed<VerifyIn>>,
    ) -> Result<JobReply<Reply<BackupOut>>, Error> {
        let backup = self.0.backups.get(&id.0).await?;
        if backup.content.is_none() {
            return Err(Error::not_found("backup", &id.0));
        }
        let depth = if input.fields().deep.unwrap_or(false) { Depth::Full } else { Depth::Quick };
        note_tenant(request, &backup.tenant_id);
        let (app, auditor) = (self.0.clone(), Auditor::of(request));
        let job = NewJob { kind: Kind::Verify, tenant: backup.tenant_id.clone(), asked_by: AskedBy::Operator };
        let work = move |progress| async move {
            let (id, file) = (backup.id.clone(), backup.file_name.clone());
            let looked = app.backups.verify(backup, depth, progress).await;
            if let Some(auditor) = auditor {
                auditor.record("backup.verified", ("backup", id), json!({"file": file, "is_whole": looked.is_ok()}));
            }
            BackupOut::new(looked?, &app)
        };
        JobReply::of(request, self.0.backup_jobs.begin(job, work).await?, Reply).await
    }
}
