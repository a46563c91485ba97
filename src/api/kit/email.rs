//! Email addresses in inputs; checked by `shape`.

use poem_openapi::registry::MetaSchema;
use poem_openapi::types::{ParseError, ParseFromJSON, ParseResult, ToJSON};
use serde_json::Value;

use super::wire_value::wire_value;

/// An email address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Email(pub String);

wire_value!(Email, "email", MetaSchema { max_length: Some(254), ..MetaSchema::new_with_format("string", "email") });

impl ParseFromJSON for Email {
    fn parse_from_json(value: Option<Value>) -> ParseResult<Self> {
        match value {
            Some(Value::String(text)) => Ok(Self(text)),
            other => Err(ParseError::expected_type(other.unwrap_or_default())),
        }
    }
}

impl ToJSON for Email {
    fn to_json(&self) -> Option<Value> {
        Some(self.0.clone().into())
    }
}

/// A dot-atom on both sides of one `@` (RFC 5322, letters of any script as RFC 6531 has them), at
/// most 254 bytes (RFC 5321). Quoted local parts and addresses in brackets are not taken.
pub fn is_email_address(text: &str) -> bool {
    let Some((local, domain)) = text.rsplit_once('@') else { return false };
    let is_letter = |c: char| c.is_alphanumeric() || (!c.is_ascii() && is_mark(c));
    let is_local = |c: char| is_letter(c) || "!#$%&'*+-/=?^_`{|}~".contains(c);
    let is_domain = |c: char| is_letter(c) || c == '-' || c == '_';
    let is_atom = |atom: &str, is_fine: &dyn Fn(char) -> bool| !atom.is_empty() && atom.chars().all(is_fine);
    text.len() <= 254
        && local.len() <= 64
        && local.split('.').all(|atom| is_atom(atom, &is_local))
        && domain.split('.').all(|atom| is_atom(atom, &is_domain) && !atom.starts_with('-') && !atom.ends_with('-'))
}

/// Combining marks, which many scripts write between letters.
fn is_mark(c: char) -> bool {
    matches!(c, '\u{300}'..='\u{36f}' | '\u{900}'..='\u{dff}' | '\u{e31}'..='\u{e4e}' | '\u{1b00}'..='\u{1b44}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn email_addresses_are_told_from_other_text() {
        for good in ["john@test.com", "a.b+c@localhost", "björn@exämple.com"] {
            assert!(is_email_address(good), "{good}");
        }
        for bad in [
            "",
            "john",
            "@test.com",
            "john@",
            "a b@c.d",
            "a@b@c.d",
            "a@.com",
            "a@b..c",
            "a@b.c\n",
            ".a@b.c",
            "a..b@c.d",
            "a@-b.c",
            "<b>@c.d",
            "a\u{202e}@b.c",
            "\"a b\"@c.d",
            "a,b@c.d",
        ] {
            assert!(!is_email_address(bad), "{bad}");
        }
    }
}
