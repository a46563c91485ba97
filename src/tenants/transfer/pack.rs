//! Packing an archive. Everything here blocks.

use std::fs::File;
use std::io::{BufWriter, Read, Seek, Write};
use std::path::Path;

use crate::clock::Timestamp;
use crate::crypto::digest::{Digest, Digesting};
use crate::db::{Schema, count_rows, file_error};
use crate::error::Result;
use crate::zstd_frame;

use super::manifest::{Central, DatabasePart, Manifest};
use super::{DATABASE, Export, MANIFEST, temp_file};

/// Copies the live file, makes sure that the copy is one that can be imported, and packs it.
pub(super) fn pack(live: &Path, tmp: &Path, central: Central, schema: &Schema, now: Timestamp) -> Result<Export> {
    let copy = temp_file(tmp, "db");
    let schema_version = schema.copy_for_export(live, copy.path(), central.tenant.id.as_str())?;
    let mut database = File::open(copy.path()).map_err(file_error)?;
    let whole = digest(&mut database).map_err(file_error)?;
    let file_name = format!("{}.ruko.tar.zst", central.tenant.id);
    let row_counts = count_rows(copy.path())?;
    let part = DatabasePart { size_bytes: whole.bytes, sha256: whole.sha256, schema_version, row_counts };
    let manifest = central.manifest(part, now);
    let (file, packed) = write_archive(tmp, &manifest, &mut database)?;
    Ok(Export { file, size_bytes: packed.bytes, sha256: packed.sha256, file_name })
}

/// Gives the archive. It has no name any more: it goes with its handle.
fn write_archive(tmp: &Path, manifest: &Manifest, database: &mut File) -> Result<(File, Digest)> {
    let named = temp_file(tmp, "tar.zst");
    let file = File::options().read(true).write(true).create_new(true).open(named.path()).map_err(file_error)?;
    drop(named);
    let sink = Digesting::new(BufWriter::with_capacity(256 * 1024, file));
    let bytes = manifest.to_bytes()?;
    let write = || -> std::io::Result<Digesting<BufWriter<File>>> {
        let mut archive = tar::Builder::new(zstd_frame::encoder(sink)?);
        append(&mut archive, MANIFEST, bytes.len() as u64, manifest, &mut bytes.as_slice())?;
        database.rewind()?;
        append(&mut archive, DATABASE, manifest.database.size_bytes, manifest, database)?;
        let mut sink = archive.into_inner()?.finish()?;
        sink.flush()?;
        Ok(sink)
    };
    let (buffered, packed) = write().map_err(file_error)?.finish();
    let mut file = buffered.into_inner().map_err(|error| file_error(error.into_error()))?;
    file.rewind().map_err(file_error)?;
    Ok((file, packed))
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

/// Of a whole file, from its start.
fn digest(file: &mut File) -> std::io::Result<Digest> {
    file.rewind()?;
    let mut sink = Digesting::new(std::io::sink());
    std::io::copy(&mut std::io::BufReader::with_capacity(256 * 1024, file), &mut sink)?;
    Ok(sink.finish().1)
}
