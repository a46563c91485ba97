//! Tenants whose file could not be brought to the newest schema. Such a migration fails again as long
//! as the file is the same, and may take long to do so; so it is tried again only when the file has
//! changed, when somebody asks for it, and after a restart.

use std::collections::HashMap;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::sync::atomic::AtomicU32;

use parking_lot::Mutex;

use crate::data_dir::DbName;
use crate::db::{Tx, advice};
use crate::error::{DbError, Result};
use crate::id::TenantId;

use super::model::MigrationFailure;
use super::{Tenants, behind};

/// The tenants that are parked now.
#[derive(Default)]
pub(super) struct Parking {
    parked: Mutex<HashMap<TenantId, Parked>>,
    /// What [`Tenants::count_behind`] last found, for the metrics.
    pub(super) behind: AtomicU32,
}

#[derive(Clone)]
struct Parked {
    error: DbError,
    file: Option<Fingerprint>,
}

/// By which a file is known to be the same: device, inode, size, and the time of its last change.
type Fingerprint = (u64, u64, u64, (i64, i64));

fn fingerprint(path: &Path) -> Option<Fingerprint> {
    let found = path.metadata().ok()?;
    Some((found.dev(), found.ino(), found.len(), (found.mtime(), found.mtime_nsec())))
}

impl Tenants {
    /// How many tenants are parked.
    pub fn parked_count(&self) -> usize {
        self.shared.parking.parked.lock().len()
    }

    /// Fine unless the tenant is parked and its file still the one that failed.
    ///
    /// # Errors
    /// The one that parked it.
    pub(super) async fn expect_not_parked(&self, id: &TenantId, db_name: &DbName) -> Result<()> {
        let Some(parked) = self.shared.parking.parked.lock().get(id).cloned() else { return Ok(()) };
        if self.fingerprint_of(db_name).await? == parked.file {
            return Err(parked.error.into());
        }
        self.release(id);
        Ok(())
    }

    /// Parks a tenant, and says so once.
    pub(super) async fn park(&self, id: &TenantId, db_name: &DbName, error: &DbError) {
        let (id, db_name, error) = (id.clone(), db_name.clone(), error.clone());
        let parking = self.to_the_end(move |tenants| async move {
            let parked = Parked { error: error.clone(), file: tenants.fingerprint_of(&db_name).await? };
            let before = tenants.shared.parking.parked.lock().insert(id.clone(), parked);
            if before.is_some_and(|before| before.error == error) {
                return Ok(());
            }
            tracing::error!(
                tenant.id = %id, tenant.db_name = %db_name, error.code = error.code(), %error, advice = advice(&error),
                "tenant is parked: its file could not be migrated"
            );
            tenants.note_failure(&id, &error).await
        });
        if let Err(error) = parking.await {
            tracing::warn!(%error, "a migration that failed could not be noted with its tenant");
        }
    }

    /// The next request may try again.
    pub(super) fn release(&self, id: &TenantId) {
        self.shared.parking.parked.lock().remove(id);
        self.shared.fleet.forget_failure(id);
    }

    /// Writes down with the tenant why its file could not be migrated.
    pub(super) async fn note_failure(&self, id: &TenantId, error: &DbError) -> Result<()> {
        let failure =
            MigrationFailure { code: error.code().into(), text: error.to_string(), at: self.shared.clock.now() };
        let version = if let DbError::MigrationFailed { from, .. } = error { Some(*from) } else { None };
        let id = id.clone();
        let note = move |tx: &mut Tx<'_>| behind::note_failure(tx, id.as_str(), &failure, version);
        self.shared.central.write(note).await
    }

    async fn fingerprint_of(&self, db_name: &DbName) -> Result<Option<Fingerprint>> {
        let path = self.file_of(db_name);
        self.shared.engine.run(move || Ok(fingerprint(&path))).await
    }
}
