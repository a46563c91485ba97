//! Removing backups by hand.

use crate::db::Tx;
use crate::error::Result;
use crate::id::TenantId;

use super::model::Backup;
use super::{Backups, copies, retention, store};

impl Backups {
    /// Removes a backup and, by and by, its copy: the file first, so that a row without a file tells of a half deletion, and
    /// never a file without a row.
    ///
    /// # Errors
    /// Storage errors.
    pub async fn delete(&self, backup: &Backup) -> Result<()> {
        let root = self.shared.data_dir.backups_dir();
        let (path, folder) = (root.join(backup.stored_path()), root.join(&backup.folder));
        let id = backup.id.clone();
        let remove = move || {
            crate::db::remove_closed(&path)?;
            retention::folders::remove_empty(&root, &folder);
            Ok(())
        };
        self.to_the_end(move |backups| async move {
            backups.shared.engine.run(remove).await?;
            let can_remove = backups.shared.options.bucket.as_ref().is_none_or(|bucket| !bucket.is_write_only);
            let now = backups.shared.clock.now();
            let forget = move |tx: &mut Tx<'_>| {
                copies::store::leave(tx, &id, can_remove, now)?;
                store::remove(tx, &id)
            };
            backups.shared.central.write(forget).await
        })
        .await
    }

    /// Removes every backup of a tenant, pinned ones too: nothing of it is to be left.
    ///
    /// # Errors
    /// The first storage error.
    pub async fn forget(&self, tenant: &TenantId) -> Result<()> {
        let id = tenant.clone();
        for backup in self.shared.central.read(move |tx| store::ended_of(tx, id.as_str())).await? {
            self.delete(&backup).await?;
        }
        self.resume_retention(tenant).await.map(|_| ())
    }

    /// Removes what lies under the name of a backup that there is none of.
    pub(super) fn remove_file(&self, backup: &Backup) {
        let path = self.shared.data_dir.backups_dir().join(backup.stored_path());
        if let Err(error) = crate::db::remove_closed(&path) {
            tracing::error!(file = %path.display(), %error, "the file of a failed backup could not be removed");
        }
    }
}
