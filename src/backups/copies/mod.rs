//! Copies of finished backups off this machine: sent, looked after and removed by a job of their own.
//!
//! Invariants: what is sent is the encrypted file; a copy that fails leaves its backup as good as it
//! was; the row of a copy goes only when its object is gone, or cannot be removed from here at all.

mod bucket;
mod fetch;
mod model;
mod probe;
pub(super) mod store;
mod trouble;

use std::time::Duration;

use futures_util::StreamExt as _;

use crate::clock::Timestamp;
use crate::db::Tx;
use crate::error::{Error, Result};

use super::Backups;
use store::Due;

pub use bucket::Bucket;
pub use model::{BackupCopy, CopyState, TroubledCopy};
pub use probe::Probe;
pub use trouble::Trouble;

/// Copies that one run takes up.
const DUE_AT_ONCE: i64 = 50;
/// The pause after the first try that failed; each further one doubles it.
const FIRST_PAUSE: Duration = Duration::from_secs(30);
const PAUSE_MAX: Duration = Duration::from_secs(3600);
/// How long a copy is taken to be there without a look.
const CHECKED_EVERY: Duration = Duration::from_secs(86_400);
/// Copies that one run looks at.
const CHECKED_AT_ONCE: i64 = 50;
/// Copies in trouble that are told at once.
const TROUBLED_MAX: i64 = 1000;

/// As [`Backups::troubled_copies`], among other things that are read at once.
///
/// # Errors
/// Storage errors.
pub fn troubled(tx: &mut Tx<'_>) -> Result<Vec<TroubledCopy>> {
    store::troubled(tx, TROUBLED_MAX)
}

impl Backups {
    /// The bucket that copies go to.
    ///
    /// # Errors
    /// [`Error::Conflict`] `no_destination`.
    pub fn bucket(&self) -> Result<&Bucket> {
        self.shared.options.bucket.as_deref().ok_or_else(|| {
            let text = "No bucket is set up: set s3.bucket, s3.access_key_id and s3.secret_access_key (AWS_BUCKET, \
                        AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY).";
            Error::conflict("no_destination", text)
        })
    }

    /// Sends the copies and removes the objects whose time has come, and looks after some that are there.
    /// One that fails stops no other. Runs of it must not overlap.
    ///
    /// # Errors
    /// Storage errors.
    pub async fn tend_copies(&self) -> Result<()> {
        let Some(bucket) = self.shared.options.bucket.as_deref() else { return Ok(()) };
        self.enlist_older(bucket).await?;
        let (now, with_uploads) = (self.shared.clock.now(), bucket.is_uploading);
        let due = self.shared.central.read(move |tx| store::due(tx, with_uploads, now, DUE_AT_ONCE)).await?;
        let tries = due.into_iter().map(|due| self.try_now(bucket, due));
        let mut outcomes = futures_util::stream::iter(tries).buffer_unordered(bucket.at_once);
        while let Some(outcome) = outcomes.next().await {
            outcome?;
        }
        self.check_copies(bucket).await
    }

    /// Backups from before the bucket was set up, once after each start.
    async fn enlist_older(&self, bucket: &Bucket) -> Result<()> {
        if !bucket.is_uploading || self.shared.are_copies_enlisted.get().is_some() {
            return Ok(());
        }
        let (prefix, now) = (bucket.prefix.clone(), self.shared.clock.now());
        self.shared.central.write(move |tx| store::enlist(tx, &prefix, None, now)).await?;
        let _ = self.shared.are_copies_enlisted.set(());
        Ok(())
    }

    async fn try_now(&self, bucket: &Bucket, due: Due) -> Result<()> {
        let next = self.shared.clock.now().plus(pause_after(due.tries));
        let begun = due.clone();
        self.shared.central.write(move |tx| store::begin(tx, &begun, next)).await?;
        let (outcome, key) = if due.is_removing {
            (self.remove_object(bucket, &due).await, due.key.clone())
        } else {
            (self.send(bucket, &due).await, due.key.clone())
        };
        let Err(trouble) = outcome else { return Ok(()) };
        tracing::warn!(
            object = key,
            tries = due.tries + 1,
            error.code = trouble.code,
            error = trouble.text,
            "copy failed"
        );
        self.shared.central.write(move |tx| store::fail(tx, &due, &trouble, next)).await
    }

    async fn remove_object(&self, bucket: &Bucket, due: &Due) -> Result<(), Trouble> {
        if !bucket.is_write_only {
            self.abort_former(bucket, due).await;
            bucket.remove(&due.key).await?;
        }
        let id = due.backup_id.clone();
        Ok(self.shared.central.write(move |tx| store::remove(tx, &id)).await?)
    }

