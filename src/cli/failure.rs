//! How a command fails: one line what happened, one line what to do, and an exit code.

use std::fmt;
use std::io;
use std::path::Path;

use crate::app::StartError;
use crate::config::ConfigError;
use crate::data_dir::DataDirError;
use crate::db;
use crate::error::{DbError, Error, FieldError};

/// It did not work.
pub const FAILED: u8 = 1;
/// The command line is wrong, or a confirmation is missing.
pub const USAGE: u8 = 2;
/// A file is damaged, or none of ruko's (`EX_DATAERR`).
pub const DAMAGED: u8 = 65;
/// Another process holds the data directory; the same command may work later (`EX_TEMPFAIL`).
pub const IN_USE: u8 = 75;

/// The key does not open the file (`EX_NOPERM`).
pub const WRONG_KEY: u8 = 77;
/// Ctrl-C ended it, as a shell says it of a program (128 and the number of SIGINT).
pub const CANCELLED: u8 = 130;

/// The table of exit codes, shown by `ruko help`.
pub const EXIT_CODES: &str = "\
Exit codes:
   0  done; for `serve`: stopped in order
   1  it failed: the text on standard error says why (`doctor`: a check
      failed; `migrate`: a file could not be migrated; `health`: no healthy answer)
   2  the command line is wrong, or a confirmation is missing (--yes)
  65  a backup is damaged, or no backup of ruko's
  75  another process holds the data directory
  77  the key is not the one the backup was made with
  78  a secret is one of public documentation while debug is off
 130  a backup or restore was cancelled with Ctrl-C; nothing was changed";

/// What every command returns.
pub type Outcome<T = ()> = Result<T, Failure>;

/// Why a command ends early.
#[derive(Debug)]
pub struct Failure {
    what: String,
    hint: Option<String>,
    code: u8,
}

impl Failure {
    /// It failed; what happened.
    pub fn new(what: impl Into<String>) -> Self {
        Self { what: what.into(), hint: None, code: FAILED }
    }

    /// The command line is wrong.
    pub fn usage(what: impl Into<String>) -> Self {
        Self { code: USAGE, ..Self::new(what) }
    }

    /// Ends without a word: the text is out already, or nobody reads it.
    pub fn silent(code: u8) -> Self {
        Self { what: String::new(), hint: None, code }
    }

    /// Adds what to do about it.
    pub fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }

    /// Ends with another exit code.
    pub fn with_code(self, code: u8) -> Self {
        Self { code, ..self }
    }

    /// The exit code.
    pub fn code(&self) -> u8 {
        self.code
    }

    /// Tells it on standard error.
    pub fn tell(&self) {
        if !self.what.is_empty() {
            eprintln!("ruko: {self}");
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.what.trim_end())?;
        self.hint.as_ref().map_or(Ok(()), |hint| write!(f, "\n      {}", hint.trim_end()))
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        let hint = "`ruko config` shows every setting and where its value comes from";
        Self::new(error.to_string()).hint(hint).with_code(error.exit_code())
    }
}

impl From<DataDirError> for Failure {
    fn from(error: DataDirError) -> Self {
        let code = if matches!(error, DataDirError::Locked { .. }) { IN_USE } else { FAILED };
        let text = error.to_string();
        let failure = match text.split_once("; ") {
            Some((what, hint)) => Self::new(what).hint(hint),
            None => Self::new(text),
        };
        failure.with_code(code)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match &error {
            Error::Db(cause) => Self::new(cause.to_string()).hint(db::advice(cause)),
            Error::Central(cause) => Self::new(error.to_string()).hint(db::central_advice(cause)),
            Error::Logs(cause) => Self::new(error.to_string()).hint(db::logs_advice(cause)),
            Error::Invalid(fields) => Self::new(in_words(fields)),
            _ => Self::new(error.to_string()),
        }
    }
}

impl From<StartError> for Failure {
    fn from(error: StartError) -> Self {
        match error {
            StartError::Other(other) => other.into(),
            StartError::Central { path, cause } => Self::in_central(&path, &cause),
        }
    }
}

impl Failure {
    /// The central file cannot be used.
    pub fn in_central(path: &Path, cause: &DbError) -> Self {
        let hint = match cause {
            DbError::Corrupt(_) => {
                "keep a copy of this file with all that lies beside it, then put a good copy of it in its place; \
                 tenants' own files are not touched"
            }
            DbError::Newer { .. } => {
                "start the newer ruko that wrote it, or put a copy from before the upgrade in its place"
            }
            DbError::Full => "free disk space; nothing was changed",
            DbError::MigrationFailed { .. } => db::central_advice(cause),
            _ => db::advice(cause),
        };
        Self::new(format!("the central file {} cannot be used: {cause}", path.display())).hint(hint)
    }
}

impl From<DbError> for Failure {
    fn from(error: DbError) -> Self {
        Error::from(error).into()
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        // Whoever reads our output has seen enough (`ruko config | head`).
        if error.kind() == io::ErrorKind::BrokenPipe { Self::silent(0) } else { Self::new(error.to_string()) }
    }
}

fn in_words(fields: &[FieldError]) -> String {
    let one = |field: &FieldError| format!("{}: {:?}", field.path, field.rule);
    fields.iter().map(one).collect::<Vec<_>>().join("; ")
}
