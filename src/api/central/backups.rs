//! `/api/central/tenants/{id}/backup`, `.../backups`, `.../restore` and `/api/central/backups/stats`

use std::sync::Arc;

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
use crate::backups::{Backup, BackupOrder, Kind, RestoreOrder};
use crate::error::{Error, Result};
use crate::id::TenantId;

use super::backup_download::{BackupDownload, Wanted};
use super::backup_out::{BackupDeleted, BackupList, BackupMade, BackupOut, BackupRestored, BackupStatsOut, KeptOut};

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
struct RestoreIn {
    /// Name of the backup, as the list shows it; the newest that no restore has made, when missing. It
    /// may be sent as a parameter too.
    #[oai(validator(max_length = 255))]
    file: Option<String>,
}

/// Which backup.
#[derive(Debug, Object)]
struct FileParams {
    /// Name of the backup, as the list shows it.
    file: Option<String>,
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
    ) -> Result<Reply<BackupMade>, Error> {
        let tenant = self.0.tenants.get(&TenantId::from(id.0)).await?;
        let is_compressed = input.compress.unwrap_or(true);
        let order = BackupOrder { tenant: tenant.id.clone(), kind: Kind::Manual, is_compressed };
        let backup = self.0.backups.make(order, Arc::default()).await?;
        let facts = json!({"file": backup.file_name, "kind": backup.kind.as_str()});
        audit::inside_tenant(request, "backup.created", &tenant.id, ("backup", backup.id.clone()), facts);
        let message = "Backup created successfully".into();
        let data = BackupOut::new(backup, &self.0)?;
        Ok(Reply(BackupMade {
            message,
            tenant_id: tenant.id.to_string(),
            tenant_name: tenant.name,
            compressed: is_compressed,
            data,
        }))
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
        let backup = self.find(&id, params.0.file.as_deref().ok_or(Error::BackupNameMissing)?).await?;
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
    /// stay so. Other fields and parameters are refused, so that a misspelt name is not taken for "the
    /// newest".
    #[oai(path = "/tenants/:id/restore", method = "post", operation_id = "central.backups.restore")]
    async fn restore(
        &self,
        _operator: Operator,
        request: &Request,
        id: Path<String>,
        params: StrictParams<FileParams>,
        input: Input<Closed<RestoreIn>>,
    ) -> Result<Reply<BackupRestored>, Error> {
        let id = TenantId::from(id.0);
        self.0.tenants.get(&id).await?;
        let backup = match input.fields().file.or(params.0.file) {
            Some(file) => self.find(&id, &file).await?,
            None => self.0.backups.find_newest(&id).await?.ok_or_else(|| Error::not_found("backups", &id))?,
        };
        self.put_back(request, id, backup, "Database restored successfully", "tenant.restored").await
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
    ) -> Result<Reply<BackupRestored>, Error> {
        let id = TenantId::from(id.0);
        self.0.tenants.get(&id).await?;
        let Some(backup) = self.0.backups.find_before_last_restore(&id).await? else {
            return Err(nothing_to_undo(self.0.backups.why_no_undo(&id).await?));
        };
        self.put_back(request, id, backup, "Restore undone successfully", "tenant.restore_undone").await
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
        let backup = self.find(&id, &file).await?;
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

fn nothing_to_undo(why: Option<String>) -> Error {
    let text = why.map_or_else(
        || "There is no restore to undo: none was made, or the backup of what was there before is gone.".into(),
        |why| format!("The last restore cannot be undone: {why}."),
    );
    Error::conflict("nothing_to_undo", text)
}

impl BackupsApi {
    async fn find(&self, tenant: &TenantId, file: &str) -> Result<Backup> {
        self.0.backups.find_file(tenant, file).await?.ok_or_else(|| Error::not_found("backup", file))
    }

    async fn put_back(
        &self,
        request: &Request,
        id: TenantId,
        backup: Backup,
        message: &str,
        action: &'static str,
    ) -> Result<Reply<BackupRestored>, Error> {
        let order = RestoreOrder { tenant: id.clone(), backup };
        let restored = self.0.backups.restore(order, Arc::default()).await?;
        let before = restored.before.map(|backup| backup.file_name);
        let facts = json!({"file": restored.backup.file_name, "before": before});
        audit::inside_tenant(request, action, &id, ("backup", restored.backup.id.clone()), facts);
        Ok(Reply(BackupRestored {
            message: message.into(),
            tenant_id: id.to_string(),
            backup_file: restored.backup.file_name,
            pre_restore_file: before,
            pre_restore_error: restored.before_error,
            kept: KeptOut::from(restored.carried),
        }))
    }
}
