//! `/api/backups`: backups of the own tenant, for its admins.

use poem::Request;
use poem_openapi::{Object, OpenApi};
use serde_json::json;

use crate::api::Tag;
use crate::api::kit::audit;
use crate::api::kit::closed::Closed;
use crate::api::kit::created::Created;
use crate::api::kit::credentials::Admin;
use crate::api::kit::etag::{Conditions, Tagged};
use crate::api::kit::input::Input;
use crate::api::kit::params::StrictParams;
use crate::api::kit::path::Path;
use crate::api::kit::reply::Reply;
use crate::app::App;
use crate::backups::jobs::AskedBy;
use crate::backups::{Backup, Kind};
use crate::error::{Error, Result};
use crate::id::TenantId;

use super::choice::{self, OwnRestoreIn};
use super::download::{BackupDownload, Format};
use super::job_reply::JobReply;
use super::orders::{Order, Wish};
use super::own_out::{OwnBackupList, OwnBackupOut, OwnRestored};

/// Backups of the own tenant.
pub struct OwnBackupsApi(pub App);

/// How to make a backup of the own tenant.
#[derive(Debug, Object)]
struct OwnBackupIn {
    /// Whether the download is compressed with zstd; true when missing.
    compress: Option<bool>,
}

/// In which form.
#[derive(Debug, Object)]
struct FormatParams {
    /// `sql` for SQL text; the database when missing.
    format: Option<Format>,
}

#[OpenApi(prefix_path = "/api", tag = "Tag::Backups")]
impl OwnBackupsApi {
    /// List the backups of the tenant
    ///
    /// Newest first, and whether the last try was a success.
    #[oai(path = "/backups", method = "get", operation_id = "backups.list")]
    async fn list(&self, admin: Admin) -> Result<Reply<OwnBackupList>, Error> {
        let backups = self.0.backups.of_tenant(&admin.tenant.id).await?;
        let failed = self.0.backups.find_last_failed(&admin.tenant.id).await?;
        Ok(Reply(OwnBackupList::new(backups, failed)?))
    }

    /// Back the tenant up
    ///
    /// Copies its file as of one moment, checks the copy, compresses and encrypts it. The tenant
    /// serves meanwhile. One at a time.
    #[oai(path = "/backups", method = "post", operation_id = "backups.create")]
    async fn create(
        &self,
        admin: Admin,
        request: &Request,
        input: Input<Closed<OwnBackupIn>>,
    ) -> Result<JobReply<Created<OwnBackupOut>>, Error> {
        let is_compressed = input.fields().compress.unwrap_or(true);
        let order = self.order(request, &admin.tenant.id);
        let wish = Wish { is_compressed, kind: Kind::Manual, keep_days: None };
        let begun = order.back_up(wish, |backup, _| OwnBackupOut::new(backup)).await?;
        JobReply::of(request, begun, |made| Created::new(format!("/api/backups/{}", made.id), made)).await
    }

    /// Show a backup of the tenant
    #[oai(path = "/backups/:id", method = "get", operation_id = "backups.show")]
    async fn show(
        &self,
        admin: Admin,
        id: Path<String>,
        conditions: Conditions,
    ) -> Result<Tagged<OwnBackupOut>, Error> {
        let backup = choice::own(&self.0, &admin.tenant.id, &id.0).await?;
        Ok(Tagged::read(OwnBackupOut::new(backup)?, conditions))
    }

    /// Download a backup of the tenant
    ///
    /// Only where the operator allows it. Decrypted on the way: a zstd frame around a SQLite file, or that
    /// file itself. Parts can be asked for with `Range`. With `format=sql` it is SQL text, as a whole.
    #[oai(path = "/backups/:id/download", method = "get", operation_id = "backups.download")]
    async fn download(
        &self,
        admin: Admin,
        request: &Request,
        id: Path<String>,
        params: StrictParams<FormatParams>,
    ) -> Result<BackupDownload, Error> {
        let backup = choice::own(&self.0, &admin.tenant.id, &id.0).await?;
        if !self.0.config.backup.tenant_download {
            return Err(Error::Forbidden("tenants may not download backups"));
        }
        let record = |backup: &Backup| {
            let facts = json!({"file": backup.file_name});
            audit::record(request, "backup.downloaded", ("backup", backup.id.clone()), facts);
        };
        BackupDownload::of(&self.0, request, backup, params.0.format, record).await
    }

    /// Restore the tenant
    ///
    /// Puts the content of a backup into the live tenant, all of it or nothing. Requests go on: reads
    /// see the old content or the new one, writes wait. What was there before becomes a backup of the
    /// kind `pre_restore`. Tokens that were revoked and rights that were taken away since the backup
    /// stay so. With `tables` only those change; a restore after which rows would point nowhere is refused
    /// and says which tables have to go along.
    #[oai(path = "/backups/:id/restore", method = "post", operation_id = "backups.restore")]
    async fn restore(
        &self,
        admin: Admin,
        request: &Request,
        id: Path<String>,
        input: Input<Closed<OwnRestoreIn>>,
    ) -> Result<JobReply<Reply<OwnRestored>>, Error> {
        let tenant = without_file(admin);
        let backup = choice::own(&self.0, &tenant, &id.0).await?;
        choice::allow_restore(&self.0)?;
        let tables = choice::tables(input.fields().tables)?;
        let shown = |restored| OwnRestored::new(restored, "Database restored successfully");
        let begun = self.order(request, &tenant).restore(backup, tables, shown).await?;
        JobReply::of(request, begun, Reply).await
    }

    /// Undo the restore of a backup
    ///
    /// Puts back what was there before it, when it is the last restore of the tenant. What is there now
    /// becomes a backup of the kind `pre_restore` in its turn.
    #[oai(path = "/backups/:id/undo", method = "post", operation_id = "backups.undo")]
    async fn undo(
        &self,
        admin: Admin,
        request: &Request,
        id: Path<String>,
    ) -> Result<JobReply<Reply<OwnRestored>>, Error> {
        let tenant = without_file(admin);
        let restored = choice::own(&self.0, &tenant, &id.0).await?;
        choice::allow_restore(&self.0)?;
        let before = self.0.backups.find_before_last_restore(&tenant, Some(&restored.id)).await?;
        let shown = |restored| OwnRestored::new(restored, "Restore undone successfully");
        let begun = self.order(request, &tenant).undo(before, shown).await?;
        JobReply::of(request, begun, Reply).await
    }
}

impl OwnBackupsApi {
    fn order<'a>(&'a self, request: &'a Request, tenant: &'a TenantId) -> Order<'a> {
        Order { app: &self.0, request, tenant, asked_by: AskedBy::Tenant }
    }
}

/// The tenant of an admin, whose file is let go of: a restore may have to close it.
fn without_file(admin: Admin) -> TenantId {
    let Admin { tenant, db, .. } = admin;
    drop(db);
    tenant.id.clone()
}
