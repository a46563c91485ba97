//! Examples of bodies: the type's own where it has one, else built from its schema with values
//! that look like life.

use serde_json::{Value, json};

use super::example_values::{EMPTY, NUMBERS, OF_OPERATIONS, TEXTS, TIMES};
use super::operation::Facts;
use super::{Components, Object, ref_name};

/// No documented type nests deeper; one that refers to itself ends here.
const DEPTH_MAX: usize = 12;
/// Host of the absolute URLs in examples.
const HOST: &str = "http://localhost:8000";

/// The example of a request body: without nulls, which mean "not given".
pub fn request(schema: &Value, components: &Components) -> Value {
    let mut example = Builder { components, path: "", is_input: true }.of(schema, "", "", 0);
    remove_nulls(&mut example);
    example
}

/// The example of an answer.
pub fn response(schema: &Value, status: &str, facts: &Facts, components: &Components) -> Value {
    let mut example = Builder { components, path: &facts.path, is_input: false }.of(schema, "", "", 0);
    let values = OF_OPERATIONS.iter().filter(|(id, of, ..)| *id == facts.id && (of.is_empty() || *of == status));
    for (.., pointer, text) in values {
        if let Some(value) = example.pointer_mut(pointer) {
            *value = (*text).into();
        }
    }
    example
}

struct Builder<'a> {
    components: &'a Components,
    path: &'a str,
    is_input: bool,
}

impl Builder<'_> {
    fn of(&self, schema: &Value, type_name: &str, field: &str, depth: usize) -> Value {
        if depth > DEPTH_MAX {
            return Value::Null;
        }
        if let Some(name) = ref_name(schema) {
            let named = self.components.schemas.get(name);
            return named.map_or(Value::Null, |named| self.of(named, name, field, depth + 1));
        }
        if schema["nullable"] == true && EMPTY.contains(&field) {
            return Value::Null;
        }
        if self.is_input && schema["format"] == "date-time" {
            // What is set is an end or a beginning, and those lie ahead.
            return TIMES.0.into();
        }
        for key in ["example", "default"] {
            if !schema[key].is_null() {
                return schema[key].clone();
            }
        }
        if schema["format"] == "decimal" {
            return "15000.00".into();
        }
        for key in ["allOf", "oneOf", "anyOf"] {
            if !schema[key][0].is_null() {
                return self.of(&schema[key][0], type_name, field, depth + 1);
            }
        }
        if !schema["enum"][0].is_null() {
            return schema["enum"][0].clone();
        }
        match schema["type"].as_str() {
            Some("object") => self.object(schema, type_name, depth),
            Some("array") => json!([self.of(&schema["items"], type_name, field, depth + 1)]),
            Some("integer") => integer(schema, field),
            Some("number") => json!(1.5),
            Some("boolean") => true.into(),
            Some("string") => self.text(schema, type_name, field),
            _ => json!({}),
        }
    }

    fn object(&self, schema: &Value, type_name: &str, depth: usize) -> Value {
        let mut object = Object::new();
        for (name, property) in schema["properties"].as_object().into_iter().flatten() {
            object.insert(name.clone(), self.of(property, type_name, name, depth + 1));
        }
        if object.is_empty() && schema["additionalProperties"].is_object() {
            object.insert("name".into(), self.of(&schema["additionalProperties"], type_name, "name", depth + 1));
        }
        object.into()
    }

    fn text(&self, schema: &Value, type_name: &str, field: &str) -> Value {
        let known = TEXTS.iter().find(|(ty, name, _)| *name == field && (ty.is_empty() || *ty == type_name));
        match (schema["format"].as_str(), known) {
            (Some("date-time"), _) => TIMES.1.into(),
            (Some("date"), _) => "2025-10-30".into(),
            (Some("email"), _) => "john@example.com".into(),
            (Some("uuid"), _) => "0199e2a4-7c11-7d3e-9a55-3f0c2b1d4e6f".into(),
            (_, Some((_, _, text))) => (*text).into(),
            (Some("uri" | "url"), _) => format!("{HOST}/").into(),
            _ if field == "path" => format!("{HOST}{}", self.path).into(),
            _ if field.ends_with("page_url") || field == "url" => format!("{HOST}{}?page=1", self.path).into(),
            _ => field.replace('_', " ").into(),
        }
    }
}

fn integer(schema: &Value, field: &str) -> Value {
    let min = schema["minimum"].as_f64().unwrap_or_default();
    if let Some((_, number)) = NUMBERS.iter().find(|(name, _)| *name == field) {
        return (*number).into();
    }
    #[allow(clippy::cast_possible_truncation, reason = "bounds are written in source as whole numbers")]
    let min = min as i64;
    min.max(1).into()
}

fn remove_nulls(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|_, field| !field.is_null());
            fields.values_mut().for_each(remove_nulls);
        }
        Value::Array(items) => items.iter_mut().for_each(remove_nulls),
        _ => {}
    }
}
