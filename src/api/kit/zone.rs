//! Names of time zones in inputs; checked by `shape`, so that they are refused together with
//! everything else that is wrong.

use std::borrow::Cow;

use poem_openapi::registry::{MetaSchema, MetaSchemaRef};
use poem_openapi::types::{ParseError, ParseFromJSON, ParseResult, ToJSON, Type};
use serde_json::Value;

use crate::config::Zone;
use crate::error::Rule;

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

impl Type for ZoneIn {
    const IS_REQUIRED: bool = true;

    type RawValueType = Self;
    type RawElementValueType = Self;

    fn name() -> Cow<'static, str> {
        "time_zone".into()
    }

    fn schema_ref() -> MetaSchemaRef {
        let example = Some("Asia/Makassar".into());
        MetaSchemaRef::Inline(Box::new(MetaSchema { example, ..MetaSchema::new_with_format("string", FORMAT) }))
    }

    fn as_raw_value(&self) -> Option<&Self> {
        Some(self)
    }

    fn raw_element_iter<'a>(&'a self) -> Box<dyn Iterator<Item = &'a Self> + 'a> {
        Box::new(std::iter::once(self))
    }
}

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
