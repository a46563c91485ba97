//! Times in answers: `2025-10-30T14:05:30.000000Z`. Those of inputs are in `time_in`.

use std::borrow::Cow;

use poem_openapi::registry::{MetaSchema, MetaSchemaRef};
use poem_openapi::types::{ParseError, ParseFromJSON, ParseResult, ToJSON, Type};
use serde::Serialize;
use serde_json::Value;

use crate::clock::Timestamp;

/// A time, UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Time(pub Timestamp);

impl Type for Time {
    const IS_REQUIRED: bool = true;

    type RawValueType = Self;
    type RawElementValueType = Self;

    fn name() -> Cow<'static, str> {
        "time".into()
    }

    fn schema_ref() -> MetaSchemaRef {
        let example = Some("2025-10-30T14:05:30.000000Z".into());
        let schema = MetaSchema { example, ..MetaSchema::new_with_format("string", "date-time") };
        MetaSchemaRef::Inline(Box::new(schema))
    }

    fn as_raw_value(&self) -> Option<&Self> {
        Some(self)
    }

    fn raw_element_iter<'a>(&'a self) -> Box<dyn Iterator<Item = &'a Self> + 'a> {
        Box::new(std::iter::once(self))
    }
}

impl ToJSON for Time {
    fn to_json(&self) -> Option<Value> {
        Some(self.0.to_string().into())
    }
}

impl ParseFromJSON for Time {
    /// What documented types have to be able to do; no input has one.
    fn parse_from_json(value: Option<Value>) -> ParseResult<Self> {
        let instant = value.as_ref().and_then(Value::as_str).and_then(|text| text.parse::<jiff::Timestamp>().ok());
        let time = instant.map(|instant| Self(Timestamp(instant.as_millisecond())));
        time.ok_or_else(|| ParseError::custom("not a time"))
    }
}
