//! What an input has to look like, compiled once from the schema that also documents it, and the
//! check that finds everything wrong with a value at once.

mod check;

use std::any::TypeId;
use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use parking_lot::RwLock;
use poem_openapi::registry::{MetaSchema, MetaSchemaRef, Registry};
use poem_openapi::types::Type;
use serde_json::Value;

use crate::error::{FieldError, Place};

use super::{closed, cron, db_name, given, money, per_page, picture, zone};

/// How strings of an input are treated before they are checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strings {
    /// As they were sent.
    AsSent,
    /// Trimmed, and empty ones are null, as Laravel's middleware does; passwords stay as sent.
    Tidied,
}

/// What of a value's surroundings its check depends on.
#[derive(Debug, Clone, Copy)]
pub struct Reading {
    /// How strings are treated.
    pub strings: Strings,
    /// Where it was sent.
    pub place: Place,
    /// Most rows of a page.
    pub per_page_max: i64,
    /// Whether it came as form fields, where lists and objects may be JSON texts.
    pub is_form: bool,
}

impl Reading {
    /// Of a body, which asks for no page.
    pub fn body(strings: Strings, is_form: bool) -> Self {
        Self { strings, place: Place::Body, per_page_max: i64::MAX, is_form }
    }
}

/// A compiled schema.
#[derive(Debug)]
pub enum Shape {
    /// Anything.
    Any,
    /// A text.
    Text {
        /// Fewest characters.
        min: Option<usize>,
        /// Most characters.
        max: Option<usize>,
        /// The only values, when there are any.
        one_of: Vec<String>,
        /// Whether it must look like an email address.
        is_email: bool,
        /// Whether it must be a date or a time.
        is_time: bool,
    },
    /// A whole number.
    Integer {
        /// Smallest.
        min: Option<i64>,
        /// Greatest.
        max: Option<i64>,
    },
    /// Rows of a page.
    PerPage,
    /// A number with a fraction.
    Number,
    /// An amount of money.
    Money,
    /// Name of a tenant's file.
    DbName,
    /// Name of a time zone.
    Zone,
    /// A cron expression.
    Cron,
    /// URL or path of a picture.
    Picture,
    /// True or false.
    Boolean,
    /// A list.
    List {
        /// What it holds.
        item: Box<Shape>,
        /// Fewest items.
        min: Option<usize>,
        /// Most items.
        max: Option<usize>,
    },
    /// An object.
    Object {
        /// Its fields.
        fields: Vec<Field>,
        /// Names that it may have beside them, if not any.
        others: Option<Vec<&'static str>>,
    },
}

/// A field of an object.
#[derive(Debug)]
pub struct Field {
    name: &'static str,
    shape: Shape,
    is_required: bool,
    refuses_null: bool,
}

static COMPILED: LazyLock<RwLock<HashMap<TypeId, Arc<Shape>>>> = LazyLock::new(RwLock::default);

/// The shape of `T`, compiled at its first use.
pub fn of<T: Type + 'static>() -> Arc<Shape> {
    let key = TypeId::of::<T>();
    if let Some(shape) = COMPILED.read().get(&key) {
        return shape.clone();
    }
    let mut registry = Registry::new();
    T::register(&mut registry);
    let shape = Arc::new(compile(&registry, &T::schema_ref()));
    COMPILED.write().insert(key, shape.clone());
    shape
}

fn compile(registry: &Registry, schema: &MetaSchemaRef) -> Shape {
    match schema {
        MetaSchemaRef::Inline(schema) => compile_schema(registry, schema),
        MetaSchemaRef::Reference(name) => {
            registry.schemas.get(name).map_or(Shape::Any, |schema| compile_schema(registry, schema))
        }
    }
}

fn compile_schema(registry: &Registry, schema: &MetaSchema) -> Shape {
    // A field that refers to a named schema and adds to it is documented as "all of both".
    if let Some(first) = schema.all_of.first() {
        return compile(registry, first);
    }
    if schema.format == Some(money::FORMAT) {
        return Shape::Money;
    }
    if schema.format == Some(db_name::FORMAT) {
        return Shape::DbName;
    }
    if schema.format == Some(zone::FORMAT) {
        return Shape::Zone;
    }
    if schema.format == Some(cron::FORMAT) {
        return Shape::Cron;
    }
    if schema.format == Some(picture::FORMAT) {
        return Shape::Picture;
    }
    match schema.ty {
        "string" => Shape::Text {
            min: schema.min_length,
            max: schema.max_length,
            one_of: schema.enum_items.iter().filter_map(|item| item.as_str().map(str::to_owned)).collect(),
            is_email: schema.format == Some("email"),
            is_time: schema.format == Some("date-time"),
        },
        "integer" if schema.format == Some(per_page::FORMAT) => Shape::PerPage,
        "integer" => Shape::Integer { min: schema.minimum.map(bound), max: schema.maximum.map(bound) },
        "number" => Shape::Number,
        "boolean" => Shape::Boolean,
        "array" => Shape::List {
            item: Box::new(schema.items.as_deref().map_or(Shape::Any, |items| compile(registry, items))),
            min: schema.min_items,
            max: schema.max_items,
        },
        "object" if !schema.properties.is_empty() => {
            let field = |(name, property): &(&'static str, MetaSchemaRef)| Field {
                name,
                shape: compile(registry, property),
                is_required: schema.required.contains(name),
                refuses_null: given::is_marked(property),
            };
            let others = closed::let_through(schema).map(<[_]>::to_vec);
            Shape::Object { fields: schema.properties.iter().map(field).collect(), others }
        }
        _ => Shape::Any,
    }
}

#[allow(clippy::cast_possible_truncation, reason = "bounds are written in source as whole numbers")]
fn bound(value: f64) -> i64 {
    value as i64
}

impl Shape {
    /// Checks `value` and brings it into the form its type reads: strings tidied, numbers and
    /// booleans of forms read from their text.
    ///
    /// # Errors
    /// Everything that is wrong, in the order of the schema.
    pub fn check(&self, value: &mut Value, reading: Reading) -> Result<(), Vec<FieldError>> {
        let errors = check::errors(self, value, reading);
        if errors.is_empty() { Ok(()) } else { Err(errors) }
    }

    /// Names of the fields of an object.
    pub fn field_names(&self) -> impl Iterator<Item = &'static str> {
        let fields = if let Self::Object { fields, .. } = self { fields.as_slice() } else { &[] };
        fields.iter().map(|field| field.name)
    }

    /// True when the named field of an object is a list.
    pub fn is_list(&self, name: &str) -> bool {
        let Self::Object { fields, .. } = self else { return false };
        fields.iter().any(|field| field.name == name && matches!(field.shape, Self::List { .. }))
    }
}
