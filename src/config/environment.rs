//! The layers made of variables: the `.env` file and the environment of the process.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::dotenv;
use super::loading::Loading;
use super::nearest::did_you_mean;
use super::origin::Origin;
use super::seeds::{NOT_NEEDED, Reading, SEEDS, is_strange_mail};
use super::value::Raw;

/// Names with our prefix that are no setting: of the configuration itself, and of our own tests (see
/// CONTRIBUTING.md), whose shell may run commands too.
const OTHER_NAMES: &[&str] = &[
    "RUKO_CONFIG",
    "RUKO_TEST_DEPTH",
    "RUKO_TEST_FAULT",
    "RUKO_CI_CACHE",
    "RUKO_OPENAPI_OUT",
    "RUKO_TEST_NEEDS_BROWSER",
    "RUKO_TEST_NEEDS_MOUNT",
    "RUKO_TEST_NEEDS_PYTHON",
];

/// The variables of one layer. An empty one counts as not set, because `NAME=` in a template means
/// "fill in if you need it".
#[derive(Default)]
pub(super) struct Variables {
    /// `None` is the environment of the process.
    file: Option<Arc<PathBuf>>,
    /// Text and line by name.
    all: BTreeMap<String, (String, usize)>,
}

impl Variables {
    /// The variables of the process.
    pub(super) fn of_process(environment: BTreeMap<String, String>) -> Self {
        let set = environment.into_iter().filter(|(_, text)| !text.trim().is_empty());
        Self { file: None, all: set.map(|(name, text)| (name, (text, 0))).collect() }
    }

    /// The variables of a `.env` file, which need not be there.
    pub(super) fn of_file(path: Option<&Path>, loading: &mut Loading) -> Self {
        let Some(path) = path else { return Self::default() };
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) => {
                unreadable(path, &error, loading);
                return Self::default();
            }
        };
        let (assignments, bad_lines) = dotenv::parse(&text);
        for bad in bad_lines {
            loading.problem(format!("{} line {} {}", path.display(), bad.line, bad.why));
        }
        let mut all = BTreeMap::new();
        for new in assignments.into_iter().filter(|new| !new.text.trim().is_empty()) {
            if let Some((old, line)) = all.insert(new.name.clone(), (new.text.clone(), new.line))
                && old != new.text
            {
                let (path, name) = (path.display(), &new.name);
                loading.notice(format!("{path}: {name} stands in lines {line} and {}, the last one counts", new.line));
            }
        }
        Self { file: Some(Arc::new(path.to_owned())), all }
    }

    /// Text of a variable that is set.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.all.get(name).map(|(text, _)| text.as_str())
    }

    /// Takes everything the variables say, and refuses names with our prefix that mean nothing.
    pub(super) fn apply(&self, loading: &mut Loading) {
        self.refuse_unknown(loading);
        for (setting, env_name) in loading.names() {
            self.apply_to(&setting, &env_name, loading);
        }
        for name in NOT_NEEDED.iter().filter(|name| self.get(name).is_some()) {
            loading.not_needed(name);
        }
        for name in self.all.keys().filter(|name| is_strange_mail(name)) {
            loading.strange_mail(name);
        }
    }

    /// Our own name wins over the foreign ones, the first of those over the rest. Who loses with
    /// another value is told.
    fn apply_to(&self, setting: &str, env_name: &str, loading: &mut Loading) {
        let mut winner = self.get(env_name).map(|text| (env_name, text.to_owned()));
        for seed in SEEDS.iter().filter(|seed| seed.setting == setting) {
            let Some(text) = self.get(seed.name) else { continue };
            let reading = (seed.read)(text, loading.config());
            match (reading, &winner) {
                (Reading::Text(text), None) => winner = Some((seed.name, text)),
                (Reading::Text(text), Some((_, same))) if text == *same => {}
                (Reading::Text(_) | Reading::Wrong(_), Some((name, _))) => {
                    let place = self.origin(seed.name);
                    loading.notice(format!("{place} is not used: {name} is set too and goes first"));
                }
                (Reading::Wrong(expected), None) => {
                    loading.bad_value(setting, &self.origin(seed.name), &Raw::One(text.to_owned()), expected);
                }
                (Reading::Ignored(why), None) => {
                    loading.notice(format!("{} is not used: {why}", self.origin(seed.name)));
                }
                (Reading::NotNeeded, _) => loading.not_needed(seed.name),
                (Reading::Nothing | Reading::Ignored(_), _) => {}
            }
        }
        if let Some((name, text)) = winner {
            loading.set(setting, &Raw::One(text), self.origin(name));
        }
    }

    fn refuse_unknown(&self, loading: &mut Loading) {
        let known: Vec<_> = loading.names().into_iter().map(|(_, env_name)| env_name).collect();
        let is_known = |name: &str| known.iter().any(|known| known == name) || OTHER_NAMES.contains(&name);
        for (name, (text, _)) in &self.all {
            if name.starts_with("RUKO_") && !is_known(name) && !is_service_link(name, text) {
                let hint = did_you_mean(name, known.iter().map(String::as_str));
                loading.problem(format!("{}: there is no such setting{hint}", self.origin(name)));
            }
        }
    }

    fn origin(&self, name: &str) -> Origin {
        let line = self.all.get(name).map_or(0, |(_, line)| *line);
        match &self.file {
            Some(path) => Origin::DotEnv { path: path.clone(), line, name: name.to_owned() },
            None => Origin::Environment(name.to_owned()),
        }
    }
}

/// Nobody asked for the file, so one that is not there is nothing. One that may not be read is not
/// meant for this user: `sudo -u ruko` in root's home.
fn unreadable(path: &Path, error: &std::io::Error, loading: &mut Loading) {
    let text = format!("{} cannot be read: {error}", path.display());
    match error.kind() {
        std::io::ErrorKind::NotFound => {}
        std::io::ErrorKind::PermissionDenied => loading.notice(format!("{text}; nothing in it counts")),
        _ => loading.problem(text),
    }
}

/// Kubernetes gives every container variables about its services. For one that is called `ruko` they
/// begin like ours (`RUKO_SERVICE_HOST`, `RUKO_PORT=tcp://...`, `RUKO_PORT_8000_TCP_ADDR`).
fn is_service_link(name: &str, text: &str) -> bool {
    name.starts_with("RUKO_SERVICE_")
        || name == "RUKO_PORT" && text.contains("://")
        || name.strip_prefix("RUKO_PORT_").is_some_and(|rest| rest.starts_with(|first: char| first.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use std::io::ErrorKind;

    use super::*;

    #[test]
    fn file_that_nobody_asked_for_may_be_missing_or_closed_to_us() {
        let told = |kind: ErrorKind| {
            let mut loading = Loading::default();
            unreadable(Path::new(".env"), &kind.into(), &mut loading);
            loading.finish().map(|loaded| loaded.notices).map_err(|error| error.to_string())
        };
        assert_eq!(told(ErrorKind::NotFound).unwrap(), Vec::<String>::new());
        assert_eq!(
            told(ErrorKind::PermissionDenied).unwrap(),
            [".env cannot be read: permission denied; nothing in it counts"]
        );
        assert!(told(ErrorKind::InvalidData).unwrap_err().contains(".env cannot be read"));
    }
}
