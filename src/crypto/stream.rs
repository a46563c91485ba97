//! Long streams at rest: C2SP chunked-encryption v1 in the instantiation Cobblestone-256
//! (AES-256-GCM, HKDF-Expand with SHA-512), <https://c2sp.org/chunked-encryption>.
//!
//! ```text
//! key (32) || base nonce (12) || commitment (32) =
//!     HKDF-Expand(input key, "c2sp.org/chunked-encryption@v1+AEAD_AES_256_GCM" || 0x00 || salt || context)
//! stream = salt (24) || commitment (32) || chunk 0 || chunk 1 || ...
//! ```
//!
//! A chunk is up to 16,384 bytes and a tag; its nonce is the base nonce XOR its number. The last
//! chunk is always shorter than a full one, and may be empty: it is the mark of the end. The
//! context says what the stream is; it is not stored, so that one stream cannot stand in for another.

use std::io::{self, Read, Seek, SeekFrom, Write};

use aes_gcm::aead::{AeadInOut, KeyInit};
use aes_gcm::{Aes256Gcm, Nonce};
use hmac::{Hmac, Mac};
use sha2::Sha512;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::id::random_bytes;

const INFO: &[u8] = b"c2sp.org/chunked-encryption@v1+AEAD_AES_256_GCM\0";
const SALT_BYTES: usize = 24;
const COMMITMENT_BYTES: usize = 32;
const NONCE_BYTES: usize = 12;
const TAG_BYTES: usize = 16;
const CHUNK_BYTES: usize = 16_384;
const SEALED_CHUNK_BYTES: usize = CHUNK_BYTES + TAG_BYTES;
const HEAD_BYTES: usize = SALT_BYTES + COMMITMENT_BYTES;
/// What one key and salt may seal.
const CHUNKS_MAX: u64 = 1 << 38;

/// The input key of streams: 32 uniformly random bytes. Its Debug shows nothing.
#[derive(Clone)]
pub struct StreamKey(Zeroizing<[u8; 32]>);

impl std::fmt::Debug for StreamKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("StreamKey")
    }
}

impl StreamKey {
    /// A key of these bytes.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// A new random key.
    pub fn generate() -> Self {
        Self::new(random_bytes())
    }

    /// The bytes, for who stores or prints the key.
    pub fn expose(&self) -> &[u8; 32] {
        &self.0
    }
}

/// Why a stream does not open. Travels inside an [`io::Error`]; [`StreamError::of`] finds it there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum StreamError {
    /// The commitment differs, so nothing was decrypted.
    #[error("made with another key or for another purpose, or its first 56 bytes are damaged")]
    WrongKey,
    /// A chunk does not authenticate.
    #[error("damaged: the 16 KiB from byte {at} on are not what was written")]
    Damaged {
        /// Where the chunk begins in the plain bytes.
        at: u64,
    },
    /// The stream ends where it cannot end.
    #[error("cut off: it ends before its end mark")]
    CutOff,
}

impl StreamError {
    /// The reason inside an error of a [`Decryptor`], if that is what it is.
    pub fn of(error: &io::Error) -> Option<Self> {
        error.get_ref()?.downcast_ref::<Self>().copied()
    }
}

impl From<StreamError> for io::Error {
    fn from(error: StreamError) -> Self {
        Self::new(io::ErrorKind::InvalidData, error)
    }
}

/// Size of the plain bytes in a stream of `sealed_bytes`; none when no stream has that size.
pub fn plain_size(sealed_bytes: u64) -> Option<u64> {
    let chunks = sealed_bytes.checked_sub(HEAD_BYTES as u64)?;
    let (full, last) = (chunks / SEALED_CHUNK_BYTES as u64, chunks % SEALED_CHUNK_BYTES as u64);
    Some(full * CHUNK_BYTES as u64 + last.checked_sub(TAG_BYTES as u64)?)
}

/// Size of the stream around `plain_bytes`.
pub fn sealed_size(plain_bytes: u64) -> u64 {
    let chunks = plain_bytes / CHUNK_BYTES as u64 + 1;
    HEAD_BYTES as u64 + plain_bytes + chunks * TAG_BYTES as u64
}

/// The keys of one stream and the number of its next chunk.
struct Chunks {
    cipher: Aes256Gcm,
    base_nonce: [u8; NONCE_BYTES],
    next: u64,
}

