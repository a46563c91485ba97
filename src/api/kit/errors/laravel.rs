//! Family L: the bodies of Laravel 10 with Sanctum, and of the original system's own middleware.

use http::StatusCode;
use serde_json::{Map, Value, json};

use crate::error::{Credential, Error, FieldError, Place, Rule};

use super::{object, public_text, status_of};

/// Status and body.
pub(super) fn body(error: &Error) -> (StatusCode, Map<String, Value>) {
    let say = |title: &str, message: &str| object([("error", title.into()), ("message", message.into())]);
    let hinted = |title: &str, message: &str, hint: &str| {
        object([("error", title.into()), ("message", message.into()), ("hint", hint.into())])
    };
    let fields = match error {
        Error::CredentialMissing(Credential::Master) => {
            say("Master API Key is required", "Please provide X-Master-API-Key header")
        }
        Error::CredentialInvalid { kind: Credential::Master, .. } => {
            say("Invalid Master API Key", "The provided Master API Key is not valid")
        }
        Error::CentralDisabled(reason) => hinted(
            "Central API is switched off",
            reason,
            "Set MASTER_API_KEY to a key of your own (`ruko key generate master`) and start the server again.",
        ),
        Error::CredentialMissing(Credential::TenantKey) => hinted(
            "Tenant API Key Required",
            "X-Tenant-API-Key header is missing. Every tenant route needs the API key of its tenant.",
            "Add header: X-Tenant-API-Key: tk_your_api_key_here",
        ),
        Error::CredentialInvalid { kind: Credential::TenantKey, shown } => {
            let mut fields = hinted(
                "Invalid Tenant API Key",
                "The provided API key does not match any tenant in the system.",
                "Make sure you are using the correct API key; the operator can make a new one.",
            );
            fields.insert("provided_key".into(), shown.clone().unwrap_or_else(|| "...".into()).into());
            fields
        }
        Error::CredentialMissing(Credential::UserToken) => say("Unauthenticated", "Unauthenticated."),
        Error::CredentialInvalid { kind: Credential::UserToken, .. } => hinted(
            "Invalid or expired token",
            "The provided bearer token is invalid, expired, revoked or of another tenant.",
            "Log in again with the API key of the tenant that this request names.",
        ),
        Error::LoginFailed => say("Invalid credentials", "Email and password do not match."),
        Error::Forbidden(_) => say("Forbidden", "You do not have permission to access this resource"),
        Error::TenantNotActive(_) => say("Tenant is not active", &public_text(error)),
        Error::NotFound { kind: "tenant", .. } => say("Tenant not found", "No tenant has this id."),
        Error::NotFound { kind: "backup", .. } => object([("error", "Backup file not found".into())]),
        Error::NotFound { kind: "backups", .. } => object([("error", "No backups found for this tenant".into())]),
        Error::BackupNameMissing => say("Backup filename is required", "Send the name of a backup as `file`."),
        Error::NotFound { kind, id } => object([("message", model_text(kind, id).into())]),
        Error::Invalid(errors) => validation(errors),
        Error::RouteNotFound(path) => object([
            ("success", false.into()),
            ("error", "Endpoint not found".into()),
            ("message", format!("The route {} could not be found.", shown_route(path)).into()),
        ]),
        Error::MethodNotAllowed { method, path, allowed } => {
            let path = shown_route(path);
            let text = format!("The {method} method is not supported for route {path}. Supported methods: {allowed}.");
            object([("message", text.into())])
        }
        Error::TooManyRequests { .. } => object([("message", "Too Many Attempts.".into())]),
        other => object([("message", public_text(other).into())]),
    };
    (status_of(error), fields)
}

/// Laravel names the model class: `product` is `App\Models\Product`.
fn model_text(kind: &str, id: &str) -> String {
    let mut chars = kind.chars();
    let class = chars.next().map(|first| first.to_uppercase().chain(chars).collect::<String>()).unwrap_or_default();
    format!("No query results for model [App\\Models\\{class}] {id}")
}

fn validation(errors: &[FieldError]) -> Map<String, Value> {
    let mut by_field: Map<String, Value> = Map::new();
    let mut first = None;
    for error in errors {
        let text = validation_text(error);
        first.get_or_insert_with(|| text.clone());
        let texts = by_field.entry(error.path.clone()).or_insert_with(|| json!([]));
        if let Value::Array(texts) = texts {
            texts.push(text.into());
        }
    }
    let first = first.unwrap_or_else(|| "The given data was invalid.".into());
    let message = match errors.len() {
        0 | 1 => first,
        2 => format!("{first} (and 1 more error)"),
        more => format!("{first} (and {} more errors)", more - 1),
    };
    let mut fields = object([("message", message.into()), ("errors", Value::Object(by_field))]);
    let allowed: Map<String, Value> = errors.iter().filter_map(allowed).collect();
    if !allowed.is_empty() {
        fields.insert("allowed".into(), allowed.into());
    }
    fields
}

/// The values that a field takes, when it takes only some; Laravel's text does not name them.
fn allowed(error: &FieldError) -> Option<(String, Value)> {
    match &error.rule {
        Rule::OneOf(values) => Some((error.path.clone(), json!(values))),
        _ => None,
    }
}

/// Laravel's English text for a refused field (`lang/en/validation.php` of Laravel 10).
pub fn validation_text(error: &FieldError) -> String {
    let field = error.path.replace('_', " ");
    let field = &field;
    match &error.rule {
        Rule::Required => format!("The {field} field is required."),
        Rule::String => format!("The {field} field must be a string."),
        Rule::Integer => format!("The {field} field must be an integer."),
        Rule::Numeric => format!("The {field} field must be a number."),
        Rule::Boolean => format!("The {field} field must be true or false."),
        Rule::Array => format!("The {field} field must be an array."),
        Rule::Object => format!("The {field} field must be an object."),
        Rule::MinLength(min) => format!("The {field} field must be at least {min} characters."),
        Rule::MaxLength(max) => format!("The {field} field must not be greater than {max} characters."),
        Rule::MinItems(min) => format!("The {field} field must have at least {min} items."),
        Rule::MaxItems(max) => format!("The {field} field must not have more than {max} items."),
        Rule::Min(min) => format!("The {field} field must be at least {min}."),
        Rule::Max(max) => format!("The {field} field must not be greater than {max}."),
        Rule::MoreThan(min) => format!("The {field} field must be greater than {min}."),
        Rule::Decimals(places) => format!("The {field} field must have 0-{places} decimal places."),
        Rule::Email => format!("The {field} field must be a valid email address."),
        Rule::OneOf(_) | Rule::Missing => format!("The selected {field} is invalid."),
        Rule::Confirmed => format!("The {field} field confirmation does not match."),
        Rule::Taken => format!("The {field} has already been taken."),
        Rule::Unknown if error.place == Place::Body => format!("The {field} field is not known here."),
        Rule::Unknown => format!("The {field} parameter is not known here."),
        Rule::NoFile => format!("The {field} field must be a text, not a file."),
        Rule::OutOfStock { name, left: 0, .. } => format!("{name} is out of stock."),
        Rule::OutOfStock { name, left, taken: 0 } => format!("Only {left} of {name} left."),
        Rule::OutOfStock { name, left, taken } => {
            format!("Only {left} of {name} left, and this order already has {taken} of them.")
        }
        Rule::Other(_, text) => text.clone(),
    }
}
/// A path as Laravel shows it: without the slash in front, unless that is all.
fn shown_route(path: &str) -> &str {
    match path.trim_start_matches('/') {
        "" => "/",
        rest => rest,
    }
}
