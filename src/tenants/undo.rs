//! Taking back a change that could not be finished. That takes writes too, and on a full disk they
//! may fail like those before; then it is tried again: when the tenant is next changed, by a job, and
//! at the latest by the next start (see `recover`).

use std::path::PathBuf;

use crate::data_dir::DbName;
use crate::db::move_closed;
use crate::error::Result;
use crate::id::TenantId;

use super::Tenants;
use super::model::{Origin, Tenant, TenantState};

/// What is to be taken back.
#[derive(Debug, Clone)]
pub(super) enum Undo {
    /// Making a tenant: its row, and its file when there may be one.
    Creation(Option<(DbName, Origin)>),
    /// Deleting it, or letting its file go.
    Leaving(Box<Tenant>),
    /// Freezing it, which was in this state.
    Freezing(TenantState),
    /// Giving its file another name; where it is, and where it was, if it has moved.
    Renaming(Option<(PathBuf, PathBuf)>),
}

impl Tenants {
    /// Takes a change back, now or when it can be. The caller holds the tenant's turn, or is the only
    /// one who knows the tenant.
    pub(super) async fn undo(&self, id: &TenantId, undo: Undo) {
        if let Err(error) = self.try_undo(id, &undo).await {
            tracing::warn!(tenant.id = %id, %error, "a refused change cannot be taken back yet; it is tried again");
            self.shared.undos.lock().insert(id.clone(), undo);
        }
    }

    async fn try_undo(&self, id: &TenantId, undo: &Undo) -> Result<()> {
        match undo.clone() {
            Undo::Creation(Some((db_name, origin))) => self.clear_half_made(id, &db_name, origin).await,
            Undo::Creation(None) => self.forget(id).await,
            Undo::Leaving(tenant) => self.stay(&tenant).await,
            Undo::Freezing(before) => self.put_state(id, before).await,
            Undo::Renaming(moved) => {
                if let Some((from, to)) = moved {
                    let back = move || if from.exists() { move_closed(&from, &to) } else { Ok(()) };
                    self.shared.engine.run(back).await?;
                }
                self.unreserve(id).await
            }
        }
    }

    /// Tries again what could not be taken back for one tenant. The caller holds its turn.
    pub(super) async fn undo_again(&self, id: &TenantId) {
        // It stays in the list until it is done, so that others wait for it.
        let waiting = self.shared.undos.lock().get(id).cloned();
        if let Some(undo) = waiting
            && self.try_undo(id, &undo).await.is_ok()
        {
            self.shared.undos.lock().remove(id);
            tracing::info!(tenant.id = %id, "a refused change is taken back now");
        }
    }

    /// Tries again what could not be taken back for any tenant.
    pub async fn undo_waiting(&self) {
        let waiting: Vec<TenantId> = self.shared.undos.lock().keys().cloned().collect();
        for id in waiting {
            // Who has the turn tries it first of all.
            drop(self.turn(&id).await);
        }
    }
}
