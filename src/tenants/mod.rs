//! Tenants: their rows in the central file, their keys, their life from creation to the trash.
//!
//! Invariants: a tenant's file is reached through [`Tenants::open`] only; every change that
//! touches what a credential may do raises the tenant's auth epoch after it is committed, and
//! cached credentials of an older epoch are void.

mod access;
mod create;
mod domains;
mod epoch;
mod keys;
mod life;
mod model;
mod store;

use std::path::PathBuf;
use std::sync::Arc;

use crate::clock::Clock;
use crate::crypto::Keyring;
use crate::data_dir::{DataDir, DbName};
use crate::db::{Db, Engine, Fleet, Schema};
use crate::error::{DbError, Error, Result};

pub use access::ActiveTenant;
pub use epoch::EpochRaise;
pub use keys::{KeyIn, KeyOut, NewKey};
pub use model::{
    ConnectionNotes, Domain, Limits, LimitsPatch, NewTenant, Plan, Tenant, TenantFilter, TenantPage, TenantPatch,
    TenantState,
};

/// Everything about tenants that is not inside one tenant's file. Cheap to clone.
#[derive(Clone)]
pub struct Tenants {
    shared: Arc<Shared>,
}

struct Shared {
    /// The file of all tenants' rows.
    central: Db,
    fleet: Fleet,
    engine: Engine,
    schema: Arc<Schema>,
    data_dir: DataDir,
    keyring: Keyring,
    clock: Clock,
    epochs: epoch::Epochs,
    keys: access::KeyCache,
}

impl Tenants {
    /// Tenants of an open central file.
    pub fn new(
        central: Db,
        fleet: Fleet,
        engine: Engine,
        schema: Arc<Schema>,
        data_dir: DataDir,
        keyring: Keyring,
        clock: Clock,
    ) -> Self {
        let (epochs, keys) = (epoch::Epochs::default(), access::KeyCache::new());
        Self { shared: Arc::new(Shared { central, fleet, engine, schema, data_dir, keyring, clock, epochs, keys }) }
    }

    /// The open file of a tenant that may be used now.
    ///
    /// # Errors
    /// What opening the file says, see [`Fleet::get`].
    pub async fn open(&self, tenant: &ActiveTenant) -> Result<Db> {
        let db = match self.shared.fleet.get(&tenant.id, || self.file_of(&tenant.db_name)).await {
            // The file may have been renamed while this request was under way.
            Err(Error::Db(DbError::Unavailable(text))) => {
                let now = self.active(&tenant.id).await?;
                if now.db_name == tenant.db_name {
                    return Err(DbError::Unavailable(text).into());
                }
                self.shared.fleet.get(&tenant.id, || self.file_of(&now.db_name)).await?
            }
            other => other?,
        };
        db.set_max_bytes(tenant.max_storage_bytes);
        Ok(db)
    }

    /// The open files.
    pub fn fleet(&self) -> &Fleet {
        &self.shared.fleet
    }

    fn file_of(&self, db_name: &DbName) -> PathBuf {
        self.shared.data_dir.tenant_file(db_name)
    }
}

fn parse_db_name(text: &str) -> Result<DbName> {
    text.parse().map_err(|_| {
        let rule = crate::error::Rule::Other(
            "db_name",
            "The db name may only contain letters, digits, dashes and underscores, at most 64.".into(),
        );
        Error::field("db_name", rule)
    })
}
