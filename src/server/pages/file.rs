//! A file that is kept in memory, with its version and, for clients that can unpack it, in small.

use std::sync::OnceLock;

use http::{HeaderName, HeaderValue, StatusCode, header};
use hyper::body::Bytes;
use poem::{Request, Response};
use sha2::{Digest, Sha256};

/// Packed while the first one who wants it waits: a higher level takes ten times as long and wins
/// a tenth.
const LEVEL: i32 = 3;

/// A file.
pub struct File {
    content_type: &'static str,
    bytes: Bytes,
    tag: String,
    packed: OnceLock<Option<Bytes>>,
}

impl File {
    /// A file of this content.
    pub fn new(content_type: &'static str, content: impl Into<Bytes>) -> Self {
        let bytes = content.into();
        // Weak: both forms of the file carry the same tag.
        let tag = format!("W/\"{}\"", hex::encode(&Sha256::digest(&bytes)[..12]));
        Self { content_type, bytes, tag, packed: OnceLock::new() }
    }

    /// The file, or 304 for a client that has it.
    pub fn answer(&self, request: &Request) -> Response {
        let known =
            request.header("if-none-match").is_some_and(|tags| tags.split(',').any(|tag| tag.trim() == self.tag));
        let mut response = if known { StatusCode::NOT_MODIFIED.into() } else { self.full(request) };
        let mut add = |name: HeaderName, value: &str| {
            if let Ok(value) = HeaderValue::from_str(value) {
                response.headers_mut().insert(name, value);
            }
        };
        add(header::ETAG, &self.tag);
        // Kept, but asked for again: another release has other files under the same names.
        add(header::CACHE_CONTROL, "no-cache");
        add(header::VARY, "Accept-Encoding");
        response
    }

    fn full(&self, request: &Request) -> Response {
        let answer = Response::builder().content_type(self.content_type);
        match self.packed().filter(|_| takes_zstd(request)) {
            Some(packed) => answer.header(header::CONTENT_ENCODING, "zstd").body(packed),
            None => answer.body(self.bytes.clone()),
        }
    }

    fn packed(&self) -> Option<Bytes> {
        self.packed.get_or_init(|| zstd::bulk::compress(&self.bytes, LEVEL).ok().map(Bytes::from)).clone()
    }
}

fn takes_zstd(request: &Request) -> bool {
    let sent = request.header("accept-encoding").unwrap_or_default();
    sent.split(',').any(|coding| {
        let (name, weight) = coding.split_once(';').unwrap_or((coding, ""));
        name.trim().eq_ignore_ascii_case("zstd") && !matches!(weight.trim(), "q=0" | "q=0.0" | "q=0.00" | "q=0.000")
    })
}
