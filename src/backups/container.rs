//! The file of a backup. docs/BACKUP-FORMAT.md describes it for who has to read it without ruko.
//!
//! ```text
//! head      "ruko-backup/1\n" and one line of JSON: tenant, backup, key
//! stream    see crypto::stream; its context is the head, byte for byte
//!   payload   what a download gives: a zstd frame around a SQLite file, or that file itself
//!   manifest  JSON: what the backup holds
//!   length    of the manifest, 4 bytes, big-endian
//! ```
//!
//! The manifest stands at the end because most of it is known only then; whoever reads a file can
//! go there first. Everything here blocks.

use std::collections::BTreeMap;
use std::io::{self, Read, Seek, SeekFrom, Write};

use serde::{Deserialize, Serialize};

use crate::crypto::digest::{Digest, Digesting};
use crate::crypto::stream::{Decryptor, Encryptor, StreamError, StreamKey, plain_size};
use crate::zstd_frame;

const MAGIC: &[u8] = b"ruko-backup/1\n";
const MAGIC_OF_ANY_VERSION: &[u8] = b"ruko-backup/";
/// Ids are short; a head that goes on and on is none.
const HEAD_BYTES_MAX: usize = 1024;
const MANIFEST_BYTES_MAX: u32 = 1024 * 1024;
const LENGTH_BYTES: u64 = 4;

/// What everybody may know of a backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// Whose data it holds; `central` for the server's own file.
    pub tenant_id: String,
    /// Id of the backup.
    pub backup_id: String,
    /// Which key opens it; see [`super::keys::BackupKey::id`].
    pub key_id: String,
}

/// What only who has the key may know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// Release that made it.
    pub ruko_version: String,
    /// Why it was made.
    pub kind: String,
    /// Milliseconds since 1970.
    pub created_at_ms: i64,
    /// Schema version of the database.
    pub schema_version: i64,
    /// Whether the payload is a zstd frame.
    pub is_compressed: bool,
    /// Size of the database.
    pub database_bytes: u64,
    /// SHA-256 of the payload, in hex.
    pub payload_sha256: String,
    /// Rows of every table.
    pub row_counts: BTreeMap<String, i64>,
}

