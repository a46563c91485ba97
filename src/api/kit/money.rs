//! Amounts of money on the wire: a decimal string out; a string or a JSON number in, read as the
//! text it was sent as, never as a floating point number.

use poem_openapi::registry::{MetaSchema, MetaSchemaRef};
use poem_openapi::types::{ParseError, ParseFromJSON, ParseResult, ToJSON};
use serde::Serialize;
use serde_json::Value;

use crate::error::Rule;
use crate::money::Money;

use super::wire_value::wire_value;

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

wire_value!(MoneyIn, "money_in", number_or_text());

fn number_or_text() -> MetaSchema {
    let inline = |schema| MetaSchemaRef::Inline(Box::new(schema));
    let number = MetaSchema { minimum: Some(0.0), maximum: Some(99_999_999.99), ..MetaSchema::new("number") };
    MetaSchema { format: Some(FORMAT), one_of: vec![inline(number), inline(text_schema())], ..MetaSchema::ANY }
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

wire_value!(MoneyOut, "money_out", MetaSchema { example: Some("15000.00".into()), ..text_schema() });

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
