//! Making the file of one backup: copy, prove, pack, land. Everything here blocks and runs on a
//! thread of its own, of lower priority than those that serve.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use crate::crypto::digest::Digest;
use crate::db::{CopyError, TempFile, file_error, snapshot};
use crate::error::{Error, Result};
use crate::fault;

use super::container::{Head, Manifest, Packer};
use super::keys::BackupKey;
use super::model::{Backup, Content};
use super::progress::{Progress, Step};
use super::prove::{Proof, prove};

/// The write-ahead log of a live file may reach this size, or that of the file, while it is copied.
pub(super) const LOG_BYTES_MAX: u64 = 1024 * 1024 * 1024;
const BUFFER_BYTES: usize = 256 * 1024;
/// Bytes after which a file is sent to the disk, so that no commit of others waits for a whole file.
const FLUSH_BYTES: u64 = 16 * 1024 * 1024;
/// How often a folder is made anew that is gone the next moment.
const FOLDER_TRIES: u32 = 5;
/// Percent of the work that the copy is, and where the packing ends.
const COPIED: u32 = 40;
const PACKED: u32 = 99;

/// Where a backup comes from and where it goes.
pub(super) struct Task<'a> {
    pub(super) backup: &'a Backup,
    /// The live file.
    pub(super) live: &'a Path,
    /// Whose it has to be.
    pub(super) owner: &'a str,
    pub(super) key: &'a BackupKey,
    /// Folder of unfinished files.
    pub(super) tmp: &'a Path,
    /// Folder of backups.
    pub(super) root: &'a Path,
    pub(super) progress: &'a Progress,
}

/// A backup under its final name.
pub(super) struct Made {
    pub(super) content: Content,
    pub(super) warning: Option<String>,
}

impl Task<'_> {
    /// Copies the live file and makes the backup of the copy.
    ///
    /// # Errors
    /// [`Error::Conflict`] `cancelled`, `interrupted`, `wal_limit`; storage errors. Nothing stays behind then.
    pub(super) fn run(&self) -> Result<Made> {
        let copy = TempFile::new(self.tmp.join(format!("{TEMP_PREFIX}{}.db", self.backup.id)));
        fault::point("backup.begun").map_err(file_error)?;
        let live_bytes = self.live.metadata().map_or(0, |found| found.len());
        let mut watch = |copied: crate::db::CopyProgress| {
            self.progress.advance((0, COPIED), copied.pages_done, copied.pages);
            let _ = fault::point("backup.copying");
            self.progress.check().is_ok()
        };
        if let Err(error) = snapshot(self.live, copy.path(), LOG_BYTES_MAX.max(live_bytes), &mut watch) {
            self.progress.check()?;
            return Err(match error {
                CopyError::Db(error) => error.into(),
                other => Error::conflict("wal_limit", other.to_string()),
            });
        }
        fault::point("backup.copied").map_err(file_error)?;
        self.progress.enter(Step::Packing)?;
        self.pack(copy.path())
    }

    /// Makes the backup of a closed file, which is checked while it is packed.
    ///
    /// # Errors
    /// As [`Task::run`].
    pub(super) fn pack(&self, database: &Path) -> Result<Made> {
        let folder = self.root.join(&self.backup.folder);
        let part = TempFile::new(folder.join(format!(".{}{PART_SUFFIX}", self.backup.id)));
        let file = create_part(self.root, &folder, part.path()).map_err(file_error)?;
        let (packed, proof, database_bytes) = std::thread::scope(|scope| {
            // Both read the same pages, and they keep two processors busy.
            let proof = scope.spawn(|| prove(database, self.owner));
            self.write(database, file, || {
                proof.join().unwrap_or_else(|_| Err(Error::internal(anyhow::anyhow!("checking a backup panicked"))))
            })
        })?;
        let file_bytes = part.path().metadata().map_err(file_error)?.len();
        fault::point("backup.written").map_err(file_error)?;
        let landed = self.root.join(self.backup.stored_path());
        self.progress.commit()?;
        std::fs::rename(part.path(), &landed).map_err(file_error)?;
        part.keep();
        let _ = fault::point("backup.landed");
        sync_folder(&folder).map_err(file_error)?;
        let content = Content {
            schema_version: proof.schema_version,
            database_bytes,
            payload_bytes: packed.bytes,
            payload_sha256: packed.sha256,
            file_bytes,
            row_counts: proof.row_counts,
            key_id: self.key.id().to_owned(),
        };
        Ok(Made { content, warning: proof.warning })
    }

    fn write(
        &self,
        database: &Path,
        part: File,
        proof: impl FnOnce() -> Result<Proof>,
    ) -> Result<(Digest, Proof, u64)> {
        let mut database = File::open(database).map_err(file_error)?;
        let database_bytes = database.metadata().map_err(file_error)?.len();
        let to = Flushing { file: BufWriter::with_capacity(BUFFER_BYTES, part), pending: 0 };
        let head = Head {
            tenant_id: self.backup.tenant_id.to_string(),
            backup_id: self.backup.id.clone(),
            key_id: self.key.id().to_owned(),
        };
        let key = self.key.stream_key();
        let mut packer = Packer::new(to, key, &head, self.backup.is_compressed).map_err(file_error)?;
        let mut buffer = vec![0; BUFFER_BYTES];
        let mut done = 0;
        loop {
            let count = database.read(&mut buffer).map_err(file_error)?;
            if count == 0 {
                break;
            }
            packer.write_all(&buffer[..count]).map_err(file_error)?;
            done += count as u64;
            fault::point("backup.packing").map_err(file_error)?;
            self.progress.advance((COPIED, PACKED), done, database_bytes);
            self.progress.check()?;
        }
        let mut proven = None;
        let describe = |packed: &Digest| {
            let proof = proven.insert(proof()?);
            Ok::<_, Failed>(Manifest {
                ruko_version: env!("CARGO_PKG_VERSION").into(),
                kind: self.backup.kind.as_str().into(),
                created_at_ms: self.backup.created_at.0,
                schema_version: proof.schema_version,
                is_compressed: self.backup.is_compressed,
                database_bytes,
                payload_sha256: packed.sha256.clone(),
                row_counts: proof.row_counts.clone(),
            })
        };
        let (to, packed) = packer.finish(describe).map_err(|Failed(error)| error)?;
        let file = to.file.into_inner().map_err(|error| file_error(error.into_error()))?;
        file.sync_all().map_err(file_error)?;
        let proof = proven.ok_or_else(|| Error::internal(anyhow::anyhow!("a backup was not checked")))?;
        Ok((packed, proof, database_bytes))
    }
}