/// Why a file is no backup that can be used.
#[derive(Debug, thiserror::Error)]
pub enum ContainerError {
    /// Not a file of ours at all.
    #[error("it is not a backup file of ruko")]
    Foreign,
    /// A later format.
    #[error("it was made by a newer ruko; this one reads format 1")]
    Newer,
    /// The encryption says no.
    #[error(transparent)]
    Stream(#[from] StreamError),
    /// Authentic bytes that make no sense: made by a broken program that has the key.
    #[error("its {0} cannot be read")]
    Unreadable(&'static str),
    /// The payload is more than the manifest or the caller's bound allows.
    #[error("it unpacks to more than {0} bytes")]
    TooLarge(u64),
    /// Reading or writing failed.
    #[error(transparent)]
    Io(io::Error),
}

impl From<io::Error> for ContainerError {
    fn from(error: io::Error) -> Self {
        StreamError::of(&error).map_or_else(|| Self::Io(error), Self::Stream)
    }
}

impl Head {
    fn to_bytes(&self) -> io::Result<Vec<u8>> {
        let mut bytes = MAGIC.to_vec();
        serde_json::to_writer(&mut bytes, self)?;
        bytes.push(b'\n');
        Ok(bytes)
    }

    /// Reads the head, byte for byte, and leaves `from` behind it.
    fn read(from: &mut impl Read) -> Result<(Self, Vec<u8>), ContainerError> {
        let (mut bytes, mut lines, mut byte) = (Vec::new(), 0, [0]);
        // Byte by byte: what follows belongs to the stream.
        while lines < 2 && bytes.len() < HEAD_BYTES_MAX && from.read(&mut byte)? == 1 {
            bytes.extend(byte);
            lines += u32::from(byte == *b"\n");
        }
        let Some(line) = bytes.strip_prefix(MAGIC) else {
            let is_newer = bytes.starts_with(MAGIC_OF_ANY_VERSION);
            return Err(if is_newer { ContainerError::Newer } else { ContainerError::Foreign });
        };
        let head = serde_json::from_slice(line).map_err(|_| ContainerError::Foreign)?;
        Ok((head, bytes))
    }
}

/// Writes a backup: first the payload, as [`Write`], then [`Packer::finish`].
pub struct Packer<W: Write> {
    to: Payload<W>,
}

enum Payload<W: Write> {
    Plain(Digesting<Encryptor<W>>),
    Packed(zstd::Encoder<'static, Digesting<Encryptor<W>>>),
}

impl<W: Write> Packer<W> {
    /// Begins a backup.
    ///
    /// # Errors
    /// Those of `to`.
    pub fn new(mut to: W, key: &StreamKey, head: &Head, is_compressed: bool) -> io::Result<Self> {
        let head = head.to_bytes()?;
        to.write_all(&head)?;
        let sink = Digesting::new(Encryptor::new(to, key, &head)?);
        let to = if is_compressed { Payload::Packed(zstd_frame::encoder(sink)?) } else { Payload::Plain(sink) };
        Ok(Self { to })
    }

    /// Ends the payload and adds the manifest that `describe` makes of its digest.
    ///
    /// # Errors
    /// Those of the writer and of `describe`.
    pub fn finish<E: From<io::Error>>(
        self,
        describe: impl FnOnce(&Digest) -> Result<Manifest, E>,
    ) -> Result<(W, Digest), E> {
        let sink = match self.to {
            Payload::Plain(sink) => sink,
            Payload::Packed(encoder) => encoder.finish()?,
        };
        let (mut stream, payload) = sink.finish();
        let manifest = serde_json::to_vec(&describe(&payload)?).map_err(io::Error::from)?;
        let length = u32::try_from(manifest.len()).ok().filter(|length| *length <= MANIFEST_BYTES_MAX);
        let length = length.ok_or_else(|| io::Error::other("a manifest of more than 1 MiB"))?;
        stream.write_all(&manifest)?;
        stream.write_all(&length.to_be_bytes())?;
        Ok((stream.finish()?, payload))
    }
}

impl<W: Write> Write for Packer<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.to {
            Payload::Plain(sink) => sink.write(bytes),
            Payload::Packed(encoder) => encoder.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// An opened backup.
pub struct Unpacker<R> {
    stream: Decryptor<R>,
    /// Who and what it is.
    pub head: Head,
    /// What it holds.
    pub manifest: Manifest,
    payload_bytes: u64,
}

/// Reads the head of a backup, for who has to find its key first.
///
/// # Errors
/// [`ContainerError::Foreign`], [`ContainerError::Newer`], [`ContainerError::Io`].
pub fn read_head(from: &mut impl Read) -> Result<Head, ContainerError> {
    Ok(Head::read(from)?.0)
}

impl<R: Read + Seek> Unpacker<R> {
    /// Opens a backup with its key and reads its manifest.
    ///
    /// # Errors
    /// [`ContainerError`].
    pub fn open(mut from: R, key: &StreamKey) -> Result<Self, ContainerError> {
        let file_bytes = from.seek(SeekFrom::End(0))?;
        from.rewind()?;
        let (head, head_bytes) = Head::read(&mut from)?;
        let head_size = head_bytes.len() as u64;
        let stream_bytes = plain_size(file_bytes - head_size).ok_or(StreamError::CutOff)?;
        let mut stream = Decryptor::seekable(from, key, &head_bytes)?;
        let manifest_end = stream_bytes.checked_sub(LENGTH_BYTES).ok_or(ContainerError::Unreadable("manifest"))?;
        let mut length = [0; 4];
        stream.seek_to(manifest_end)?;
        stream.read_exact(&mut length)?;
        let length = u32::from_be_bytes(length);
        let start = manifest_end.checked_sub(length.into()).filter(|_| length <= MANIFEST_BYTES_MAX);
        let payload_bytes = start.ok_or(ContainerError::Unreadable("manifest"))?;
        let mut manifest = Vec::new();
        stream.seek_to(payload_bytes)?;
        stream.by_ref().take(length.into()).read_to_end(&mut manifest)?;
        let manifest = serde_json::from_slice(&manifest).map_err(|_| ContainerError::Unreadable("manifest"))?;
        stream.seek_to(0)?;
        Ok(Self { stream, head, manifest, payload_bytes })
    }

    /// Size of the payload.
    pub fn payload_bytes(&self) -> u64 {
        self.payload_bytes
    }

    /// The payload from byte `from` on: what a download gives.
    ///
    /// # Errors
    /// As reading.
    pub fn payload(mut self, from: u64) -> Result<impl Read, ContainerError> {
        let from = from.min(self.payload_bytes);
        self.stream.seek_to(from)?;
        Ok(self.stream.take(self.payload_bytes - from))
    }

    /// Writes the database to `to`, at most `bytes_max` bytes, and checks the payload's checksum.
    ///
    /// # Errors
    /// [`ContainerError`]; what was written until then is worth nothing.
    pub fn unpack(mut self, to: &mut impl Write, bytes_max: u64) -> Result<Manifest, ContainerError> {
        self.stream.seek_to(0)?;
        let bytes_max = bytes_max.min(self.manifest.database_bytes);
        let mut payload = Digesting::new(self.stream.take(self.payload_bytes));
        let copied = if self.manifest.is_compressed {
            let mut decoder = zstd_frame::decoder(&mut payload)?.single_frame();
            copy_bounded(&mut decoder, to, bytes_max)?
        } else {
            copy_bounded(&mut payload, to, bytes_max)?
        };
        io::copy(&mut payload, &mut io::sink())?;
        let sha256 = payload.finish().1.sha256;
        let is_as_described = copied == self.manifest.database_bytes && sha256 == self.manifest.payload_sha256;
        if is_as_described { Ok(self.manifest) } else { Err(ContainerError::Unreadable("payload")) }
    }
}

/// Writes an opened backup to `to` with another key. Every byte of it is authenticated on the way.
///
/// # Errors
/// [`ContainerError`]; what was written until then is worth nothing.
pub fn reseal<R: Read + Seek, W: Write>(
    mut from: Unpacker<R>,
    mut to: W,
    key: &StreamKey,
    head: &Head,
) -> Result<W, ContainerError> {
    let head = head.to_bytes()?;
    to.write_all(&head)?;
    let mut sealed = Encryptor::new(to, key, &head)?;
    from.stream.seek_to(0)?;
    io::copy(&mut from.stream, &mut sealed)?;
    Ok(sealed.finish()?)
}

fn copy_bounded(from: &mut impl Read, to: &mut impl Write, bytes_max: u64) -> Result<u64, ContainerError> {
    let copied = io::copy(&mut from.take(bytes_max), to)?;
    if from.read(&mut [0])? > 0 {
        return Err(ContainerError::TooLarge(bytes_max));
    }
    Ok(copied)
}

#[cfg(test)]
mod tests;
