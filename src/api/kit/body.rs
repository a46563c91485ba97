//! Reading a request's body: bounded in size and time, JSON whatever the content type says when
//! it begins like JSON, else form fields of either kind.

use std::time::Duration;

use futures_util::StreamExt as _;
use poem::{Request, RequestBody};
use serde_json::{Map, Value};

use crate::app::App;
use crate::error::{Error, Result};

use super::form;
use super::multipart::{self, Parts};

/// Bounds of a body.
#[derive(Debug, Clone, Copy)]
pub struct BodyLimits {
    /// Most bytes.
    pub max_bytes: u64,
    /// Longest time from the head to the last byte.
    pub timeout: Duration,
}

impl BodyLimits {
    /// Those of the settings.
    pub fn of(request: &Request) -> Self {
        request.data::<App>().map_or_else(Self::default, |app| {
            let http = &app.config.http;
            Self { max_bytes: http.max_body_bytes, timeout: Duration::from_secs(http.body_timeout_secs) }
        })
    }
}

impl Default for BodyLimits {
    fn default() -> Self {
        Self { max_bytes: 10 * 1024 * 1024, timeout: Duration::from_secs(30) }
    }
}

/// Unknown fields that an answer names: a client may send many.
pub const NAMES_TOLD_MAX: usize = 20;

/// Values that a body may hold. As a tree in memory each takes up to fifty times its bytes, so a
/// body of the size that a picture may have could fill the machine with empty lists.
const VALUES_MAX: usize = 200_000;

/// Why a body that ends too early cannot be read.
pub const BROKE_OFF: &str = "it broke off";

/// See [`VALUES_MAX`]; a guess that is never too low.
pub(super) fn holds_too_many_values(text: &[u8]) -> bool {
    text.iter().filter(|byte| matches!(byte, b',' | b'[' | b'{' | b'&')).count() > VALUES_MAX
}

