//! Amounts of money on the wire: a decimal string out; a string or a JSON number in, read as the
//! text it was sent as, never as a floating point number.

use std::borrow::Cow;

use poem_openapi::registry::{MetaSchema, MetaSchemaRef};
use poem_openapi::types::{ParseError, ParseFromJSON, ParseResult, ToJSON, Type};
use serde::Serialize;
use serde_json::Value;

use crate::error::Rule;
use crate::money::Money;

/// Marks an amount in a schema.
pub const FORMAT: &str = "decimal";

/// Reads an amount.
///
/// # Errors
/// The rule it breaks.
pub fn read(value: &Value) -> Result<Money, Rule> {
    match value {
        Value::String(text) => Money::parse(text),
        Value::Number(number) => Money::parse(&number.to_string()),
        _ => Err(Rule::Numeric),
    }
}

/// An amount in an input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MoneyIn(pub Money);

/// An amount in an answer: `"15000.00"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct MoneyOut(pub Money);

fn text_schema() -> MetaSchema {
    MetaSchema { pattern: Some(r"^\d{1,8}(\.\d{1,2})?$".into()), ..MetaSchema::new("string") }
}

impl Type for MoneyIn {
    const IS_REQUIRED: bool = true;

    type RawValueType = Self;
    type RawElementValueType = Self;

    fn name() -> Cow<'static, str> {
        "money_in".into()
    }

    fn schema_ref() -> MetaSchemaRef {
        let number = MetaSchema { minimum: Some(0.0), maximum: Some(99_999_999.99), ..MetaSchema::new("number") };
        MetaSchemaRef::Inline(Box::new(MetaSchema {
            format: Some(FORMAT),
            one_of: vec![MetaSchemaRef::Inline(Box::new(number)), MetaSchemaRef::Inline(Box::new(text_schema()))],
            ..MetaSchema::ANY
        }))
    }

    fn as_raw_value(&self) -> Option<&Self> {
        Some(self)
    }

    fn raw_element_iter<'a>(&'a self) -> Box<dyn Iterator<Item = &'a Self> + 'a> {
        Box::new(std::iter::once(self))
    }
}

impl ParseFromJSON for MoneyIn {
    fn parse_from_json(value: Option<Value>) -> ParseResult<Self> {
        let value = value.unwrap_or_default();
        read(&value).map(Self).map_err(|_| ParseError::expected_type(value))
    }
}

impl ToJSON for MoneyIn {
    fn to_json(&self) -> Option<Value> {
        Some(self.0.to_string().into())
    }
}

impl Type for MoneyOut {
    const IS_REQUIRED: bool = true;

    type RawValueType = Self;
    type RawElementValueType = Self;

    fn name() -> Cow<'static, str> {
        "money_out".into()
    }

    fn schema_ref() -> MetaSchemaRef {
        let schema = MetaSchema { example: Some("15000.00".into()), ..text_schema() };
        MetaSchemaRef::Inline(Box::new(schema))
    }

    fn as_raw_value(&self) -> Option<&Self> {
        Some(self)
    }

    fn raw_element_iter<'a>(&'a self) -> Box<dyn Iterator<Item = &'a Self> + 'a> {
        Box::new(std::iter::once(self))
    }
}

impl ToJSON for MoneyOut {
    fn to_json(&self) -> Option<Value> {
        Some(self.0.to_string().into())
    }
}

impl ParseFromJSON for MoneyOut {
    fn parse_from_json(value: Option<Value>) -> ParseResult<Self> {
        MoneyIn::parse_from_json(value).map(|money| Self(money.0)).map_err(ParseError::propagate)
    }
}
