//! The audit log, as handlers write it: who and from where are taken from the request.

use poem::Request;
use serde_json::Value;

use crate::activity::{Actor as Doer, AuditEntry, SentTexts};
use crate::app::App;
use crate::id::TenantId;

use super::request::{Actor, client_addr, note_tenant, notes, request_id};

/// Notes that the caller of this request did `action` to a tenant, or inside of it. Call it when
/// it is done; no secrets in `detail`.
pub fn record(app: &App, request: &Request, action: &'static str, tenant: &TenantId, detail: Value) {
    record_object(app, request, action, tenant, ("tenant", tenant.to_string()), detail);
}

/// As [`record`], for something that belongs to the tenant: its singular name and its id.
pub fn record_object(
    app: &App,
    request: &Request,
    action: &'static str,
    tenant: &TenantId,
    object: (&'static str, String),
    detail: Value,
) {
    note_tenant(request, tenant);
    let doer = match notes(request).and_then(|notes| notes.actor()) {
        None => Doer::ANONYMOUS,
        Some(Actor::Operator) => Doer::OPERATOR,
        Some(Actor::User(id)) => Doer::user(*id),
    };
    let id = request_id(request);
    let entry = AuditEntry {
        tenant: Some(tenant.clone()),
        object: Some(object),
        detail,
        ip: Some(client_addr(request)),
        sent: Some(SentTexts::new(request.uri().path(), request.header("user-agent"), Some(id.as_str()))),
        ..AuditEntry::new(doer, action)
    };
    app.activity.record_audit(entry);
}
