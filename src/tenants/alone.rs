//! A tenant's file as a whole, lent to those who copy or replace it.

use std::path::PathBuf;

use tokio::sync::{OwnedRwLockReadGuard, OwnedRwLockWriteGuard};

use crate::db::{Db, Fenced, Tx};
use crate::error::Result;
use crate::id::TenantId;

use super::model::Tenant;
use super::{Tenants, store};

/// A tenant whose file stays where it is until this is dropped.
pub struct Still {
    /// The tenant.
    pub tenant: Tenant,
    /// Its file.
    pub path: PathBuf,
    _turn: OwnedRwLockReadGuard<()>,
}

/// A tenant whose file nobody else moves, copies or replaces until this is dropped.
pub struct Alone {
    /// The tenant.
    pub tenant: Tenant,
    /// Its file.
    pub path: PathBuf,
    _turn: OwnedRwLockWriteGuard<()>,
}

impl Tenants {
    /// Keeps a tenant's file where it is.
    ///
    /// # Errors
    /// [`crate::error::Error::NotFound`]; storage errors.
    pub async fn still(&self, id: &TenantId) -> Result<Still> {
        let turn = self.hold_still(id).await;
        let tenant = self.get(id).await?;
        let path = self.file_of(&tenant.file_name()?);
        Ok(Still { tenant, path, _turn: turn })
    }

    /// Keeps everybody else from a tenant's file as a whole; requests go on.
    ///
    /// # Errors
    /// As [`Tenants::still`].
    pub async fn alone(&self, id: &TenantId) -> Result<Alone> {
        let turn = self.turn(id).await;
        let tenant = self.get(id).await?;
        let path = self.file_of(&tenant.file_name()?);
        Ok(Alone { tenant, path, _turn: turn })
    }

    /// Opens the file of a tenant, whatever its state.
    ///
    /// # Errors
    /// What opening says.
    pub async fn open_alone(&self, alone: &Alone) -> Result<Db> {
        self.shared.fleet.get(&alone.tenant.id, || Ok(alone.path.clone())).await
    }

    /// Closes the file of a tenant and keeps it closed.
    ///
    /// # Errors
    /// [`crate::error::DbError::Timeout`] when requests hold it for too long.
    pub async fn fence_alone(&self, alone: &Alone) -> Result<Fenced> {
        self.fence(&alone.tenant.id).await
    }

    /// Takes note that a tenant's file has another content, of this schema version.
    ///
    /// # Errors
    /// Storage errors.
    pub async fn restored(&self, id: &TenantId, schema_version: i64) -> Result<()> {
        let (tenant_id, now) = (id.clone(), self.shared.clock.now());
        let note =
            move |tx: &mut Tx<'_>| store::set(tx, tenant_id.as_str(), "schema_version", schema_version.into(), now);
        self.shared.central.write(note).await?;
        self.raise_epoch(id);
        Ok(())
    }
}
