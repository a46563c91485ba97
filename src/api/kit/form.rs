//! Form fields: names and values out of their encoding, and `a[b]` and `a[]` nested as PHP reads them,
//! or as JSON texts, which is how Swagger UI sends lists of objects.

use serde_json::{Map, Value};

use crate::error::{Error, Result};

use super::body;

const DEPTH_MAX: usize = 5;

/// Names and values of a form or a query, in their order. Bytes that are no text stay bytes: what
/// is stored in place of them would be something that nobody sent.
pub(super) fn pairs(encoded: &str) -> impl Iterator<Item = (Text, Text)> {
    encoded.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        (decoded(name), decoded(value))
    })
}

/// A text, or the bytes that are none.
pub(super) type Text = Result<String, Vec<u8>>;

fn decoded(encoded: &str) -> Text {
    let mut bytes = Vec::with_capacity(encoded.len());
    let mut rest = encoded.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        rest = after;
        let hex = |at: usize| after.get(at).and_then(|digit| char::from(*digit).to_digit(16));
        match (first, hex(0), hex(1)) {
            (b'%', Some(high), Some(low)) => {
                bytes.extend(u8::try_from(high * 16 + low));
                rest = &after[2..];
            }
            (b'+', ..) => bytes.push(b' '),
            // As browsers read it: a lone % is a %.
            _ => bytes.push(first),
        }
    }
    String::from_utf8(bytes).map_err(std::string::FromUtf8Error::into_bytes)
}

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
        nested(pairs(form).map(|(name, value)| (name.unwrap(), value.unwrap())).collect()).unwrap().into()
    }

    #[test]
    fn names_and_values_are_read_as_browsers_write_them() {
        let read = |form: &str| pairs(form).collect::<Vec<_>>();
        let text = |text: &str| Ok(text.to_owned());
        assert_eq!(
            read("a+b=%C3%A4%2b&&=x&c"),
            [(text("a b"), text("\u{e4}+")), (text(""), text("x")), (text("c"), text("")),]
        );
        assert_eq!(
            read("a=100%&b=%zz%4&c==%3d"),
            [(text("a"), text("100%")), (text("b"), text("%zz%4")), (text("c"), text("==")),]
        );
        assert_eq!(read("a=x%ff%fe"), [(text("a"), Err(vec![b'x', 0xff, 0xfe]))]);
        assert_eq!(read("%c3=1"), [(Err(vec![0xc3]), text("1"))]);
    }

    proptest::proptest! {
        #[test]
        fn every_text_survives_its_encoding(name: String, value: String) {
            let encoded = serde_urlencoded::to_string([(&name, &value)]).unwrap();
            proptest::prop_assert_eq!(pairs(&encoded).collect::<Vec<_>>(), [(Ok(name), Ok(value))]);
        }

        #[test]
        fn every_encoding_is_read_without_a_panic(encoded: String) {
            pairs(&encoded).for_each(drop);
        }
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
