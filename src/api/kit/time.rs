//! Times in answers: `2025-10-30T14:05:30.000000Z`. Those of inputs are in `time_in`.

use poem_openapi::registry::MetaSchema;
use poem_openapi::types::{ParseError, ParseFromJSON, ParseResult, ToJSON};
use serde::Serialize;
use serde_json::Value;

use crate::clock::Timestamp;

use super::wire_value::wire_value;

/// A time, UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Time(pub Timestamp);

wire_value!(Time, "time", schema());

/// The schema of a time.
pub(super) fn schema() -> MetaSchema {
    let example = Some("2025-10-30T14:05:30.000000Z".into());
    MetaSchema { example, ..MetaSchema::new_with_format("string", "date-time") }
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
