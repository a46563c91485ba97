//! Packing an archive. Everything here blocks.

use std::fs::File;
use std::io::{BufWriter, Read, Seek, Write};
use std::path::Path;

use sha2::{Digest, Sha256};

use crate::clock::Timestamp;
use crate::db::{Schema, count_rows};
use crate::error::Result;

use super::manifest::{Central, DatabasePart, Manifest};
use super::{DATABASE, Export, MANIFEST, io, temp_file};

/// Level 3 packs a database to about a third at the speed of a disk.
const LEVEL: i32 = 3;

/// Copies the live file, makes sure that the copy is one that can be imported, and packs it.
pub(super) fn pack(live: &Path, tmp: &Path, central: Central, schema: &Schema, now: Timestamp) -> Result<Export> {
    let copy = temp_file(tmp, "db");
    let schema_version = schema.copy_for_export(live, copy.path(), central.tenant.id.as_str())?;
    let mut database = File::open(copy.path()).map_err(io)?;
    let (size_bytes, sha256) = digest(&mut database).map_err(io)?;
    let file_name = format!("{}.ruko.tar.zst", central.tenant.id);
    let row_counts = count_rows(copy.path())?;
    let part = DatabasePart { size_bytes, sha256, schema_version, row_counts };
    let manifest = central.manifest(part, now);
    write_archive(tmp, &manifest, &mut database).map(|(file, size_bytes, sha256)| Export {
        file,
        size_bytes,
        sha256,
        file_name,
    })
}

/// Gives the archive, its size and its SHA-256. It has no name any more: it goes with its handle.
fn write_archive(tmp: &Path, manifest: &Manifest, database: &mut File) -> Result<(File, u64, String)> {
    let named = temp_file(tmp, "tar.zst");
    let file = File::options().read(true).write(true).create_new(true).open(named.path()).map_err(io)?;
    drop(named);
    let hashing = Hashing { inner: BufWriter::with_capacity(256 * 1024, file), hash: Sha256::new(), written: 0 };
    let bytes = manifest.to_bytes()?;
    let write = || -> std::io::Result<Hashing<BufWriter<File>>> {
        let mut encoder = zstd::Encoder::new(hashing, LEVEL)?;
        encoder.include_checksum(true)?;
        let mut archive = tar::Builder::new(encoder);
        append(&mut archive, MANIFEST, bytes.len() as u64, manifest, &mut bytes.as_slice())?;
        database.rewind()?;
        append(&mut archive, DATABASE, manifest.database.size_bytes, manifest, database)?;
        let mut hashing = archive.into_inner()?.finish()?;
        hashing.flush()?;
        Ok(hashing)
    };
    let Hashing { inner, hash, written } = write().map_err(io)?;
    let mut file = inner.into_inner().map_err(|error| io(error.into_error()))?;
    file.rewind().map_err(io)?;
    Ok((file, written, hex::encode(hash.finalize())))
}

fn append(
    archive: &mut tar::Builder<impl Write>,
    name: &str,
    size: u64,
    manifest: &Manifest,
    content: &mut impl Read,
) -> std::io::Result<()> {
    let mut header = tar::Header::new_ustar();
    header.set_size(size);
    header.set_mode(0o600);
    header.set_mtime(manifest.exported_at_secs());
    header.set_entry_type(tar::EntryType::Regular);
    archive.append_data(&mut header, name, content)
}

/// Size and SHA-256 of a file, from its start.
pub(super) fn digest(file: &mut File) -> std::io::Result<(u64, String)> {
    file.rewind()?;
    let mut sink = Hashing { inner: std::io::sink(), hash: Sha256::new(), written: 0 };
    std::io::copy(&mut std::io::BufReader::with_capacity(256 * 1024, file), &mut sink)?;
    Ok((sink.written, hex::encode(sink.hash.finalize())))
}

/// Hashes and counts what passes.
pub(super) struct Hashing<W> {
    pub(super) inner: W,
    pub(super) hash: Sha256,
    pub(super) written: u64,
}

impl<W: Write> Write for Hashing<W> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let count = self.inner.write(bytes)?;
        self.hash.update(&bytes[..count]);
        self.written += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.inner.flush()
    }
}
