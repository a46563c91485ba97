//! The one error of the domain. It says what went wrong; how that looks on the wire (three
//! families of JSON) is decided in `api::kit::errors`, how it looks on a terminal in `cli`.

mod db;
mod field;

use std::fmt;

pub use db::DbError;
pub use field::{FieldError, Place, Rule};

use field::Fields;

/// What every fallible function of the domain returns.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Which secret a caller has to show.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Credential {
    /// `X-Master-API-Key`, the operator's.
    Master,
    /// `X-Tenant-API-Key`, says which tenant is meant.
    TenantKey,
    /// `Authorization: Bearer`, a user of that tenant.
    UserToken,
}

/// Every domain error.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No credential of this kind was sent.
    #[error("{0:?} credential is missing")]
    CredentialMissing(Credential),
    /// A credential was sent and is not good. `shown` is what may be echoed of it.
    #[error("{kind:?} credential is not valid")]
    CredentialInvalid {
        /// Which one.
        kind: Credential,
        /// Masked prefix of what was sent, safe to print.
        shown: Option<String>,
    },
    /// The central API is switched off; holds the reason.
    #[error("the central API is switched off: {0}")]
    CentralDisabled(&'static str),
    /// Email and password do not match an active user.
    #[error("invalid credentials")]
    LoginFailed,
    /// The tenant is suspended, or not in a state to answer; holds the state.
    #[error("tenant is {0}")]
    TenantNotActive(&'static str),
    /// The caller is known and may not do this.
    #[error("forbidden: {0}")]
    Forbidden(&'static str),
    /// No such row for this caller.
    #[error("{kind} {id} not found")]
    NotFound {
        /// Singular name of the resource: `product`.
        kind: &'static str,
        /// What was asked for, as sent.
        id: String,
    },
    /// Some fields are not acceptable.
    #[error("the given data was invalid: {}", Fields(.0))]
    Invalid(Vec<FieldError>),
    /// The body could not be read at all; says why, for whoever sent it: "it is not UTF-8".
    #[error("malformed request: {0}")]
    Malformed(String),
    /// The head of the request is not as HTTP wants it; holds a sentence for people.
    #[error("{0}")]
    BadRequest(&'static str),
    /// Nobody said which backup is meant.
    #[error("the name of a backup is missing")]
    BackupNameMissing,
    /// Allowed in itself, but not in the state things are in.
    #[error("{message}")]
    Conflict {
        /// Stable code.
        code: &'static str,
        /// A sentence for people.
        message: String,
    },
    /// `If-Match` names another version.
    #[error("the resource has changed since it was read")]
    PreconditionFailed,
    /// A rate limit is used up.
    #[error("too many requests")]
    TooManyRequests {
        /// Seconds until the next try can succeed, at least 1.
        retry_after_secs: u64,
        /// Size of the limit.
        limit: u32,
    },
    /// The body is larger than this many bytes.
    #[error("the body is larger than {0} bytes")]
    PayloadTooLarge(u64),
    /// The asked part lies behind the end; holds the size.
    #[error("the asked part lies behind the {0} bytes there are")]
    RangeNotSatisfiable(u64),
    /// The body was sent slower than the server waits.
    #[error("the request body did not arrive in time")]
    RequestTimeout,
    /// The content type cannot be read here.
    #[error("unsupported content type {0}")]
    UnsupportedMediaType(String),
    /// No operation at this path.
    #[error("no route {0}")]
    RouteNotFound(String),
    /// The path exists, this method does not.
    #[error("method {method} is not allowed for {path}")]
    MethodNotAllowed {
        /// What was sent.
        method: String,
        /// The path as sent.
        path: String,
        /// What would work, comma separated.
        allowed: String,
    },
    /// The server is stopping or has more work than it can queue.
    #[error("the server is busy: {0}")]
    Unavailable(&'static str),
    /// Storage said no.
    #[error(transparent)]
    Db(#[from] DbError),
    /// The server's own file of tenants and keys is in trouble.
    #[error("the central file: {0}")]
    Central(DbError),
    /// The file of the request and audit logs is in trouble.
    #[error("the file of the logs: {0}")]
    Logs(DbError),
    /// A defect of ours or of the machine; callers learn nothing of it.
    #[error("internal error: {0:#}")]
    Internal(anyhow::Error),
}

impl Error {
    /// `NotFound` for a resource addressed by `id`.
    pub fn not_found(kind: &'static str, id: impl fmt::Display) -> Self {
        Self::NotFound { kind, id: id.to_string() }
    }

    /// `Invalid` with one field of the body.
    pub fn field(path: impl Into<String>, rule: Rule) -> Self {
        Self::Invalid(vec![FieldError { path: path.into(), rule, place: Place::Body }])
    }

    /// `Conflict` with a stable code and a sentence.
    pub fn conflict(code: &'static str, message: impl Into<String>) -> Self {
        Self::Conflict { code, message: message.into() }
    }

    /// `Internal` from any error or text.
    pub fn internal(cause: impl Into<anyhow::Error>) -> Self {
        Self::Internal(cause.into())
    }

    /// Turns a unique violation on `table.column` into "taken" at `field`; leaves all else alone.
    pub fn taken(self, column: &str, field: &str) -> Self {
        match self {
            Self::Db(DbError::Unique(name)) if name.contains(column) => Self::field(field, Rule::Taken),
            other => other,
        }
    }

    /// The stable, snake case code of the answer. Clients may branch on it.
    pub fn code(&self) -> &'static str {
        match self {
            Self::CredentialMissing(Credential::Master) => "master_key_required",
            Self::CredentialMissing(Credential::TenantKey) => "tenant_key_required",
            Self::CredentialMissing(Credential::UserToken) => "unauthenticated",
            Self::CredentialInvalid { kind: Credential::Master, .. } => "master_key_invalid",
            Self::CredentialInvalid { kind: Credential::TenantKey, .. } => "tenant_key_invalid",
            Self::CredentialInvalid { kind: Credential::UserToken, .. } => "token_invalid",
            Self::CentralDisabled(_) => "central_disabled",
            Self::LoginFailed => "login_failed",
            Self::TenantNotActive(_) => "tenant_not_active",
            Self::Forbidden(_) => "forbidden",
            Self::NotFound { .. } => "not_found",
            Self::Invalid(_) => "validation_failed",
            Self::Malformed(_) => "malformed_body",
            Self::BadRequest(_) => "bad_request",
            Self::BackupNameMissing => "backup_name_required",
            Self::Conflict { code, .. } => code,
            Self::PreconditionFailed => "precondition_failed",
            Self::TooManyRequests { .. } => "too_many_requests",
            Self::PayloadTooLarge(_) => "payload_too_large",
            Self::RangeNotSatisfiable(_) => "range_not_satisfiable",
            Self::RequestTimeout => "request_timeout",
            Self::UnsupportedMediaType(_) => "unsupported_media_type",
            Self::RouteNotFound(_) => "route_not_found",
            Self::MethodNotAllowed { .. } => "method_not_allowed",
            Self::Unavailable(_) => "unavailable",
            Self::Db(db) => db.code(),
            Self::Central(db) => db.central_code(),
            Self::Logs(db) => db.logs_code(),
            Self::Internal(_) => "internal",
        }
    }

    /// The HTTP status of the answer.
    pub fn status(&self) -> u16 {
        match self {
            Self::CredentialMissing(_)
            | Self::LoginFailed
            | Self::CredentialInvalid { kind: Credential::UserToken, .. } => 401,
            Self::CredentialInvalid { .. }
            | Self::CentralDisabled(_)
            | Self::TenantNotActive(_)
            | Self::Forbidden(_) => 403,
            Self::NotFound { .. } | Self::RouteNotFound(_) => 404,
            Self::MethodNotAllowed { .. } => 405,
            Self::RequestTimeout => 408,
            Self::Conflict { .. } => 409,
            Self::PreconditionFailed => 412,
            Self::PayloadTooLarge(_) => 413,
            Self::UnsupportedMediaType(_) => 415,
            Self::RangeNotSatisfiable(_) => 416,
            Self::Invalid(_) => 422,
            Self::TooManyRequests { .. } => 429,
            Self::Malformed(_) | Self::BadRequest(_) | Self::BackupNameMissing => 400,
            Self::Unavailable(_) => 503,
            Self::Db(db) | Self::Central(db) | Self::Logs(db) => db.status(),
            Self::Internal(_) => 500,
        }
    }
}
