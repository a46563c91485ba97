//! From a tenant key to the tenant it names. Runs at every request, so the answer is cached.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use quick_cache::sync::Cache;

use crate::bounded_cache;
use crate::clock::Timestamp;
use crate::crypto::token::{self, SecretHash};
use crate::data_dir::DbName;
use crate::error::{Credential, Error, Result};
use crate::id::TenantId;

use super::epoch::{Epoch, EpochRaise};
use super::settings::Settings;
use super::{Tenants, key_store};

/// Keys held in memory; the least useful go first.
const KEYS_CACHED_MAX: u32 = 20_000;
/// How often the last use of a key is written down.
const TOUCH_MS: i64 = 60_000;

/// What a request needs to know of its tenant.
#[derive(Debug)]
pub struct ActiveTenant {
    /// Its id.
    pub id: TenantId,
    /// Its number: the integer id of the messaging APIs.
    pub number: i64,
    /// Its name, for people.
    pub name: String,
    /// Logical name of its file.
    pub db_name: DbName,
    /// Largest size of its file.
    pub max_storage_bytes: Option<u64>,
    /// Settings in force.
    pub settings: Settings,
    epoch: Epoch,
    /// The epoch before the row was read that this rests on.
    epoch_seen: u64,
}

impl ActiveTenant {
    /// Voids cached credentials of the tenant at the end of the write that owns it.
    pub fn epoch_raise(&self) -> EpochRaise {
        EpochRaise::new(self.epoch.clone())
    }

    pub(super) fn new(
        id: TenantId,
        number: i64,
        name: String,
        db_name: DbName,
        max_storage_bytes: Option<u64>,
        settings: Settings,
        (epoch, epoch_seen): (Epoch, u64),
    ) -> Self {
        Self { id, number, name, db_name, max_storage_bytes, settings, epoch, epoch_seen }
    }

    /// True when something about the tenant's rights changed since this was read.
    pub(super) fn is_stale(&self) -> bool {
        self.epoch() != self.epoch_seen
    }

    /// The tenant's auth epoch now. Read it BEFORE the row that a cached answer rests on.
    pub fn epoch(&self) -> u64 {
        self.epoch.load(Ordering::Acquire)
    }
}

/// What a tenant key that is good names.
#[derive(Debug)]
pub struct KeyUse {
    /// Id of its tenant.
    pub tenant_id: TenantId,
    /// Id of the key.
    pub key_id: i64,
    /// The tenant; [`Error::TenantNotActive`] for one that is suspended or frozen.
    pub tenant: Result<Arc<ActiveTenant>>,
}

struct CachedKey {
    tenant: Arc<ActiveTenant>,
    key_id: i64,
    epoch: u64,
    expires_at: Option<Timestamp>,
    touched_at_ms: AtomicI64,
}

/// Keys that were checked and are good.
pub(super) struct KeyCache {
    keys: Cache<SecretHash, Arc<CachedKey>>,
    /// Last uses not written yet, by key id.
    used: parking_lot::Mutex<std::collections::HashMap<i64, Timestamp>>,
}

impl Default for KeyCache {
    fn default() -> Self {
        Self { keys: bounded_cache::new(KEYS_CACHED_MAX), used: parking_lot::Mutex::default() }
    }
}

impl Tenants {
    /// The tenant that a tenant key names.
    ///
    /// # Errors
    /// [`Error::CredentialInvalid`] for an unknown, expired or revoked key; storage errors.
    pub async fn by_key(&self, key: &str) -> Result<KeyUse> {
        let hash = token::hash(key);
        let now = self.shared.clock.now();
        if let Some(cached) = self.shared.keys.keys.get(&hash)
            && cached.tenant.epoch() == cached.epoch
            && cached.expires_at.is_none_or(|at| at > now)
        {
            self.touch(&cached, now);
            let tenant = cached.tenant.clone();
            return Ok(KeyUse { tenant_id: tenant.id.clone(), key_id: cached.key_id, tenant: Ok(tenant) });
        }
        let invalid = || Error::CredentialInvalid { kind: Credential::TenantKey, shown: Some(token::masked(key)) };
        // The epoch has to be read before the row it vouches for, and only a row tells whose it is.
        let id = self.shared.central.read(move |tx| key_store::tenant_of(tx, &hash)).await?.ok_or_else(invalid)?;
        let epoch = self.shared.epochs.of(&id);
        let value = epoch.load(Ordering::Acquire);
        let row = self.shared.central.read(move |tx| key_store::find(tx, &hash)).await?.ok_or_else(invalid)?;
        if row.expires_at.is_some_and(|at| at <= now) {
            return Err(invalid());
        }
        if !row.tenant.state.is_visible() {
            return Err(invalid());
        }
        let (tenant_id, key_id) = (id, row.key_id);
        if let Err(error) = row.tenant.state.check_serving() {
            return Ok(KeyUse { tenant_id, key_id, tenant: Err(error) });
        }
        let tenant = Arc::new(row.tenant.activate(&self.shared.server_settings, epoch, value)?);
        let cached = CachedKey {
            tenant: tenant.clone(),
            key_id,
            epoch: value,
            expires_at: row.expires_at,
            touched_at_ms: AtomicI64::new(0),
        };
        self.touch(&cached, now);
        self.shared.keys.keys.insert(hash, Arc::new(cached));
        Ok(KeyUse { tenant_id, key_id, tenant: Ok(tenant) })
    }

    /// The active tenant with this id, for callers who need no key: jobs and commands.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::TenantNotActive`].
    pub async fn active(&self, id: &TenantId) -> Result<Arc<ActiveTenant>> {
        let epoch = self.shared.epochs.of(id);
        let seen = epoch.load(Ordering::Acquire);
        let tenant = self.get(id).await?;
        tenant.state.check_serving()?;
        Ok(Arc::new(tenant.activate(&self.shared.server_settings, epoch, seen)?))
    }

    /// Voids every cached credential of the tenant. Call it after a change is committed.
    pub fn raise_epoch(&self, id: &TenantId) {
        self.shared.epochs.raise(id);
    }

    fn touch(&self, key: &CachedKey, now: Timestamp) {
        let last = key.touched_at_ms.load(Ordering::Relaxed);
        if now.0 - last >= TOUCH_MS {
            key.touched_at_ms.store(now.0, Ordering::Relaxed);
            self.shared.keys.used.lock().insert(key.key_id, now);
        }
    }

    /// Writes down when keys were last used; called by a job.
    ///
    /// # Errors
    /// Any storage error; the uses are kept for the next try.
    pub async fn flush_key_uses(&self) -> Result<()> {
        let used = std::mem::take(&mut *self.shared.keys.used.lock());
        if used.is_empty() {
            return Ok(());
        }
        let batch = used.clone();
        let written = self.shared.central.write(move |tx| key_store::touch(tx, &batch)).await;
        if written.is_err() {
            let mut newer = self.shared.keys.used.lock();
            for (id, at) in used {
                newer.entry(id).or_insert(at);
            }
        }
        written
    }
}