/// All bytes of the body.
///
/// # Errors
/// [`Error::PayloadTooLarge`], at once when the head announces it; [`Error::RequestTimeout`].
pub async fn read(request: &Request, body: &mut RequestBody) -> Result<Vec<u8>> {
    let limits = BodyLimits::of(request);
    let announced = request.header("content-length").and_then(|text| text.parse::<u64>().ok()).unwrap_or(0);
    if announced > limits.max_bytes {
        return Err(Error::PayloadTooLarge(limits.max_bytes));
    }
    let Ok(body) = body.take() else { return Ok(Vec::new()) };
    let collect = async {
        let mut bytes = Vec::with_capacity(usize::try_from(announced.min(64 * 1024)).unwrap_or(0));
        let mut stream = body.into_bytes_stream();
        while let Some(chunk) = stream.next().await {
            let chunk = chunk.map_err(|_| Error::Malformed(BROKE_OFF.into()))?;
            if (bytes.len() + chunk.len()) as u64 > limits.max_bytes {
                return Err(Error::PayloadTooLarge(limits.max_bytes));
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok(bytes)
    };
    tokio::time::timeout(limits.timeout, collect).await.map_err(|_| Error::RequestTimeout)?
}

/// What a body holds.
#[derive(Debug, Default)]
pub struct Content {
    /// Its fields.
    pub fields: Map<String, Value>,
    /// Paths of fields that were sent as files.
    pub files: Vec<String>,
    /// Whether it was a form.
    pub is_form: bool,
}

impl From<Map<String, Value>> for Content {
    fn from(fields: Map<String, Value>) -> Self {
        Self { fields, ..Self::default() }
    }
}

/// The content of a body. An empty one has none.
///
/// # Errors
/// [`Error::Malformed`] for what is neither a JSON object nor form fields;
/// [`Error::UnsupportedMediaType`] for a content type that is neither.
pub fn parse(content_type: Option<&str>, bytes: Vec<u8>) -> Result<Content> {
    let essence = content_type.map(|text| text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase());
    let essence = essence.as_deref().unwrap_or_default();
    let is_form = matches!(essence, "" | "application/x-www-form-urlencoded" | "text/plain");
    // Some editors and libraries put a mark of UTF-8 in front of a text.
    let trimmed = bytes.trim_ascii();
    let trimmed = trimmed.strip_prefix(b"\xef\xbb\xbf").map_or(trimmed, <[u8]>::trim_ascii);
    if trimmed.is_empty() {
        return Ok(Content::default());
    }
    // No form begins so, and read as one a slip of the pen in JSON would be "fields are missing".
    let is_json = essence.ends_with("json") || trimmed.starts_with(b"{") || trimmed.starts_with(b"[");
    if essence == "multipart/form-data" && !is_json {
        let Parts { texts, files } = multipart::read(content_type.unwrap_or_default(), bytes)?;
        return Ok(Content { fields: form::nested(texts)?, files, is_form: true });
    }
    if holds_too_many_values(trimmed) {
        return Err(Error::Malformed("it holds too many values".into()));
    }
    if is_json {
        return match serde_json::from_slice::<Value>(trimmed) {
            Ok(Value::Object(map)) => Ok(map.into()),
            Ok(_) => Err(Error::Malformed("it is JSON, but not an object".into())),
            // Says what was expected where, and nothing of the value.
            Err(error) => Err(Error::Malformed(format!("it is not valid JSON: {error}"))),
        };
    }
    if !is_form {
        return Err(Error::UnsupportedMediaType(essence.to_owned()));
    }
    let text = std::str::from_utf8(trimmed).map_err(|_| Error::Malformed("it is not UTF-8".into()))?;
    let texts = form::pairs(text).map(|(name, value)| Some((name.ok()?, value.ok()?)));
    let texts = texts.collect::<Option<_>>().ok_or_else(|| Error::Malformed("a form field is not UTF-8".into()))?;
    Ok(Content { fields: form::nested(texts)?, is_form: true, ..Content::default() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn parsed(content_type: &str, body: &str) -> Value {
        let content = parse(Some(content_type), body.into());
        content.map_or_else(|error| error.code().into(), |content| content.fields.into())
    }

    #[test]
    fn json_is_read_whatever_the_content_type_says() {
        for content_type in [
            "application/json",
            "application/x-www-form-urlencoded",
            "text/plain",
            "multipart/form-data; boundary=x",
            "application/vnd.api+json; charset=utf-8",
        ] {
            assert_eq!(parsed(content_type, " {\"a\":\"b=c\"} "), json!({"a": "b=c"}), "{content_type}");
        }
        assert_eq!(Value::Object(parse(None, b"{\"a\":1}".into()).unwrap().fields), json!({"a": 1}));
    }

    #[test]
    fn unreadable_bodies_are_told_apart() {
        assert_eq!(parsed("application/json", "{"), "malformed_body");
        assert_eq!(parsed("application/json", "[1]"), "malformed_body");
        for content_type in ["", "application/x-www-form-urlencoded", "text/plain", "application/xml"] {
            for body in ["{\"a\":", "{\"a\":\"b=c\",}", "{a=b}", "[\"a=b\"", "[{\"a\":\"b=c\"}]"] {
                assert_eq!(parsed(content_type, body), "malformed_body", "{content_type} {body}");
            }
        }
        assert_eq!(parsed("application/xml", "<a/>"), "unsupported_media_type");
        assert_eq!(parsed("multipart/mixed; boundary=x", "--x--"), "unsupported_media_type");
        assert_eq!(parsed("multipart/form-data; boundary=x", "{\"a\":"), "malformed_body");
        assert_eq!(parsed("application/json", &"[".repeat(100_000)), "malformed_body");
        assert_eq!(parsed("application/json", ""), json!({}));
        assert_eq!(parsed("application/json", &format!("{{\"a\":[{}0]}}", "0,".repeat(300_000))), "malformed_body");
        assert_eq!(parsed("text/plain", &"a=1&".repeat(300_000)), "malformed_body");
        assert_eq!(parse(Some("text/plain"), b"a=\xff".into()).unwrap_err().code(), "malformed_body");
        assert_eq!(parsed("application/x-www-form-urlencoded", "a=1&b=%ff%fe"), "malformed_body");
        assert_eq!(parsed("application/x-www-form-urlencoded", "%ff=1"), "malformed_body");
    }
}
