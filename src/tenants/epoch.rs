//! The auth epoch of each tenant: the number that voids cached credentials.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use parking_lot::Mutex;

use crate::id::{TenantId, random_u64};

/// Counter of one tenant. What was checked under another value is no longer known to be good.
pub(super) type Epoch = Arc<AtomicU64>;

/// The epochs of all tenants that were asked for since the start.
#[derive(Default)]
pub(super) struct Epochs {
    by_tenant: Mutex<HashMap<TenantId, Epoch>>,
}

impl Epochs {
    /// The tenant's counter; random at first, so that nothing survives a restart by chance.
    pub(super) fn of(&self, id: &TenantId) -> Epoch {
        let mut by_tenant = self.by_tenant.lock();
        by_tenant.entry(id.clone()).or_insert_with(|| Arc::new(AtomicU64::new(random_u64()))).clone()
    }

    /// Voids everything cached about the tenant. Call it after the change is committed.
    pub(super) fn raise(&self, id: &TenantId) {
        self.of(id).fetch_add(1, Ordering::AcqRel);
    }
}

/// Raises a tenant's epoch when a write that changes what credentials may do has come to its end.
///
/// The write's closure owns it: closures end once their outcome stands and before the caller hears
/// of it, also when the caller has hung up meanwhile. Raising the epoch after the `await` instead
/// would leave a revoked token good for whoever drops the connection at the right moment.
#[derive(Debug)]
pub struct EpochRaise {
    epoch: Epoch,
    is_armed: AtomicBool,
}

impl EpochRaise {
    pub(super) fn new(epoch: Epoch) -> Self {
        Self { epoch, is_armed: AtomicBool::new(false) }
    }

    /// The write did change something; call it inside the closure.
    pub fn arm(&self) {
        self.is_armed.store(true, Ordering::Relaxed);
    }
}

impl Drop for EpochRaise {
    fn drop(&mut self) {
        if *self.is_armed.get_mut() {
            self.epoch.fetch_add(1, Ordering::AcqRel);
        }
    }
}
