//! The SQL of tenants' keys, in the central file.

use std::collections::HashMap;

use crate::clock::Timestamp;
use crate::crypto::token::SecretHash;
use crate::db::Tx;
use crate::error::{DbError, Error, Result};
use crate::id::TenantId;
use crate::vals;

use super::keys::KeyOut;
use super::model::Tenant;
use super::store::{COLUMN_COUNT, COLUMNS, read_tenant};

/// A key with the tenant it names.
pub(super) struct KeyRow {
    pub(super) tenant: Tenant,
    pub(super) key_id: i64,
    pub(super) expires_at: Option<Timestamp>,
}

pub(super) fn tenant_of(tx: &mut Tx<'_>, hash: &SecretHash) -> Result<Option<TenantId>> {
    let sql = "SELECT tenant_id FROM api_keys WHERE hash = ?1 AND kind = 'tenant'";
    Ok(tx.query_opt(sql, vals![hash], |row| Ok(row.text(0)?.into()))?)
}

pub(super) fn find(tx: &mut Tx<'_>, hash: &SecretHash) -> Result<Option<KeyRow>> {
    let sql = format!(
        "SELECT {COLUMNS}, k.id, k.expires_at FROM api_keys k JOIN tenants t ON t.id = k.tenant_id \
         WHERE k.hash = ?1 AND k.kind = 'tenant' AND k.is_active = 1"
    );
    Ok(tx.query_opt(&sql, vals![hash], |row| {
        Ok(KeyRow { tenant: read_tenant(row)?, key_id: row.get(COLUMN_COUNT)?, expires_at: row.get(COLUMN_COUNT + 1)? })
    })?)
}

/// A key about to be written.
#[derive(Debug, Clone)]
pub(super) struct NewKeyRow {
    pub(super) name: String,
    pub(super) prefix: String,
    pub(super) hash: SecretHash,
    pub(super) expires_at: Option<Timestamp>,
    pub(super) now: Timestamp,
}

pub(super) fn insert(tx: &mut Tx<'_>, tenant_id: &str, key: &NewKeyRow) -> Result<i64> {
    let sql = "INSERT INTO api_keys (tenant_id, kind, name, prefix, hash, expires_at, created_at) \
               VALUES (?1, 'tenant', ?2, ?3, ?4, ?5, ?6)";
    let values = vals![tenant_id, &key.name, &key.prefix, &key.hash, key.expires_at, key.now];
    Ok(tx.insert(sql, values)?)
}

/// A tenant key as it is carried to another server.
#[derive(Debug, Clone)]
pub(super) struct KeyCopy {
    pub(super) name: String,
    pub(super) prefix: String,
    pub(super) hash: SecretHash,
    pub(super) expires_at: Option<Timestamp>,
    pub(super) created_at: Timestamp,
}

pub(super) fn copies(tx: &mut Tx<'_>, tenant_id: &str) -> Result<Vec<KeyCopy>> {
    let sql = "SELECT name, prefix, hash, expires_at, created_at FROM api_keys \
               WHERE tenant_id = ?1 AND kind = 'tenant' AND is_active = 1 ORDER BY id";
    Ok(tx.query(sql, vals![tenant_id], |row| {
        let hash = row.get::<Vec<u8>>(2)?;
        Ok(KeyCopy {
            name: row.get(0)?,
            prefix: row.get(1)?,
            hash: hash.try_into().map_err(|_| DbError::Corrupt("api_keys.hash is not readable".into()))?,
            expires_at: row.get(3)?,
            created_at: row.get(4)?,
        })
    })?)
}

/// Whose key this is, of whatever kind and in whatever state.
pub(super) fn owner_of(tx: &mut Tx<'_>, hash: &SecretHash) -> Result<Option<TenantId>> {
    let sql = "SELECT tenant_id FROM api_keys WHERE hash = ?1";
    Ok(tx.query_opt(sql, vals![hash], |row| Ok(row.text(0)?.into()))?)
}

pub(super) fn list(tx: &mut Tx<'_>, tenant_id: &str) -> Result<Vec<KeyOut>> {
    let sql = "SELECT id, name, prefix, is_active, expires_at, last_used_at, created_at FROM api_keys \
               WHERE tenant_id = ?1 AND kind = 'tenant' ORDER BY id";
    Ok(tx.query(sql, vals![tenant_id], |row| {
        Ok(KeyOut {
            id: row.get(0)?,
            name: row.get(1)?,
            prefix: row.get(2)?,
            is_active: row.get(3)?,
            expires_at: row.get(4)?,
            last_used_at: row.get(5)?,
            created_at: row.get(6)?,
        })
    })?)
}

/// Forgets keys that have ended; they are shown until the next change of the tenant's keys.
pub(super) fn remove_ended(tx: &mut Tx<'_>, tenant_id: &str, now: Timestamp) -> Result<()> {
    let sql = "DELETE FROM api_keys WHERE tenant_id = ?1 AND kind = 'tenant' AND expires_at <= ?2";
    tx.execute(sql, vals![tenant_id, now])?;
    Ok(())
}

pub(super) fn count(tx: &mut Tx<'_>, tenant_id: &str) -> Result<i64> {
    let sql = "SELECT count(*) FROM api_keys WHERE tenant_id = ?1 AND kind = 'tenant'";
    Ok(tx.query_one(sql, vals![tenant_id], |row| row.get(0))?)
}

/// Ends the tenant's keys at `at`, or at once by deleting them.
pub(super) fn retire(tx: &mut Tx<'_>, tenant_id: &str, at: Option<Timestamp>) -> Result<()> {
    let condition = "tenant_id = ?1 AND kind = 'tenant'";
    match at {
        None => tx.execute(&format!("DELETE FROM api_keys WHERE {condition}"), vals![tenant_id])?,
        Some(at) => tx.execute(
            &format!("UPDATE api_keys SET expires_at = min(coalesce(expires_at, ?2), ?2) WHERE {condition}"),
            vals![tenant_id, at],
        )?,
    };
    Ok(())
}

pub(super) fn remove(tx: &mut Tx<'_>, tenant_id: &str, key_id: i64) -> Result<()> {
    let sql = "DELETE FROM api_keys WHERE tenant_id = ?1 AND id = ?2 AND kind = 'tenant'";
    if tx.execute(sql, vals![tenant_id, key_id])? == 0 { Err(Error::not_found("key", key_id)) } else { Ok(()) }
}

pub(super) fn touch(tx: &mut Tx<'_>, used: &HashMap<i64, Timestamp>) -> Result<()> {
    for (id, at) in used {
        tx.execute("UPDATE api_keys SET last_used_at = ?2 WHERE id = ?1", vals![*id, *at])?;
    }
    Ok(())
}
