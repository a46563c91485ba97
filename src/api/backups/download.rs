//! A backup as the body of an answer, whole or in part, decrypted while it is sent.

use std::io::Read;

use http::{HeaderValue, StatusCode, header};
use poem::{Body, IntoResponse, Request, Response};
use poem_openapi::registry::{MetaMediaType, MetaResponse, MetaResponses, MetaSchema, MetaSchemaRef, Registry};
use poem_openapi::{ApiResponse, Enum};
use tokio::sync::mpsc;

use crate::app::App;
use crate::backups::{Backup, Download};
use crate::error::{Error, Result};

use super::pieces::{CHUNK_BYTES, CHUNKS_AHEAD, body};
use super::sql_dump::{self, SqlDump};

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

/// In which form a backup is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[oai(rename = "DownloadFormat", rename_all = "snake_case")]
pub(super) enum Format {
    /// The database, compressed or not as the backup is.
    Database,
    /// SQL text that the program `sqlite3` loads.
    Sql,
}

/// A backup on its way to a client.
pub(super) enum BackupDownload {
    /// 200 or 206 with the database.
    Database {
        /// From the first byte that is wanted on.
        download: Box<Download>,
        /// Which bytes.
        wanted: Wanted,
    },
    /// 200 with its SQL.
    Sql(SqlDump),
}

impl BackupDownload {
    /// Opens a backup for who sent this request; `record` writes down that it was handed out.
    ///
    /// # Errors
    /// [`Error::RangeNotSatisfiable`]; those of [`crate::backups::Backups::open`].
    pub(super) async fn of(
        app: &App,
        request: &Request,
        backup: Backup,
        format: Option<Format>,
        record: impl FnOnce(&Backup),
    ) -> Result<Self> {
        if format == Some(Format::Sql) {
            let database = app.backups.database(&backup).await?;
            record(&backup);
            let stem = backup.file_name.trim_end_matches(".zst").trim_end_matches(".db");
            return Ok(Self::Sql(SqlDump::new(database, format!("{stem}.sql"))));
        }
        let wanted = Wanted::of(request, &backup)?;
        record(&backup);
        let download = app.backups.open(&backup, wanted.from).await?;
        Ok(Self::Database { download: Box::new(download), wanted })
    }
}

impl IntoResponse for BackupDownload {
    fn into_response(self) -> Response {
        let (Download { backup, content, payload }, wanted) = match self {
            Self::Database { download, wanted } => (*download, wanted),
            Self::Sql(dump) => return dump.into_response(),
        };
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
    body(receiver)
}

impl ApiResponse for BackupDownload {
    fn meta() -> MetaResponses {
        let binary = |content_type| {
            let schema = MetaSchemaRef::Inline(Box::new(MetaSchema::new_with_format("string", "binary")));
            MetaMediaType { content_type, schema }
        };
        let text = || {
            let schema = MetaSchemaRef::Inline(Box::new(MetaSchema::new("string")));
            MetaMediaType { content_type: sql_dump::CONTENT_TYPE, schema }
        };
        let response = |status, description| MetaResponse {
            description,
            status: Some(status),
            status_range: None,
            content: vec![binary("application/zstd"), binary("application/vnd.sqlite3"), text()],
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
