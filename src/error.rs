//! The one error of the domain. It says what went wrong; how that looks on the wire (three
//! families of JSON) is decided in `api::kit::errors`, how it looks on a terminal in `cli`.

use std::fmt;

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

/// What a storage engine can answer instead of a result. `Unique` and its kin carry the name of
/// the column or index; nothing here carries data of a tenant.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DbError {
    /// A unique index refused the row; holds `table.column`.
    #[error("unique constraint on {0}")]
    Unique(String),
    /// A foreign key points nowhere.
    #[error("foreign key constraint")]
    ForeignKey,
    /// A CHECK refused the row; holds its name or text.
    #[error("check constraint {0}")]
    Check(String),
    /// A NOT NULL column was left out; holds `table.column`.
    #[error("not null constraint on {0}")]
    NotNull(String),
    /// Another program holds the file's lock.
    #[error("the database file is locked by another program")]
    Busy,
    /// No space left on the disk, or the tenant's storage limit is reached.
    #[error("no space left for the database file")]
    Full,
    /// The file or its folder cannot be written.
    #[error("the database file is read-only")]
    ReadOnly,
    /// Not a database, damaged, or not the file of this tenant.
    #[error("the database file is damaged: {0}")]
    Corrupt(String),
    /// The disk answered with an error; holds its text.
    #[error("the disk failed: {0}")]
    Io(String),
    /// The file cannot be opened: missing, fenced, or no permission.
    #[error("the database file cannot be opened: {0}")]
    Unavailable(String),
    /// Written by a newer release; holds the file's schema version and the newest known one.
    #[error("the database file has schema version {found}, this ruko knows {known}")]
    Newer {
        /// `user_version` of the file.
        found: i64,
        /// The newest version this build can read.
        known: i64,
    },
    /// Of an older release, and could not be brought to the schema of this one. It is as it was.
    #[error("the database file cannot be brought from schema version {from} to {to}: {cause}")]
    MigrationFailed {
        /// `user_version` of the file.
        from: i64,
        /// The version that it should have got.
        to: i64,
        /// What went wrong.
        cause: String,
    },
    /// The work took longer than its deadline.
    #[error("the database did not answer in time")]
    Timeout,
    /// Too many writes wait for this tenant.
    #[error("too many writes are waiting")]
    Overloaded,
    /// The tenant is being restored from a backup, which takes longer than a write waits.
    #[error("the tenant is being restored")]
    Restoring,
    /// Everything else the engine said: a defect of ours.
    #[error("{0}")]
    Other(String),
}

/// Why a field was refused. The wire families turn it into their own words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rule {
    /// Missing, null or empty.
    Required,
    /// Not a string.
    String,
    /// Not a whole number (or out of its 64 bits).
    Integer,
    /// Not a number.
    Numeric,
    /// Not true or false.
    Boolean,
    /// Not a list.
    Array,
    /// Not an object.
    Object,
    /// Fewer characters than this.
    MinLength(usize),
    /// More characters than this.
    MaxLength(usize),
    /// Fewer items than this.
    MinItems(usize),
    /// More items than this.
    MaxItems(usize),
    /// Smaller than this number.
    Min(String),
    /// Greater than this number.
    Max(String),
    /// Not greater than this number.
    MoreThan(String),
    /// More digits after the point than this.
    Decimals(u32),
    /// Not an email address.
    Email,
    /// Not one of these.
    OneOf(Vec<String>),
    /// Does not match its `_confirmation`.
    Confirmed,
    /// In use by another row.
    Taken,
    /// Names a row that does not exist.
    Missing,
    /// Not a parameter this operation knows.
    Unknown,
    /// Sent as a file, and no file is taken here.
    NoFile,
    /// More pieces of a product than there are.
    OutOfStock {
        /// Name of the product.
        name: String,
        /// Pieces there are.
        left: i64,
        /// Pieces that the same order already has.
        taken: i64,
    },
    /// Anything else, as a full sentence for people; the code is for programs.
    Other(&'static str, String),
}

/// One refused field of an input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldError {
    /// Path of the field, dotted: `items.0.quantity`.
    pub path: String,
    /// Why.
    pub rule: Rule,
    /// Where it was sent.
    pub place: Place,
}

/// Where a field was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Place {
    /// In the request body.
    #[default]
    Body,
    /// In the query string.
    Query,
    /// In the path.
    Path,
    /// In a header.
    Header,
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
            Self::Db(db) | Self::Central(db) => db.status(),
            Self::Internal(_) => 500,
        }
    }
}

impl DbError {
    /// See [`Error::code`].
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unique(_) => "conflict",
            Self::ForeignKey => "still_referenced",
            Self::Busy => "tenant_locked",
            Self::Full => "storage_full",
            Self::ReadOnly => "tenant_read_only",
            Self::Corrupt(_) => "tenant_corrupt",
            Self::Io(_) => "tenant_io_error",
            Self::Unavailable(_) => "tenant_unavailable",
            Self::Newer { .. } => "tenant_newer",
            Self::MigrationFailed { .. } => "tenant_migration_failed",
            Self::Timeout => "timeout",
            Self::Overloaded => "overloaded",
            Self::Restoring => "restoring",
            Self::Check(_) | Self::NotNull(_) | Self::Other(_) => "internal",
        }
    }

    /// See [`Error::code`]; of the server's own file of tenants and keys.
    pub fn central_code(&self) -> &'static str {
        match self {
            Self::Busy => "central_locked",
            Self::ReadOnly => "central_read_only",
            Self::Corrupt(_) => "central_corrupt",
            Self::Io(_) => "central_io_error",
            Self::Unavailable(_) => "central_unavailable",
            Self::Newer { .. } => "central_newer",
            other => other.code(),
        }
    }

    /// True when this is about the file, not about what was asked of it.
    pub fn is_of_the_file(&self) -> bool {
        self.central_code() != self.code()
    }

    /// See [`Error::status`].
    pub fn status(&self) -> u16 {
        match self {
            Self::Unique(_) | Self::ForeignKey => 409,
            Self::Full => 507,
            Self::Check(_) | Self::NotNull(_) | Self::Other(_) => 500,
            _ => 503,
        }
    }
}

struct Fields<'a>(&'a [FieldError]);

impl fmt::Display for Fields<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, field) in self.0.iter().enumerate() {
            write!(f, "{}{} ({:?})", if i > 0 { ", " } else { "" }, field.path, field.rule)?;
        }
        Ok(())
    }
}
