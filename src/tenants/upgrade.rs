//! What is done before the file of a tenant is brought to a newer schema for the first time: other
//! features may want to keep it as it is.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};

use parking_lot::Mutex;
use tokio::sync::OnceCell;

use crate::id::TenantId;

use super::{Tenants, store};

/// Work that a tenant's upgrade waits for. It has a bound of its own and cannot refuse.
pub type BeforeUpgrade = Arc<dyn Fn(TenantId) -> Pin<Box<dyn Future<Output = ()> + Send>> + Send + Sync>;

#[derive(Default)]
pub(super) struct Upgrades {
    before: OnceLock<BeforeUpgrade>,
    /// The tenants that were behind in the time of this process: done, or just being.
    begun: Mutex<HashMap<TenantId, Arc<OnceCell<()>>>>,
}

impl Tenants {
    /// Sets what every upgrade waits for, once.
    pub fn before_upgrades(&self, work: BeforeUpgrade) {
        let _ = self.shared.upgrades.before.set(work);
    }

    /// Does it for a tenant whose file is behind, once in the life of the process; others who want the
    /// file wait for it. Without tenants that are behind this costs nothing. The caller has no turn.
    pub(super) async fn prepare_upgrade(&self, id: &TenantId) {
        let Some(before) = self.shared.upgrades.before.get() else { return };
        if self.behind_when_last_counted() == 0 || self.shared.fleet.is_open(id) || !self.is_behind(id).await {
            return;
        }
        let cell = self.shared.upgrades.begun.lock().entry(id.clone()).or_default().clone();
        cell.get_or_init(|| before(id.clone())).await;
    }

    async fn is_behind(&self, id: &TenantId) -> bool {
        let (id, latest) = (id.clone(), self.shared.schema.latest());
        let tenant = self.shared.central.read(move |tx| store::get(tx, id.as_str())).await;
        tenant.is_ok_and(|tenant| tenant.schema_version < latest)
    }
}
