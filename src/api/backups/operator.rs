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
use crate::backups::{Backup, Kind};
use crate::error::{Error, Result};
use crate::id::{CENTRAL, TenantId};

use super::choice::{self, RestoreIn};
use super::download::{BackupDownload, Format};
use super::job_reply::JobReply;
use super::kinds::RunKind;
use super::orders::{Order, Wish};
use super::out::{BackupDeleted, BackupList, BackupMade, BackupOut, BackupRestored, BackupStatsOut};
use super::pause_out::PauseOut;
use super::sql_dump::SqlDump;

/// Backups of tenants.
pub struct BackupsApi(pub App);

/// How to make a backup.
#[derive(Debug, Object)]
struct BackupIn {
    /// Whether the download is compressed with zstd; true when missing.
    compress: Option<bool>,
    /// What it counts as: how long it is kept follows from it. `manual` when missing.
    kind: Option<RunKind>,
    /// Days that it is kept, when they are others than the settings say of its kind.
    #[oai(validator(minimum(value = "1"), maximum(value = "36500")))]
    keep_days: Option<i64>,
}

/// Which backup.
#[derive(Debug, Object)]
pub(super) struct FileParams {
    /// Name of the backup, as the list shows it.
    pub(super) file: Option<String>,
}

/// Which backup, and in which form.
#[derive(Debug, Object)]
struct DownloadParams {
    /// Name of the backup, as the list shows it.
    file: Option<String>,
    /// `sql` for SQL text; the database when missing.
    format: Option<Format>,
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
    /// serves meanwhile. With `central` for the id it is the server's own file of tenants and keys.
    #[oai(path = "/tenants/:id/backup", method = "post", operation_id = "central.backups.create")]
    async fn create(
        &self,
        _operator: Operator,
        request: &Request,
        id: Path<String>,
        input: Input<BackupIn>,
    ) -> Result<JobReply<Reply<BackupMade>>, Error> {
        let (id, name) = self.subject(id.0).await?;
        let is_compressed = input.compress.unwrap_or(true);
        let tenant_id = id.to_string();
        let shown = move |backup, app: &App| {
            let message = "Backup created successfully".into();
            let data = BackupOut::new(backup, app)?;
            Ok(BackupMade { message, tenant_id, tenant_name: name, compressed: is_compressed, data })
        };
        let kind = input.kind.map_or(Kind::Manual, Kind::from);
        let wish = Wish { is_compressed, kind, keep_days: input.keep_days.and_then(|days| days.try_into().ok()) };
        let begun = self.order(request, &id).back_up(wish, shown).await?;
        JobReply::of(request, begun, Reply).await
    }

    /// List the backups of a tenant
    ///
    /// Newest first. `checksum` is the SHA-256 of what a download gives. While `retention_paused` says
    /// why, none of them goes by itself.
    #[oai(path = "/tenants/:id/backups", method = "get", operation_id = "central.backups.list")]
    async fn list(&self, _operator: Operator, id: Path<String>) -> Result<Reply<BackupList>, Error> {
        let (id, _) = self.subject(id.0).await?;
        let backups = self.0.backups.of_tenant(&id).await?;
        let data = backups.into_iter().map(|backup| BackupOut::new(backup, &self.0)).collect::<Result<Vec<_>>>()?;
        let retention_paused = self.0.backups.find_pause(&id).await?.map(PauseOut::from);
        Ok(Reply(BackupList { total: data.len() as u64, data, retention_paused }))
    }

    /// Download a backup
    ///
    /// Decrypted on the way: a zstd frame around a SQLite file, or that file itself. Parts can be
    /// asked for with `Range`. With `format=sql` it is SQL text, as a whole.
    #[oai(path = "/tenants/:id/backups/download", method = "get", operation_id = "central.backups.download")]
    async fn download(
        &self,
        _operator: Operator,
        request: &Request,
        id: Path<String>,
        params: Params<DownloadParams>,
    ) -> Result<BackupDownload, Error> {
        let (id, _) = self.subject(id.0).await?;
        let DownloadParams { file, format } = params.0;
        let backup = choice::named(&self.0, &id, file.as_deref().ok_or(Error::BackupNameMissing)?).await?;
        let record = |backup: &Backup| {
            let facts = json!({"file": backup.file_name});
            audit::inside_tenant(request, "backup.downloaded", &id, ("backup", backup.id.clone()), facts);
        };
        BackupDownload::of(&self.0, request, backup, format, record).await
    }

