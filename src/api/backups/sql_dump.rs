//! A database as SQL text, made while it is sent.

use std::io::{self, BufWriter, Write};

use http::{HeaderValue, StatusCode, header};
use poem::{Body, IntoResponse, Response};
use poem_openapi::ApiResponse;
use poem_openapi::registry::{MetaMediaType, MetaResponse, MetaResponses, MetaSchema, MetaSchemaRef, Registry};
use tokio::sync::mpsc;

use crate::db::TempFile;
use crate::db::inspect::Look;

use super::pieces::{CHUNK_BYTES, CHUNKS_AHEAD, body};

pub(super) const CONTENT_TYPE: &str = "application/sql";

/// 200 with SQL text.
pub(super) struct SqlDump {
    database: TempFile,
    file_name: String,
}

impl SqlDump {
    /// Of a closed file, which goes when it is sent.
    pub(super) fn new(database: TempFile, file_name: String) -> Self {
        Self { database, file_name }
    }
}

impl IntoResponse for SqlDump {
    fn into_response(self) -> Response {
        let mut response = Response::from(StatusCode::OK);
        response.set_body(streamed(self.database));
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(CONTENT_TYPE));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Ok(name) = HeaderValue::from_str(&format!("attachment; filename=\"{}\"", self.file_name)) {
            headers.insert(header::CONTENT_DISPOSITION, name);
        }
        response
    }
}

/// A fault in the middle breaks the connection off, and a text without its `COMMIT` changes nothing.
fn streamed(database: TempFile) -> Body {
    let (sender, receiver) = mpsc::channel(CHUNKS_AHEAD);
    tokio::task::spawn_blocking(move || {
        let mut to = BufWriter::with_capacity(CHUNK_BYTES, Pieces(sender));
        let dumped = Look::open(database.path()).and_then(|look| look.dump(&mut to));
        if let Err(error) = dumped {
            let Pieces(sender) = to.into_parts().0;
            // Nobody reads any more: that is no fault.
            if !sender.is_closed() {
                tracing::error!(%error, "a dump broke off while it was sent");
                let _ = sender.blocking_send(Err(io::Error::other("the dump broke off")));
            }
        }
    });
    body(receiver)
}

struct Pieces(mpsc::Sender<io::Result<Vec<u8>>>);

impl Write for Pieces {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.blocking_send(Ok(bytes.to_vec())).map_err(|_| io::ErrorKind::BrokenPipe)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl ApiResponse for SqlDump {
    fn meta() -> MetaResponses {
        let schema = MetaSchemaRef::Inline(Box::new(MetaSchema::new("string")));
        MetaResponses {
            responses: vec![MetaResponse {
                description: "SQL text that the program sqlite3 loads.",
                status: Some(200),
                status_range: None,
                content: vec![MetaMediaType { content_type: CONTENT_TYPE, schema }],
                headers: vec![],
            }],
        }
    }

    fn register(_registry: &mut Registry) {}
}
