//! The order of a list as a parameter: one of a few names, which the document lists and `shape`
//! checks, so that a wrong one is refused together with everything else that is wrong.

use std::borrow::Cow;
use std::str::FromStr;

use poem_openapi::registry::{MetaSchema, MetaSchemaRef};
use poem_openapi::types::{ParseError, ParseFromJSON, ParseResult, ToJSON, Type};
use serde_json::Value;

/// An order that has names.
pub trait Named: FromStr + Send + Sync + 'static {
    /// All of them.
    const NAMES: &'static [&'static str];
}

/// An order by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sort<S>(pub S);

impl<S: Named> Type for Sort<S> {
    const IS_REQUIRED: bool = true;

    type RawValueType = Self;
    type RawElementValueType = Self;

    fn name() -> Cow<'static, str> {
        "sort".into()
    }

    fn schema_ref() -> MetaSchemaRef {
        let enum_items = S::NAMES.iter().map(|name| (*name).into()).collect();
        MetaSchemaRef::Inline(Box::new(MetaSchema { enum_items, ..MetaSchema::new("string") }))
    }

    fn as_raw_value(&self) -> Option<&Self> {
        Some(self)
    }

    fn raw_element_iter<'a>(&'a self) -> Box<dyn Iterator<Item = &'a Self> + 'a> {
        Box::new(std::iter::once(self))
    }
}

impl<S: Named> ParseFromJSON for Sort<S> {
    fn parse_from_json(value: Option<Value>) -> ParseResult<Self> {
        let value = value.unwrap_or_default();
        let named = value.as_str().and_then(|name| name.parse().ok());
        named.map(Self).ok_or_else(|| ParseError::expected_type(value))
    }
}

impl<S: Named> ToJSON for Sort<S> {
    fn to_json(&self) -> Option<Value> {
        None
    }
}