    async fn send(&self, bucket: &Bucket, due: &Due) -> Result<(), Trouble> {
        let path = due.stored_path.as_ref().map(|path| self.shared.data_dir.backups_dir().join(path));
        let path = path.ok_or_else(|| Trouble::new("backup_gone", "The backup was deleted."))?;
        let mut file = match tokio::fs::File::open(&path).await {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(Trouble::new("file_gone", "The file of the backup is not on this machine any more."));
            }
            opened => opened?,
        };
        let bytes = file.metadata().await?.len();
        self.abort_former(bucket, due).await;
        let id = due.backup_id.clone();
        let note = |upload_id: String| self.note_upload(id, Some(upload_id));
        let e_tag = bucket.put(&due.key, &mut file, bytes, note).await?;
        if !bucket.is_write_only {
            match bucket.head(&due.key).await {
                Ok(found) if found.bytes != bytes || differ(found.e_tag.as_deref(), e_tag.as_deref()) => {
                    let text = "What the service holds is not what was sent to it.";
                    return Err(Trouble::new("s3_object_changed", text));
                }
                Ok(_) => {}
                // It may put and not look.
                Err(trouble) if trouble.is_refusal() => {}
                Err(trouble) => return Err(trouble),
            }
        }
        let (sent, now) = (due.clone(), self.shared.clock.now());
        let succeed = move |tx: &mut Tx<'_>| store::succeed(tx, &sent, bytes, e_tag.as_deref(), now);
        Ok(self.shared.central.write(succeed).await?)
    }

    async fn note_upload(&self, backup_id: String, upload_id: Option<String>) -> Result<()> {
        self.shared.central.write(move |tx| store::set_upload(tx, &backup_id, upload_id.as_deref())).await
    }

    /// Removes the parts of an upload that a crash cut short: nobody sees them, and they cost money.
    async fn abort_former(&self, bucket: &Bucket, due: &Due) {
        if let Some(upload_id) = &due.upload_id {
            bucket.abort(&due.key, upload_id).await;
        }
    }

    async fn check_copies(&self, bucket: &Bucket) -> Result<()> {
        if bucket.is_write_only {
            return Ok(());
        }
        let since = self.shared.clock.now().minus(CHECKED_EVERY);
        let unchecked = self.shared.central.read(move |tx| store::unchecked(tx, since, CHECKED_AT_ONCE)).await?;
        for copy in unchecked {
            let trouble = match bucket.head(&copy.key).await {
                Ok(found) if found.bytes == copy.bytes && !differ(found.e_tag.as_deref(), copy.e_tag.as_deref()) => {
                    None
                }
                Ok(_) => {
                    Some(Trouble::new("s3_object_changed", "The object in the bucket is not the one that was sent."))
                }
                Err(trouble) if trouble.is_absence() => Some(trouble),
                Err(trouble) if trouble.is_refusal() => None,
                // Whether it is there is not known; the next run asks again.
                Err(_) => return Ok(()),
            };
            if let Some(trouble) = &trouble {
                tracing::error!(object = copy.key, error.code = trouble.code, "a copy of a backup is lost");
            }
            let (id, now) = (copy.backup_id, self.shared.clock.now());
            self.shared.central.write(move |tx| store::checked(tx, &id, trouble.as_ref(), now)).await?;
        }
        Ok(())
    }

    /// Copies that are not well, a thousand at most: for who tells people.
    ///
    /// # Errors
    /// Storage errors.
    pub async fn troubled_copies(&self) -> Result<Vec<TroubledCopy>> {
        self.shared.central.read(troubled).await
    }

    /// Notes that a backup is to be copied, in the transaction that finishes it.
    pub(super) fn enlist_copy(bucket: Option<&Bucket>, tx: &mut Tx<'_>, id: &str, now: Timestamp) -> Result<()> {
        match bucket.filter(|bucket| bucket.is_uploading) {
            Some(bucket) => store::enlist(tx, &bucket.prefix, Some(id), now),
            None => Ok(()),
        }
    }
}

/// Tags differ when both are known; some services give none.
fn differ(one: Option<&str>, other: Option<&str>) -> bool {
    one.zip(other).is_some_and(|(one, other)| one.trim_matches('"') != other.trim_matches('"'))
}

/// Twice as long after each try, and up to a quarter more, so that not all come back at once.
fn pause_after(tries: u32) -> Duration {
    let pause = FIRST_PAUSE.saturating_mul(1 << tries.min(10)).min(PAUSE_MAX);
    pause + pause.mul_f64(f64::from(crate::id::random_bytes::<1>()[0]) / 1024.0)
}
