//! Objects that take no other fields than their own, which `shape` checks: a misspelt name must not
//! be taken for "left out".

use std::borrow::Cow;
use std::marker::PhantomData;

use poem_openapi::registry::{MetaSchema, MetaSchemaRef, Registry};
use poem_openapi::types::{ParseError, ParseFromJSON, ParseResult, ToJSON, Type};
use serde_json::Value;

use super::input::Input;

/// Stands in a schema for "no other fields"; the document says it in its own way.
pub const NOTHING: &str = "nothing";

/// A `T` without unknown fields. Those of `Read` are let through and count for nothing, so that
/// clients may send back what they read with their changes in it.
#[derive(Debug, Clone)]
pub struct Closed<T, Read = T>(pub T, PhantomData<fn() -> Read>);

impl<T> Closed<T> {
    /// For examples.
    pub fn of(fields: T) -> Self {
        Self(fields, PhantomData)
    }
}

/// The names that a schema lets through beside its own fields; nothing when it takes any.
pub fn let_through(schema: &MetaSchema) -> Option<&[&'static str]> {
    match schema.additional_properties.as_deref() {
        Some(MetaSchemaRef::Inline(others)) if others.ty == NOTHING => Some(&others.required),
        _ => None,
    }
}

impl<T, Read> Input<Closed<T, Read>> {
    /// What was sent.
    pub fn fields(self) -> T {
        self.0.0
    }
}

impl<T: Type, Read: Type> Type for Closed<T, Read> {
    const IS_REQUIRED: bool = T::IS_REQUIRED;

    type RawValueType = Self;
    type RawElementValueType = Self;

    fn name() -> Cow<'static, str> {
        T::name()
    }

    fn schema_ref() -> MetaSchemaRef {
        T::schema_ref()
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
        let read = registry.create_fake_schema::<Read>().properties;
        if let Some(schema) = registry.schemas.get_mut(T::name().as_ref()) {
            let required = read.into_iter().map(|(name, _)| name).collect();
            let others = MetaSchema { required, ..MetaSchema::new(NOTHING) };
            schema.additional_properties = Some(Box::new(MetaSchemaRef::Inline(Box::new(others))));
        }
    }

    fn as_raw_value(&self) -> Option<&Self> {
        Some(self)
    }

    fn raw_element_iter<'a>(&'a self) -> Box<dyn Iterator<Item = &'a Self> + 'a> {
        Box::new(std::iter::once(self))
    }
}

impl<T: ParseFromJSON, Read: Type> ParseFromJSON for Closed<T, Read> {
    fn parse_from_json(value: Option<Value>) -> ParseResult<Self> {
        T::parse_from_json(value).map(|fields| Self(fields, PhantomData)).map_err(ParseError::propagate)
    }
}

impl<T: ToJSON, Read: Type> ToJSON for Closed<T, Read> {
    fn to_json(&self) -> Option<Value> {
        self.0.to_json()
    }
}
