//! A backup as the body of an answer, whole or in part, decrypted while it is sent.

use std::io::Read;

use http::{HeaderValue, StatusCode, header};
use poem::{Body, IntoResponse, Request, Response};
use poem_openapi::ApiResponse;
use poem_openapi::registry::{MetaMediaType, MetaResponse, MetaResponses, MetaSchema, MetaSchemaRef, Registry};
use tokio::sync::mpsc;

use crate::backups::{Backup, Download};
use crate::error::{Error, Result};

const CHUNK_BYTES: usize = 128 * 1024;
/// Chunks that may wait for a slow reader.
const CHUNKS_AHEAD: usize = 4;

/// The bytes that a request asks for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wanted {
    from: u64,
    /// Behind the last one.
    to: u64,
    is_part: bool,
}

impl Wanted {
    /// What `Range` asks for; all of it when that is missing, or of a kind that may be passed over.
    ///
    /// # Errors
    /// [`Error::RangeNotSatisfiable`].
    pub(super) fn of(request: &Request, backup: &Backup) -> Result<Self> {
        let size = backup.content.as_ref().map_or(0, |content| content.payload_bytes);
        let checksum = backup.content.as_ref().map(|content| format!("\"{}\"", content.payload_sha256));
        let is_same = request.header("if-range").is_none_or(|tag| Some(tag) == checksum.as_deref());
        let range = request.header("range").filter(|_| is_same);
        match range.and_then(|range| one_range(range, size)) {
            None => Ok(Self { from: 0, to: size, is_part: false }),
            Some((from, to)) if from < to => Ok(Self { from, to, is_part: true }),
            Some(_) => Err(Error::RangeNotSatisfiable(size)),
        }
    }

    pub(super) fn from(self) -> u64 {
        self.from
    }
}

/// `bytes=10-19`, `bytes=10-` or `bytes=-10` as the bytes from the first to before the last; none
/// for several ranges and other units, which a server may pass over (RFC 9110, 14.2).
fn one_range(text: &str, size: u64) -> Option<(u64, u64)> {
    let (first, last) = text.strip_prefix("bytes=")?.trim().split_once('-')?;
    match (first, last) {
        ("", last) => Some((size.saturating_sub(last.parse().ok()?), size)),
        (first, "") => Some((first.parse().ok()?, size)),
        (first, last) => {
            let (first, last): (u64, u64) = (first.parse().ok()?, last.parse().ok()?);
            (first <= last).then(|| (first, last.saturating_add(1).min(size)))
        }
    }
}

/// 200 or 206 with a backup.
pub(super) struct BackupDownload {
    download: Download,
    wanted: Wanted,
}

impl BackupDownload {
    pub(super) fn new(download: Download, wanted: Wanted) -> Self {
        Self { download, wanted }
    }
}

impl IntoResponse for BackupDownload {
    fn into_response(self) -> Response {
        let Self { download: Download { backup, content, payload }, wanted } = self;
        let bytes = wanted.to - wanted.from;
        let mut response = Response::from(if wanted.is_part { StatusCode::PARTIAL_CONTENT } else { StatusCode::OK });
        let content_type = if backup.is_compressed { "application/zstd" } else { "application/vnd.sqlite3" };
        let mut headers = vec![
            (header::CONTENT_TYPE, content_type.to_owned()),
            (header::CONTENT_LENGTH, bytes.to_string()),
            (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{}\"", backup.file_name)),
            (header::ETAG, format!("\"{}\"", content.payload_sha256)),
            (header::ACCEPT_RANGES, "bytes".to_owned()),
            (header::CACHE_CONTROL, "no-store".to_owned()),
        ];
        if wanted.is_part {
            let range = format!("bytes {}-{}/{}", wanted.from, wanted.to.saturating_sub(1), content.payload_bytes);
            headers.push((header::CONTENT_RANGE, range));
        }
        for (name, value) in headers {
            if let Ok(value) = HeaderValue::from_str(&value) {
                response.headers_mut().insert(name, value);
            }
        }
        response.set_body(streamed(payload, bytes));
        response
    }
}

/// Reads on a thread of the runtime's, as fast as the client takes it. A fault in the middle breaks
/// the connection off: whoever downloads must not take a part for the whole.
fn streamed(payload: Box<dyn Read + Send>, bytes: u64) -> Body {
    let (sender, receiver) = mpsc::channel(CHUNKS_AHEAD);
    tokio::task::spawn_blocking(move || {
        let mut payload = payload.take(bytes);
        loop {
            let mut chunk = Vec::with_capacity(CHUNK_BYTES);
            let read = payload.by_ref().take(CHUNK_BYTES as u64).read_to_end(&mut chunk);
            let is_end = !matches!(read, Ok(count) if count > 0);
            let piece = match read {
                Ok(0) => return,
                Ok(_) => Ok(chunk),
                Err(error) => {
                    tracing::error!(%error, "a backup broke off while it was sent");
                    Err(error)
                }
            };
            if sender.blocking_send(piece).is_err() || is_end {
                return;
            }
        }
    });
    let pieces = futures_util::stream::unfold(receiver, |mut receiver| async {
        receiver.recv().await.map(|piece| (piece, receiver))
    });
    Body::from_bytes_stream(pieces)
}

impl ApiResponse for BackupDownload {
    fn meta() -> MetaResponses {
        let binary = |content_type| {
            let schema = MetaSchemaRef::Inline(Box::new(MetaSchema::new_with_format("string", "binary")));
            MetaMediaType { content_type, schema }
        };
        let response = |status, description| MetaResponse {
            description,
            status: Some(status),
            status_range: None,
            content: vec![binary("application/zstd"), binary("application/vnd.sqlite3")],
            headers: vec![],
        };
        MetaResponses { responses: vec![response(200, "The backup."), response(206, "A part of it.")] }
    }

    fn register(_registry: &mut Registry) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read_as_the_standard_says() {
        for (text, expected) in [
            ("bytes=0-9", Some((0, 10))),
            ("bytes=90-", Some((90, 100))),
            ("bytes=-10", Some((90, 100))),
            ("bytes=-1000", Some((0, 100))),
            ("bytes=90-1000", Some((90, 100))),
            ("bytes=100-", Some((100, 100))),
            ("bytes=-0", Some((100, 100))),
            ("bytes=9-0", None),
            ("bytes=0-1,5-6", None),
            ("pages=0-9", None),
            ("bytes=a-b", None),
        ] {
            assert_eq!(one_range(text, 100), expected, "{text}");
        }
    }
}
