//! `/api/central/tenants/{id}/backup`, `.../backups`, `.../restore` and `/api/central/backups/stats`

use poem::Request;
use poem_openapi::{Object, OpenApi};
use serde_json::json;

use crate::api::Tag;
use crate::api::kit::audit;
use crate::api::kit::closed::Closed;
use crate::api::kit::credentials::Operator;
use crate::api::kit::input::Input;
use crate::api::kit::params::{Params, StrictParams};
use crate::api::kit::path::Path;
use crate::api::kit::reply::Reply;
use crate::app::App;
use crate::backups::jobs::AskedBy;
use crate::error::{Error, Result};
use crate::id::TenantId;

use super::choice::{self, RestoreIn};
use super::download::{BackupDownload, Wanted};
use super::job_reply::JobReply;
use super::orders::Order;
use super::out::{BackupDeleted, BackupList, BackupMade, BackupOut, BackupRestored, BackupStatsOut};

/// Backups of tenants.
pub struct BackupsApi(pub App);

/// How to make a backup.
#[derive(Debug, Object)]
struct BackupIn {
    /// Whether the download is compressed with zstd; true when missing.
    compress: Option<bool>,
}

/// Which backup.
#[derive(Debug, Object)]
pub(super) struct FileParams {
    /// Name of the backup, as the list shows it.
    pub(super) file: Option<String>,
}

/// Which backup.
#[derive(Debug, Object)]
struct DeleteIn {
    /// Name of the backup, as the list shows it; it may be sent as a parameter too.
    #[oai(validator(max_length = 255))]
    file: Option<String>,
}

#[OpenApi(prefix_path = "/api/central", tag = "Tag::CentralBackups")]
impl BackupsApi {
    /// Back a tenant up
    ///
    /// Copies its file as of one moment, checks the copy, compresses and encrypts it. The tenant
    /// serves meanwhile.
    #[oai(path = "/tenants/:id/backup", method = "post", operation_id = "central.backups.create")]
    async fn create(
        &self,
        _operator: Operator,
        request: &Request,
        id: Path<String>,
        input: Input<BackupIn>,
    ) -> Result<JobReply<Reply<BackupMade>>, Error> {
        let tenant = self.0.tenants.get(&TenantId::from(id.0)).await?;
        let is_compressed = input.compress.unwrap_or(true);
        let (id, name) = (tenant.id, tenant.name);
        let tenant_id = id.to_string();
        let shown = move |backup, app: &App| {
            let message = "Backup created successfully".into();
            let data = BackupOut::new(backup, app)?;
            Ok(BackupMade { message, tenant_id, tenant_name: name, compressed: is_compressed, data })
        };
        let begun = self.order(request, &id).back_up(is_compressed, shown).await?;
        JobReply::of(request, begun, Reply).await
    }

    /// List the backups of a tenant
    ///
    /// Newest first. `checksum` is the SHA-256 of what a download gives.
    #[oai(path = "/tenants/:id/backups", method = "get", operation_id = "central.backups.list")]
    async fn list(&self, _operator: Operator, id: Path<String>) -> Result<Reply<BackupList>, Error> {
        let id = TenantId::from(id.0);
        self.0.tenants.get(&id).await?;
        let backups = self.0.backups.of_tenant(&id).await?;
        let data = backups.into_iter().map(|backup| BackupOut::new(backup, &self.0)).collect::<Result<Vec<_>>>()?;
        Ok(Reply(BackupList { total: data.len() as u64, data }))
    }

    /// Download a backup
    ///
    /// Decrypted on the way: a zstd frame around a SQLite file, or that file itself. Parts can be
    /// asked for with `Range`.
    #[oai(path = "/tenants/:id/backups/download", method = "get", operation_id = "central.backups.download")]
    async fn download(
        &self,
        _operator: Operator,
        request: &Request,
        id: Path<String>,
        params: Params<FileParams>,
    ) -> Result<BackupDownload, Error> {
        let id = TenantId::from(id.0);
        self.0.tenants.get(&id).await?;
        let backup = choice::named(&self.0, &id, params.0.file.as_deref().ok_or(Error::BackupNameMissing)?).await?;
        let wanted = Wanted::of(request, &backup)?;
        let facts = json!({"file": backup.file_name});
        audit::inside_tenant(request, "backup.downloaded", &id, ("backup", backup.id.clone()), facts);
        let download = self.0.backups.open(&backup, wanted.from()).await?;
        Ok(BackupDownload::new(download, wanted))
    }

