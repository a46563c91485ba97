//! What `--fix` did to the subjects of one check, and what it left as it was.

use std::fmt::Write as _;

use super::Check;

/// Names in one line; the rest is counted.
const NAMES_MAX: usize = 10;

/// Collects what became of each.
#[derive(Debug, Default)]
pub(super) struct Repairs {
    done: Vec<String>,
    left: Vec<String>,
}

impl Repairs {
    /// It is repaired.
    pub(super) fn done(&mut self, what: String) {
        self.done.push(what);
    }

    /// It is as it was, and why.
    pub(super) fn left(&mut self, what: &str, why: impl std::fmt::Display) {
        self.left.push(format!("{what} ({why})"));
    }

    /// The check they come to; `deed` is what was done.
    pub(super) fn check(self, name: &'static str, deed: &str, advice: &str) -> Check {
        let done = format!("{deed}: {}", listed(&self.done));
        let left = format!("left as it is: {}", listed(&self.left));
        match (self.done.is_empty(), self.left.is_empty()) {
            (_, true) => Check::ok(name, done).fixed(),
            (true, false) => Check::warn(name, left).advice(advice),
            (false, false) => Check::warn(name, format!("{done}; {left}")).advice(advice),
        }
    }
}

/// Names in one line.
pub(super) fn listed(names: &[String]) -> String {
    let mut text = names.iter().take(NAMES_MAX).map(String::as_str).collect::<Vec<_>>().join(", ");
    if names.len() > NAMES_MAX {
        let _ = write!(text, " and {} more", names.len() - NAMES_MAX);
    }
    text
}
