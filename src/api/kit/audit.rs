//! The way of every operation into the audit log.

use poem::Request;
use serde_json::Value;

use crate::activity::{Actor as LoggedActor, ActorKind, AuditEntry, SentTexts};
use crate::id::TenantId;

use super::credentials::app;
use super::request::{Actor, client_addr, note_tenant, notes, request_id};

/// Records that whoever sent this request did `action`, to `object` (its singular name and id).
/// Call it after the change is committed; it never waits. `detail` must not hold secrets.
pub fn record(request: &Request, action: &'static str, object: (&'static str, String), detail: Value) {
    let Ok(app) = app(request) else { return };
    let notes = notes(request);
    let user_agent = request.header("user-agent");
    app.activity.record_audit(AuditEntry {
        tenant: notes.and_then(|notes| notes.tenant().cloned()),
        object: Some(object),
        detail,
        ip: Some(client_addr(request)),
        sent: Some(SentTexts::new(request.uri().path(), user_agent, Some(request_id(request).as_str()))),
        ..AuditEntry::new(logged(notes.and_then(|notes| notes.actor())), action)
    });
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

/// The logs' word for who acts in a request.
pub fn logged(actor: Option<Actor>) -> LoggedActor {
    match actor {
        None => LoggedActor::ANONYMOUS,
        Some(Actor::Operator) => LoggedActor::OPERATOR,
        Some(Actor::User(id)) => LoggedActor::user(id),
        Some(Actor::TenantKey(id)) => LoggedActor::numbered(ActorKind::TenantKey, id),
    }
}
