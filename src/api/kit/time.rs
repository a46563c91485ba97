//! Times in answers: `2025-10-30T14:05:30.000000Z`.

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

/// The end of a range: a date without a time means its last moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeUntil(pub Timestamp);

const DAY: std::time::Duration = std::time::Duration::from_secs(86_400);

impl ParseFromJSON for TimeUntil {
    fn parse_from_json(value: Option<Value>) -> ParseResult<Self> {
        let is_date = value.as_ref().and_then(Value::as_str).is_some_and(|text| text.len() == "2025-10-30".len());
        let parsed = Time::parse_from_json(value).map_err(|_| ParseError::custom("not a date or time"))?;
        Ok(Self(if is_date { Timestamp(parsed.0.plus(DAY).0 - 1) } else { parsed.0 }))
    }
}

macro_rules! time_type {
    ($name:ident) => {
        impl Type for $name {
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

        impl ToJSON for $name {
            fn to_json(&self) -> Option<Value> {
                Some(self.0.to_string().into())
            }
        }
    };
}
time_type!(Time);
time_type!(TimeUntil);

impl ParseFromJSON for Time {
    /// RFC 3339, or a date (its midnight UTC).
    fn parse_from_json(value: Option<Value>) -> ParseResult<Self> {
        let value = value.unwrap_or_default();
        let text = value.as_str().unwrap_or_default();
        let instant = text.parse::<jiff::Timestamp>().or_else(|_| format!("{text}T00:00:00Z").parse());
        match instant {
            Ok(instant) => Ok(Self(Timestamp(instant.as_millisecond()))),
            Err(_) => Err(ParseError::custom("not a date or time")),
        }
    }
}

/// Reads a time or date, see [`Time`]; `None` when it is neither.
pub fn parse(text: &str) -> Option<Timestamp> {
    Time::parse_from_json(Some(text.into())).ok().map(|time| time.0)
}
