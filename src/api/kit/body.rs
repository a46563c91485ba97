//! Reading a request's body: bounded in size and time, JSON whatever the content type says when
//! it is a JSON object, else form fields.

use std::time::Duration;

use futures_util::StreamExt as _;
use poem::{Request, RequestBody};
use serde_json::{Map, Value};

use crate::error::{Error, Result};

/// Bounds of a body.
#[derive(Debug, Clone, Copy)]
pub struct BodyLimits {
    /// Most bytes.
    pub max_bytes: u64,
    /// Longest time from the head to the last byte.
    pub timeout: Duration,
}

impl Default for BodyLimits {
    fn default() -> Self {
        Self { max_bytes: 10 * 1024 * 1024, timeout: Duration::from_secs(30) }
    }
}

/// Values that a body may hold. As a tree in memory each takes up to fifty times its bytes, so a
/// body of the size that a picture may have could fill the machine with empty lists.
const VALUES_MAX: usize = 200_000;

/// All bytes of the body.
///
/// # Errors
/// [`Error::PayloadTooLarge`], at once when the head announces it; [`Error::RequestTimeout`].
pub async fn read(request: &Request, body: &mut RequestBody) -> Result<Vec<u8>> {
    let limits = request.data::<BodyLimits>().copied().unwrap_or_default();
    let announced = request.header("content-length").and_then(|text| text.parse::<u64>().ok()).unwrap_or(0);
    if announced > limits.max_bytes {
        return Err(Error::PayloadTooLarge(limits.max_bytes));
    }
    let Ok(body) = body.take() else { return Ok(Vec::new()) };
    let collect = async {
        let mut bytes = Vec::with_capacity(usize::try_from(announced.min(64 * 1024)).unwrap_or(0));
        let mut stream = body.into_bytes_stream();
        while let Some(chunk) = stream.next().await {
            let chunk = chunk.map_err(|error| Error::Malformed(format!("the body broke off: {error}")))?;
            if (bytes.len() + chunk.len()) as u64 > limits.max_bytes {
                return Err(Error::PayloadTooLarge(limits.max_bytes));
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok(bytes)
    };
    tokio::time::timeout(limits.timeout, collect).await.map_err(|_| Error::RequestTimeout)?
}

/// The fields of a body. An empty one has none.
///
/// # Errors
/// [`Error::Malformed`] for what is neither a JSON object nor form fields;
/// [`Error::UnsupportedMediaType`] for a content type that is neither.
pub fn parse(content_type: Option<&str>, bytes: &[u8]) -> Result<Map<String, Value>> {
    let essence = content_type.map(|text| text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase());
    let essence = essence.as_deref().unwrap_or_default();
    let is_json = essence.ends_with("json");
    let is_form = matches!(essence, "" | "application/x-www-form-urlencoded" | "text/plain");
    let trimmed = bytes.trim_ascii();
    if trimmed.is_empty() {
        return Ok(Map::new());
    }
    if trimmed.iter().filter(|byte| matches!(byte, b',' | b'[' | b'{' | b'&')).count() > VALUES_MAX {
        return Err(Error::Malformed("the body holds too many values".into()));
    }
    if is_json || trimmed.starts_with(b"{") {
        match serde_json::from_slice(trimmed) {
            Ok(Value::Object(map)) => return Ok(map),
            Ok(_) => return Err(Error::Malformed("the body is JSON, but no object".into())),
            Err(error) if is_json || !is_form => return Err(Error::Malformed(error.to_string())),
            // It began like JSON and claimed to be a form: a broken JSON body is far more likely.
            Err(error) if !trimmed.contains(&b'=') => return Err(Error::Malformed(error.to_string())),
            Err(_) => {}
        }
    }
    if !is_form {
        return Err(Error::UnsupportedMediaType(essence.to_owned()));
    }
    form_fields(trimmed)
}

/// Form fields, with `a[b]` and `a[]` nested as PHP reads them.
fn form_fields(bytes: &[u8]) -> Result<Map<String, Value>> {
    let text = std::str::from_utf8(bytes).map_err(|_| Error::Malformed("the body is not UTF-8".into()))?;
    let pairs: Vec<(String, String)> = serde_urlencoded::from_str(text).map_err(|e| Error::Malformed(e.to_string()))?;
    let mut fields = Map::new();
    for (name, value) in pairs {
        let (root, rest) = name.split_once('[').map_or((name.as_str(), ""), |(root, rest)| (root, rest));
        let steps: Vec<&str> = rest.trim_end_matches(']').split("][").filter(|_| !rest.is_empty()).collect();
        if steps.len() > 5 {
            return Err(Error::Malformed("a form field is nested too deeply".into()));
        }
        let slot = fields.entry(root.to_owned()).or_insert(Value::Null);
        place(slot, &steps, value);
    }
    Ok(fields)
}

/// Puts a value where its brackets lead; a list where they are empty or count up from 0.
fn place(slot: &mut Value, steps: &[&str], value: String) {
    let Some((step, rest)) = steps.split_first() else {
        *slot = Value::String(value);
        return;
    };
    let position = if step.is_empty() { Some(usize::MAX) } else { step.parse().ok() };
    match (&mut *slot, position) {
        (Value::Array(items), Some(position)) => {
            if position >= items.len() {
                items.push(Value::Null);
            }
            let last = items.len() - 1;
            place(&mut items[position.min(last)], rest, value);
        }
        (Value::Object(map), _) => place(map.entry((*step).to_owned()).or_insert(Value::Null), rest, value),
        (_, Some(_)) => {
            let mut item = Value::Null;
            place(&mut item, rest, value);
            *slot = Value::Array(vec![item]);
        }
        (_, None) => {
            let mut map = Map::new();
            place(map.entry((*step).to_owned()).or_insert(Value::Null), rest, value);
            *slot = Value::Object(map);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn parsed(content_type: &str, body: &str) -> Value {
        parse(Some(content_type), body.as_bytes()).map_or_else(|error| error.code().into(), Value::Object)
    }

    #[test]
    fn json_is_read_whatever_the_content_type_says() {
        for content_type in [
            "application/json",
            "application/x-www-form-urlencoded",
            "text/plain",
            "application/vnd.api+json; charset=utf-8",
        ] {
            assert_eq!(parsed(content_type, " {\"a\":\"b=c\"} "), json!({"a": "b=c"}), "{content_type}");
        }
        assert_eq!(parse(None, b"{\"a\":1}").map(Value::Object).unwrap(), json!({"a": 1}));
    }

    #[test]
    fn form_fields_nest_as_php_reads_them() {
        let form = "application/x-www-form-urlencoded";
        assert_eq!(parsed(form, "a=1&b=x+y%21"), json!({"a": "1", "b": "x y!"}));
        assert_eq!(
            parsed(form, "items[0][id]=7&items[0][n]=2&items[1][id]=8&tags[]=x&tags[]=y"),
            json!({"items": [{"id": "7", "n": "2"}, {"id": "8"}], "tags": ["x", "y"]})
        );
    }

    #[test]
    fn unreadable_bodies_are_told_apart() {
        assert_eq!(parsed("application/json", "{"), "malformed_body");
        assert_eq!(parsed("application/json", "[1]"), "malformed_body");
        assert_eq!(parsed("application/x-www-form-urlencoded", "{\"a\":"), "malformed_body");
        assert_eq!(parsed("application/xml", "<a/>"), "unsupported_media_type");
        assert_eq!(parsed("application/json", &"[".repeat(100_000)), "malformed_body");
        assert_eq!(parsed("application/json", ""), json!({}));
        assert_eq!(parsed("application/json", &format!("{{\"a\":[{}0]}}", "0,".repeat(300_000))), "malformed_body");
        assert_eq!(parsed("text/plain", &"a=1&".repeat(300_000)), "malformed_body");
        assert_eq!(parse(Some("text/plain"), b"a=\xff").unwrap_err().code(), "malformed_body");
    }
}
