//! `/api/central/api-requests` and `/api/central/audit-log`

use poem_openapi::{Object, OpenApi};

use crate::api::Tag;
use crate::api::kit::credentials::Operator;
use crate::api::kit::params::StrictParams;
use crate::api::kit::reply::Reply;
use crate::app::App;
use crate::error::Error;
use crate::id::TenantId;

use super::params::{AuditParams, RequestParams, rows};
use super::rows::{AuditLogOut, RequestLogOut};

/// Most rows of a page, as the parameter takes them.
const ROWS_MAX: u32 = 1000;

/// The logs of the whole server.
pub struct CentralLogsApi(pub App);

/// Which requests of which tenant.
#[derive(Debug, Object)]
struct CentralRequestParams {
    /// About this tenant: its id, which may be one that is gone.
    #[oai(validator(max_length = 128))]
    tenant: Option<String>,
    /// Most rows; 50 when missing.
    #[oai(validator(minimum(value = "1"), maximum(value = "1000")))]
    limit: Option<i64>,
    #[oai(flatten)]
    own: RequestParams,
}

/// Which audit entries of which tenant.
#[derive(Debug, Object)]
struct CentralAuditParams {
    /// About this tenant: its id, which may be one that is gone.
    #[oai(validator(max_length = 128))]
    tenant: Option<String>,
    /// Most rows; 50 when missing.
    #[oai(validator(minimum(value = "1"), maximum(value = "1000")))]
    limit: Option<i64>,
    #[oai(flatten)]
    own: AuditParams,
}

#[OpenApi(prefix_path = "/api/central", tag = "Tag::CentralLogs")]
impl CentralLogsApi {
    /// List answered requests
    ///
    /// Newest first: every request with a known tenant or the master key. What waits to be written
    /// is written before, so a request that was answered is there.
    #[oai(path = "/api-requests", method = "get", operation_id = "central.api_requests.list")]
    async fn requests(
        &self,
        _operator: Operator,
        params: StrictParams<CentralRequestParams>,
    ) -> Result<Reply<RequestLogOut>, Error> {
        let CentralRequestParams { tenant, limit, own } = params.0;
        let mut asked = own.asked(rows(limit, ROWS_MAX), &self.0.config.locale.time_zone)?;
        asked.filter.tenant = tenant.map(TenantId::from);
        let page = self.0.activity.list_requests(asked.filter, asked.cursor.as_deref(), asked.limit).await?;
        Ok(Reply(page.into()))
    }

    /// List the audit log
    ///
    /// Newest first: what was done that may have to be accounted for, by whom, and to what.
    #[oai(path = "/audit-log", method = "get", operation_id = "central.audit_log.list")]
    async fn audit(
        &self,
        _operator: Operator,
        params: StrictParams<CentralAuditParams>,
    ) -> Result<Reply<AuditLogOut>, Error> {
        let CentralAuditParams { tenant, limit, own } = params.0;
        let mut asked = own.asked(rows(limit, ROWS_MAX), &self.0.config.locale.time_zone)?;
        asked.filter.tenant = tenant.map(TenantId::from);
        let page = self.0.activity.list_audit(asked.filter, asked.cursor.as_deref(), asked.limit).await?;
        Ok(Reply(page.into()))
    }
}
