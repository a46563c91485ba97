//! The auth epoch of each tenant: the number that voids cached credentials.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

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
