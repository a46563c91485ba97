//! Proving a backup: opened, unpacked and read as a restore would, before one is needed.

use std::fs::File;
use std::io::BufWriter;
use std::path::Path;
use std::sync::Arc;

use crate::clock::Timestamp;
use crate::db::inspect::{Depth, Look};
use crate::db::{TempFile, Tx, count_rows, file_error};
use crate::error::{DbError, Error, Result};
use crate::id::TenantId;

use super::container::Manifest;
use super::download::damaged;
use super::make::{TEMP_PREFIX, in_background};
use super::model::Backup;
use super::progress::{Progress, Step, Watched};
use super::{Backups, store};

/// Percent of the work that the unpacking is.
const UNPACKED: u32 = 50;

impl Backups {
    /// Looks at a finished backup from its first to its last byte and writes down what it found: the
    /// encryption, the checksum, whose it is, every page, every row. The quick depth leaves out whether
    /// indexes agree with their rows.
    ///
    /// # Errors
    /// [`Error::Conflict`] `backup_damaged`, `backup_key_missing`, which stand in the backup's row too; `cancelled`,
    /// `interrupted`; storage errors, which say nothing of the backup.
    pub async fn verify(&self, backup: Backup, depth: Depth, progress: Arc<Progress>) -> Result<Backup> {
        self.to_the_end(move |backups| async move { backups.verify_now(backup, depth, progress).await }).await
    }

    async fn verify_now(&self, backup: Backup, depth: Depth, progress: Arc<Progress>) -> Result<Backup> {
        let _permit = self.turn(&progress).await?;
        progress.enter(Step::Unpacking)?;
        let looked = self.look(&backup, depth, progress).await;
        let (id, now) = (backup.id.clone(), self.shared.clock.now());
        match looked {
            Ok(()) => {
                tracing::info!(tenant.id = %backup.tenant_id, backup.id, "backup proven");
                self.shared.central.write(move |tx| store::set_proof(tx, &id, Ok(now))).await
            }
            Err(error) if matches!(error.code(), "backup_damaged" | "backup_key_missing") => {
                let text = error.to_string();
                tracing::error!(tenant.id = %backup.tenant_id, backup.id, error = text, "a backup is not whole");
                self.shared.central.write(move |tx| store::set_proof(tx, &id, Err(&text))).await?;
                Err(error)
            }
            Err(error) => Err(error),
        }
    }

    async fn look(&self, backup: &Backup, depth: Depth, progress: Arc<Progress>) -> Result<()> {
        let unpacker = self.unpacker(backup).await?;
        let name = format!("{TEMP_PREFIX}{}.verify.db", crate::id::random_hex(8));
        let (row, to) = (backup.clone(), TempFile::new(self.shared.data_dir.tmp_dir().join(name)));
        in_background(move || {
            let total = row.content.as_ref().map_or(0, |content| content.database_bytes);
            let file = BufWriter::with_capacity(256 * 1024, File::create_new(to.path()).map_err(file_error)?);
            let mut out = Watched { to: file, progress: &progress, stretch: (0, UNPACKED), done: 0, total };
            let manifest = match unpacker.unpack(&mut out, u64::MAX) {
                Ok(manifest) => manifest,
                Err(error) => {
                    progress.check()?;
                    return Err(damaged(&row, &error));
                }
            };
            out.to.into_inner().map_err(|error| file_error(error.into_error()))?;
            progress.enter(Step::Checking)?;
            match flaw(to.path(), row.tenant_id.as_str(), &manifest, depth) {
                Ok(None) => Ok(()),
                Ok(Some(flaw)) | Err(Error::Db(DbError::Corrupt(flaw))) => Err(unsound(&row, &flaw)),
                Err(error) => Err(error),
            }
        })
        .await
    }

    /// The newest finished backup of each tenant, and of the central file, of whom none was proven since
    /// `before`; those that wait the longest first. Those that were found damaged are left out.
    ///
    /// # Errors
    /// Storage errors.
    pub async fn unproven(&self, before: Timestamp) -> Result<Vec<Backup>> {
        self.shared.central.scan(move |tx| store::unproven(tx, before)).await
    }

    /// When a backup of this tenant was last proven.
    ///
    /// # Errors
    /// Storage errors.
    pub async fn last_proven_at(&self, tenant: &TenantId) -> Result<Option<Timestamp>> {
        let tenant = tenant.clone();
        self.shared.central.read(move |tx: &mut Tx<'_>| store::last_proven_at(tx, tenant.as_str())).await
    }
}

/// What is wrong with the database of a backup, when something is. Rows that point nowhere are the tenant's and
/// were told when the backup was made.
fn flaw(database: &Path, owner: &str, manifest: &Manifest, depth: Depth) -> Result<Option<String>> {
    let look = Look::open(database)?;
    let stamp = look.stamp()?;
    if stamp.owner.as_deref() != Some(owner) {
        return Ok(Some("it carries another owner".into()));
    }
    if stamp.user_version != manifest.schema_version {
        return Ok(Some(format!("it has schema {} and not {}", stamp.user_version, manifest.schema_version)));
    }
    let mut problems = look.problems(depth)?;
    if depth == Depth::Full {
        let orphans = look.orphans()?;
        problems.retain(|problem| !orphans.contains(problem));
    }
    drop(look);
    if let Some(problem) = problems.into_iter().next() {
        return Ok(Some(problem));
    }
    let counted = count_rows(database)?;
    let differs = |table: &&String| counted.get(*table) != manifest.row_counts.get(*table);
    let table = counted.keys().chain(manifest.row_counts.keys()).find(differs);
    Ok(table.map(|table| format!("the table {table} has not the rows it had")))
}

fn unsound(backup: &Backup, flaw: &str) -> Error {
    Error::conflict("backup_damaged", format!("The backup {} is not sound: {flaw}.", backup.file_name))
}
