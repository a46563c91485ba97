//! Rows of the logs as they are answered.

use poem_openapi::Object;
use poem_openapi::types::Any;
use serde::Serialize;
use serde_json::Value;

use crate::activity::{ActorKind, AuditRow, LogPage, RequestRow};
use crate::api::kit::time::Time;

/// An answered request.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "LoggedRequest")]
pub(super) struct RequestOut {
    /// Its number in the log.
    id: i64,
    /// When it was answered.
    created_at: Time,
    /// The tenant it was about.
    tenant_id: Option<String>,
    /// The user of that tenant who asked; null for all others.
    user_id: Option<i64>,
    /// Who asked, as the parameter `actor` takes it.
    actor: String,
    /// The method.
    method: String,
    /// The path, without its query.
    endpoint: String,
    /// The route that answered, as the document writes it.
    route: String,
    /// The status of the answer.
    status_code: u32,
    /// How long the answer took, in milliseconds.
    response_time_ms: i64,
    /// The same in microseconds.
    response_time_us: i64,
    /// Where it came from.
    ip_address: Option<String>,
    /// What the client calls itself.
    user_agent: Option<String>,
    /// The id of the request, as in `X-Request-Id`.
    request_id: Option<String>,
}

/// Something done that may have to be accounted for.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "AuditEntry")]
pub(super) struct AuditOut {
    /// Its number in the log.
    id: i64,
    /// When it was done.
    created_at: Time,
    /// The tenant it was done to, or inside of.
    tenant_id: Option<String>,
    /// The user of that tenant who did it; null for all others.
    user_id: Option<i64>,
    /// Who did it, as the parameter `actor` takes it.
    actor: String,
    /// What was done, dotted.
    action: String,
    /// What it was done to: `tenant`, `user`, `key`, ...
    object_kind: Option<String>,
    /// Which one.
    object_id: Option<String>,
    /// What else is worth knowing; depends on the action. Never a secret.
    detail: Any<Value>,
    /// Where the order came from.
    ip_address: Option<String>,
    /// What the client calls itself.
    user_agent: Option<String>,
    /// The id of the request that ordered it, as in `X-Request-Id`.
    request_id: Option<String>,
}

/// Requests, newest first.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "RequestLog")]
pub(super) struct RequestLogOut {
    /// The rows. With a rare filter there may be fewer than asked for, even none, and more to come.
    data: Vec<RequestOut>,
    /// What to send as `cursor` for older rows; null when there is none.
    next_cursor: Option<String>,
}

/// Audit entries, newest first.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "AuditLog")]
pub(super) struct AuditLogOut {
    /// The rows. With a rare filter there may be fewer than asked for, even none, and more to come.
    data: Vec<AuditOut>,
    /// What to send as `cursor` for older rows; null when there is none.
    next_cursor: Option<String>,
}

impl From<LogPage<RequestRow>> for RequestLogOut {
    fn from(page: LogPage<RequestRow>) -> Self {
        Self { data: page.rows.into_iter().map(RequestOut::from).collect(), next_cursor: page.next }
    }
}

impl From<LogPage<AuditRow>> for AuditLogOut {
    fn from(page: LogPage<AuditRow>) -> Self {
        Self { data: page.rows.into_iter().map(AuditOut::from).collect(), next_cursor: page.next }
    }
}

impl From<RequestRow> for RequestOut {
    fn from(row: RequestRow) -> Self {
        Self {
            id: row.id,
            created_at: Time(row.created_at),
            tenant_id: row.tenant_id,
            user_id: user_id(row.actor_kind, row.actor_id.as_deref()),
            actor: actor(row.actor_kind, row.actor_id),
            method: row.method,
            endpoint: row.endpoint,
            route: row.route,
            status_code: row.status_code,
            response_time_ms: row.response_time_us.saturating_add(500) / 1000,
            response_time_us: row.response_time_us,
            ip_address: row.ip_address,
            user_agent: row.user_agent,
            request_id: row.request_id,
        }
    }
}

impl From<AuditRow> for AuditOut {
    fn from(row: AuditRow) -> Self {
        Self {
            id: row.id,
            created_at: Time(row.created_at),
            tenant_id: row.tenant_id,
            user_id: user_id(row.actor_kind, row.actor_id.as_deref()),
            actor: actor(row.actor_kind, row.actor_id),
            action: row.action,
            object_kind: row.object_kind,
            object_id: row.object_id,
            detail: Any(row.detail),
            ip_address: row.ip_address,
            user_agent: row.user_agent,
            request_id: row.request_id,
        }
    }
}

fn user_id(kind: ActorKind, id: Option<&str>) -> Option<i64> {
    id.filter(|_| kind == ActorKind::User)?.parse().ok()
}

fn actor(kind: ActorKind, id: Option<String>) -> String {
    id.map_or_else(|| kind.as_str().to_owned(), |id| format!("{}:{id}", kind.as_str()))
}
