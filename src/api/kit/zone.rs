//! Names of time zones in inputs; checked by `shape`, so that they are refused together with
//! everything else that is wrong.

use poem_openapi::registry::MetaSchema;
use poem_openapi::types::{ParseError, ParseFromJSON, ParseResult, ToJSON};
use serde_json::Value;

use crate::config::Zone;
use crate::error::Rule;

use super::wire_value::wire_value;

/// Marks the schema of such a name.
pub const FORMAT: &str = "time-zone";

/// A time zone, by its IANA name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ZoneIn(pub Zone);

/// Fine for the name of a zone; `field` is what it is called.
///
/// # Errors
/// Why not.
pub fn check(value: &Value, field: &str) -> Result<(), Rule> {
    let name = value.as_str().ok_or(Rule::String)?;
    let found = Zone::find(name).map(|_| ());
    found.ok_or_else(|| {
        Rule::Other("timezone", format!("The {} field must be a valid timezone.", field.replace('_', " ")))
    })
}

wire_value!(
    ZoneIn,
    "time_zone",
    MetaSchema { example: Some("Asia/Makassar".into()), ..MetaSchema::new_with_format("string", FORMAT) }
);

impl ParseFromJSON for ZoneIn {
    fn parse_from_json(value: Option<Value>) -> ParseResult<Self> {
        let found = value.as_ref().and_then(Value::as_str).and_then(Zone::find);
        found.map(Self).ok_or_else(|| ParseError::custom("not a time zone"))
    }
}

impl ToJSON for ZoneIn {
    fn to_json(&self) -> Option<Value> {
        Some(self.0.name().into())
    }
}
