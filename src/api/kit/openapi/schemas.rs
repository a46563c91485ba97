//! Schemas of the document: which fields may be null, and which schemas nobody uses.

use serde_json::{Value, json};

use crate::api::kit::{closed, given, per_page};

use super::{Object, ref_name};

/// Takes out what poem-openapi repeats or spells strangely.
pub fn tidy(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            for (name, field) in fields.iter_mut() {
                match (name.as_str(), field.as_f64()) {
                    // Bounds are kept as floating point numbers: `1.0`.
                    ("minimum" | "maximum", Some(bound)) if bound.fract() == 0.0 => *field = whole(bound),
                    ("allOf", _) => drop_descriptions(field),
                    ("additionalProperties", _) if field["type"] == closed::NOTHING => *field = false.into(),
                    _ => tidy(field),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(tidy),
        _ => {}
    }
}

#[allow(clippy::cast_possible_truncation, reason = "bounds are written in source as whole numbers")]
fn whole(bound: f64) -> Value {
    (bound as i64).into()
}

/// A described field of a named type comes as "all of" that type and an object with nothing but the
/// description or a mark, which stand beside it too.
fn drop_descriptions(parts: &mut Value) {
    let only_describes = |name: &String| name == "description" || name == "title";
    if let Some(parts) = parts.as_array_mut() {
        parts.retain(|part| part.as_object().is_none_or(|part| !part.keys().all(only_describes)));
    }
}

/// Gives the numbers of rows of a page the maximum that is set.
pub fn bound_pages(value: &mut Value, max: u32) {
    match value {
        Value::Object(fields) if fields.get("format").is_some_and(|format| format == per_page::FORMAT) => {
            fields.insert("format".into(), "int64".into());
            fields.insert("maximum".into(), max.into());
        }
        Value::Object(fields) => fields.values_mut().for_each(|field| bound_pages(field, max)),
        Value::Array(items) => items.iter_mut().for_each(|item| bound_pages(item, max)),
        _ => {}
    }
}

/// Says that optional fields may be null: answers write them as null, and inputs take null for
/// "not given", or empty the field. Errors leave such fields out instead, and [`given`] ones of
/// changes refuse null.
pub fn allow_null(schemas: &mut Object) {
    let types: Object = schemas.iter().map(|(name, schema)| (name.clone(), schema["type"].clone())).collect();
    for (name, schema) in schemas {
        if schema["title"] == *name {
            schema.as_object_mut().and_then(|schema| schema.remove("title"));
        }
        if is_error(name) {
            continue;
        }
        let required = schema["required"].as_array().cloned().unwrap_or_default();
        let Some(Value::Object(properties)) = schema.get_mut("properties") else { continue };
        for (name, property) in properties {
            let is_given = property["title"] == given::MARK;
            if let Some(property) = property.as_object_mut().filter(|_| is_given) {
                property.shift_remove("title");
            } else if !required.iter().any(|required| required == name) {
                make_nullable(property, &types);
            }
        }
    }
}

/// True for the schemas of errors, one for each family.
fn is_error(name: &str) -> bool {
    matches!(name, "ErrorL" | "ErrorE" | "ErrorF")
}

fn make_nullable(property: &mut Value, types: &Object) {
    // `nullable` counts only beside a `type`, and nothing counts beside a `$ref`.
    let target = ref_name(property).or_else(|| ref_name(&property["allOf"][0])).map(str::to_owned);
    if property["$ref"].is_string() {
        *property = json!({"allOf": [property.take()]});
    }
    let Some(property) = property.as_object_mut() else { return };
    if let Some(ty) = target.and_then(|target| types.get(&target)) {
        property.insert("type".into(), ty.clone());
    }
    if property.contains_key("type") {
        property.insert("nullable".into(), true.into());
    } else if let Some(choices) = property.get_mut("oneOf").and_then(Value::as_array_mut)
        && let Some(first) = choices.iter_mut().find_map(Value::as_object_mut)
    {
        first.insert("nullable".into(), true.into());
    }
    if let Some(Value::Array(values)) = property.get_mut("enum") {
        values.push(Value::Null);
    }
}

/// Removes what no operation refers to any more, and whole sections that are empty then.
pub fn remove_unused(document: &mut Value) {
    loop {
        let text = document.to_string();
        let Some(components) = document["components"].as_object_mut() else { return };
        let mut has_changed = false;
        for (section, entries) in components.iter_mut() {
            let Some(entries) = entries.as_object_mut() else { continue };
            let before = entries.len();
            // Security schemes are named, not referred to.
            entries.retain(|name, _| {
                let link = format!("\"#/components/{section}/{name}\"");
                text.contains(&link) || section == "securitySchemes" && text.contains(&format!("\"{name}\":["))
            });
            has_changed |= entries.len() < before;
        }
        components.retain(|_, entries| entries.as_object().is_some_and(|entries| !entries.is_empty()));
        if !has_changed {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn optional_fields_may_be_null_and_required_ones_may_not() {
        let mut schemas = json!({
            "Role": {"type": "string", "enum": ["admin"]},
            "User": {"type": "object", "required": ["id"], "properties": {
                "id": {"type": "integer"}, "avatar": {"type": "string"}, "role": {"$ref": "#/components/schemas/Role"},
                "name": {"type": "string", "title": given::MARK},
            }},
        });
        allow_null(schemas.as_object_mut().unwrap());
        let properties = &schemas["User"]["properties"];
        assert_eq!(properties["id"], json!({"type": "integer"}));
        assert_eq!(properties["avatar"], json!({"type": "string", "nullable": true}));
        assert_eq!(properties["name"], json!({"type": "string"}));
        let role = json!({"allOf": [{"$ref": "#/components/schemas/Role"}], "type": "string", "nullable": true});
        assert_eq!(properties["role"], role);
    }

    #[test]
    fn what_only_unused_schemas_use_goes_too() {
        let mut document = json!({
            "paths": {"/a": {"$ref": "#/components/schemas/A"}},
            "components": {"schemas": {
                "A": {}, "B": {"items": {"$ref": "#/components/schemas/C"}}, "C": {},
            }, "headers": {"H": {}}},
        });
        remove_unused(&mut document);
        assert_eq!(document["components"], json!({"schemas": {"A": {}}}));
    }
}
