//! Rows of a page as a parameter. How many there may be is a setting, which stands in the document
//! and which `shape` checks.

use std::borrow::Cow;

use poem::Request;
use poem_openapi::registry::{MetaSchema, MetaSchemaRef};
use poem_openapi::types::{ParseError, ParseFromJSON, ParseResult, ToJSON, Type};
use serde_json::Value;

use crate::app::App;
use crate::config::Limits;

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

impl Type for PerPage {
    const IS_REQUIRED: bool = true;

    type RawValueType = Self;
    type RawElementValueType = Self;

    fn name() -> Cow<'static, str> {
        "per_page".into()
    }

    fn schema_ref() -> MetaSchemaRef {
        let schema = MetaSchema { minimum: Some(1.0), ..MetaSchema::new_with_format("integer", FORMAT) };
        MetaSchemaRef::Inline(Box::new(schema))
    }

    fn as_raw_value(&self) -> Option<&Self> {
        Some(self)
    }

    fn raw_element_iter<'a>(&'a self) -> Box<dyn Iterator<Item = &'a Self> + 'a> {
        Box::new(std::iter::once(self))
    }
}

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
