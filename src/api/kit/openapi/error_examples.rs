//! Errors as the server really answers them: representative errors of the domain, sent through
//! the renderer of the operation's family.

use serde_json::{Value, json};

use crate::api::kit::credentials;
use crate::api::kit::errors::{self, Asked};
use crate::api::kit::family::Family;
use crate::api::kit::request::RequestId;
use crate::clock::Clock;
use crate::error::{Credential, DbError, Error, FieldError, Place, Rule};

use super::operation::Facts;
use super::{Components, Object, responses};

/// The request id of all examples.
pub const REQUEST_ID: &str = "7x2k9m4q1b8v5n3c6z0d";

/// Errors that follow from what an operation does, not from what it takes: its id, and the error.
const OWN: &[Own] = &[
    ("auth.login", || Error::LoginFailed),
    ("central.backups.delete", || Error::BackupNameMissing),
    ("central.backups.destinations.test", no_destination),
    ("central.backups.download", || Error::BackupNameMissing),
    ("central.backups.download", damaged_backup),
    ("central.backups.restore", damaged_backup),
    ("central.jobs.cancel", too_late),
    ("backups.create", under_way),
    ("backups.download", damaged_backup),
    ("backups.restore", damaged_backup),
    ("backups.undo", damaged_backup),
    ("jobs.cancel", too_late),
];