/// How files begin that are of use only while a backup is made or restored.
pub(super) const TEMP_PREFIX: &str = "backup-";
/// How files end that have not got their name yet.
pub(super) const PART_SUFFIX: &str = ".part";

/// An error of ours on its way through code that knows those of files.
struct Failed(Error);

impl From<io::Error> for Failed {
    fn from(error: io::Error) -> Self {
        Self(file_error(error))
    }
}

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        Self(error)
    }
}

/// Sends what is written to the disk now and then.
struct Flushing {
    file: BufWriter<File>,
    pending: u64,
}

impl Write for Flushing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.file.write(bytes)?;
        self.pending += count as u64;
        if self.pending >= FLUSH_BYTES {
            self.file.flush()?;
            self.file.get_ref().sync_data()?;
            self.pending = 0;
        }
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// Makes an unfinished file, which from then on keeps its folder. Until then retention may take the
/// folder for one that is left empty.
fn create_part(root: &Path, folder: &Path, part: &Path) -> io::Result<File> {
    let create = || {
        create_folders(root, folder)?;
        OpenOptions::new().write(true).create_new(true).mode(0o600).open(part)
    };
    let is_lost = |tried: &io::Result<File>| tried.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::NotFound);
    (1..FOLDER_TRIES).map(|_| create()).find(|tried| !is_lost(tried)).unwrap_or_else(create)
}

/// Makes the folders from `root` down to `folder`, for nobody else to enter, durably.
fn create_folders(root: &Path, folder: &Path) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let mut at: PathBuf = folder.into();
    while at.starts_with(root) {
        sync_folder(&at)?;
        if !at.pop() {
            break;
        }
    }
    Ok(())
}

pub(super) fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Runs blocking work on a thread of its own that gives way to those that serve.
pub(super) async fn in_background<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    let (sender, receiver) = tokio::sync::oneshot::channel();
    let thread = std::thread::Builder::new().name("backup".into()).spawn(move || {
        // Of this thread only: on Linux each has a priority of its own.
        let _ = rustix::process::setpriority_process(None, 10);
        let _ = sender.send(work());
    });
    thread.map_err(file_error)?;
    receiver.await.map_err(|_| Error::internal(anyhow::anyhow!("work on a backup panicked")))?
}
