//! What is wrong with a configuration: always everything, not only the first thing.

use std::fmt;

use super::Loaded;

/// The configuration cannot be used.
#[derive(Debug)]
pub struct ConfigError {
    problems: Vec<Problem>,
    rest: Box<Loaded>,
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// A secret is one that stands in public documentation.
    #[error(
        "{setting}: the value from {origin} stands in public documentation, so anybody could {misuse}; use a random \
         one (`ruko key generate {kind}`), or leave it out"
    )]
    PlaceholderSecret {
        /// Its name.
        setting: &'static str,
        /// Where it came from.
        origin: String,
        /// What a stranger could do with it.
        misuse: &'static str,
        /// What `ruko key generate` calls it.
        kind: &'static str,
    },
    /// Anything else, as a sentence for people.
    #[error("{0}")]
    Other(String),
}

impl ConfigError {
    pub(super) fn new(problems: Vec<Problem>, rest: Loaded) -> Self {
        Self { problems, rest: Box::new(rest) }
    }

    /// What the settings come to without those that are wrong: to be shown, not to run with.
    pub fn rest(&self) -> &Loaded {
        &self.rest
    }

    /// Everything that is wrong.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// Whether the start was refused because of a documented secret.
    pub fn has_placeholder_secret(&self) -> bool {
        self.problems.iter().any(|problem| matches!(problem, Problem::PlaceholderSecret { .. }))
    }

    /// The exit code of a process that stops because of this: 78 (`EX_CONFIG`) for a documented
    /// secret, which a supervisor must not answer with a restart, else 1.
    pub fn exit_code(&self) -> u8 {
        if self.has_placeholder_secret() { 78 } else { 1 }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.problems.as_slice() {
            [one] => write!(f, "the configuration is not usable: {one}"),
            many => {
                write!(f, "the configuration is not usable, {} problems:", many.len())?;
                many.iter().try_for_each(|problem| write!(f, "\n  - {problem}"))
            }
        }
    }
}

impl std::error::Error for ConfigError {}
