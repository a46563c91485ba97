//! Names of tenants' files in inputs; checked by `shape`, so that they are refused together with
//! everything else that is wrong. An empty one is refused too, where other empty texts are null.

use poem_openapi::registry::MetaSchema;
use poem_openapi::types::{ParseError, ParseFromJSON, ParseResult, ToJSON};
use serde_json::Value;

use crate::data_dir::DbName;
use crate::error::Rule;

use super::wire_value::wire_value;

/// Marks the schema of such a name.
pub const FORMAT: &str = "db-name";

/// Name of a tenant's file, without its ending.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DbNameIn(pub String);

/// Fine for a text that can be such a name.
///
/// # Errors
/// Why not.
pub fn check(value: &Value) -> Result<(), Rule> {
    let text = value.as_str().ok_or(Rule::String)?;
    let explain = |_| {
        let text = "The db name may only contain letters, digits, dashes and underscores, 1 to 64 of them.";
        Rule::Other("db_name", text.into())
    };
    text.parse::<DbName>().map(|_| ()).map_err(explain)
}

wire_value!(
    DbNameIn,
    "db_name",
    MetaSchema {
        pattern: Some("^[A-Za-z0-9_-]{1,64}$".into()),
        max_length: Some(64),
        ..MetaSchema::new_with_format("string", FORMAT)
    }
);

impl ParseFromJSON for DbNameIn {
    fn parse_from_json(value: Option<Value>) -> ParseResult<Self> {
        match value {
            Some(Value::String(text)) => Ok(Self(text)),
            other => Err(ParseError::expected_type(other.unwrap_or_default())),
        }
    }
}

impl ToJSON for DbNameIn {
    fn to_json(&self) -> Option<Value> {
        Some(self.0.clone().into())
    }
}
