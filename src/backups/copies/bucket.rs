//! A bucket of a service that speaks S3. Requests are of at most one part each, so memory is bounded
//! and each has a time limit of its own, however large a backup is.

use std::fmt;
use std::future::Future;
use std::time::Duration;

use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::multipart::{MultipartStore as _, PartId};
use object_store::path::Path;
use object_store::{
    BackoffConfig, ClientOptions, ObjectStore as _, ObjectStoreExt as _, PutPayload, PutResult, RetryConfig,
};
use secrecy::ExposeSecret as _;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

use crate::config::S3;
use crate::error::{Error, Result};

use super::trouble::Trouble;

/// Size of a part, until a file has more of them than an upload may.
const PART_BYTES: u64 = 8 * 1024 * 1024;
/// Parts that an upload may have, with some to spare.
const PARTS_MAX: u64 = 9_000;
/// How often a request is repeated at once; after that the copy waits for its next try.
const REPEATS: usize = 2;

/// The bucket that copies go to.
pub struct Bucket {
    store: AmazonS3,
    /// What names of objects begin with: nothing, or a folder with its slash.
    pub prefix: String,
    /// Whether the credentials may only put.
    pub is_write_only: bool,
    /// Whether new copies are made.
    pub is_uploading: bool,
    /// Copies that are sent at once.
    pub at_once: usize,
}

impl fmt::Debug for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bucket").field("prefix", &self.prefix).finish_non_exhaustive()
    }
}

/// What the service says of an object.
pub(super) struct Found {
    pub(super) bytes: u64,
    pub(super) e_tag: Option<String>,
}

impl Bucket {
    /// The bucket of the settings; none when they name none, or lack what it takes.
    ///
    /// # Errors
    /// [`Error::Internal`] for an endpoint that is no address.
    pub fn of(settings: &S3) -> Result<Option<Self>> {
        let (Some(name), Some(key_id), Some(secret)) =
            (&settings.bucket, &settings.access_key_id, &settings.secret_access_key)
        else {
            return Ok(None);
        };
        let timeout = Duration::from_secs(settings.timeout_secs);
        let client =
            ClientOptions::new().with_timeout(timeout).with_connect_timeout(timeout.min(Duration::from_secs(10)));
        let backoff = BackoffConfig {
            init_backoff: Duration::from_millis(200),
            max_backoff: Duration::from_secs(5),
            ..BackoffConfig::default()
        };
        let retry_timeout = timeout * u32::try_from(REPEATS + 1).unwrap_or(1);
        let mut builder = AmazonS3Builder::new()
            .with_bucket_name(name)
            .with_access_key_id(key_id)
            .with_secret_access_key(secret.expose_secret())
            .with_region(&settings.region)
            .with_virtual_hosted_style_request(!settings.path_style)
            .with_retry(RetryConfig { backoff, max_retries: REPEATS, retry_timeout })
            // Some services know only the deletion of one object.
            .with_disable_bulk_delete(true)
            .with_client_options(client);
        if let Some(endpoint) = &settings.endpoint {
            let endpoint = endpoint.as_str();
            // The crate takes an endpoint of this style with the bucket in it; the settings name it without.
            let host = match endpoint.split_once("://") {
                Some((scheme, host)) if !settings.path_style => format!("{scheme}://{name}.{host}"),
                _ => endpoint.to_owned(),
            };
            builder = builder.with_endpoint(host).with_allow_http(endpoint.starts_with("http://"));
        }
        let prefix = settings.prefix.as_deref().unwrap_or_default().trim_matches('/');
        Ok(Some(Self {
            store: builder.build().map_err(|error| Error::internal(anyhow::anyhow!("s3: {error}")))?,
            prefix: if prefix.is_empty() { String::new() } else { format!("{prefix}/") },
            is_write_only: settings.write_only,
            is_uploading: settings.upload,
            at_once: settings.at_once,
        }))
    }

