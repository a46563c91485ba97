//! How tenants are printed.

use serde_json::Value;

use crate::cli::failure::Outcome;
use crate::cli::output::{self, plain};

/// Columns of the list: heading and field.
const COLUMNS: [(&str, &str); 6] = [
    ("Id", "id"),
    ("Name", "name"),
    ("File", "database"),
    ("State", "state"),
    ("Plan", "plan"),
    ("Created", "created_at"),
];

/// All tenants.
pub(super) fn list(tenants: &[Value], is_json: bool) -> Outcome {
    if is_json {
        return output::json(&Value::Array(tenants.to_vec()));
    }
    let row = |tenant: &Value| COLUMNS.map(|(_, field)| plain(&tenant[field])).to_vec();
    output::table(&COLUMNS.map(|(heading, _)| heading), &tenants.iter().map(row).collect::<Vec<_>>())
}

/// One tenant with everything that is known of it.
pub(super) fn one(tenant: &Value, is_json: bool) -> Outcome {
    if is_json {
        return output::json(tenant);
    }
    let fields = tenant.as_object().into_iter().flatten();
    output::pairs(&fields.map(|(name, value)| (name.as_str(), plain(value))).collect::<Vec<_>>())
}

/// A tenant with a new key, and the advice that goes with it.
pub(in crate::cli) fn with_key(answer: &Value, is_json: bool) -> Outcome {
    one(&answer["data"], is_json)?;
    for field in ["warning", "notes"] {
        if let Some(text) = answer[field].as_str() {
            eprintln!("note: {text}");
        }
    }
    Ok(())
}

/// How a tenant stands that came back: not every one serves.
pub fn standing(answer: &Value) -> String {
    match answer["data"]["state"].as_str() {
        Some(state) if state != "active" => format!("is {state}, as it was before"),
        _ => "serves again".into(),
    }
}
