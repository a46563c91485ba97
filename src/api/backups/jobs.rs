//! `/api/central/jobs` and `/api/jobs`: backups and restores that somebody asked for.

use poem::Request;
use poem_openapi::{Object, OpenApi};
use serde_json::json;

use crate::api::Tag;
use crate::api::kit::audit;
use crate::api::kit::credentials::{Admin, Operator};
use crate::api::kit::params::StrictParams;
use crate::api::kit::path::Path;
use crate::api::kit::reply::Reply;
use crate::app::App;
use crate::backups::jobs::{AskedBy, Filter, Job};
use crate::error::{Error, Result};
use crate::id::TenantId;

use super::job_out::{JobList, JobOut, StateName};

/// Jobs of a page when nothing else is asked for.
const ROWS: i64 = 50;

/// All jobs, for the operator.
pub struct JobsApi(pub App);

/// The jobs that a tenant's admins asked for.
pub struct OwnJobsApi(pub App);

/// Which jobs.
#[derive(Debug, Object)]
struct JobParams {
    /// With this tenant: its id, which may be one that is gone.
    #[oai(validator(max_length = 128))]
    tenant: Option<String>,
    /// In this state only.
    state: Option<StateName>,
    /// Most jobs; 50 when missing.
    #[oai(validator(minimum(value = "1"), maximum(value = "1000")))]
    limit: Option<i64>,
    /// Where to go on: the `next_cursor` of the answer before.
    #[oai(validator(max_length = 64))]
    cursor: Option<String>,
}

#[OpenApi(prefix_path = "/api/central", tag = "Tag::CentralBackups")]
impl JobsApi {
    /// List jobs
    ///
    /// Newest first: the backups and restores that somebody asked for. Those that ended are remembered for
    /// 30 days, and 10,000 at most.
    #[oai(path = "/jobs", method = "get", operation_id = "central.jobs.list")]
    async fn list(
        &self,
        _operator: Operator,
        request: &Request,
        params: StrictParams<JobParams>,
    ) -> Result<Reply<JobList>, Error> {
        let JobParams { tenant, state, limit, cursor } = params.0;
        let limit = limit.unwrap_or(ROWS);
        let filter = Filter { tenant: tenant.map(TenantId::from), state: state.map(Into::into), before: cursor };
        let (jobs, next_cursor) = self.0.backup_jobs.list(filter, limit).await?;
        let data = jobs.into_iter().map(|job| JobOut::new(job, request, AskedBy::Operator)).collect();
        Ok(Reply(JobList { data, next_cursor }))
    }

    /// Show a job
    ///
    /// How far it is, and what came of it.
    #[oai(path = "/jobs/:id", method = "get", operation_id = "central.jobs.show")]
    async fn show(&self, _operator: Operator, request: &Request, id: Path<String>) -> Result<Reply<JobOut>, Error> {
        Ok(Reply(JobOut::new(self.0.backup_jobs.get(&id.0).await?, request, AskedBy::Operator)))
    }

    /// Cancel a job
    ///
    /// It ends within the step that it is at, and nothing is changed. One that is past its point of no
    /// return, where a restore begins to replace the live data and a backup gets its name, is done to
    /// its end.
    #[oai(path = "/jobs/:id/cancel", method = "post", operation_id = "central.jobs.cancel")]
    async fn cancel(&self, _operator: Operator, request: &Request, id: Path<String>) -> Result<Reply<JobOut>, Error> {
        let job = self.0.backup_jobs.cancel(&id.0).await?;
        let facts = json!({"kind": job.kind.as_str()});
        audit::inside_tenant(request, "job.cancelled", &job.tenant_id, ("job", job.id.clone()), facts);
        Ok(Reply(JobOut::new(job, request, AskedBy::Operator)))
    }
}

#[OpenApi(prefix_path = "/api", tag = "Tag::Backups")]
impl OwnJobsApi {
    /// Show a job of the tenant
    ///
    /// How far a backup or restore is that an admin of the tenant asked for, and what came of it.
    #[oai(path = "/jobs/:id", method = "get", operation_id = "jobs.show")]
    async fn show(&self, admin: Admin, request: &Request, id: Path<String>) -> Result<Reply<JobOut>, Error> {
        Ok(Reply(JobOut::new(self.own(&admin, &id.0).await?, request, AskedBy::Tenant)))
    }

    /// Cancel a job of the tenant
    ///
    /// It ends within the step that it is at, and nothing is changed. One that is past its point of no
    /// return is done to its end.
    #[oai(path = "/jobs/:id/cancel", method = "post", operation_id = "jobs.cancel")]
    async fn cancel(&self, admin: Admin, request: &Request, id: Path<String>) -> Result<Reply<JobOut>, Error> {
        let job = self.own(&admin, &id.0).await?;
        let job = self.0.backup_jobs.cancel(&job.id).await?;
        audit::record(request, "job.cancelled", ("job", job.id.clone()), json!({"kind": job.kind.as_str()}));
        Ok(Reply(JobOut::new(job, request, AskedBy::Tenant)))
    }
}

impl OwnJobsApi {
    /// A job that an admin of the tenant asked for; to others it does not exist.
    async fn own(&self, admin: &Admin, id: &str) -> Result<Job> {
        let job = self.0.backup_jobs.get(id).await?;
        if job.asked_by == AskedBy::Tenant && job.tenant_id == admin.tenant.id {
            Ok(job)
        } else {
            Err(Error::not_found("job", id))
        }
    }
}
