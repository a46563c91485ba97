//! A tenant as one file, to be carried to another server: `tar.zst` with `manifest.json` and
//! `database.db`, in this order. What comes in is treated as hostile.

mod export;
mod import;
mod manifest;
mod pack;
mod unpack;

use std::ffi::OsStr;
use std::path::Path;

use crate::db::TempFile;
use crate::error::{Error, Result, Rule};

pub use export::Export;
pub use import::{ImportOptions, Upload};

/// Name of the manifest in the archive.
const MANIFEST: &str = "manifest.json";
/// Name of the database in the archive.
const DATABASE: &str = "database.db";
/// How files begin that are of use only while somebody works on them.
const TEMP_PREFIX: &str = "transfer-";
/// What making a tenant's file leaves when it is cut short.
const UNNAMED_SUFFIX: &str = ".db.new";

/// True for a file in the folder of temporary or tenants' files that nobody needs after a start.
pub fn is_leftover(name: &OsStr) -> bool {
    let name = name.to_string_lossy();
    name.starts_with(TEMP_PREFIX) || name.ends_with(UNNAMED_SUFFIX)
}

/// A temporary file of a name of its own in `folder`; it is not made yet.
fn temp_file(folder: &Path, ending: &str) -> TempFile {
    TempFile::new(folder.join(format!("{TEMP_PREFIX}{}.{ending}", crate::id::random_hex(8))))
}

/// The answer for an archive that cannot be used.
fn bad_archive(reason: impl std::fmt::Display) -> Error {
    Error::field("archive", Rule::Other("archive", format!("The archive cannot be imported: {reason}.")))
}

/// Blocking work that keeps a processor busy, away from the threads of the databases.
async fn run_long<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(Error::internal)?
}
