//! Parameters: the struct of a query spread into single ones, and the headers that operations
//! read without a parameter of their own.

use serde_json::{Value, json};

use crate::api::kit::etag;

use super::{Components, Object, ref_name};

/// Parameters that operations refer to.
pub fn shared() -> Object {
    // Without examples: forms are filled with them, and a made-up version fits no record.
    let header = |name: &str, description: &str| json!({"name": name, "in": "header", "description": description, "schema": {"type": "string"}});
    let language = "Language of the error texts for people (`user_message`): `en` or `id`.";
    let matches = "Change the record only while it is the version with this `ETag`; another one is answered with 412. \
                   `*` takes any.";
    let none_match = "The `ETag` of the version you have; answered with 304 while the record is still that version.";
    let mut shared = Object::new();
    shared.insert("AcceptLanguage".into(), header("Accept-Language", language));
    shared.insert("IfMatch".into(), header("If-Match", matches));
    shared.insert("IfNoneMatch".into(), header("If-None-Match", none_match));
    let prefer = "`respond-async` for the job at once, `wait=5` for it after five seconds, instead of after thirty \
                  (RFC 7240).";
    shared.insert("Prefer".into(), header("Prefer", prefer));
    shared
}

/// The parameters of an operation; one that goes on as a job is told how long to wait for it.
pub fn finish(parameters: Vec<Value>, method: &str, is_job: bool, components: &Components) -> Vec<Value> {
    let mut finished = Vec::new();
    for parameter in parameters {
        if is_conditions(&parameter) {
            let name = if method == "get" { "IfNoneMatch" } else { "IfMatch" };
            finished.push(reference(name));
        } else if let Some(fields) = struct_of(&parameter, components) {
            finished.extend(spread(fields, components));
        } else {
            finished.push(tidied(parameter));
        }
    }
    if is_job {
        finished.push(reference("Prefer"));
    }
    finished.push(reference("AcceptLanguage"));
    finished
}

fn reference(name: &str) -> Value {
    json!({"$ref": format!("#/components/parameters/{name}")})
}

/// True for the stand-in of the conditional headers.
pub fn is_conditions(parameter: &Value) -> bool {
    parameter["schema"]["format"] == etag::MARK
}

/// The schema of a query parameter that is a whole struct.
fn struct_of<'c>(parameter: &Value, components: &'c Components) -> Option<&'c Value> {
    let name = ref_name(&parameter["schema"]).filter(|_| parameter["in"] == "query")?;
    components.schemas.get(name).filter(|schema| schema["properties"].is_object())
}

fn spread(fields: &Value, components: &Components) -> Vec<Value> {
    let required = fields["required"].as_array().cloned().unwrap_or_default();
    let properties = fields["properties"].as_object().into_iter().flatten();
    let parameter = |(name, property): (&String, &Value)| {
        let mut schema = property.clone();
        let mut description = Value::Null;
        if let Some(schema) = schema.as_object_mut() {
            schema.remove("nullable");
            for choice in schema.get_mut("oneOf").and_then(Value::as_array_mut).into_iter().flatten() {
                choice.as_object_mut().and_then(|choice| choice.remove("nullable"));
            }
            description = schema.remove("description").unwrap_or_default();
            if let Some(Value::Array(values)) = schema.get_mut("enum") {
                values.retain(|value| !value.is_null());
            }
        }
        // "All of" one schema was only there to carry a description beside it.
        if schema["allOf"].as_array().is_some_and(|all| all.len() == 1) {
            schema = schema["allOf"][0].take();
        }
        if description.is_null() {
            let named = ref_name(&schema).and_then(|name| components.schemas.get(name));
            description = named.map(|schema| schema["description"].clone()).unwrap_or_default();
        }
        let is_required = required.iter().any(|required| required == name);
        tidied(json!({
            "name": name, "in": "query", "description": description, "required": is_required, "schema": schema,
        }))
    };
    properties.map(parameter).collect()
}

/// Without what only repeats the defaults.
fn tidied(mut parameter: Value) -> Value {
    let is_list = parameter["schema"]["type"] == "array";
    let is_filter = parameter["in"] == "query" && parameter["required"] != true;
    let Some(fields) = parameter.as_object_mut() else { return parameter };
    if is_filter && let Some(schema) = fields.get_mut("schema").and_then(Value::as_object_mut) {
        // Forms are filled with it, and a list that is asked for one made-up moment is empty.
        schema.remove("example");
    }
    fields.retain(|name, value| match name.as_str() {
        "deprecated" | "required" => value == true,
        "explode" => is_list && value == false,
        "description" => !value.is_null(),
        _ => true,
    });
    let mut ordered = Object::new();
    for name in ["name", "in", "description"] {
        ordered.extend(fields.remove_entry(name));
    }
    ordered.append(fields);
    ordered.into()
}