impl Chunks {
    /// The chunks' keys, and the commitment to them.
    fn derive(key: &StreamKey, salt: &[u8; SALT_BYTES], context: &[u8]) -> (Self, [u8; COMMITMENT_BYTES]) {
        let material = expand(key.expose(), &[INFO, salt, context]);
        let (cipher_key, rest) = material.split_first_chunk::<32>().expect("76 bytes begin with 32");
        let (base_nonce, rest) = rest.split_first_chunk::<NONCE_BYTES>().expect("44 bytes begin with 12");
        let commitment = rest.first_chunk::<COMMITMENT_BYTES>().expect("32 bytes are left");
        (Self { cipher: Aes256Gcm::new(cipher_key.into()), base_nonce: *base_nonce, next: 0 }, *commitment)
    }

    /// The nonce of the next chunk: a number as wide as the nonce, of which the low 8 bytes suffice.
    fn nonce(&mut self) -> io::Result<Nonce<aes_gcm::aead::consts::U12>> {
        if self.next >= CHUNKS_MAX {
            return Err(io::Error::other("a stream of more than 4 PiB"));
        }
        let mut nonce = self.base_nonce;
        for (byte, number) in nonce[NONCE_BYTES - 8..].iter_mut().zip(self.next.to_be_bytes()) {
            *byte ^= number;
        }
        self.next += 1;
        Ok(nonce.into())
    }

    fn seal(&mut self, chunk: &mut Vec<u8>) -> io::Result<()> {
        let nonce = self.nonce()?;
        self.cipher.encrypt_in_place(&nonce, &[], chunk).map_err(|_| io::Error::other("a chunk could not be sealed"))
    }

    fn open(&mut self, chunk: &mut Vec<u8>) -> io::Result<()> {
        let at = self.next * CHUNK_BYTES as u64;
        let nonce = self.nonce()?;
        self.cipher.decrypt_in_place(&nonce, &[], chunk).map_err(|_| StreamError::Damaged { at }.into())
    }
}

/// HKDF-Expand of RFC 5869 with SHA-512. The hkdf crate refuses a key shorter than the hash, which
/// the specification of these streams has.
fn expand(key: &[u8; 32], info: &[&[u8]]) -> Zeroizing<[u8; 32 + NONCE_BYTES + COMMITMENT_BYTES]> {
    let mut output = Zeroizing::new([0; 32 + NONCE_BYTES + COMMITMENT_BYTES]);
    let mut block = Zeroizing::new(Vec::new());
    for (number, part) in (1u8..).zip(output.chunks_mut(64)) {
        let mut mac = Hmac::<Sha512>::new_from_slice(key).expect("HMAC takes keys of any size");
        mac.update(&block);
        for piece in info {
            mac.update(piece);
        }
        mac.update(&[number]);
        *block = mac.finalize().into_bytes().to_vec();
        part.copy_from_slice(&block[..part.len()]);
    }
    output
}

/// Encrypts what is written to it. Without [`Encryptor::finish`] the stream has no end and does
/// not open.
pub struct Encryptor<W> {
    to: W,
    chunks: Chunks,
    buffer: Vec<u8>,
}

impl<W: Write> Encryptor<W> {
    /// Begins a stream with a salt of its own.
    ///
    /// # Errors
    /// Those of `to`.
    pub fn new(to: W, key: &StreamKey, context: &[u8]) -> io::Result<Self> {
        Self::with_salt(to, key, context, &random_bytes())
    }

    fn with_salt(mut to: W, key: &StreamKey, context: &[u8], salt: &[u8; SALT_BYTES]) -> io::Result<Self> {
        let (chunks, commitment) = Chunks::derive(key, salt, context);
        to.write_all(salt)?;
        to.write_all(&commitment)?;
        Ok(Self { to, chunks, buffer: Vec::with_capacity(SEALED_CHUNK_BYTES) })
    }

    fn flush_chunk(&mut self) -> io::Result<()> {
        self.chunks.seal(&mut self.buffer)?;
        self.to.write_all(&self.buffer)?;
        self.buffer.clear();
        Ok(())
    }

    /// Writes the end and gives back what was written to.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn finish(mut self) -> io::Result<W> {
        self.flush_chunk()?;
        self.to.flush()?;
        Ok(self.to)
    }
}

impl<W: Write> Write for Encryptor<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = bytes.len().min(CHUNK_BYTES - self.buffer.len());
        self.buffer.extend_from_slice(&bytes[..taken]);
        if self.buffer.len() == CHUNK_BYTES {
            self.flush_chunk()?;
        }
        Ok(taken)
    }

    /// Hands on whole chunks only: what has not filled one has to wait for more.
    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

