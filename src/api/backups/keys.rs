//! `/api/central/backups/keys`, `.../rewrap`: what backups are encrypted with.

use poem::Request;
use poem_openapi::{Object, OpenApi};
use serde::Serialize;
use serde_json::json;

use crate::api::Tag;
use crate::api::kit::audit;
use crate::api::kit::closed::Closed;
use crate::api::kit::credentials::Operator;
use crate::api::kit::input::Input;
use crate::api::kit::reply::Reply;
use crate::app::App;
use crate::backups::KeyUse;
use crate::error::Error;

/// Keys of backups.
pub struct BackupKeysApi(pub App);

/// A key that encrypts backups, without the key.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "BackupKey")]
struct KeyOut {
    /// Eight hex digits that tell keys apart and give nothing away.
    id: String,
    /// Whether new backups are made with it.
    is_current: bool,
    /// Whether this server has it. Backups of a key that it does not have cannot be opened here.
    is_here: bool,
    /// Finished backups that it opens.
    backups: u64,
}

impl From<KeyUse> for KeyOut {
    fn from(key: KeyUse) -> Self {
        Self { id: key.id, is_current: key.is_current, is_here: key.is_here, backups: key.backups }
    }
}

/// The keys of backups.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "BackupKeys")]
struct KeyList {
    /// The one in use first.
    data: Vec<KeyOut>,
}

/// Which backup comes next.
#[derive(Debug, Object)]
struct RewrapIn {
    /// Id of the backup behind which to go on; from the first when missing.
    #[oai(validator(max_length = 64))]
    after: Option<String>,
}

/// A backup that was encrypted anew, or could not be.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "BackupRewrapped")]
struct RewrapOut {
    /// Its id, to go on behind it; null when there was none left.
    id: Option<String>,
    /// Whose it is.
    tenant_id: Option<String>,
    /// Name of the download.
    filename: Option<String>,
    /// Why it stays as it was.
    error: Option<String>,
    /// Backups that other keys open than the one in use.
    left: u64,
}

#[OpenApi(prefix_path = "/api/central/backups", tag = "Tag::CentralBackups")]
impl BackupKeysApi {
    /// List the keys of backups
    ///
    /// Their ids, never the keys: those are in the file `keys/backup.key`, the one in use first.
    #[oai(path = "/keys", method = "get", operation_id = "central.backups.keys.list")]
    async fn list(&self, _operator: Operator) -> Result<Reply<KeyList>, Error> {
        self.keys().await
    }

    /// Begin to use a new key
    ///
    /// New backups are made with it. The old one stays in `keys/backup.key` and goes on opening what it made.
    /// Put a copy of the new one away: it is the recovery key.
    #[oai(path = "/keys", method = "post", operation_id = "central.backups.keys.rotate")]
    async fn rotate(&self, _operator: Operator, request: &Request) -> Result<Reply<KeyList>, Error> {
        let id = self.0.backups.rotate_key().await?;
        audit::record(request, "backup_key.rotated", ("backup_key", id), json!({}));
        self.keys().await
    }

    /// Encrypt the next backup with the key in use
    ///
    /// One that another key opens. Call it again behind the `id` of the answer until that is null. A
    /// backup that cannot be opened stays as it is, and `error` says why.
    #[oai(path = "/rewrap", method = "post", operation_id = "central.backups.rewrap")]
    async fn rewrap(
        &self,
        _operator: Operator,
        request: &Request,
        input: Input<Closed<RewrapIn>>,
    ) -> Result<Reply<RewrapOut>, Error> {
        let after = input.fields().after.unwrap_or_default();
        let next = self.0.backups.rewrap_next(&after).await?;
        let left = self.0.backups.keys().await?.iter().filter(|key| !key.is_current).map(|key| key.backups).sum();
        let Some((backup, outcome)) = next else {
            return Ok(Reply(RewrapOut { id: None, tenant_id: None, filename: None, error: None, left }));
        };
        if outcome.is_ok() {
            let facts = json!({"file": backup.file_name});
            audit::inside_tenant(request, "backup.rewrapped", &backup.tenant_id, ("backup", backup.id.clone()), facts);
        }
        Ok(Reply(RewrapOut {
            id: Some(backup.id),
            tenant_id: Some(backup.tenant_id.to_string()),
            filename: Some(backup.file_name),
            error: outcome.err().map(|error| error.to_string()),
            left,
        }))
    }
}

impl BackupKeysApi {
    async fn keys(&self) -> Result<Reply<KeyList>, Error> {
        let data = self.0.backups.keys().await?.into_iter().map(KeyOut::from).collect();
        Ok(Reply(KeyList { data }))
    }
}
