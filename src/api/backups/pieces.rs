//! A body of pieces that a thread makes as fast as the client takes them.

use std::io;

use poem::Body;
use tokio::sync::mpsc;

pub(super) const CHUNK_BYTES: usize = 128 * 1024;
/// Pieces that may wait for a slow reader.
pub(super) const CHUNKS_AHEAD: usize = 4;

/// The body that ends when the sender is dropped, and breaks off at an error.
pub(super) fn body(receiver: mpsc::Receiver<io::Result<Vec<u8>>>) -> Body {
    Body::from_bytes_stream(futures_util::stream::unfold(receiver, |mut receiver| async {
        receiver.recv().await.map(|piece| (piece, receiver))
    }))
}
