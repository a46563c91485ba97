//! A configuration while its layers are put on top of each other.

use std::collections::{BTreeMap, BTreeSet};

use super::app_key::AppKey;
use super::error::{ConfigError, Problem};
use super::nearest::did_you_mean;
use super::origin::Origin;
use super::value::Raw;
use super::{Config, Loaded};

/// What the layers so far have made, with everything there is to say about it.
#[derive(Default)]
pub(super) struct Loading {
    config: Config,
    origins: BTreeMap<String, Origin>,
    problems: Vec<Problem>,
    notices: Vec<String>,
    not_needed: Vec<String>,
    strange_mail: BTreeSet<String>,
}

impl Loading {
    /// What the layers so far say.
    pub(super) fn config(&self) -> &Config {
        &self.config
    }

    /// Name and variable of every setting.
    pub(super) fn names(&mut self) -> Vec<(String, String)> {
        self.config.fields().into_iter().map(|field| (field.name, field.env_name)).collect()
    }

    /// Where the value of a setting came from so far.
    pub(super) fn origin(&self, name: &str) -> Origin {
        self.origins.get(name).cloned().unwrap_or_default()
    }

    /// Takes a value, or notes why not.
    pub(super) fn set(&mut self, name: &str, raw: &Raw, origin: Origin) {
        let mut fields = self.config.fields();
        let Some(field) = fields.iter_mut().find(|field| field.name == name) else {
            let hint = did_you_mean(name, fields.iter().map(|field| field.name.as_str()));
            return self.problem(format!("{origin}: there is no setting {name}{hint}"));
        };
        match field.set(raw) {
            Ok(()) => {
                self.origins.insert(name.to_owned(), origin);
            }
            Err(expected) => self.bad_value(name, &origin, raw, &expected),
        }
    }

    /// Notes that a value is not acceptable.
    pub(super) fn bad_value(&mut self, name: &str, origin: &Origin, raw: &Raw, expected: &str) {
        let is_secret = self.config.fields().iter().any(|field| field.name == name && field.value.is_secret());
        let shown = if is_secret { "the value".to_owned() } else { shown(raw) };
        self.problem(format!("{name}: {shown} from {origin} is not {expected}"));
    }

    /// Notes something that keeps the configuration from being used.
    pub(super) fn problem(&mut self, text: String) {
        self.problems.push(Problem::Other(text));
    }

    /// Notes something the operator should know.
    pub(super) fn notice(&mut self, text: String) {
        self.notices.push(text);
    }

    /// Notes a variable about a database server. They all become one notice.
    pub(super) fn not_needed(&mut self, name: &str) {
        if !self.not_needed.iter().any(|noted| noted == name) {
            self.not_needed.push(name.to_owned());
        }
    }

    /// Notes a variable about mail that stands for nothing. They all become one notice.
    pub(super) fn strange_mail(&mut self, name: &str) {
        self.strange_mail.insert(name.to_owned());
    }

    /// Refuses a secret that everybody knows, unless somebody is trying things out.
    fn placeholder(&mut self, setting: &'static str, misuse: &'static str, kind: &'static str) {
        let origin = self.origin(setting).to_string();
        if self.config.debug {
            self.notice(format!("{origin} stands in public documentation: good for trying out, nothing else"));
        } else {
            self.problems.push(Problem::PlaceholderSecret { setting, origin, misuse, kind });
        }
    }

    fn judge_app_key(&mut self) {
        const NAME: &str = "auth.app_key";
        let Some(key) = &self.config.auth.app_key else { return };
        let (is_placeholder, unusable) = (key.is_placeholder(), key.bytes().err());
        if is_placeholder {
            self.placeholder(NAME, "open what it seals", "app");
        }
        // Of a template's text that is no key either, the first is what matters.
        if let Some(why) = unusable.filter(|_| !is_placeholder || self.config.debug) {
            let origin = self.origin(NAME);
            self.problem(format!("{NAME}: the value from {origin} {why}; it must be {}", AppKey::FORMS));
        }
    }

    /// Looks at the whole, then gives the configuration or everything that is wrong with it.
    pub(super) fn finish(mut self) -> Result<Loaded, ConfigError> {
        if self.config.http.tls_cert.is_some() != self.config.http.tls_key.is_some() {
            self.problem("http.tls_cert and http.tls_key belong together, only one of them is set".to_owned());
        }
        if self.config.auth.is_placeholder_secret_key() {
            self.placeholder("auth.secret_key", "sign tokens with it", "secret");
        }
        self.judge_app_key();
        let lacking = self.config.s3.lacking();
        if !lacking.is_empty() {
            let origin = self.origin("s3.bucket");
            let names = lacking.join(" and ");
            self.notice(format!("{origin} names a bucket, but {names} not set: no copies of backups are made"));
        }
        if !self.not_needed.is_empty() {
            let names = self.not_needed.join(", ");
            self.notice(format!("{names} set, not needed: ruko stores data in SQLite files"));
        }
        if !self.strange_mail.is_empty() {
            let names = self.strange_mail.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
            self.notice(format!("{names} set, not used: ruko has no such setting of mail"));
        }
        let loaded = Loaded { config: self.config, notices: self.notices, origins: self.origins };
        if self.problems.is_empty() { Ok(loaded) } else { Err(ConfigError::new(self.problems, loaded)) }
    }
}

/// The value for a message, shortened where somebody put a whole file into it.
fn shown(raw: &Raw) -> String {
    const LONGEST: usize = 100;
    let text = match raw {
        Raw::One(text) => format!("{text:?}"),
        Raw::Many(texts) => format!("{texts:?}"),
        Raw::Unfit(what) => format!("the {what}"),
    };
    if text.chars().count() > LONGEST { text.chars().take(LONGEST).chain("...".chars()).collect() } else { text }
}
