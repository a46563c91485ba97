//! The SQL that writes and deletes rows of the logs; `listing.rs` reads them.

use std::net::IpAddr;

use crate::clock::Timestamp;
use crate::db::{Prepared, Tx};
use crate::error::Result;
use crate::id::TenantId;
use crate::vals;

use super::actor::written;
use super::model::{AuditEntry, RequestEntry, SentTexts};
use super::numbering::{Numbering, first_id};

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

const INSERT_REQUEST: &str = "INSERT INTO api_requests (id, tenant_id, actor_kind, actor_id, method, route, endpoint, \
    status_code, response_time_us, ip_address, user_agent, request_id) \
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)";
const INSERT_AUDIT: &str = "INSERT INTO audit_log (id, tenant_id, actor_kind, actor_id, action, object_kind, object_id, \
    detail, ip_address, user_agent, request_id) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)";

/// Buffers for what has to be turned into text, used for one row after the other.
#[derive(Default)]
struct Buffers {
    actor: String,
    ip: IpText,
}

/// An address as text. The next row often comes from the same one.
#[derive(Default)]
struct IpText {
    text: String,
    of: Option<IpAddr>,
}

impl IpText {
    fn write(&mut self, ip: Option<IpAddr>) -> Option<&str> {
        let ip = ip?;
        if self.of != Some(ip) {
            written(ip.to_canonical(), &mut self.text);
            self.of = Some(ip);
        }
        Some(&self.text)
    }
}

/// Writes all entries.
pub(super) fn insert(tx: &mut Tx<'_>, entries: &[Entry]) -> Result<()> {
    let mut insert = tx.prepare(INSERT_REQUEST)?;
    let (mut requests, mut audit) = (Numbering::of(Log::Requests), Numbering::of(Log::Audit));
    let mut buffers = Buffers::default();
    for entry in entries {
        match entry {
            Entry::Request(at, request) => {
                let id = requests.next(tx, *at)?;
                insert_request(tx, &mut insert, id, request, &mut buffers)?;
            }
            Entry::Audit(at, entry) => {
                let id = audit.next(tx, *at)?;
                insert_audit(tx, id, entry, &mut buffers)?;
            }
        }
    }
    Ok(())
}

fn insert_request<'c>(
    tx: &mut Tx<'c>,
    insert: &mut Prepared<'c>,
    id: i64,
    request: &RequestEntry,
    buffers: &mut Buffers,
) -> Result<()> {
    let took_us = i64::try_from(request.took.as_micros()).unwrap_or(i64::MAX);
    tx.run(
        insert,
        vals![
            id,
            request.tenant.as_ref().map(TenantId::as_str),
            request.actor.kind.as_str(),
            request.actor.id_text(&mut buffers.actor),
            request.method,
            &*request.route,
            request.sent.path(),
            i32::from(request.status),
            took_us,
            buffers.ip.write(request.ip),
            request.sent.user_agent(),
            request.sent.request_id(),
        ],
    )?;
    Ok(())
}

fn insert_audit(tx: &mut Tx<'_>, id: i64, audit: &AuditEntry, buffers: &mut Buffers) -> Result<()> {
    let detail = audit.detail.to_string();
    let object = audit.object.as_ref();
    tx.execute(
        INSERT_AUDIT,
        vals![
            id,
            audit.tenant.as_ref().map(TenantId::as_str),
            audit.actor.kind.as_str(),
            audit.actor.id_text(&mut buffers.actor),
            audit.action,
            object.map(|(kind, _)| *kind),
            object.map(|(_, id)| id),
            &detail,
            buffers.ip.write(audit.ip),
            audit.sent.as_ref().and_then(SentTexts::user_agent),
            audit.sent.as_ref().and_then(SentTexts::request_id),
        ],
    )?;
    Ok(())
}

/// Deletes some rows of a log older than `before`; gives how many. Fewer than [`DELETE_CHUNK`] means
/// that none is left.
pub(super) fn delete_older(tx: &mut Tx<'_>, log: Log, before: Timestamp) -> Result<usize> {
    Ok(tx.execute(&delete_sql(log), vals![first_id(before)])?)
}

pub(super) fn delete_sql(log: Log) -> String {
    let table = log.table();
    format!(
        "DELETE FROM {table} WHERE id <= \
         (SELECT max(id) FROM (SELECT id FROM {table} WHERE id < ?1 ORDER BY id LIMIT {DELETE_CHUNK}))"
    )
}

/// Reads the newest rows of both logs, so that a file damaged where the next rows go is noticed.
pub(super) fn touch_newest(tx: &mut Tx<'_>) -> Result<()> {
    for log in [Log::Requests, Log::Audit] {
        let sql = format!("SELECT * FROM {} ORDER BY id DESC LIMIT 100", log.table());
        tx.each(&sql, &[], |row| row.get::<i64>(0).map(|_| true))?;
    }
    Ok(())
}
