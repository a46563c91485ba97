//! Family F: `{"detail": text}`; validation is a 422 with a list, as Pydantic 2 writes it.

use http::StatusCode;
use serde_json::{Map, Value, json};

use crate::error::{Error, FieldError, Place, Rule};

use super::{object, public_text, status_of, validation_text};

/// Status and body.
pub(super) fn body(error: &Error) -> (StatusCode, Map<String, Value>) {
    let detail = match error {
        Error::Invalid(errors) => Value::Array(errors.iter().map(entry).collect()),
        Error::RouteNotFound(_) => "Not Found".into(),
        Error::MethodNotAllowed { .. } => "Method Not Allowed".into(),
        other => public_text(other).into(),
    };
    (status_of(error), object([("detail", detail)]))
}

fn entry(error: &FieldError) -> Value {
    let place = match error.place {
        Place::Body => "body",
        Place::Query => "query",
        Place::Path => "path",
        Place::Header => "header",
    };
    // Pydantic writes list positions as numbers.
    let steps = error.path.split('.').map(|step| step.parse::<u64>().map_or_else(|_| step.into(), Value::from));
    let loc: Vec<Value> = std::iter::once(place.into()).chain(steps).collect();
    let (kind, msg) = match &error.rule {
        Rule::Required => ("missing", "Field required".to_owned()),
        Rule::String => ("string_type", "Input should be a valid string".into()),
        Rule::Integer => ("int_type", "Input should be a valid integer".into()),
        Rule::Boolean => ("bool_type", "Input should be a valid boolean".into()),
        Rule::MinLength(min) => ("string_too_short", format!("String should have at least {min} characters")),
        Rule::MaxLength(max) => ("string_too_long", format!("String should have at most {max} characters")),
        Rule::Min(min) => ("greater_than_equal", format!("Input should be greater than or equal to {min}")),
        Rule::Max(max) => ("less_than_equal", format!("Input should be less than or equal to {max}")),
        _ => ("value_error", validation_text(error)),
    };
    json!({"type": kind, "loc": loc, "msg": msg})
}
