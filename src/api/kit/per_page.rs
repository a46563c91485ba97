//! Rows of a page as a parameter. How many there may be is a setting, which stands in the document
//! and which `shape` checks.

use poem::Request;
use poem_openapi::registry::MetaSchema;
use poem_openapi::types::{ParseError, ParseFromJSON, ParseResult, ToJSON};
use serde_json::Value;

use crate::app::App;
use crate::config::Limits;

use super::wire_value::wire_value;

/// Marks the schema of such a number until the document's clean-up sets its maximum.
pub const FORMAT: &str = "per-page";

/// Rows of a page, from 1 to what the server allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PerPage(pub i64);

/// Most rows of a page, as the server of this request is set up.
pub fn max(request: &Request) -> i64 {
    let limit = |limits: &Limits| i64::from(limits.max_page_size);
    request.data::<App>().map_or_else(|| limit(&Limits::default()), |app| limit(&app.config.limits))
}

wire_value!(PerPage, "per_page", MetaSchema { minimum: Some(1.0), ..MetaSchema::new_with_format("integer", FORMAT) });

impl ParseFromJSON for PerPage {
    fn parse_from_json(value: Option<Value>) -> ParseResult<Self> {
        let value = value.unwrap_or_default();
        value.as_i64().map(Self).ok_or_else(|| ParseError::expected_type(value))
    }
}

impl ToJSON for PerPage {
    fn to_json(&self) -> Option<Value> {
        Some(self.0.into())
    }
}
