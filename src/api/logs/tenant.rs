//! `/api/activity/requests` and `/api/activity/audit`: what happened in the own tenant.
//!
//! What the operator did to the tenant is left out, whatever is asked: it carries addresses and
//! names that are not the tenant's.

use poem_openapi::{Object, OpenApi};

use crate::api::Tag;
use crate::api::kit::credentials::Admin;
use crate::api::kit::params::StrictParams;
use crate::api::kit::per_page::PerPage;
use crate::api::kit::reply::Reply;
use crate::app::App;
use crate::error::Error;

use super::params::{AuditParams, RequestParams, rows};
use super::rows::{AuditLogOut, RequestLogOut};

/// The logs of one tenant.
pub struct TenantLogsApi(pub App);

/// Which requests, and how many.
#[derive(Debug, Object)]
struct OwnRequestParams {
    /// Most rows; 50 when missing, if there may be as many.
    limit: Option<PerPage>,
    #[oai(flatten)]
    own: RequestParams,
}

/// Which audit entries, and how many.
#[derive(Debug, Object)]
struct OwnAuditParams {
    /// Most rows; 50 when missing, if there may be as many.
    limit: Option<PerPage>,
    #[oai(flatten)]
    own: AuditParams,
}

#[OpenApi(prefix_path = "/api/activity", tag = "Tag::Activity")]
impl TenantLogsApi {
    /// List requests to the tenant
    ///
    /// Newest first: every answered request with a key of the tenant.
    #[oai(path = "/requests", method = "get", operation_id = "activity.requests")]
    async fn requests(
        &self,
        admin: Admin,
        params: StrictParams<OwnRequestParams>,
    ) -> Result<Reply<RequestLogOut>, Error> {
        let limit = rows(params.0.limit.map(|rows| rows.0), self.0.config.limits.max_page_size);
        let mut asked = params.0.own.asked(limit, &admin.tenant.settings.time_zone)?;
        (asked.filter.tenant, asked.filter.is_inside_only) = (Some(admin.tenant.id.clone()), true);
        let page = self.0.activity.list_requests(asked.filter, asked.cursor.as_deref(), asked.limit).await?;
        Ok(Reply(page.into()))
    }

    /// List what was done in the tenant
    ///
    /// Newest first: what may have to be accounted for, by which user, and to what.
    #[oai(path = "/audit", method = "get", operation_id = "activity.audit")]
    async fn audit(&self, admin: Admin, params: StrictParams<OwnAuditParams>) -> Result<Reply<AuditLogOut>, Error> {
        let limit = rows(params.0.limit.map(|rows| rows.0), self.0.config.limits.max_page_size);
        let mut asked = params.0.own.asked(limit, &admin.tenant.settings.time_zone)?;
        (asked.filter.tenant, asked.filter.is_inside_only) = (Some(admin.tenant.id.clone()), true);
        let page = self.0.activity.list_audit(asked.filter, asked.cursor.as_deref(), asked.limit).await?;
        Ok(Reply(page.into()))
    }
}
