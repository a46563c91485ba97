//! What a storage engine can answer instead of a result.

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

impl DbError {
    /// See [`super::Error::code`].
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

    /// See [`super::Error::code`]; of the server's own file of tenants and keys.
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

    /// See [`super::Error::code`]; of the file of the request and audit logs.
    pub fn logs_code(&self) -> &'static str {
        match self {
            Self::Busy => "logs_locked",
            Self::ReadOnly => "logs_read_only",
            Self::Corrupt(_) => "logs_corrupt",
            Self::Io(_) => "logs_io_error",
            Self::Unavailable(_) => "logs_unavailable",
            Self::Newer { .. } => "logs_newer",
            other => other.code(),
        }
    }

    /// True when this is about the file, not about what was asked of it.
    pub fn is_of_the_file(&self) -> bool {
        self.central_code() != self.code()
    }

    /// See [`super::Error::status`].
    pub fn status(&self) -> u16 {
        match self {
            Self::Unique(_) | Self::ForeignKey => 409,
            Self::Full => 507,
            Self::Check(_) | Self::NotNull(_) | Self::Other(_) => 500,
            _ => 503,
        }
    }
}
