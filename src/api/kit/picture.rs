//! URLs and paths of pictures in inputs; checked by `shape`. Pages put them where browsers follow
//! them, so none may run a script or carry its own content.

use poem_openapi::registry::MetaSchema;
use poem_openapi::types::{ParseError, ParseFromJSON, ParseResult, ToJSON};
use serde_json::Value;

use crate::error::Rule;

use super::wire_value::wire_value;

/// Marks the schema of such a text.
pub const FORMAT: &str = "uri-reference";
const CHARS_MAX: usize = 2048;

/// An `http` or `https` URL, or a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PictureUrl(pub String);

/// Fine for a text that may stand where a picture is; `field` is what it is called.
///
/// # Errors
/// Why not.
pub fn check(value: &Value, field: &str) -> Result<(), Rule> {
    let text = value.as_str().ok_or(Rule::String)?;
    if text.chars().count() > CHARS_MAX {
        return Err(Rule::MaxLength(CHARS_MAX));
    }
    if is_harmless(text) {
        return Ok(());
    }
    let text = format!("The {} field must be an http or https URL, or a path.", field.replace('_', " "));
    Err(Rule::Other("picture_url", text))
}

fn is_harmless(text: &str) -> bool {
    // Browsers skip blanks in front of a scheme, and line ends and tabs inside of it.
    if text.trim_start().len() < text.len() || text.contains(|c: char| c.is_control()) {
        return false;
    }
    match text.split_once(':') {
        Some((scheme, _)) if is_scheme(scheme) => {
            ["http", "https"].iter().any(|fine| scheme.eq_ignore_ascii_case(fine))
        }
        _ => true,
    }
}

/// As RFC 3986 has it, section 3.1.
fn is_scheme(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
}

wire_value!(
    PictureUrl,
    "picture_url",
    MetaSchema { max_length: Some(CHARS_MAX), ..MetaSchema::new_with_format("string", FORMAT) }
);

impl ParseFromJSON for PictureUrl {
    fn parse_from_json(value: Option<Value>) -> ParseResult<Self> {
        match value {
            Some(Value::String(text)) => Ok(Self(text)),
            other => Err(ParseError::expected_type(other.unwrap_or_default())),
        }
    }
}

impl ToJSON for PictureUrl {
    fn to_json(&self) -> Option<Value> {
        Some(self.0.clone().into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_http_and_paths_are_harmless() {
        for fine in [
            "https://example.com/a.jpg",
            "HTTP://example.com/a.jpg?x=1:2",
            "//cdn.example.com/a.jpg",
            "/images/a.jpg",
            "images/a:1.jpg",
            "kopi tubruk.jpg",
            "",
        ] {
            assert!(is_harmless(fine), "{fine}");
        }
        for bad in [
            "javascript:alert(1)",
            "JavaScript:alert(1)",
            "java\tscript:alert(1)",
            " javascript:alert(1)",
            "data:text/html,<script>",
            "vbscript:x",
            "file:///etc/passwd",
            "a\nb",
        ] {
            assert!(!is_harmless(bad), "{bad}");
        }
    }
}
