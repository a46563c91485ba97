//! The error answers of an operation, for the document: which can happen follows from its
//! credentials, parameters and body; how they look from its family.

use http::Method;
use poem_openapi::Object;
use poem_openapi::registry::{MetaMediaType, MetaOperation, MetaParamIn, MetaResponse, Registry};
use poem_openapi::types::Type;

use crate::api::kit::credentials::{MASTER_KEY, optional_scheme};
use crate::api::kit::etag;
use crate::api::kit::family::Family;
use crate::api::kit::operation::refuses_query;

/// An error of the routes that follow Laravel.
#[derive(Debug, Object)]
#[oai(rename = "ErrorL")]
struct LaravelError {
    /// Short title.
    error: Option<String>,
    /// What is wrong.
    message: Option<String>,
    /// What to do about it.
    hint: Option<String>,
    /// Always false, where it is there.
    success: Option<bool>,
    /// For a wrong tenant key: its first characters.
    provided_key: Option<String>,
    /// For a 422: the texts of each refused field.
    errors: Option<std::collections::HashMap<String, Vec<String>>>,
    /// For a 422: the values that a refused field takes, where it takes only some.
    allowed: Option<std::collections::HashMap<String, Vec<String>>>,
    /// Stable code for programs, snake case.
    code: String,
    /// Id of the request, to be found in the server's log.
    request_id: String,
    /// A sentence for people, when the request carried `Accept-Language`.
    user_message: Option<String>,
}

/// An error of the routes that follow Express.
#[derive(Debug, Object)]
#[oai(rename = "ErrorE")]
struct ExpressError {
    /// Always false.
    success: bool,
    /// What is wrong.
    error: String,
    /// For a refused input: each refused field.
    details: Option<Vec<ExpressDetail>>,
    /// Stable code for programs, snake case.
    code: String,
    /// Id of the request, to be found in the server's log.
    request_id: String,
    /// A sentence for people, when the request carried `Accept-Language`.
    user_message: Option<String>,
}

/// A refused field.
#[derive(Debug, Object)]
#[oai(rename = "ErrorDetailE")]
struct ExpressDetail {
    /// Path of the field, dotted.
    field: String,
    /// What is wrong with it.
    message: String,
}

/// An error of the routes that follow FastAPI.
#[derive(Debug, Object)]
#[oai(rename = "ErrorF")]
struct FastApiError {
    /// A text; for a 422 the list of refused fields.
    detail: poem_openapi::types::Any<serde_json::Value>,
    /// Stable code for programs, snake case.
    code: String,
    /// Id of the request, to be found in the server's log.
    request_id: String,
    /// A sentence for people, when the request carried `Accept-Language`.
    user_message: Option<String>,
}

/// Registers the family's schema.
pub fn register(registry: &mut Registry, family: Family) {
    match family {
        Family::Laravel => LaravelError::register(registry),
        Family::Express => ExpressError::register(registry),
        Family::FastApi => FastApiError::register(registry),
    }
}

/// Operations that can be refused for what is set up, although they are sent nothing.
const CONFLICTS: &[&str] =
    &["central.backups.destinations.test", "central.backups.keys.rotate", "central.instance.export"];

/// The error answers that this operation can give.
pub fn responses(operation: &MetaOperation, family: Family) -> Vec<MetaResponse> {
    let schema = match family {
        Family::Laravel => LaravelError::schema_ref(),
        Family::Express => ExpressError::schema_ref(),
        Family::FastApi => FastApiError::schema_ref(),
    };
    let has_credentials = !operation.security.is_empty();
    // A master key that may be left out is never missing, and a wrong one is 403.
    let asks =
        operation.security.iter().flat_map(|one| one.keys()).any(|name| optional_scheme(name) != Some(MASTER_KEY));
    let has_path = operation.params.iter().any(|param| param.in_type == MetaParamIn::Path);
    let has_input =
        operation.request.is_some() || operation.params.iter().any(|param| param.in_type == MetaParamIn::Query);
    let has_input = has_input || has_credentials && refuses_query(operation);
    let has_body = operation.request.is_some();
    let is_write = operation.method != Method::GET;
    let is_conditional = is_write && operation.params.iter().any(etag::is_stand_in);
    // What neither asks for a credential nor reads anything has no limit either.
    let is_limited = has_credentials || has_input || has_path;
    let id = operation.operation_id.unwrap_or_default();
    let is_download = id.ends_with("backups.download");
    let invalid = if family == Family::Express { 400 } else { 422 };
    let possible = [
        (has_body && invalid != 400, 400, "The body cannot be read."),
        (id == "central.backups.download", 400, "No name of a backup was sent."),
        (asks, 401, "A credential is missing, or the bearer token is not valid."),
        (has_credentials, 403, "The credential is not valid here, or does not allow this."),
        (has_path, 404, "There is no such record for this caller."),
        (has_body, 408, "The body did not arrive in time."),
        (
            is_download || is_write && (has_body || has_path) || CONFLICTS.contains(&id),
            409,
            "This does not fit the state of the record.",
        ),
        (is_conditional, 412, "`If-Match` names another version."),
        (has_body, 413, "The body is too large."),
        (has_body, 415, "The content type is neither JSON nor a form."),
        (is_download, 416, "The asked part lies behind the end."),
        (has_input, invalid, "Some fields are not acceptable; all of them are named."),
        (is_limited, 429, "Too many requests; `Retry-After` says when to try again."),
        (true, 500, "A defect of the server; its log has the cause under the request id."),
        (true, 503, "The tenant's data or the server's own is not available at the moment."),
        (is_write && has_credentials, 507, "No storage space is left; nothing was changed."),
    ];
    let documented = possible.into_iter().filter(|(is_possible, ..)| *is_possible);
    documented
        .map(|(_, status, description)| MetaResponse {
            description,
            status: Some(status),
            status_range: None,
            content: vec![MetaMediaType { content_type: "application/json", schema: schema.clone() }],
            headers: vec![],
        })
        .collect()
}
