//! What an input has to look like, compiled once from the schema that also documents it, and the
//! check that finds everything wrong with a value at once.

use std::any::TypeId;
use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use parking_lot::RwLock;
use poem_openapi::registry::{MetaSchema, MetaSchemaRef, Registry};
use poem_openapi::types::Type;
use serde_json::{Map, Value};

use crate::error::{FieldError, Place, Rule};

use super::body::NAMES_TOLD_MAX;
use super::email::is_email_address;
use super::time_in::TimeIn;
use super::{closed, db_name, given, money, per_page, picture, zone};

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
}

impl Reading {
    /// Of a body, which asks for no page.
    pub fn body(strings: Strings) -> Self {
        Self { strings, place: Place::Body, per_page_max: i64::MAX }
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

/// A check in progress.
pub struct Check {
    reading: Reading,
    path: String,
    errors: Vec<FieldError>,
}

impl Shape {
    /// Checks `value` and brings it into the form its type reads: strings tidied, numbers and
    /// booleans of forms read from their text.
    ///
    /// # Errors
    /// Everything that is wrong, in the order of the schema.
    pub fn check(&self, value: &mut Value, reading: Reading) -> Result<(), Vec<FieldError>> {
        let mut check = Check { reading, path: String::new(), errors: Vec::new() };
        check.value(self, value);
        if check.errors.is_empty() { Ok(()) } else { Err(check.errors) }
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

impl Check {
    fn refuse(&mut self, rule: Rule) {
        self.errors.push(FieldError { path: self.path.clone(), rule, place: self.reading.place });
    }

    fn within(&mut self, step: &str, work: impl FnOnce(&mut Self)) {
        let length = self.path.len();
        if length > 0 {
            self.path.push('.');
        }
        self.path.push_str(step);
        work(self);
        self.path.truncate(length);
    }

    fn value(&mut self, shape: &Shape, value: &mut Value) {
        if let Value::String(text) = value
            && text.contains('\0')
        {
            return self
                .refuse(Rule::Other("nul", format!("The {} field must not contain NUL characters.", self.path)));
        }
        match shape {
            Shape::Any => {}
            Shape::Text { is_time: true, .. } => {
                if value.as_str().and_then(TimeIn::parse).is_none() {
                    let text = format!("The {} field must be a valid date.", self.path.replace('_', " "));
                    self.refuse(Rule::Other("date", text));
                }
            }
            Shape::Text { min, max, one_of, is_email, .. } => self.text(value, (*min, *max), one_of, *is_email),
            Shape::Integer { min, max } => self.integer(value, *min, *max),
            Shape::PerPage => self.integer(value, Some(1), Some(self.reading.per_page_max)),
            Shape::Number => match value {
                Value::Number(_) => {}
                Value::String(text) if text.parse::<f64>().is_ok_and(f64::is_finite) => {}
                _ => self.refuse(Rule::Numeric),
            },
            Shape::Money => {
                if let Err(rule) = money::read(value) {
                    self.refuse(rule);
                }
            }
            Shape::DbName => {
                if let Err(rule) = db_name::check(value) {
                    self.refuse(rule);
                }
            }
            Shape::Zone => {
                if let Err(rule) = zone::check(value, &self.path) {
                    self.refuse(rule);
                }
            }
            Shape::Picture => {
                if let Err(rule) = picture::check(value, &self.path) {
                    self.refuse(rule);
                }
            }
            Shape::Boolean => match as_bool(value) {
                Some(flag) => *value = Value::Bool(flag),
                None => self.refuse(Rule::Boolean),
            },
            Shape::List { item, min, max } => self.list(item, *min, *max, value),
            Shape::Object { fields, others } => match value {
                Value::Object(map) => {
                    self.object(fields, map);
                    if let Some(others) = others {
                        self.others(fields, others, map);
                    }
                }
                _ => self.refuse(Rule::Object),
            },
        }
    }

    fn text(&mut self, value: &Value, (min, max): (Option<usize>, Option<usize>), one_of: &[String], is_email: bool) {
        let Value::String(text) = value else { return self.refuse(Rule::String) };
        let length = text.chars().count();
        if let Some(max) = max.filter(|max| length > *max) {
            return self.refuse(Rule::MaxLength(max));
        }
        if let Some(min) = min.filter(|min| length < *min) {
            return self.refuse(if length == 0 { Rule::Required } else { Rule::MinLength(min) });
        }
        if !one_of.is_empty() && !one_of.contains(text) {
            return self.refuse(Rule::OneOf(one_of.to_vec()));
        }
        if is_email && !is_email_address(text) {
            self.refuse(Rule::Email);
        }
    }

    fn integer(&mut self, value: &mut Value, min: Option<i64>, max: Option<i64>) {
        let number = match value {
            Value::Number(number) => number.as_i64(),
            Value::String(text) => text.parse::<i64>().ok(),
            _ => None,
        };
        let Some(number) = number else { return self.refuse(Rule::Integer) };
        if let Some(min) = min.filter(|min| number < *min) {
            return self.refuse(Rule::Min(min.to_string()));
        }
        if let Some(max) = max.filter(|max| number > *max) {
            return self.refuse(Rule::Max(max.to_string()));
        }
        *value = number.into();
    }

    fn list(&mut self, item: &Shape, min: Option<usize>, max: Option<usize>, value: &mut Value) {
        let Value::Array(items) = value else { return self.refuse(Rule::Array) };
        if let Some(max) = max.filter(|max| items.len() > *max) {
            return self.refuse(Rule::MaxItems(max));
        }
        if let Some(min) = min.filter(|min| items.len() < *min) {
            return self.refuse(if items.is_empty() { Rule::Required } else { Rule::MinItems(min) });
        }
        for (index, element) in items.iter_mut().enumerate() {
            self.within(&index.to_string(), |check| check.value(item, element));
        }
    }

    fn object(&mut self, fields: &[Field], map: &mut Map<String, Value>) {
        for field in fields {
            if let (Strings::Tidied, Some(Value::String(text))) = (self.reading.strings, map.get_mut(field.name))
                && !field.name.contains("password")
                && !matches!(field.shape, Shape::DbName)
            {
                tidy(text);
                if text.is_empty() {
                    map.insert(field.name.to_owned(), Value::Null);
                }
            }
            self.within(field.name, |check| match map.get_mut(field.name) {
                None if field.is_required => check.refuse(Rule::Required),
                Some(Value::Null) if field.is_required || field.refuses_null => check.refuse(Rule::Required),
                None | Some(Value::Null) => {}
                Some(value) => check.value(&field.shape, value),
            });
        }
        // Laravel's `confirmed`: a repetition that is sent has to be equal.
        for field in fields {
            let Some(repeated) = field.name.strip_suffix("_confirmation") else { continue };
            let again = map.get(field.name).filter(|again| !again.is_null());
            if again.is_some() && map.contains_key(repeated) && map.get(repeated) != again {
                self.within(repeated, |check| check.refuse(Rule::Confirmed));
            }
        }
    }
}

impl Check {
    /// Refuses fields that an object does not have; the first ones will do.
    fn others(&mut self, fields: &[Field], others: &[&str], map: &Map<String, Value>) {
        let is_known = |name: &str| fields.iter().any(|field| field.name == name) || others.contains(&name);
        for name in map.keys().filter(|name| !is_known(name)).take(NAMES_TOLD_MAX) {
            self.within(name, |check| check.refuse(Rule::Unknown));
        }
    }
}

fn tidy(text: &mut String) {
    text.truncate(text.trim_end().len());
    let leading = text.len() - text.trim_start().len();
    text.drain(..leading);
}

fn as_bool(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(flag) => Some(*flag),
        Value::Number(number) => number.as_i64().and_then(|number| match number {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }),
        Value::String(text) => match text.as_str() {
            "1" | "true" | "on" => Some(true),
            "0" | "false" | "off" => Some(false),
            _ => None,
        },
        _ => None,
    }
}