    /// Restore a tenant
    ///
    /// Puts the content of a backup into the live tenant, all of it or nothing. Requests go on: reads
    /// see the old content or the new one, writes wait. What was there before becomes a backup of the
    /// kind `pre_restore`. Tokens that were revoked and rights that were taken away since the backup
    /// stay so. With `tables` only those change, and what was there before is kept as a whole all the same;
    /// a restore after which rows would point nowhere is refused and says which tables have to go along.
    /// Other fields and parameters are refused, so that a misspelt name is not taken for "the
    /// newest".
    #[oai(path = "/tenants/:id/restore", method = "post", operation_id = "central.backups.restore")]
    async fn restore(
        &self,
        _operator: Operator,
        request: &Request,
        id: Path<String>,
        params: StrictParams<FileParams>,
        input: Input<Closed<RestoreIn>>,
    ) -> Result<JobReply<Reply<BackupRestored>>, Error> {
        let id = TenantId::from(id.0);
        self.0.tenants.get(&id).await?;
        let fields = input.fields();
        let tables = choice::tables(fields.tables)?;
        let backup = choice::backup(&self.0, &id, fields.file.or(params.0.file)).await?;
        let tenant = id.clone();
        let shown = move |restored| BackupRestored::new(restored, &tenant, "Database restored successfully");
        let begun = self.order(request, &id).restore(backup, tables, shown).await?;
        JobReply::of(request, begun, Reply).await
    }

    /// Undo the last restore of a tenant
    ///
    /// Puts back what was there before it. What is there now becomes a backup of the kind
    /// `pre_restore` in its turn.
    #[oai(path = "/tenants/:id/restore/undo", method = "post", operation_id = "central.backups.undo")]
    async fn undo(
        &self,
        _operator: Operator,
        request: &Request,
        id: Path<String>,
    ) -> Result<JobReply<Reply<BackupRestored>>, Error> {
        let id = TenantId::from(id.0);
        self.0.tenants.get(&id).await?;
        let before = self.0.backups.find_before_last_restore(&id, None).await?;
        let tenant = id.clone();
        let shown = move |restored| BackupRestored::new(restored, &tenant, "Restore undone successfully");
        let begun = self.order(request, &id).undo(before, shown).await?;
        JobReply::of(request, begun, Reply).await
    }

    /// Delete a backup
    ///
    /// Its name is taken from the body or from the parameter.
    #[oai(path = "/tenants/:id/backups", method = "delete", operation_id = "central.backups.delete")]
    async fn delete(
        &self,
        _operator: Operator,
        request: &Request,
        id: Path<String>,
        params: Params<FileParams>,
        input: Input<DeleteIn>,
    ) -> Result<Reply<BackupDeleted>, Error> {
        let id = TenantId::from(id.0);
        self.0.tenants.get(&id).await?;
        let file = input.0.file.or(params.0.file).ok_or(Error::BackupNameMissing)?;
        let backup = choice::named(&self.0, &id, &file).await?;
        self.0.backups.delete(&backup).await?;
        let facts = json!({"file": backup.file_name});
        audit::inside_tenant(request, "backup.deleted", &id, ("backup", backup.id.clone()), facts);
        Ok(Reply(BackupDeleted { message: "Backup deleted successfully".into(), file: backup.file_name }))
    }

    /// Sum the backups of all tenants up
    ///
    /// For each tenant how many there are, how large, and the newest; and the last try, when it failed.
    #[oai(path = "/backups/stats", method = "get", operation_id = "central.backups.stats")]
    async fn stats(&self, _operator: Operator) -> Result<Reply<BackupStatsOut>, Error> {
        let stats = self.0.backups.stats().await?;
        Ok(Reply(BackupStatsOut::new(stats, &self.0)?))
    }
}

impl BackupsApi {
    fn order<'a>(&'a self, request: &'a Request, tenant: &'a TenantId) -> Order<'a> {
        Order { app: &self.0, request, tenant, asked_by: AskedBy::Operator }
    }
}
