//! The SQL of tenants' domains, in the central file.

use crate::clock::Timestamp;
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::id::TenantId;
use crate::vals;

use super::model::Domain;

pub(super) fn owner_of(tx: &mut Tx<'_>, domain: &str) -> Result<Option<TenantId>> {
    let sql = "SELECT tenant_id FROM domains WHERE domain = ?1";
    Ok(tx.query_opt(sql, vals![domain], |row| Ok(row.text(0)?.into()))?)
}

pub(super) fn list(tx: &mut Tx<'_>, tenant_id: &str) -> Result<Vec<Domain>> {
    let sql = "SELECT id, domain, created_at FROM domains WHERE tenant_id = ?1 ORDER BY id";
    Ok(tx.query(sql, vals![tenant_id], |row| {
        Ok(Domain { id: row.get(0)?, domain: row.get(1)?, created_at: row.get(2)? })
    })?)
}

pub(super) fn count(tx: &mut Tx<'_>, tenant_id: &str) -> Result<i64> {
    let sql = "SELECT count(*) FROM domains WHERE tenant_id = ?1";
    Ok(tx.query_one(sql, vals![tenant_id], |row| row.get(0))?)
}

pub(super) fn insert(tx: &mut Tx<'_>, tenant_id: &str, domain: &str, now: Timestamp) -> Result<Domain> {
    let sql = "INSERT INTO domains (domain, tenant_id, created_at, updated_at) VALUES (?1, ?2, ?3, ?3)";
    let id = tx
        .insert(sql, vals![domain, tenant_id, now])
        .map_err(|error| Error::from(error).taken("domains.domain", "domain"))?;
    Ok(Domain { id, domain: domain.to_owned(), created_at: now })
}

pub(super) fn remove(tx: &mut Tx<'_>, tenant_id: &str, domain_id: i64) -> Result<()> {
    let removed = tx.execute("DELETE FROM domains WHERE tenant_id = ?1 AND id = ?2", vals![tenant_id, domain_id])?;
    if removed == 0 { Err(Error::not_found("domain", domain_id)) } else { Ok(()) }
}
