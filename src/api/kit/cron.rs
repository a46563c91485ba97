//! Cron expressions in inputs; checked by `shape`, so that they are refused together with everything else
//! that is wrong.

use poem_openapi::registry::MetaSchema;
use poem_openapi::types::{ParseError, ParseFromJSON, ParseResult, ToJSON};
use serde_json::Value;

use crate::config::Schedule;
use crate::error::Rule;

use super::wire_value::wire_value;

/// Marks the schema of such an expression.
pub const FORMAT: &str = "cron";

/// A cron expression of five fields, or `off`.
#[derive(Debug, Clone)]
pub struct CronIn(pub Schedule);

/// Fine for such an expression; `field` is what it is called.
///
/// # Errors
/// Why not.
pub fn check(value: &Value, field: &str) -> Result<(), Rule> {
    let text = value.as_str().ok_or(Rule::String)?;
    let found = Schedule::find(text).map(|_| ());
    found.ok_or_else(|| {
        let text = format!("The {} field must be a cron expression of five fields, or off.", field.replace('_', " "));
        Rule::Other("cron", text)
    })
}

wire_value!(
    CronIn,
    "cron",
    MetaSchema { example: Some("30 1 * * *".into()), ..MetaSchema::new_with_format("string", FORMAT) }
);

impl ParseFromJSON for CronIn {
    fn parse_from_json(value: Option<Value>) -> ParseResult<Self> {
        let found = value.as_ref().and_then(Value::as_str).and_then(Schedule::find);
        found.map(Self).ok_or_else(|| ParseError::custom("not a cron expression"))
    }
}

impl ToJSON for CronIn {
    fn to_json(&self) -> Option<Value> {
        Some(self.0.expression().into())
    }
}
