//! Tenant keys: made, listed, replaced, revoked. A key is shown once and stored as its hash.

use std::time::Duration;

use crate::clock::Timestamp;
use crate::crypto::token;
use crate::db::Tx;
use crate::error::{Error, Result, Rule};
use crate::id::TenantId;

use super::key_store::{self, NewKeyRow};
use super::{Tenants, store};

/// Keys a tenant may have at once.
pub(super) const KEYS_MAX: i64 = 100;

/// What a new key is made of.
#[derive(Debug, Clone, Default)]
pub struct KeyIn {
    /// What it is called.
    pub name: String,
    /// When it ends by itself.
    pub expires_at: Option<Timestamp>,
}

/// A key, once: its text is not stored.
#[derive(Debug, Clone)]
pub struct NewKey {
    /// Its id.
    pub id: i64,
    /// Its text.
    pub key: String,
}

/// A key as it may be shown at any time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyOut {
    /// Its id.
    pub id: i64,
    /// What it is called.
    pub name: String,
    /// Its first characters.
    pub prefix: String,
    /// False once it was switched off.
    pub is_active: bool,
    /// When it ends.
    pub expires_at: Option<Timestamp>,
    /// When it was last used, to the minute.
    pub last_used_at: Option<Timestamp>,
    /// Created.
    pub created_at: Timestamp,
}

/// A fresh key: its text, and the row that is stored of it.
pub(super) fn fresh(input: &KeyIn, now: Timestamp) -> (String, NewKeyRow) {
    let key = token::new_tenant_key();
    let row = NewKeyRow {
        name: input.name.clone(),
        prefix: token::masked(&key),
        hash: token::hash(&key),
        expires_at: input.expires_at,
        now,
    };
    (key, row)
}

impl Tenants {
    /// The keys of a tenant.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn list_keys(&self, id: &TenantId) -> Result<Vec<KeyOut>> {
        let id = id.clone();
        let work = move |tx: &mut Tx<'_>| {
            tx.snapshot()?;
            store::get(tx, id.as_str())?;
            key_store::list(tx, id.as_str())
        };
        self.shared.central.read(work).await
    }

    /// A further key for a tenant.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Conflict`] `too_many_keys`.
    pub async fn create_key(&self, id: &TenantId, input: KeyIn) -> Result<NewKey> {
        let now = self.shared.clock.now();
        if input.expires_at.is_some_and(|at| at <= now) {
            let rule = Rule::Other("in_the_past", "The expires at field must be a date in the future.".into());
            return Err(Error::field("expires_at", rule));
        }
        let (key, row) = fresh(&input, now);
        let tenant_id = id.clone();
        let work = move |tx: &mut Tx<'_>| {
            store::get(tx, tenant_id.as_str())?;
            check_room(tx, tenant_id.as_str(), now)?;
            key_store::insert(tx, tenant_id.as_str(), &row)
        };
        Ok(NewKey { id: self.shared.central.write(work).await?, key })
    }

    /// Revokes one key; it stops at once.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn remove_key(&self, id: &TenantId, key_id: i64) -> Result<()> {
        let tenant_id = id.clone();
        self.to_the_end(move |tenants| async move {
            let removed_of = tenant_id.clone();
            let work = move |tx: &mut Tx<'_>| {
                store::get(tx, removed_of.as_str())?;
                key_store::remove(tx, removed_of.as_str(), key_id)
            };
            tenants.shared.central.write(work).await?;
            tenants.raise_epoch(&tenant_id);
            Ok(())
        })
        .await
    }

    /// Replaces all keys of a tenant by a new one. The old ones stop at once, or after `overlap`.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Conflict`] `too_many_keys` with an overlap.
    pub async fn regenerate_key(&self, id: &TenantId, overlap: Option<Duration>) -> Result<NewKey> {
        let now = self.shared.clock.now();
        let (key, row) = fresh(&KeyIn { name: "default".into(), expires_at: None }, now);
        let retired_at = overlap.filter(|overlap| !overlap.is_zero()).map(|overlap| now.plus(overlap));
        let tenant_id = id.clone();
        self.to_the_end(move |tenants| async move {
            let made_for = tenant_id.clone();
            let work = move |tx: &mut Tx<'_>| {
                store::get(tx, made_for.as_str())?;
                key_store::retire(tx, made_for.as_str(), retired_at)?;
                check_room(tx, made_for.as_str(), now)?;
                key_store::insert(tx, made_for.as_str(), &row)
            };
            let key_id = tenants.shared.central.write(work).await?;
            tenants.raise_epoch(&tenant_id);
            Ok(NewKey { id: key_id, key })
        })
        .await
    }
}

/// Makes room by forgetting keys that have ended.
///
/// # Errors
/// [`Error::Conflict`] `too_many_keys`.
fn check_room(tx: &mut Tx<'_>, tenant_id: &str, now: Timestamp) -> Result<()> {
    key_store::remove_ended(tx, tenant_id, now)?;
    if key_store::count(tx, tenant_id)? < KEYS_MAX {
        return Ok(());
    }
    Err(Error::conflict("too_many_keys", format!("A tenant may have {KEYS_MAX} keys; revoke one first.")))
}