    /// Dump a tenant
    ///
    /// Its database as it is now, as SQL text that the program `sqlite3` loads. It holds everything, the
    /// hashes of passwords and tokens too.
    #[oai(path = "/tenants/:id/dump", method = "get", operation_id = "central.tenants.dump")]
    async fn dump(&self, _operator: Operator, request: &Request, id: Path<String>) -> Result<SqlDump, Error> {
        let id = TenantId::from(id.0);
        let database = self.0.backups.copy_of(&id).await?;
        audit::of_tenant(request, "tenant.dumped", &id, json!({}));
        Ok(SqlDump::new(database, format!("{id}.sql")))
    }

    /// Restore a tenant
    ///
    /// Puts the content of a backup into the live tenant, all of it or nothing. Requests go on: reads
    /// see the old content or the new one, writes wait. What was there before becomes a backup of the
    /// kind `pre_restore`. Tokens that were revoked and rights that were taken away since the backup
    /// stay so. With `tables` only those change, and what was there before is kept as a whole all the same;
    /// a restore after which rows would point nowhere is refused and says which tables have to go along.
    /// With `from_tenant` and `allow_other_tenant` it is the backup of another tenant, with that one's users;
    /// then no token stays good. Other fields and parameters are refused, so that a misspelt name is not taken for "the
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
        refuse_central(&id)?;
        self.0.tenants.get(&id).await?;
        let RestoreIn { file, tables, from_tenant, allow_other_tenant } = input.fields();
        let tables = choice::tables(tables)?;
        let file = file.or(params.0.file);
        let backup = choice::source(&self.0, &id, file, from_tenant, allow_other_tenant).await?;
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
        refuse_central(&id)?;
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
        let (id, _) = self.subject(id.0).await?;
        let file = input.0.file.or(params.0.file).ok_or(Error::BackupNameMissing)?;
        let backup = choice::named(&self.0, &id, &file).await?;
        self.0.backups.delete(&backup).await?;
        let facts = json!({"file": backup.file_name});
        audit::inside_tenant(request, "backup.deleted", &id, ("backup", backup.id.clone()), facts);
        Ok(Reply(BackupDeleted { message: "Backup deleted successfully".into(), file: backup.file_name }))
    }

    /// Sum the backups of all tenants up
    ///
    /// For each tenant how many there are, how large, and the newest; the last try, when it failed; and
    /// whether its old backups go by themselves at the moment.
    #[oai(path = "/backups/stats", method = "get", operation_id = "central.backups.stats")]
    async fn stats(&self, _operator: Operator) -> Result<Reply<BackupStatsOut>, Error> {
        let stats = self.0.backups.stats().await?;
        let held = (self.0.backups.paused().await?, self.0.backups.find_clock_pause().await?);
        Ok(Reply(BackupStatsOut::new(stats, held, &self.0)?))
    }
}

impl BackupsApi {
    /// A tenant with its name, or the server's own file.
    async fn subject(&self, id: String) -> Result<(TenantId, String)> {
        let id = TenantId::from(id);
        if id.is_central() {
            return Ok((id, CENTRAL.into()));
        }
        let tenant = self.0.tenants.get(&id).await?;
        Ok((tenant.id, tenant.name))
    }

    fn order<'a>(&'a self, request: &'a Request, tenant: &'a TenantId) -> Order<'a> {
        Order { app: &self.0, request, tenant, asked_by: AskedBy::Operator }
    }
}

/// The server's own file is not replaced under the server.
fn refuse_central(id: &TenantId) -> Result<()> {
    if id.is_central() {
        let text = "The server's own file is not replaced while it serves. Stop the server, then run \
                    `ruko restore central`.";
        return Err(Error::conflict("central_in_use", text));
    }
    Ok(())
}
