//! How a domain error looks on the wire: one renderer, three families. A 5xx is logged here, once,
//! with its cause; the answer shows nothing of it.

pub mod document;
mod express;
mod fastapi;
mod field_labels;
mod field_message;
mod laravel;
mod user_message;

use std::sync::Arc;
use std::time::Duration;

use http::header::{ALLOW, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode};
use poem::Response;
use serde_json::{Map, Value};

use crate::app::App;
use crate::clock::Clock;
use crate::config::Language;
use crate::error::{Credential, DbError, Error};
use crate::id::TenantId;

use super::family::Family;
use super::panic::Panicked;
use super::request::{Notes, RequestId};

pub use field_labels::field_label;
pub use laravel::validation_text;
pub use user_message::{asked_language, sentence};

/// What of a request an error's answer needs; taken before the handler consumes it.
#[derive(Debug, Clone)]
pub struct Asked {
    /// The family of the route.
    pub family: Family,
    /// Id of the request.
    pub request_id: RequestId,
    /// The language people want to read, when there was a header that says so.
    pub language: Option<Wanted>,
    /// What was learnt about the request on its way, for the log.
    pub notes: Option<Arc<Notes>>,
    /// The time, for answers that name one.
    pub clock: Clock,
}

/// What `Accept-Language` said.
#[derive(Debug, Clone, Copy)]
pub struct Wanted {
    /// The better one of those that ruko speaks.
    named: Option<Language>,
    /// The server's own language.
    server: Language,
}

impl Asked {
    /// From a request that came in for a route of this family.
    pub fn of(request: &poem::Request, family: Family) -> Self {
        let language = request.header("accept-language").map(|header| Wanted {
            named: asked_language(header),
            server: request.data::<App>().map_or(Language::English, |app| app.config.locale.language),
        });
        let notes = super::request::notes(request).cloned();
        let clock = request.data::<App>().map(|app| app.clock.clone()).unwrap_or_default();
        Self { family, request_id: super::request::request_id(request), language, notes, clock }
    }

    /// The language of `user_message`, when there is to be one: the one asked for, else the tenant's,
    /// else the server's.
    pub fn language(&self) -> Option<Language> {
        let Wanted { named, server } = self.language?;
        let of_tenant = || self.notes.as_ref().and_then(|notes| notes.language());
        Some(named.or_else(of_tenant).unwrap_or(server))
    }
}

/// The answer for any error of a handler, an extractor or the framework.
pub fn render(error: poem::Error, asked: &Asked) -> Response {
    if error.is_from_response() {
        return error.into_response();
    }
    if error.is::<Panicked>() {
        let error = Error::Internal(anyhow::anyhow!("a handler panicked"));
        return answer(&error, asked);
    }
    let error = from_framework(error);
    log_if_ours(&error, asked);
    answer(&error, asked)
}

/// What the framework's own errors mean.
fn from_framework(error: poem::Error) -> Error {
    use poem::error::{MethodNotAllowedError, NotFoundError, ParsePathError};
    use poem_openapi::error as oai;
    if error.is::<Error>() {
        return error.downcast::<Error>().unwrap_or_else(|_| Error::internal(anyhow::anyhow!("lost error")));
    }
    match () {
        () if error.is::<NotFoundError>() => Error::RouteNotFound(String::new()),
        () if error.is::<MethodNotAllowedError>() => {
            Error::MethodNotAllowed { method: String::new(), path: String::new(), allowed: String::new() }
        }
        () if error.is::<ParsePathError>() || error.is::<oai::ParsePathError>() => Error::not_found("resource", ""),
        () if error.status() == StatusCode::UNSUPPORTED_MEDIA_TYPE => Error::UnsupportedMediaType(error.to_string()),
        () if error.status().is_client_error() => {
            tracing::debug!(%error, "a request was refused by the framework");
            Error::Malformed("it does not fit this operation".into())
        }
        () => Error::internal(anyhow::anyhow!("{error}")),
    }
}

fn log_if_ours(error: &Error, asked: &Asked) {
    if error.status() < 500 {
        return;
    }
    let (code, request_id) = (error.code(), asked.request_id.as_str());
    let tenant = asked.notes.as_ref().and_then(|notes| notes.tenant()).map(TenantId::as_str);
    match error {
        Error::Internal(cause) => {
            let error = format!("{cause:#}");
            tracing::error!(error.code = code, tenant.id = tenant, request_id, error, "request failed");
        }
        // What an operator has to do about a file that cannot be opened stands with the attempt.
        Error::Db(
            cause @ (DbError::Busy
            | DbError::Full
            | DbError::Timeout
            | DbError::Overloaded
            | DbError::Restoring
            | DbError::Unavailable(_)
            | DbError::Newer { .. }),
        ) => {
            let advice = crate::db::advice(cause);
            tracing::warn!(error.code = code, tenant.id = tenant, request_id, error = %cause, advice, "request refused");
        }
        // Told when the tenant was parked, and true of every request since.
        Error::Db(DbError::MigrationFailed { .. }) => {
            tracing::debug!(error.code = code, tenant.id = tenant, request_id, "request of a parked tenant refused");
        }
        Error::Db(cause) => {
            let advice = crate::db::advice(cause);
            tracing::error!(error.code = code, tenant.id = tenant, request_id, error = %cause, advice, "request failed");
        }
        Error::Central(cause) => {
            let advice = crate::db::central_advice(cause);
            tracing::error!(error.code = code, request_id, error = %cause, advice, "request failed");
        }
        Error::Logs(cause) => {
            let advice = crate::db::logs_advice(cause);
            tracing::error!(error.code = code, request_id, error = %cause, advice, "request failed");
        }
        other => tracing::warn!(error.code = code, tenant.id = tenant, request_id, error = %other, "request refused"),
    }
}

