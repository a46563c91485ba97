//! Out: while all tenants serve.

use std::io::{self, Write as _};
use std::sync::Arc;

use serde::Serialize;
use tokio::fs::File;
use tokio::io::AsyncReadExt as _;
use tokio::sync::mpsc;
use zeroize::Zeroizing;

use crate::crypto::stream::Encryptor;
use crate::data_dir::secret_file;
use crate::db::{TempFile, file_error};
use crate::error::{Error, Result};
use crate::id::TenantId;

use super::super::keys::BackupKey;
use super::super::make::{TEMP_PREFIX, Task, in_background};
use super::super::model::{Backup, Kind, State};
use super::super::{Backups, Source, store};
use super::{
    BEGIN, BROKEN, Begin, Broken, CENTRAL_FILE, END, End, FORMAT, FORMAT_VERSION, KEYS, KEYS_CONTEXT, Keys, LOGS,
    LOGS_FILE, tenant_file,
};

const CHUNK_BYTES: usize = 128 * 1024;
/// Chunks that may wait for a slow reader.
const CHUNKS_AHEAD: usize = 4;
const BLOCK_BYTES: usize = 512;

type Pieces = mpsc::Sender<io::Result<Vec<u8>>>;

/// Why an archive ends early.
enum Ended {
    /// Nobody reads it any more.
    Unread,
    Failed(Error),
}

impl<E: Into<Error>> From<E> for Ended {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

impl Backups {
    /// Begins an archive of everything and gives its pieces. When a file cannot be made, the last
    /// entry says why and an error follows.
    ///
    /// # Errors
    /// When not even the central file can be copied.
    pub async fn export_instance(&self) -> Result<mpsc::Receiver<io::Result<Vec<u8>>>> {
        // A key that is exchanged meanwhile is for the next archive.
        let key = self.shared.keys.load().current().clone();
        let central = self.sealed(&TenantId::central(), &key).await?;
        let (sender, receiver) = mpsc::channel(CHUNKS_AHEAD);
        let backups = self.clone();
        self.shared.tasks.spawn(async move {
            match backups.write_instance(&sender, &key, central).await {
                Ok(()) => tracing::info!("the whole instance was exported"),
                Err(Ended::Unread) => tracing::warn!("the export of the whole instance was broken off by who read it"),
                Err(Ended::Failed(error)) => {
                    tracing::error!(%error, "the export of the whole instance failed");
                    let broken = Broken { error: error.to_string() };
                    let _ = backups.put_json(&sender, BROKEN, &broken).await;
                    let _ = sender.send(Err(io::Error::other("the export failed"))).await;
                }
            }
        });
        Ok(receiver)
    }

    async fn write_instance(&self, to: &Pieces, key: &BackupKey, central: TempFile) -> Result<(), Ended> {
        let begin = Begin {
            format: FORMAT.into(),
            format_version: FORMAT_VERSION,
            ruko_version: env!("CARGO_PKG_VERSION").into(),
            created_at_ms: self.shared.clock.now().0,
            key_id: key.id().into(),
        };
        self.put_json(to, BEGIN, &begin).await?;
        self.put(to, KEYS, &self.sealed_keys(key)?).await?;
        self.put_file(to, CENTRAL_FILE, central).await?;
        self.put_file(to, LOGS_FILE, self.sealed(&LOGS.into(), key).await?).await?;
        let mut tenants = Vec::new();
        for tenant in self.shared.central.scan(store::tenants_with_file).await? {
            match self.sealed(&tenant, key).await {
                Ok(file) => self.put_file(to, &tenant_file(&tenant), file).await?,
                // It was deleted a moment ago.
                Err(Error::NotFound { .. }) => continue,
                Err(error) => {
                    let text = format!("{tenant}: {error}");
                    tracing::error!(tenant.id = %tenant, %error, "a tenant could not be put into the archive");
                    return Err(Ended::Failed(Error::conflict("instance_export_failed", text)));
                }
            }
            tenants.push(tenant.to_string());
        }
        self.put_json(to, END, &End { tenants }).await?;
        send(to, vec![0; 2 * BLOCK_BYTES]).await
    }

