//! From a bearer token to its user. Runs at every request, so the answer is cached until the
//! tenant's auth epoch moves.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use parking_lot::Mutex;
use quick_cache::sync::Cache;

use crate::bounded_cache;
use crate::clock::{Clock, Timestamp};
use crate::crypto::token::{self, SecretHash};
use crate::db::Db;
use crate::error::{Credential, Error, Result};
use crate::id::TenantId;
use crate::tenants::ActiveTenant;

use super::model::User;
use super::tokens;

/// Tokens held in memory; the least useful go first.
const TOKENS_CACHED_MAX: u32 = 50_000;
/// How often the last use of a token is written down.
const TOUCH_MS: i64 = 60_000;

/// Who a token speaks for.
#[derive(Debug)]
pub struct SignedIn {
    /// The user, as of the last change of anybody's rights in the tenant.
    pub user: User,
    /// The token's id.
    pub token_id: i64,
}

struct CachedToken {
    signed_in: Arc<SignedIn>,
    epoch: u64,
    expires_at: Option<Timestamp>,
    touched_at_ms: AtomicI64,
}

/// Tokens that were checked and are good. Cheap to clone.
#[derive(Clone)]
pub struct Sessions {
    tokens: Arc<Cache<(i64, SecretHash), Arc<CachedToken>>>,
    /// Last uses not written yet, by tenant and token id.
    used: Arc<Mutex<HashMap<TenantId, HashMap<i64, Timestamp>>>>,
    clock: Clock,
}

impl Sessions {
    /// An empty cache.
    pub fn new(clock: Clock) -> Self {
        Self { tokens: Arc::new(bounded_cache::new(TOKENS_CACHED_MAX)), used: Arc::default(), clock }
    }

    /// The user that a bearer token of this tenant speaks for. `open` gives the tenant's file; it
    /// is asked only when the token is not known.
    ///
    /// # Errors
    /// [`Error::CredentialInvalid`] for one that is unknown, expired, revoked, of a disabled user
    /// or of another tenant; what opening the file says.
    pub async fn by_token(
        &self,
        tenant: &ActiveTenant,
        bearer: &str,
        open: impl Future<Output = Result<Db>>,
    ) -> Result<Arc<SignedIn>> {
        let (claimed_id, secret) = token::split_user_token(bearer);
        let hash = token::hash(secret);
        let now = self.clock.now();
        let key = (tenant.number, hash);
        let invalid = || Error::CredentialInvalid { kind: Credential::UserToken, shown: None };
        if let Some(cached) = self.tokens.get(&key)
            && cached.epoch == tenant.epoch()
            && cached.expires_at.is_none_or(|at| at > now)
        {
            if claimed_id.is_some_and(|id| id != cached.signed_in.token_id) {
                return Err(invalid());
            }
            self.touch(&tenant.id, &cached, now);
            return Ok(cached.signed_in.clone());
        }
        let epoch = tenant.epoch();
        let row = open.await?.read(move |tx| tokens::find(tx, &hash)).await?.ok_or_else(invalid)?;
        let is_expired = row.expires_at.is_some_and(|at| at <= now);
        if is_expired || claimed_id.is_some_and(|id| id != row.token_id) {
            return Err(invalid());
        }
        let signed_in = Arc::new(SignedIn { user: row.user, token_id: row.token_id });
        let cached = CachedToken {
            signed_in: signed_in.clone(),
            epoch,
            expires_at: row.expires_at,
            touched_at_ms: AtomicI64::new(0),
        };
        self.touch(&tenant.id, &cached, now);
        self.tokens.insert(key, Arc::new(cached));
        Ok(signed_in)
    }

    fn touch(&self, tenant: &TenantId, token: &CachedToken, now: Timestamp) {
        let last = token.touched_at_ms.load(Ordering::Relaxed);
        if now.0 - last >= TOUCH_MS {
            token.touched_at_ms.store(now.0, Ordering::Relaxed);
            self.used.lock().entry(tenant.clone()).or_default().insert(token.signed_in.token_id, now);
        }
    }

    /// Takes the last uses that were not written down yet, by tenant.
    pub fn take_uses(&self) -> HashMap<TenantId, HashMap<i64, Timestamp>> {
        std::mem::take(&mut self.used.lock())
    }
}
