//! One id per request, in its extensions, its log lines and the header `X-Request-Id` of its answer.

use std::fmt;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

use http::{HeaderName, HeaderValue};
use poem::{Endpoint, Middleware, Request, Response, Result};

use crate::id::random_bytes;

static X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const LONGEST: usize = 64;
const MADE_CHARS: usize = 20;

/// The id of one request: 1 to 64 of `A-Z a-z 0-9 . _ -`.
///
/// Copied by value, so that it costs no counting of references.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct RequestId {
    chars: [u8; LONGEST],
    len: u8,
}

impl RequestId {
    /// A new id of 20 characters: 7 of this process, 13 of this request.
    pub fn new() -> Self {
        static SOURCE: LazyLock<Source> = LazyLock::new(Source::new);
        SOURCE.next()
    }

    /// The id that a client or proxy chose, if it is well-formed.
    pub fn parse(text: &[u8]) -> Option<Self> {
        let well_formed =
            matches!(text.len(), 1..=LONGEST) && text.iter().all(|c| c.is_ascii_alphanumeric() || b"._-".contains(c));
        if !well_formed {
            return None;
        }
        let mut chars = [0; LONGEST];
        chars[..text.len()].copy_from_slice(text);
        Some(Self { chars, len: u8::try_from(text.len()).ok()? })
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(self.as_bytes()).unwrap_or_default()
    }

    fn as_bytes(&self) -> &[u8] {
        &self.chars[..usize::from(self.len)]
    }
}

impl Default for RequestId {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

/// A counter is unique and costs next to nothing. It is scattered by an odd factor (which no two
/// numbers survive as one), for a plain count would tell every client how busy the server is.
struct Source {
    process: u64,
    factor: u64,
    mask: u64,
    count: AtomicU64,
}

impl Source {
    fn new() -> Self {
        Self {
            process: u64::from_le_bytes(random_bytes()),
            factor: u64::from_le_bytes(random_bytes()) | 1,
            mask: u64::from_le_bytes(random_bytes()),
            count: AtomicU64::new(0),
        }
    }

    fn next(&self) -> RequestId {
        let number = self.count.fetch_add(1, Ordering::Relaxed).wrapping_mul(self.factor) ^ self.mask;
        let mut chars = [0; LONGEST];
        write_base32(self.process, &mut chars[..7]);
        write_base32(number, &mut chars[7..MADE_CHARS]);
        RequestId { chars, len: 20 }
    }
}

/// Five bits a character; without the letters that are mistaken for digits.
fn write_base32(mut number: u64, chars: &mut [u8]) {
    const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
    for c in chars {
        *c = ALPHABET[usize::from((number & 31) as u8)];
        number >>= 5;
    }
}

/// Gives every request its [`RequestId`]. Outermost of all wrappers: an error is turned into an
/// answer here at the latest, so that it carries the id too.
#[derive(Debug, Clone, Copy, Default)]
pub struct RequestIds;

impl<E: Endpoint> Middleware<E> for RequestIds {
    type Output = RequestIdsEndpoint<E>;

    fn transform(&self, inner: E) -> Self::Output {
        RequestIdsEndpoint { inner }
    }
}

/// See [`RequestIds`].
pub struct RequestIdsEndpoint<E> {
    inner: E,
}

impl<E: Endpoint> Endpoint for RequestIdsEndpoint<E> {
    type Output = Response;

    async fn call(&self, mut request: Request) -> Result<Response> {
        let sent = request.headers().get(&X_REQUEST_ID);
        let id = sent.and_then(|sent| RequestId::parse(sent.as_bytes())).unwrap_or_default();
        request.set_data(id);
        let mut response = self.inner.get_response(request).await;
        if let Ok(value) = HeaderValue::from_bytes(id.as_bytes()) {
            response.headers_mut().insert(&X_REQUEST_ID, value);
        }
        Ok(response)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn made_ids_are_unique_well_formed_and_short() {
        let ids: HashSet<String> = (0..10_000).map(|_| RequestId::new().to_string()).collect();
        assert_eq!(ids.len(), 10_000);
        assert!(ids.iter().all(|id| id.len() == MADE_CHARS && RequestId::parse(id.as_bytes()).is_some()));
    }

    #[test]
    fn only_well_formed_ids_are_taken_over() {
        for good in ["a", "Trace-1.2_3", &"x".repeat(64)] {
            assert_eq!(RequestId::parse(good.as_bytes()).unwrap().as_str(), good);
        }
        for bad in ["", "a b", "a\nb", "<script>", "ä", &"x".repeat(65)] {
            assert_eq!(RequestId::parse(bad.as_bytes()), None, "{bad:?}");
        }
    }
}
