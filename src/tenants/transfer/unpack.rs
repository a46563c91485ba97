//! Unpacking an archive of a stranger. Two entries, in order, plain files, of bounded size; every
//! extension of the tar format is refused, for they are read into memory before anybody sees them.
//! Everything here blocks.

use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;

use crate::crypto::digest::Digesting;
use crate::db::file_error;
use crate::error::Result;
use crate::zstd_frame;

use super::manifest::Manifest;
use super::{DATABASE, MANIFEST, TempFile, bad_archive, temp_file};

/// A manifest with 100 keys and 100 domains has some 60 KiB.
const MANIFEST_BYTES_MAX: u64 = 1024 * 1024;
/// How much larger than the archive its content may be. A database of real rows packs to a tenth;
/// empty pages pack better, so the first part is free.
const RATIO_MAX: u64 = 1000;
const RATIO_FREE_BYTES: u64 = 64 * 1024 * 1024;

/// What was in the archive.
#[derive(Debug)]
pub(super) struct Unpacked {
    pub(super) manifest: Manifest,
    pub(super) database: TempFile,
}

/// Unpacks `archive` into the folder `tmp`.
///
/// # Errors
/// [`crate::error::Error::Invalid`] on `archive` with the reason; storage errors.
pub(super) fn unpack(archive: &Path, tmp: &Path, bytes_max: u64) -> Result<Unpacked> {
    let packed = File::open(archive).map_err(file_error)?;
    let packed_bytes = packed.metadata().map_err(file_error)?.len();
    let bytes_max = bytes_max.min(RATIO_FREE_BYTES + packed_bytes.saturating_mul(RATIO_MAX));
    let decoder = zstd_frame::decoder(packed).map_err(|_| bad_archive("it is not a complete zstd file"))?;
    // Bounded as a whole too: tar skips what it is not asked for, and skipping is unpacking.
    let bounded = decoder.take(bytes_max + MANIFEST_BYTES_MAX);
    let mut archive = tar::Archive::new(bounded);
    let mut entries = archive.entries().map_err(|_| broken())?.raw(true);
    let mut next = |name: &str| match entries.next() {
        Some(Ok(entry)) if is_plain(&entry, name) => Ok(Some(entry)),
        None => Ok(None),
        Some(Ok(_)) => Err(bad_archive(format!("it must hold {MANIFEST} and {DATABASE}, in this order, and no more"))),
        Some(Err(_)) => Err(broken()),
    };
    let lacks = |name: &str| bad_archive(format!("it lacks {name}"));

    let mut entry = next(MANIFEST)?.ok_or_else(|| lacks(MANIFEST))?;
    if entry.size() > MANIFEST_BYTES_MAX {
        return Err(bad_archive("its manifest is too large"));
    }
    let mut bytes = Vec::new();
    entry.read_to_end(&mut bytes).map_err(|_| broken())?;
    let manifest = Manifest::parse(&bytes)?;

    let mut entry = next(DATABASE)?.ok_or_else(|| lacks(DATABASE))?;
    if entry.size() > bytes_max {
        return Err(bad_archive(format!("its database is larger than {bytes_max} bytes, the most allowed for it")));
    }
    if entry.size() == 0 || entry.size() != manifest.database.size_bytes {
        return Err(bad_archive("its database has not the size its manifest names"));
    }
    let database = temp_file(tmp, "db");
    let sha256 = write_file(&mut entry, database.path())?;
    if sha256 != manifest.database.sha256 {
        return Err(bad_archive("its database is damaged: the checksum differs"));
    }
    if next("")?.is_some() {
        return Err(broken());
    }
    // To the very end, which carries the checksum of the whole.
    std::io::copy(&mut archive.into_inner(), &mut std::io::sink()).map_err(|_| broken())?;
    Ok(Unpacked { manifest, database })
}

fn is_plain(entry: &tar::Entry<'_, impl Read>, name: &str) -> bool {
    entry.header().entry_type() == tar::EntryType::Regular && *entry.path_bytes() == *name.as_bytes()
}

fn broken() -> crate::error::Error {
    bad_archive("it is broken off or damaged")
}

/// Writes the file and gives its SHA-256.
fn write_file(content: &mut impl Read, path: &Path) -> Result<String> {
    let file = File::options().write(true).create_new(true).open(path).map_err(file_error)?;
    let mut sink = Digesting::new(file);
    let mut buffer = vec![0; 256 * 1024];
    loop {
        let count = content.read(&mut buffer).map_err(|_| broken())?;
        if count == 0 {
            break;
        }
        sink.write_all(&buffer[..count]).map_err(file_error)?;
    }
    let (file, digest) = sink.finish();
    file.sync_all().map_err(file_error)?;
    Ok(digest.sha256)
}
