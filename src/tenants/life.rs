//! A tenant as it stands: looked up, listed, suspended, frozen, and back.

use std::time::{Duration, Instant};

use crate::db::{Fenced, Tx, Val, complete};
use crate::error::{DbError, Error, Result};
use crate::id::TenantId;

use super::model::{Tenant, TenantFilter, TenantPage, TenantState};
use super::undo::Undo;
use super::{Limits, Tenants, plans, store};

/// How long a change of a file waits for the requests that use it.
pub(super) const FENCE_PATIENCE: Duration = Duration::from_secs(10);

impl Tenants {
    /// A tenant's row.
    ///
    /// # Errors
    /// [`Error::NotFound`] also for a deleted one.
    pub async fn get(&self, id: &TenantId) -> Result<Tenant> {
        let id = id.clone();
        self.shared.central.read(move |tx| store::get(tx, id.as_str())).await
    }

    /// One page of tenants in the order they were made; `page` counts from 1.
    ///
    /// # Errors
    /// Storage errors.
    pub async fn list(&self, filter: TenantFilter, page: i64, per_page: i64) -> Result<TenantPage> {
        let offset = (page.max(1) - 1).saturating_mul(per_page);
        let work = move |tx: &mut Tx<'_>| store::list(tx, &filter, per_page, offset);
        let (tenants, total) = self.shared.central.read(work).await?;
        Ok(TenantPage { tenants, total })
    }

    /// The limits in force for a tenant.
    ///
    /// # Errors
    /// Storage errors.
    pub async fn limits(&self, tenant: &Tenant) -> Result<Limits> {
        let (code, overrides) = (tenant.plan_code.clone(), tenant.limits);
        let work = move |tx: &mut Tx<'_>| {
            let plan = plans::find(tx, &code)?.ok_or_else(|| Error::not_found("plan", &code))?;
            Ok(overrides.over(plan.limits))
        };
        self.shared.central.read(work).await
    }

    /// All credentials of the tenant answer 403 from the next request on.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Conflict`] `tenant_frozen`.
    pub async fn suspend(&self, id: &TenantId) -> Result<Tenant> {
        self.change_state(id, TenantState::Suspended).await
    }

    /// A suspended tenant serves again.
    ///
    /// # Errors
    /// As [`Tenants::suspend`].
    pub async fn resume(&self, id: &TenantId) -> Result<Tenant> {
        self.change_state(id, TenantState::Active).await
    }

    async fn change_state(&self, id: &TenantId, state: TenantState) -> Result<Tenant> {
        let id = id.clone();
        self.to_the_end(move |tenants| async move {
            let (tenant_id, now) = (id.clone(), tenants.shared.clock.now());
            let work = move |tx: &mut Tx<'_>| {
                let tenant = store::get(tx, tenant_id.as_str())?;
                if tenant.state == TenantState::Frozen {
                    return Err(Error::conflict("tenant_frozen", "The tenant is frozen; thaw it first."));
                }
                if tenant.state == state {
                    return Ok(tenant);
                }
                store::set_state(tx, tenant_id.as_str(), state, None, now)?;
                store::get(tx, tenant_id.as_str())
            };
            let changed = tenants.shared.central.write(work).await;
            tenants.raise_epoch(&id);
            changed
        })
        .await
    }

    /// Closes the tenant's file, complete, and keeps it closed until [`Tenants::thaw`], so that it
    /// can be copied. Requests answer 403 meanwhile. Gives too why the file cannot be used, when it
    /// cannot: that is how it is found, and no reason not to freeze it.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`DbError::Timeout`] when requests hold the file for too
    /// long, and then it is not frozen.
    pub async fn freeze(&self, id: &TenantId) -> Result<(Tenant, Option<DbError>)> {
        let id = id.clone();
        self.to_the_end(move |tenants| async move { tenants.freeze_now(&id).await }).await
    }

    async fn freeze_now(&self, id: &TenantId) -> Result<(Tenant, Option<DbError>)> {
        let _turn = self.turn(id).await;
        let (tenant_id, now) = (id.clone(), self.shared.clock.now());
        let work = move |tx: &mut Tx<'_>| {
            let tenant = store::get(tx, tenant_id.as_str())?;
            if tenant.state != TenantState::Frozen {
                store::set_state(tx, tenant_id.as_str(), TenantState::Frozen, None, now)?;
                store::set(tx, tenant_id.as_str(), "thaw_to", tenant.state.as_str().into(), now)?;
            }
            Ok((tenant.state, store::get(tx, tenant_id.as_str())?))
        };
        let (before, tenant) = self.shared.central.write(work).await?;
        self.raise_epoch(id);
        let closed = async {
            let fenced = self.fence(id).await?;
            let (path, owner, schema) =
                (self.file_of(&tenant.file_name()?), id.to_string(), self.shared.schema.clone());
            let trouble = self.shared.engine.run(move || {
                match complete(&path) {
                    Err(damage @ DbError::Corrupt(_)) => return Ok(Some(damage)),
                    other => other?,
                }
                Ok(schema.probe(&path, &owner).err())
            });
            let trouble = trouble.await?;
            drop(fenced);
            Ok(trouble)
        };
        match closed.await {
            Ok(trouble) => Ok((tenant, trouble)),
            Err(error) => {
                self.undo(id, Undo::Freezing(before)).await;
                Err(error)
            }
        }
    }

    /// A frozen tenant goes on as before it was frozen. Fine when it is not frozen.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn thaw(&self, id: &TenantId) -> Result<Tenant> {
        let id = id.clone();
        self.to_the_end(move |tenants| async move {
            let _turn = tenants.turn(&id).await;
            let tenant = tenants.get(&id).await?;
            if tenant.state == TenantState::Frozen {
                tenants.put_state(&id, tenant.thaw_to.unwrap_or(TenantState::Active)).await?;
            }
            tenants.get(&id).await
        })
        .await
    }

    /// Sets a state with nothing to go back to.
    pub(super) async fn put_state(&self, id: &TenantId, state: TenantState) -> Result<()> {
        let (tenant_id, now) = (id.clone(), self.shared.clock.now());
        let work = move |tx: &mut Tx<'_>| {
            store::set_state(tx, tenant_id.as_str(), state, None, now)?;
            store::set(tx, tenant_id.as_str(), "thaw_to", Val::Null, now)
        };
        self.shared.central.write(work).await?;
        self.raise_epoch(id);
        Ok(())
    }

    /// Waits until no request uses the tenant's file, and keeps it closed.
    pub(super) async fn fence(&self, id: &TenantId) -> Result<Fenced> {
        self.shared.fleet.fence(id, Instant::now() + FENCE_PATIENCE).await
    }

    /// Closes the file of a tenant that may not be used any more, when nobody uses it.
    pub(super) fn close_file(&self, id: &TenantId) {
        let (tenants, id) = (self.clone(), id.clone());
        self.shared.turns.spawn(async move {
            let _turn = tenants.turn(&id).await;
            // Somebody still at it keeps it open; whoever comes last tries this again.
            drop(tenants.fence(&id).await);
        });
    }
}
