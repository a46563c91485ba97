//! A small judge of values by OpenAPI 3.0 schemas: what the document uses of them, and a panic at a
//! keyword it does not know, so that nothing passes unjudged.

use serde_json::Value;

use super::document::resolve;

const JUDGED: [&str; 16] = [
    "type",
    "properties",
    "required",
    "items",
    "enum",
    "allOf",
    "oneOf",
    "anyOf",
    "nullable",
    "minimum",
    "maximum",
    "minLength",
    "maxLength",
    "minItems",
    "maxItems",
    "additionalProperties",
];
/// Say nothing about values, or are judged by the lint (`pattern`).
const PASSED_OVER: [&str; 7] = ["description", "title", "default", "example", "pattern", "deprecated", "format"];

pub struct Checker<'d> {
    pub document: &'d Value,
}

impl Checker<'_> {
    /// What is wrong with the value.
    pub fn check(&self, schema: &Value, value: &Value) -> Vec<String> {
        let mut wrong = Vec::new();
        self.value(schema, value, "", &mut wrong);
        wrong
    }

    fn value(&self, schema: &Value, value: &Value, at: &str, wrong: &mut Vec<String>) {
        let schema = resolve(self.document, schema);
        for keyword in schema.as_object().unwrap().keys() {
            let is_known = JUDGED.contains(&keyword.as_str()) || PASSED_OVER.contains(&keyword.as_str());
            assert!(is_known, "the checker does not know {keyword}");
        }
        if value.is_null() && schema["nullable"] == true {
            return;
        }
        let mut refuse = |text: String| wrong.push(format!("{at}: {text}"));
        if let Some(ty) = schema["type"].as_str().filter(|ty| !has_type(value, ty)) {
            return refuse(format!("{value} is no {ty}"));
        }
        if schema["enum"].as_array().is_some_and(|values| !values.contains(value)) {
            refuse(format!("{value} is none of {}", schema["enum"]));
        }
        let bound = |keyword: &str| schema[keyword].as_f64();
        let size = match value {
            Value::Number(_) => value.as_f64().map(|number| (number, "minimum", "maximum")),
            #[allow(clippy::cast_precision_loss)]
            Value::String(text) => Some((text.chars().count() as f64, "minLength", "maxLength")),
            #[allow(clippy::cast_precision_loss)]
            Value::Array(items) => Some((items.len() as f64, "minItems", "maxItems")),
            _ => None,
        };
        if size.is_some_and(|(size, min, max)| {
            bound(min).is_some_and(|min| size < min) || bound(max).is_some_and(|max| size > max)
        }) {
            refuse(format!("{value} is out of bounds"));
        }
        if schema["format"] == "date-time"
            && value.as_str().is_some_and(|text| text.parse::<jiff::Timestamp>().is_err())
        {
            refuse(format!("{value} is no time"));
        }
        for part in schema["allOf"].as_array().into_iter().flatten() {
            self.value(part, value, at, wrong);
        }
        for (keyword, is_enough) in
            [("oneOf", (|fitting| fitting == 1) as fn(usize) -> bool), ("anyOf", |fitting| fitting > 0)]
        {
            let Some(choices) = schema[keyword].as_array() else { continue };
            let fitting = choices.iter().filter(|choice| self.check(choice, value).is_empty()).count();
            if !is_enough(fitting) {
                wrong.push(format!("{at}: {value} fits {fitting} of {keyword}"));
            }
        }
        self.children(schema, value, at, wrong);
    }

    fn children(&self, schema: &Value, value: &Value, at: &str, wrong: &mut Vec<String>) {
        if let (Some(items), Some(schema)) = (value.as_array(), schema.get("items")) {
            items
                .iter()
                .enumerate()
                .for_each(|(index, item)| self.value(schema, item, &format!("{at}/{index}"), wrong));
        }
        let Some(fields) = value.as_object() else { return };
        for name in schema["required"].as_array().into_iter().flatten() {
            if !fields.contains_key(name.as_str().unwrap()) {
                wrong.push(format!("{at}: {name} is missing"));
            }
        }
        let known = schema["properties"].as_object();
        for (name, field) in fields {
            let at = format!("{at}/{name}");
            match known.and_then(|known| known.get(name)).or(schema.get("additionalProperties")) {
                Some(schema) => self.value(schema, field, &at, wrong),
                // What is not documented is not there, as far as readers of the document know.
                None if known.is_some() => wrong.push(format!("{at}: not in the schema")),
                None => {}
            }
        }
    }
}

fn has_type(value: &Value, ty: &str) -> bool {
    match ty {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        _ => panic!("no type {ty}"),
    }
}