/// Status and body of the answer for a domain error.
pub fn body(error: &Error, asked: &Asked) -> (StatusCode, Value) {
    let (status, mut body) = match asked.family {
        Family::Laravel => laravel::body(error),
        Family::Express => express::body(error),
        Family::FastApi => fastapi::body(error),
    };
    body.insert("code".into(), error.code().into());
    body.insert("request_id".into(), asked.request_id.as_str().into());
    if let Some(language) = asked.language() {
        body.insert("user_message".into(), user_message::text(error, language).into());
    }
    (status, body.into())
}

/// The answer for a domain error.
pub fn answer(error: &Error, asked: &Asked) -> Response {
    let (status, body) = body(error, asked);
    let mut response = Response::builder().status(status).body(body.to_string());
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    match error {
        Error::TooManyRequests { retry_after_secs, limit } => {
            headers.insert(RETRY_AFTER, (*retry_after_secs).into());
            headers.insert("x-ratelimit-limit", (*limit).into());
            headers.insert("x-ratelimit-remaining", 0.into());
            // Seconds since 1970, as Laravel writes it; a begun second is over by then.
            let reset = asked.clock.now().plus(Duration::from_secs(*retry_after_secs));
            headers.insert("x-ratelimit-reset", reset.0.saturating_add(999).div_euclid(1000).into());
        }
        Error::Unavailable(_)
        | Error::Central(DbError::Busy)
        | Error::Logs(DbError::Busy)
        | Error::Db(DbError::Busy | DbError::Overloaded | DbError::Timeout | DbError::Restoring) => {
            headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
        }
        Error::RangeNotSatisfiable(size) => {
            if let Ok(range) = HeaderValue::from_str(&format!("bytes */{size}")) {
                headers.insert(http::header::CONTENT_RANGE, range);
            }
        }
        Error::MethodNotAllowed { allowed, .. } => {
            if let Ok(allowed) = HeaderValue::from_str(allowed) {
                headers.insert(ALLOW, allowed);
            }
        }
        Error::CredentialMissing(Credential::UserToken)
        | Error::CredentialInvalid { kind: Credential::UserToken, .. } => {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        _ => {}
    }
    response
}

/// Builds the JSON object of an answer.
fn object<const N: usize>(fields: [(&str, Value); N]) -> Map<String, Value> {
    fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

fn status_of(error: &Error) -> StatusCode {
    StatusCode::from_u16(error.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

/// A sentence for programs and logs that gives away nothing of the server's inside.
fn public_text(error: &Error) -> String {
    match error {
        Error::Internal(_) => "Server Error".into(),
        Error::Db(db) => public_db_text(db).into(),
        Error::Central(DbError::Busy) => "The server's own data is locked by another program. Try again.".into(),
        Error::Central(_) => "The server's own data is not available. Its operator finds the reason in the log.".into(),
        Error::Logs(DbError::Busy) => "The logs are locked by another program. Try again.".into(),
        Error::Logs(_) => "The logs are not available. The operator finds the reason in what the server writes.".into(),
        Error::Malformed(reason) => format!("The request body could not be read: {reason}."),
        Error::TenantNotActive(state) => format!("This tenant is {state}. Please contact its operator."),
        other => {
            let text = other.to_string();
            let mut chars = text.chars();
            chars.next().map_or(text.clone(), |first| {
                format!("{}{}.", first.to_uppercase(), chars.as_str().trim_end_matches('.'))
            })
        }
    }
}

fn public_db_text(error: &DbError) -> &'static str {
    match error {
        DbError::Unique(_) => "A record with these values exists already.",
        DbError::ForeignKey => "The record is still referred to by others.",
        DbError::Busy => "The tenant's data is locked by another program. Try again.",
        DbError::Full => "No storage space is left. Nothing was changed.",
        DbError::ReadOnly => "The tenant's data is read-only at the moment. Nothing was changed.",
        DbError::Corrupt(_) | DbError::Io(_) | DbError::Unavailable(_) | DbError::Newer { .. } => {
            "The tenant's data is not available. Its operator finds the reason in the log."
        }
        DbError::MigrationFailed { .. } => {
            "The tenant's data could not be brought to this release. Its operator finds the reason with the tenant."
        }
        DbError::Timeout | DbError::Overloaded => "The server is busy. Try again.",
        DbError::Restoring => "The tenant is being restored from a backup. Try again in a moment.",
        DbError::Check(_) | DbError::NotNull(_) | DbError::Other(_) => "Server Error",
    }
}

impl poem::error::ResponseError for Error {
    fn status(&self) -> StatusCode {
        status_of(self)
    }
}

impl poem_openapi::ApiResponse for Error {
    /// Documented per operation, by the wrapper that knows its family.
    fn meta() -> poem_openapi::registry::MetaResponses {
        poem_openapi::registry::MetaResponses { responses: Vec::new() }
    }

    fn register(_registry: &mut poem_openapi::registry::Registry) {}
}