type Own = (&'static str, fn() -> Error);

fn damaged_backup() -> Error {
    Error::conflict("backup_damaged", "The backup toko_2026-11-27_020000.db.zst cannot be used: cut off.")
}

fn no_destination() -> Error {
    Error::conflict("no_destination", "No bucket is set up: set s3.bucket and its access key.")
}

fn too_late() -> Error {
    Error::conflict("job_committed", "The job is past the point where it could be cancelled: it is done to its end.")
}

fn under_way() -> Error {
    Error::conflict("job_under_way", "A backup or restore is under way. Wait for it, or cancel it.")
}

/// The documented error answer of a status. What many operations answer alike stands once in the
/// components.
pub fn response(
    status: &str,
    mut response: Value,
    family: Family,
    facts: &Facts,
    components: &mut Components,
) -> Value {
    let status: u16 = status.parse().unwrap_or_default();
    let mut content = responses::without_charset(super::take_object(&mut response["content"]));
    let errors = errors_of(status, family, facts);
    for media in content.values_mut().filter_map(Value::as_object_mut) {
        let examples: Object = errors.iter().map(|error| example(error, family)).collect();
        media.insert("examples".into(), examples.into());
    }
    let mut headers = vec!["X-Request-Id"];
    // What is refused took from a bucket all the same.
    if !facts.schemes.is_empty() && (400..500).contains(&status) && status != 429 {
        headers.extend(["X-RateLimit-Limit", "X-RateLimit-Remaining"]);
    }
    match status {
        401 if facts.all_schemes().any(|scheme| scheme == credentials::USER_TOKEN) => headers.push("WWW-Authenticate"),
        429 => headers.extend(["Retry-After", "X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset"]),
        503 => headers.push("Retry-After"),
        _ => {}
    }
    let headers = responses::linked(headers);
    let finished = json!({"description": response["description"], "headers": headers, "content": content});
    match shared_name(status, family, facts) {
        None => finished,
        Some(name) => {
            // A status whose answer differs from the shared one keeps its own.
            if *components.responses.entry(name.clone()).or_insert_with(|| finished.clone()) != finished {
                return finished;
            }
            json!({"$ref": format!("#/components/responses/{name}")})
        }
    }
}

/// Name of the shared answer, for those that do not depend on one operation's fields.
fn shared_name(status: u16, family: Family, facts: &Facts) -> Option<String> {
    let letter = match family {
        Family::Laravel => 'L',
        Family::Express => 'E',
        Family::FastApi => 'F',
    };
    let detail = match status {
        _ if is_own(status, family, facts) => return None,
        403 if facts.is_admin_only => format!("{}.Admin", facts.schemes.join(".")),
        401 | 403 => facts.all_schemes().collect::<Vec<_>>().join("."),
        404 => facts.kind().replace(' ', "-"),
        _ => String::new(),
    };
    let dot = if detail.is_empty() { "" } else { "." };
    Some(format!("{letter}{status}{dot}{detail}"))
}

/// True for what names an operation's fields, or errors that only this operation has.
fn is_own(status: u16, family: Family, facts: &Facts) -> bool {
    let is_validation = status == 422 || status == 400 && family == Family::Express;
    is_validation || OWN.iter().any(|(id, error)| *id == facts.id && error().status() == status)
}

fn example(error: &Error, family: Family) -> (String, Value) {
    let request_id = RequestId::parse(REQUEST_ID.as_bytes()).unwrap_or_default();
    let asked = Asked { family, request_id, language: None, notes: None, clock: Clock::system() };
    (error.code().to_owned(), json!({"value": errors::body(error, &asked).1}))
}

/// What an operation can answer with this status.
fn errors_of(status: u16, family: Family, facts: &Facts) -> Vec<Error> {
    let needed = facts.schemes.iter().filter_map(|scheme| credentials::of_scheme(scheme));
    let optional = facts.optional_schemes.iter().filter_map(|scheme| credentials::of_scheme(scheme));
    let mut errors = match status {
        400 if !facts.is_body => vec![],
        400 => vec![Error::Malformed("it is not valid JSON: expected `,` or `}` at line 3 column 5".into())],
        401 => needed.flat_map(missing_or_expired).chain(optional.filter_map(expired)).collect(),
        403 => needed.chain(optional).flat_map(refused).collect(),
        404 => vec![not_found(facts)],
        408 => vec![Error::RequestTimeout],
        409 => vec![Error::Db(DbError::Unique(String::new()))],
        412 => vec![Error::PreconditionFailed],
        416 => vec![Error::RangeNotSatisfiable(131_072)],
        413 => vec![Error::PayloadTooLarge(10 * 1024 * 1024)],
        415 => vec![Error::UnsupportedMediaType("application/xml".into())],
        422 => vec![],
        429 => vec![Error::TooManyRequests { retry_after_secs: 42, limit: 60 }],
        503 => vec![Error::Db(DbError::Overloaded), Error::Db(DbError::Unavailable(String::new()))],
        507 => vec![Error::Db(DbError::Full)],
        _ => vec![Error::internal(anyhow::anyhow!("example"))],
    };
    if status == 422 || status == 400 && family == Family::Express {
        errors.insert(0, Error::Invalid(refused_fields(facts)));
    }
    if status == 403 && facts.is_admin_only {
        errors.push(Error::Forbidden("admins only"));
    }
    errors
        .extend(OWN.iter().filter(|(id, _)| *id == facts.id).map(|(_, make)| make()).filter(|e| e.status() == status));
    errors
}

fn missing_or_expired(kind: Credential) -> Vec<Error> {
    std::iter::once(Error::CredentialMissing(kind)).chain(expired(kind)).collect()
}

fn expired(kind: Credential) -> Option<Error> {
    let expired = Error::CredentialInvalid { kind, shown: None };
    (expired.status() == 401).then_some(expired)
}

fn refused(kind: Credential) -> Vec<Error> {
    let wrong = Error::CredentialInvalid { kind, shown: Some("tk_12345...".into()) };
    let mut errors = Vec::from_iter((wrong.status() == 403).then_some(wrong));
    match kind {
        Credential::Master => errors.push(Error::CentralDisabled("MASTER_API_KEY is the documentation's placeholder.")),
        Credential::TenantKey => errors.push(Error::TenantNotActive("suspended")),
        Credential::UserToken => {}
    }
    errors
}

fn not_found(facts: &Facts) -> Error {
    // Once for each path, at start, for the life of the process.
    Error::not_found(Box::leak(facts.kind().into_boxed_str()), 99)
}

/// Two fields of the operation's own input with what can be wrong with them.
fn refused_fields(facts: &Facts) -> Vec<FieldError> {
    let place = if facts.is_body { Place::Body } else { Place::Query };
    let properties = facts.input["properties"].as_object();
    let is_required = |name: &str| facts.input["required"].as_array().into_iter().flatten().any(|one| one == name);
    let mut refused: Vec<FieldError> = properties
        .into_iter()
        .flatten()
        .filter_map(|(name, schema)| {
            let rule = if is_required(name) { Rule::Required } else { broken_rule(schema)? };
            Some(FieldError { path: name.clone(), rule, place })
        })
        .collect();
    // Missing fields first, as they are what most people meet first; long texts last.
    refused.sort_by_key(|field| match field.rule {
        Rule::Required => 0,
        Rule::MaxLength(_) | Rule::String => 2,
        _ => 1,
    });
    refused.truncate(2);
    if refused.is_empty() {
        refused.push(FieldError { path: "field".into(), rule: Rule::String, place });
    }
    refused
}

/// A rule that a value of this schema can break.
fn broken_rule(schema: &Value) -> Option<Rule> {
    if schema["format"] == "decimal" {
        return Some(Rule::Numeric);
    }
    if let Some(values) = schema["enum"].as_array() {
        return Some(Rule::OneOf(values.iter().filter_map(Value::as_str).map(str::to_owned).collect()));
    }
    match schema["type"].as_str()? {
        "integer" => Some(Rule::Integer),
        "number" => Some(Rule::Numeric),
        "boolean" => Some(Rule::Boolean),
        "array" => Some(Rule::Array),
        "string" => Some(
            schema["maxLength"]
                .as_u64()
                .map_or(Rule::String, |max| Rule::MaxLength(usize::try_from(max).unwrap_or(usize::MAX))),
        ),
        _ => None,
    }
}
