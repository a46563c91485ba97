//! The SQL that writes and deletes rows of the logs; `listing.rs` reads them.

use std::net::IpAddr;

use crate::clock::Timestamp;
use crate::db::Tx;
use crate::error::Result;
use crate::id::TenantId;
use crate::vals;

use super::actor::written;
use super::model::{AuditEntry, RequestEntry, SentTexts};

/// Rows one transaction of [`delete_older`] removes at most; others may write between two of them.
pub(super) const DELETE_CHUNK: usize = 5000;

/// Something recorded, on its way to the file.
#[derive(Debug)]
pub(super) enum Entry {
    Request(Timestamp, RequestEntry),
    /// Rare and large, so it does not widen the many requests in the queue.
    Audit(Timestamp, Box<AuditEntry>),
}

/// One of the two logs.
#[derive(Debug, Clone, Copy)]
pub(super) enum Log {
    Requests,
    Audit,
}

impl Log {
    pub(super) fn table(self) -> &'static str {
        match self {
            Self::Requests => "api_requests",
            Self::Audit => "audit_log",
        }
    }
}

/// Buffers for what has to be turned into text, used for one row after the other.
#[derive(Default)]
struct Buffers {
    actor: String,
    ip: String,
}

/// Writes all entries.
pub(super) fn insert(tx: &mut Tx<'_>, entries: &[Entry]) -> Result<()> {
    let mut buffers = Buffers::default();
    for entry in entries {
        match entry {
            Entry::Request(at, request) => insert_request(tx, *at, request, &mut buffers)?,
            Entry::Audit(at, audit) => insert_audit(tx, *at, audit, &mut buffers)?,
        }
    }
    Ok(())
}

fn insert_request(tx: &mut Tx<'_>, at: Timestamp, request: &RequestEntry, buffers: &mut Buffers) -> Result<()> {
    let took_us = i64::try_from(request.took.as_micros()).unwrap_or(i64::MAX);
    tx.execute(
        "INSERT INTO api_requests (created_at, tenant_id, actor_kind, actor_id, method, route, endpoint, status_code, \
         response_time_us, ip_address, user_agent, request_id) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
        vals![
            at,
            request.tenant.as_ref().map(TenantId::as_str),
            request.actor.kind.as_str(),
            request.actor.id_text(&mut buffers.actor),
            request.method,
            &*request.route,
            request.sent.path(),
            i32::from(request.status),
            took_us,
            ip_text(request.ip, &mut buffers.ip),
            request.sent.user_agent(),
            request.sent.request_id(),
        ],
    )?;
    Ok(())
}

fn insert_audit(tx: &mut Tx<'_>, at: Timestamp, audit: &AuditEntry, buffers: &mut Buffers) -> Result<()> {
    let detail = audit.detail.to_string();
    let object = audit.object.as_ref();
    tx.execute(
        "INSERT INTO audit_log (created_at, tenant_id, actor_kind, actor_id, action, object_kind, object_id, detail, \
         ip_address, user_agent, request_id) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
        vals![
            at,
            audit.tenant.as_ref().map(TenantId::as_str),
            audit.actor.kind.as_str(),
            audit.actor.id_text(&mut buffers.actor),
            audit.action,
            object.map(|(kind, _)| *kind),
            object.map(|(_, id)| id),
            &detail,
            ip_text(audit.ip, &mut buffers.ip),
            audit.sent.as_ref().and_then(SentTexts::user_agent),
            audit.sent.as_ref().and_then(SentTexts::request_id),
        ],
    )?;
    Ok(())
}

fn ip_text(ip: Option<IpAddr>, buffer: &mut String) -> Option<&str> {
    ip.map(|ip| written(ip.to_canonical(), buffer))
}

/// Deletes some rows of a log older than `before`; gives how many. Fewer than [`DELETE_CHUNK`] means
/// that none is left.
pub(super) fn delete_older(tx: &mut Tx<'_>, log: Log, before: Timestamp) -> Result<usize> {
    let table = log.table();
    let sql = format!(
        "DELETE FROM {table} WHERE id IN \
         (SELECT id FROM {table} WHERE created_at < ?1 ORDER BY created_at LIMIT {DELETE_CHUNK})"
    );
    Ok(tx.execute(&sql, vals![before])?)
}

/// Reads the newest rows of both logs, so that a file damaged where the next rows go is noticed.
pub(super) fn touch_newest(tx: &mut Tx<'_>) -> Result<()> {
    for log in [Log::Requests, Log::Audit] {
        let sql = format!("SELECT * FROM {} ORDER BY created_at DESC, id DESC LIMIT 100", log.table());
        tx.each(&sql, &[], |row| row.get::<Timestamp>(1).map(|_| true))?;
    }
    Ok(())
}
