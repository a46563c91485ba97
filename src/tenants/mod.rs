//! Tenants: their rows in the central file, their keys, their life from creation to the trash.
//!
//! Invariants: a tenant's file is reached through [`Tenants::open`] only; every change that
//! touches what a credential may do raises the tenant's auth epoch after it is committed, and
//! cached credentials of an older epoch are void; what moves a file runs to its end even when the
//! caller hangs up, and what a crash leaves half done is finished or undone by the next start.

mod access;
mod alone;
mod behind;
mod change;
mod check;
mod create;
pub mod directory;
mod domain_store;
mod domains;
mod epoch;
mod key_store;
mod keys;
mod life;
mod migrate;
mod model;
mod parking;
mod plans;
mod recover;
mod scheduled;
mod settings;
mod store;
mod transfer;
mod trash;
mod turns;
mod undo;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::clock::Clock;
use crate::crypto::Keyring;
use crate::data_dir::{DataDir, DbName};
use crate::db::{Db, Engine, Fleet, Schema};
use crate::error::{DbError, Error, Result};
use crate::id::TenantId;

pub use access::{ActiveTenant, KeyUse};
pub use alone::{Alone, Still};
pub use epoch::EpochRaise;
pub use keys::{KeyIn, KeyOut, NewKey};
pub use model::{
    ConnectionNotes, Domain, Limits, LimitsPatch, MigrationFailure, NewTenant, Origin, Plan, Tenant, TenantFilter,
    TenantPage, TenantPatch, TenantState,
};
pub use scheduled::Scheduled;
pub use settings::{BackupSettings, OwnSettings, Settings, SettingsPatch};
pub use transfer::{Export, ImportOptions, Upload, is_leftover};

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
    /// What counts for tenants without settings of their own.
    server_settings: Settings,
    epochs: epoch::Epochs,
    keys: access::KeyCache,
    turns: turns::Turns,
    parking: parking::Parking,
    /// Changes that are still to be taken back.
    undos: Mutex<HashMap<TenantId, undo::Undo>>,
    /// Exports and imports that may run at once: each keeps a processor and the disk busy.
    transfers: Arc<tokio::sync::Semaphore>,
}

/// See [`Shared::transfers`].
const TRANSFERS_AT_ONCE: usize = 2;
/// How often a request looks again for a tenant that is being changed.
const OPEN_TRIES: usize = 3;

impl Tenants {
    /// Tenants of an open central file. `server_settings` count for tenants without their own.
    #[allow(clippy::too_many_arguments, reason = "called once, with what the server is made of")]
    pub fn new(
        central: Db,
        fleet: Fleet,
        engine: Engine,
        schema: Arc<Schema>,
        data_dir: DataDir,
        keyring: Keyring,
        clock: Clock,
        server_settings: Settings,
    ) -> Self {
        let (epochs, keys, turns, parking, undos) = Default::default();
        let transfers = Arc::new(tokio::sync::Semaphore::new(TRANSFERS_AT_ONCE));
        Self {
            shared: Arc::new(Shared {
                central,
                fleet,
                engine,
                schema,
                data_dir,
                keyring,
                clock,
                server_settings,
                epochs,
                keys,
                turns,
                parking,
                undos,
                transfers,
            }),
        }
    }

    /// The open file of a tenant that may be used now.
    ///
    /// # Errors
    /// What opening the file says, see [`Fleet::get`], or has said of a tenant that is parked; [`Error::TenantNotActive`] and
    /// [`Error::NotFound`] when that changed since the request was let in.
    pub async fn open(&self, tenant: &ActiveTenant) -> Result<Db> {
        let mut newer: Option<Arc<ActiveTenant>> = None;
        for _ in 0..OPEN_TRIES {
            let known = newer.as_deref().unwrap_or(tenant);
            if !known.is_stale() {
                let opened = self.open_file(known).await;
                // While this waited, the file may have got another name, or been closed for good.
                if !known.is_stale() {
                    return opened;
                }
            }
            match self.active(&tenant.id).await {
                Ok(now) => newer = Some(now),
                Err(error) => {
                    self.close_file(&tenant.id);
                    return Err(error);
                }
            }
        }
        self.open_file(newer.as_deref().unwrap_or(tenant)).await
    }

    async fn open_file(&self, tenant: &ActiveTenant) -> Result<Db> {
        // A file that was renamed while this waited is not looked for under its old name.
        let path = || {
            if tenant.is_stale() {
                return Err(DbError::Unavailable("the file has moved".into()).into());
            }
            Ok(self.file_of(&tenant.db_name))
        };
        self.expect_not_parked(&tenant.id, &tenant.db_name).await?;
        let opened = self.shared.fleet.get(&tenant.id, path).await;
        if let Err(Error::Db(error @ DbError::MigrationFailed { .. })) = &opened {
            self.park(&tenant.id, &tenant.db_name, error).await;
        }
        let db = opened?;
        db.set_max_bytes(tenant.max_storage_bytes);
        Ok(db)
    }

    /// The settings in force for a tenant.
    pub fn settings(&self, tenant: &Tenant) -> Settings {
        tenant.settings.in_force(&self.shared.server_settings)
    }

    /// The file of all tenants' rows, for features that keep rows of their own in it.
    pub fn central(&self) -> &Db {
        &self.shared.central
    }

    /// The open files.
    pub fn fleet(&self) -> &Fleet {
        &self.shared.fleet
    }

    fn file_of(&self, db_name: &DbName) -> PathBuf {
        self.shared.data_dir.tenant_file(db_name)
    }
}

/// A caller's look at a tenant as it is before a change; an error of it refuses the change.
pub trait TenantCheck: Fn(&Tenant) -> Result<()> + Send + Sync + 'static {}
impl<F: Fn(&Tenant) -> Result<()> + Send + Sync + 'static> TenantCheck for F {}

/// The name a file can have, from a text of a client.
///
/// # Errors
/// [`Error::Invalid`] on `db_name`.
fn parse_db_name(text: &str) -> Result<DbName> {
    text.parse().map_err(|_| Error::field("db_name", create::db_name_rule()))
}