    /// A backup of a file that no row tells of.
    async fn sealed(&self, tenant: &TenantId, key: &BackupKey) -> Result<TempFile> {
        let permit = self.shared.at_once.clone().acquire_owned().await.map_err(Error::internal)?;
        let source = if tenant.as_str() == LOGS {
            Source { path: self.shared.data_dir.logs_db(), _still: None }
        } else {
            self.source(tenant).await?
        };
        let id = crate::id::uuid().to_string();
        let backup = Backup {
            tenant_id: tenant.clone(),
            kind: Kind::Manual,
            asked_by: None,
            state: State::Running,
            folder: ".".into(),
            file_name: format!("{TEMP_PREFIX}{id}.db.zst"),
            is_compressed: true,
            is_pinned: false,
            content: None,
            warning: None,
            error: None,
            created_at: self.shared.clock.now(),
            finished_at: None,
            expires_at: None,
            proven_at: None,
            proof_error: None,
            copy: None,
            id,
        };
        let (tmp, key) = (self.shared.data_dir.tmp_dir(), key.clone());
        in_background(move || {
            let _permit = permit;
            let landed = TempFile::new(tmp.join(backup.stored_path()));
            let task = Task {
                backup: &backup,
                live: &source.path,
                owner: backup.tenant_id.as_str(),
                key: &key,
                tmp: &tmp,
                root: &tmp,
                progress: &Arc::default(),
            };
            task.run()?;
            Ok(landed)
        })
        .await
    }

    fn sealed_keys(&self, key: &BackupKey) -> Result<Vec<u8>> {
        let stored = secret_file::find(&self.shared.data_dir.keys_dir().join("server.key")).map_err(Error::internal)?;
        let server_key = stored.map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        let text = Zeroizing::new(serde_json::to_vec(&Keys { server_key }).map_err(Error::internal)?);
        let seal = || {
            let mut sealed = Encryptor::new(Vec::new(), key.stream_key(), KEYS_CONTEXT)?;
            sealed.write_all(&text)?;
            sealed.finish()
        };
        seal().map_err(Error::internal)
    }

    async fn put_json(&self, to: &Pieces, name: &str, content: &impl Serialize) -> Result<(), Ended> {
        let bytes = serde_json::to_vec(content).map_err(Error::internal)?;
        self.put(to, name, &bytes).await
    }

    async fn put(&self, to: &Pieces, name: &str, content: &[u8]) -> Result<(), Ended> {
        send(to, self.header(name, content.len() as u64)?).await?;
        send(to, [content, &padding(content.len() as u64)].concat()).await
    }

    async fn put_file(&self, to: &Pieces, name: &str, file: TempFile) -> Result<(), Ended> {
        let mut from = File::open(file.path()).await.map_err(file_error)?;
        let size = from.metadata().await.map_err(file_error)?.len();
        send(to, self.header(name, size)?).await?;
        loop {
            let mut chunk = Vec::with_capacity(CHUNK_BYTES);
            (&mut from).take(CHUNK_BYTES as u64).read_to_end(&mut chunk).await.map_err(file_error)?;
            if chunk.is_empty() {
                break;
            }
            send(to, chunk).await?;
        }
        send(to, padding(size)).await
    }

    fn header(&self, name: &str, size: u64) -> Result<Vec<u8>> {
        let mut header = tar::Header::new_ustar();
        header.set_path(name).map_err(Error::internal)?;
        header.set_size(size);
        header.set_mode(0o600);
        header.set_mtime(self.shared.clock.now().0.unsigned_abs() / 1000);
        header.set_entry_type(tar::EntryType::Regular);
        header.set_cksum();
        Ok(header.as_bytes().to_vec())
    }
}

fn padding(size: u64) -> Vec<u8> {
    let used = usize::try_from(size % BLOCK_BYTES as u64).unwrap_or(0);
    vec![0; (BLOCK_BYTES - used) % BLOCK_BYTES]
}

async fn send(to: &Pieces, bytes: Vec<u8>) -> Result<(), Ended> {
    to.send(Ok(bytes)).await.map_err(|_| Ended::Unread)
}