    /// Puts `bytes` bytes of `from` there. A file of several parts is told to `note` before the first is
    /// sent, so that what a crash leaves can be removed.
    pub(super) async fn put<F: Future<Output = Result<()>>>(
        &self,
        key: &str,
        from: &mut (impl AsyncRead + Unpin),
        bytes: u64,
        note: impl FnOnce(String) -> F,
    ) -> Result<Option<String>, Trouble> {
        let path = Path::from(key);
        if bytes <= PART_BYTES {
            let whole = read_part(from, bytes).await?;
            return Ok(self.store.put(&path, whole).await?.e_tag);
        }
        let id = self.store.create_multipart(&path).await?;
        note(id.clone()).await?;
        let sent = match self.put_parts(&path, &id, from, bytes).await {
            Ok(parts) => self.store.complete_multipart(&path, &id, parts).await.map_err(Trouble::from),
            Err(trouble) => Err(trouble),
        };
        match sent {
            Ok(PutResult { e_tag, .. }) => Ok(e_tag),
            Err(trouble) => {
                self.abort(key, &id).await;
                Err(trouble)
            }
        }
    }

    async fn put_parts(
        &self,
        path: &Path,
        id: &String,
        from: &mut (impl AsyncRead + Unpin),
        bytes: u64,
    ) -> Result<Vec<PartId>, Trouble> {
        let part_bytes = PART_BYTES.max(bytes.div_ceil(PARTS_MAX));
        let (mut parts, mut left) = (Vec::new(), bytes);
        while left > 0 {
            let part = read_part(from, left.min(part_bytes)).await?;
            left -= part.content_length() as u64;
            parts.push(self.store.put_part(path, id, parts.len(), part).await?);
        }
        Ok(parts)
    }

    /// Removes what an upload in parts has left. When that fails, the bucket's rules have to.
    pub(super) async fn abort(&self, key: &str, id: &str) {
        if let Err(error) = self.store.abort_multipart(&Path::from(key), &id.to_owned()).await {
            let code = Trouble::from(error).code;
            tracing::debug!(object = key, error.code = code, "parts of an upload could not be removed");
        }
    }

    /// What the service says of an object.
    pub(super) async fn head(&self, key: &str) -> Result<Found, Trouble> {
        let found = self.store.head(&Path::from(key)).await?;
        Ok(Found { bytes: found.size, e_tag: found.e_tag })
    }

    /// Writes an object of this size to `to`.
    pub(super) async fn get(&self, key: &str, bytes: u64, to: &mut (impl AsyncWrite + Unpin)) -> Result<(), Trouble> {
        let (path, mut at) = (Path::from(key), 0);
        while at < bytes {
            let end = bytes.min(at + PART_BYTES);
            let part = self.store.get_range(&path, at..end).await?;
            if part.len() as u64 != end - at {
                return Err(Trouble::new("s3_object_cut_off", "The object in the bucket is shorter than the backup."));
            }
            to.write_all(&part).await?;
            at = end;
        }
        to.flush().await?;
        Ok(())
    }

    /// Removes an object; one that is not there is removed.
    pub(super) async fn remove(&self, key: &str) -> Result<(), Trouble> {
        match self.store.delete(&Path::from(key)).await.map_err(Trouble::from) {
            Err(trouble) if trouble.is_absence() => Ok(()),
            other => other,
        }
    }

    /// Asks for the names of objects that begin like this.
    pub(super) async fn list(&self, key: &str) -> Result<(), Trouble> {
        use futures_util::StreamExt as _;
        let folder = key.rsplit_once('/').map(|(folder, _)| Path::from(folder));
        match self.store.list(folder.as_ref()).next().await {
            Some(Err(error)) => Err(error.into()),
            _ => Ok(()),
        }
    }
}

async fn read_part(from: &mut (impl AsyncRead + Unpin), bytes: u64) -> Result<PutPayload, Trouble> {
    let mut part = vec![0; usize::try_from(bytes).unwrap_or(usize::MAX)];
    from.read_exact(&mut part).await?;
    Ok(part.into())
}
