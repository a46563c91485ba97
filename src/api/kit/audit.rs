//! The way of every operation into the audit log.

use std::net::IpAddr;

use poem::Request;
use serde_json::Value;

use crate::activity::{Activity, Actor as LoggedActor, ActorKind, AuditEntry, SentTexts};
use crate::id::TenantId;

use super::credentials::app;
use super::request::{Actor, client_addr, note_tenant, notes, request_id};

/// What the audit log keeps of a request, for work that may outlast it.
#[derive(Clone)]
pub struct Auditor {
    activity: Activity,
    actor: LoggedActor,
    tenant: Option<TenantId>,
    ip: IpAddr,
    sent: SentTexts,
}

impl Auditor {
    /// Of this request; none when the router was built without an application.
    pub fn of(request: &Request) -> Option<Self> {
        let notes = notes(request);
        let user_agent = request.header("user-agent");
        Some(Self {
            activity: app(request).ok()?.activity.clone(),
            actor: logged(notes.and_then(|notes| notes.actor())),
            tenant: notes.and_then(|notes| notes.tenant().cloned()),
            ip: client_addr(request),
            sent: SentTexts::new(request.uri().path(), user_agent, Some(request_id(request).as_str())),
        })
    }

    /// The same for another tenant.
    #[must_use]
    pub fn about(self, tenant: &TenantId) -> Self {
        Self { tenant: Some(tenant.clone()), ..self }
    }

    /// As [`record`], once.
    pub fn record(self, action: &'static str, object: (&'static str, String), detail: Value) {
        self.activity.record_audit(AuditEntry {
            tenant: self.tenant,
            object: Some(object),
            detail,
            ip: Some(self.ip),
            sent: Some(self.sent),
            ..AuditEntry::new(self.actor, action)
        });
    }
}

/// Records that whoever sent this request did `action`, to `object` (its singular name and id).
/// Call it after the change is committed; it never waits. `detail` must not hold secrets.
pub fn record(request: &Request, action: &'static str, object: (&'static str, String), detail: Value) {
    if let Some(auditor) = Auditor::of(request) {
        auditor.record(action, object, detail);
    }
}

/// As [`record`], for the operator's doings with a tenant.
pub fn of_tenant(request: &Request, action: &'static str, tenant: &TenantId, detail: Value) {
    inside_tenant(request, action, tenant, ("tenant", tenant.to_string()), detail);
}

/// As [`record`], for the operator's doings with something that belongs to a tenant.
pub fn inside_tenant(
    request: &Request,
    action: &'static str,
    tenant: &TenantId,
    object: (&'static str, String),
    detail: Value,
) {
    note_tenant(request, tenant);
    record(request, action, object, detail);
}

/// As [`inside_tenant`], of a request that has to do with other tenants too.
pub fn inside_one_of_many(
    request: &Request,
    action: &'static str,
    tenant: &TenantId,
    object: (&'static str, String),
    detail: Value,
) {
    if let Some(auditor) = Auditor::of(request) {
        auditor.about(tenant).record(action, object, detail);
    }
}

/// The logs' word for who acts in a request.
pub fn logged(actor: Option<Actor>) -> LoggedActor {
    match actor {
        None => LoggedActor::ANONYMOUS,
        Some(Actor::Operator) => LoggedActor::OPERATOR,
        Some(Actor::User(id)) => LoggedActor::user(id),
        Some(Actor::TenantKey(id)) => LoggedActor::numbered(ActorKind::TenantKey, id),
    }
}
