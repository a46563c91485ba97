//! Family E: `{"success":false,"error","details"?}`; validation is a 400.

use http::StatusCode;
use serde_json::{Map, Value, json};

use crate::error::Error;

use super::{object, public_text, status_of, validation_text};

/// Status and body.
pub(super) fn body(error: &Error) -> (StatusCode, Map<String, Value>) {
    let refuse = |text: String| object([("success", false.into()), ("error", text.into())]);
    match error {
        Error::Invalid(errors) => {
            let details: Vec<Value> =
                errors.iter().map(|error| json!({"field": error.path, "message": validation_text(error)})).collect();
            let first = errors.first().map_or_else(|| "Invalid input".into(), validation_text);
            let mut fields = refuse(first);
            fields.insert("details".into(), details.into());
            (StatusCode::BAD_REQUEST, fields)
        }
        Error::RouteNotFound(_) => (status_of(error), refuse("Endpoint not found".into())),
        other => (status_of(error), refuse(public_text(other))),
    }
}
