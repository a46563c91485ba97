//! Where a value came from.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use serde::{Serialize, Serializer};

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Origin {
    /// Built in.
    #[default]
    Default,
    /// The configuration file.
    File {
        /// Its path.
        path: Arc<PathBuf>,
        /// Line, counted from 1.
        line: usize,
    },
    /// The `.env` file.
    DotEnv {
        /// Its path.
        path: Arc<PathBuf>,
        /// Line, counted from 1.
        line: usize,
        /// Name of the variable.
        name: String,
    },
    /// A variable of the process; holds its name.
    Environment(String),
    /// The command line.
    Flag,
}

impl Origin {
    /// Name of the variable, if it was one.
    pub fn variable(&self) -> Option<&str> {
        match self {
            Self::DotEnv { name, .. } | Self::Environment(name) => Some(name),
            Self::Default | Self::File { .. } | Self::Flag => None,
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File { path, line } => write!(f, "{} line {line}", path.display()),
            Self::DotEnv { path, line, name } => write!(f, "{} line {line} ({name})", path.display()),
            Self::Environment(name) => write!(f, "environment ({name})"),
            Self::Flag => f.write_str("command line"),
        }
    }
}

impl Serialize for Origin {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
