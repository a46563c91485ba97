//! Zstandard frames as archives and backups are packed in.

use std::io::{self, BufReader, Read, Write};

/// Packs a database to about a third at the speed of a disk.
const LEVEL: i32 = 3;
/// A window of 2^27 bytes is what a decoder may need at most for levels up to 19.
const WINDOW_LOG_MAX: u32 = 27;
const BUFFER_BYTES: usize = 256 * 1024;

/// Packs what is written into one frame with a checksum.
///
/// # Errors
/// Those of `to`.
pub fn encoder<W: Write>(to: W) -> io::Result<zstd::Encoder<'static, W>> {
    let mut encoder = zstd::Encoder::new(to, LEVEL)?;
    encoder.include_checksum(true)?;
    Ok(encoder)
}

/// Unpacks a frame, which may be a stranger's: its window is bounded, and with that the memory it takes.
///
/// # Errors
/// When there is no memory.
pub fn decoder<R: Read>(from: R) -> io::Result<zstd::Decoder<'static, BufReader<R>>> {
    let mut decoder = zstd::Decoder::with_buffer(BufReader::with_capacity(BUFFER_BYTES, from))?;
    decoder.window_log_max(WINDOW_LOG_MAX)?;
    Ok(decoder)
}
