//! Form fields, with `a[b]` and `a[]` nested as PHP reads them, or as JSON texts, which is how Swagger
//! UI sends lists of objects.

use serde_json::{Map, Value};

use crate::error::{Error, Result};

use super::body;

const DEPTH_MAX: usize = 5;

/// The fields as one object.
///
/// # Errors
/// [`Error::Malformed`] for names that nest too deeply.
pub(super) fn nested(pairs: Vec<(String, String)>) -> Result<Map<String, Value>> {
    let mut fields = Map::new();
    for (name, value) in pairs {
        let (root, steps) = steps(&name);
        if steps.len() > DEPTH_MAX {
            return Err(Error::Malformed("a form field is nested too deeply".into()));
        }
        let slot = fields.entry(root.to_owned()).or_insert(Value::Null);
        place(slot, &steps, value);
    }
    Ok(fields)
}

/// Reads a list or an object from its JSON text; what is none stays a text. A list may hold one object
/// without brackets around it.
pub(super) fn unfold(value: &mut Value, is_list: bool) {
    let Value::String(text) = &*value else { return };
    if !text.trim_start().starts_with(['[', '{']) || body::holds_too_many_values(text.as_bytes()) {
        return;
    }
    match serde_json::from_str(text) {
        Ok(read @ Value::Object(_)) if is_list => *value = Value::Array(vec![read]),
        Ok(read) => *value = read,
        Err(_) => {}
    }
}

/// The path of a field in errors: `items.0.note` for `items[0][note]`.
pub(super) fn path(name: &str) -> String {
    let (root, steps) = steps(name);
    std::iter::once(root).chain(steps).filter(|step| !step.is_empty()).collect::<Vec<_>>().join(".")
}

fn steps(name: &str) -> (&str, Vec<&str>) {
    let (root, rest) = name.split_once('[').unwrap_or((name, ""));
    (root, rest.trim_end_matches(']').split("][").filter(|_| !rest.is_empty()).collect())
}

/// Puts a value where its brackets lead; a list where they are empty or count up from 0.
fn place(slot: &mut Value, steps: &[&str], value: String) {
    let Some((step, rest)) = steps.split_first() else {
        *slot = Value::String(value);
        return;
    };
    let position = if step.is_empty() { Some(usize::MAX) } else { step.parse().ok() };
    match (&mut *slot, position) {
        (Value::Array(items), Some(position)) => {
            if position >= items.len() {
                items.push(Value::Null);
            }
            let last = items.len() - 1;
            place(&mut items[position.min(last)], rest, value);
        }
        (Value::Object(map), _) => place(map.entry((*step).to_owned()).or_insert(Value::Null), rest, value),
        (_, Some(_)) => {
            let mut item = Value::Null;
            place(&mut item, rest, value);
            *slot = Value::Array(vec![item]);
        }
        (_, None) => {
            let mut map = Map::new();
            place(map.entry((*step).to_owned()).or_insert(Value::Null), rest, value);
            *slot = Value::Object(map);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(form: &str) -> Value {
        nested(serde_urlencoded::from_str(form).unwrap()).unwrap().into()
    }

    #[test]
    fn form_fields_nest_as_php_reads_them() {
        assert_eq!(read("a=1&b=x+y%21"), json!({"a": "1", "b": "x y!"}));
        assert_eq!(
            read("items[0][id]=7&items[0][n]=2&items[1][id]=8&tags[]=x&tags[]=y"),
            json!({"items": [{"id": "7", "n": "2"}, {"id": "8"}], "tags": ["x", "y"]})
        );
    }

    #[test]
    fn names_become_the_paths_of_errors() {
        for (name, expected) in [("image", "image"), ("photos[]", "photos"), ("items[0][note]", "items.0.note")] {
            assert_eq!(path(name), expected);
        }
    }
}