/// Decrypts what is read through it. It gives away only bytes that are authentic, and ends well
/// only at the end mark.
pub struct Decryptor<R> {
    from: R,
    chunks: Chunks,
    buffer: Vec<u8>,
    /// What of the buffer has been given away.
    given: usize,
    is_at_end: bool,
    has_failed: bool,
    /// Where the stream begins in `from`, for who seeks.
    begins_at: u64,
}

impl<R: Read> Decryptor<R> {
    /// Reads the head and checks that this key and context made it.
    ///
    /// # Errors
    /// [`StreamError::WrongKey`], [`StreamError::CutOff`]; those of `from`.
    pub fn new(mut from: R, key: &StreamKey, context: &[u8]) -> io::Result<Self> {
        let (mut salt, mut found) = ([0; SALT_BYTES], [0; COMMITMENT_BYTES]);
        for part in [&mut salt[..], &mut found[..]] {
            from.read_exact(part).map_err(|error| match error.kind() {
                io::ErrorKind::UnexpectedEof => StreamError::CutOff.into(),
                _ => error,
            })?;
        }
        let (chunks, commitment) = Chunks::derive(key, &salt, context);
        if !bool::from(commitment.ct_eq(&found)) {
            return Err(StreamError::WrongKey.into());
        }
        let buffer = Vec::with_capacity(SEALED_CHUNK_BYTES);
        Ok(Self { from, chunks, buffer, given: 0, is_at_end: false, has_failed: false, begins_at: 0 })
    }

    fn next_chunk(&mut self) -> io::Result<()> {
        if self.has_failed {
            return Err(io::Error::other("read on behind a fault"));
        }
        let outcome = self.read_chunk();
        if outcome.is_err() {
            self.buffer.clear();
            self.has_failed = true;
        }
        self.given = 0;
        outcome
    }

    fn read_chunk(&mut self) -> io::Result<()> {
        self.buffer.clear();
        self.from.by_ref().take(SEALED_CHUNK_BYTES as u64).read_to_end(&mut self.buffer)?;
        self.is_at_end = self.buffer.len() < SEALED_CHUNK_BYTES;
        if self.buffer.len() < TAG_BYTES {
            return Err(StreamError::CutOff.into());
        }
        self.chunks.open(&mut self.buffer)
    }
}

impl<R: Read + Seek> Decryptor<R> {
    /// As [`Decryptor::new`], for a stream that goes from where `from` stands to its end and of
    /// which parts are wanted.
    ///
    /// # Errors
    /// As [`Decryptor::new`].
    pub fn seekable(mut from: R, key: &StreamKey, context: &[u8]) -> io::Result<Self> {
        let begins_at = from.stream_position()?;
        Ok(Self { begins_at, ..Self::new(from, key, context)? })
    }

    /// Goes on at this byte of the plain bytes. Past the end nothing is left to read.
    ///
    /// # Errors
    /// As reading.
    pub fn seek_to(&mut self, plain_byte: u64) -> io::Result<()> {
        let chunk = plain_byte / CHUNK_BYTES as u64;
        let size = self.from.seek(SeekFrom::End(0))?.saturating_sub(self.begins_at);
        let plain = plain_size(size).ok_or(StreamError::CutOff)?;
        // The last chunk is looked at even by who wants nothing of it.
        self.chunks.next = chunk.min(plain / CHUNK_BYTES as u64);
        let at = self.begins_at + HEAD_BYTES as u64 + self.chunks.next * SEALED_CHUNK_BYTES as u64;
        self.from.seek(SeekFrom::Start(at))?;
        let into = plain_byte - self.chunks.next * CHUNK_BYTES as u64;
        self.next_chunk()?;
        self.given = usize::try_from(into).unwrap_or(usize::MAX).min(self.buffer.len());
        Ok(())
    }
}

impl<R: Read> Read for Decryptor<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if into.is_empty() {
            return Ok(0);
        }
        while self.given == self.buffer.len() {
            if self.is_at_end {
                return Ok(0);
            }
            self.next_chunk()?;
        }
        let taken = into.len().min(self.buffer.len() - self.given);
        into[..taken].copy_from_slice(&self.buffer[self.given..self.given + taken]);
        self.given += taken;
        Ok(taken)
    }
}

#[cfg(test)]
mod tests;
