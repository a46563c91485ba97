//! Changes of tenants' files: one at a time for each tenant, and each to its end.

use std::collections::HashMap;
use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use tokio::sync::{OwnedRwLockReadGuard, OwnedRwLockWriteGuard, RwLock};
use tokio_util::task::TaskTracker;

use crate::error::{Error, Result};
use crate::id::TenantId;

use super::Tenants;

/// Who may touch a tenant's file as a whole, and the work under way.
#[derive(Default)]
pub(super) struct Turns {
    by_tenant: Mutex<HashMap<TenantId, Weak<RwLock<()>>>>,
    tasks: TaskTracker,
}

impl Turns {
    fn of(&self, id: &TenantId) -> Arc<RwLock<()>> {
        let mut by_tenant = self.by_tenant.lock();
        by_tenant.retain(|_, turn| turn.strong_count() > 0);
        by_tenant.get(id).and_then(Weak::upgrade).unwrap_or_else(|| {
            let turn = Arc::default();
            by_tenant.insert(id.clone(), Arc::downgrade(&turn));
            turn
        })
    }

    /// Starts work that nobody waits for but the end of the server.
    pub(super) fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        self.tasks.spawn(work);
    }
}

impl Tenants {
    /// Waits until nobody else moves, copies or checks the tenant's file.
    pub(super) async fn turn(&self, id: &TenantId) -> OwnedRwLockWriteGuard<()> {
        let turn = self.shared.turns.of(id).write_owned().await;
        self.undo_again(id).await;
        turn
    }

    /// Waits until nobody moves the tenant's file, and keeps it where it is meanwhile.
    pub(super) async fn hold_still(&self, id: &TenantId) -> OwnedRwLockReadGuard<()> {
        self.shared.turns.of(id).read_owned().await
    }

    /// Runs work of several steps to its end, also when the caller hangs up in between: half of it
    /// would leave a tenant that nobody can use.
    pub(super) async fn to_the_end<T, F>(&self, work: impl FnOnce(Self) -> F) -> Result<T>
    where
        T: Send + 'static,
        F: Future<Output = Result<T>> + Send + 'static,
    {
        let task = self.shared.turns.tasks.spawn(work(self.clone()));
        task.await.map_err(|error| Error::internal(anyhow::anyhow!("work on a tenant broke off: {error}")))?
    }

    /// Waits for everything that is under way. Call it when no more requests come.
    pub async fn finish_work(&self) {
        self.shared.turns.tasks.close();
        self.shared.turns.tasks.wait().await;
    }
}
