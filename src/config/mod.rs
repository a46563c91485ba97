//! The configuration: typed, read once at the start, everything wrong with it told at once.
//!
//! Layers, later wins: defaults, `ruko.toml`, `.env`, the environment, flags. A setting is declared
//! once, in the file of its section (see `section.rs`); names for the file, the environment and the
//! flags, documentation and `ruko config` follow from that. A new section is a file here and a line
//! in `Config` and in `Config::fields`. Names of other systems (`PORT`, `APP_KEY`) are in `seeds.rs`.

mod alerts;
mod app_key;
mod auth;
mod backup;
mod dotenv;
mod environment;
mod error;
mod explain;
mod file;
mod http;
mod limits;
mod loading;
mod locale;
mod mail;
mod nearest;
mod network;
mod origin;
mod s3;
mod schedule;
mod section;
mod seeds;
mod sources;
mod storage;
mod telemetry;
mod tenant_db;
mod texts;
mod url;
mod value;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::PathBuf;

pub use alerts::Alerts;
pub use app_key::{AppKey, UnusableAppKey};
pub use auth::{Auth, SHORT_MASTER_KEY, SuperadminRegistration};
pub use backup::Backup;
pub use error::{ConfigError, Problem};
pub use explain::Setting;
pub use http::Http;
pub use limits::Limits;
pub use locale::{CountryCode, Language, Locale, Zone};
pub use mail::{EmailAddress, Encryption, Mail, Mailer};
pub use network::Network;
pub use origin::Origin;
pub use s3::S3;
pub use schedule::Schedule;
pub use sources::Sources;
pub use storage::{Storage, Synchronous};
pub use telemetry::{LogFormat, LogLevel, Telemetry};
pub use tenant_db::TenantDb;
pub use url::{BaseUrl, CorsOrigin, SecretUrl};

use environment::Variables;
use loading::Loading;
use value::{Field, Raw};

/// Everything that can be set. `Config::default()` is what runs when nobody sets anything.
#[derive(Debug, Clone, Default)]
pub struct Config {
    /// Whether secrets of public documentation are let pass, for trying out. Nothing else hangs on it.
    pub debug: bool,
    /// The listener and what it accepts.
    pub http: Http,
    /// Where data lies and how it is written.
    pub storage: Storage,
    /// Secrets, logins and passwords.
    pub auth: Auth,
    /// How copies of the data are made and how long they stay.
    pub backup: Backup,
    /// How mail is sent.
    pub mail: Mail,
    /// Who is told when backups are in trouble.
    pub alerts: Alerts,
    /// The bucket that copies of backups go to.
    pub s3: S3,
    /// How much one caller may ask for.
    pub limits: Limits,
    /// What the server tells about itself.
    pub telemetry: Telemetry,
    /// Where the people are who use this server.
    pub locale: Locale,
    /// What tenants without database details of their own show.
    pub tenant_db: TenantDb,
}

/// A configuration with its story.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The configuration.
    pub config: Config,
    /// What the operator should know, one line each.
    pub notices: Vec<String>,
    /// Where each value came from, by name of the setting. One that is missing is a default.
    pub origins: BTreeMap<String, Origin>,
}

impl Config {
    /// Puts the layers on top of each other.
    pub fn load(sources: Sources) -> Result<Loaded, ConfigError> {
        let mut loading = Loading::default();
        let dotenv = Variables::of_file(sources.dotenv_file.as_deref(), &mut loading);
        let environment = Variables::of_process(sources.environment);

        let named = [&environment, &dotenv].into_iter().find_map(|variables| variables.get("RUKO_CONFIG"));
        let asked_for = sources.config_file.or(named.map(PathBuf::from));
        let if_there = sources.default_config_file.filter(|path| path.exists());
        if let Some(path) = asked_for.or(if_there) {
            file::apply(&path, &mut loading);
        }
        dotenv.apply(&mut loading);
        environment.apply(&mut loading);
        for (name, text) in sources.flags {
            loading.set(&name, &Raw::One(text), Origin::Flag);
        }
        refuse_two_signing_secrets(&dotenv, &environment, &mut loading);
        loading.finish()
    }

    /// Whether the master key is one that stands in public documentation.
    pub fn is_placeholder_master_key(&self) -> bool {
        self.auth.is_placeholder_master_key()
    }

    /// Every setting. Taken apart field by field, so that a forgotten section does not compile.
    fn fields(&mut self) -> Vec<Field<'_>> {
        let Self { debug, http, storage, auth, backup, s3, mail, alerts, limits, telemetry, locale, tenant_db } = self;
        let help = "Whether a signing secret or server key of public documentation is let pass, for trying out. Answers and \
                    logs show no more with it. Never in production.";
        let mut fields = vec![Field::new("", "debug", help, debug)];
        fields.extend(http.fields());
        fields.extend(storage.fields());
        fields.extend(auth.fields());
        fields.extend(backup.fields());
        fields.extend(mail.fields());
        fields.extend(alerts.fields());
        fields.extend(s3.fields());
        fields.extend(limits.fields());
        fields.extend(telemetry.fields());
        fields.extend(locale.fields());
        fields.extend(tenant_db.fields());
        fields
    }
}

/// Two systems being merged may both bring a secret. Guessing which one clients hold tokens of would
/// log half of them out, so a person decides; our own name is such a decision.
fn refuse_two_signing_secrets(dotenv: &Variables, environment: &Variables, loading: &mut Loading) {
    let [secret_key, jwt_secret] =
        ["SECRET_KEY", "JWT_SECRET"].map(|name| environment.get(name).or_else(|| dotenv.get(name)));
    let (Some(one), Some(other)) = (secret_key, jwt_secret) else { return };
    let origin = loading.origin("auth.secret_key");
    let is_decided = match origin.variable() {
        Some(name) => name.starts_with("RUKO_"),
        None => origin == Origin::Flag,
    };
    if one != other && !is_decided {
        loading.problem(
            "SECRET_KEY and JWT_SECRET are both set and differ, and both would sign tokens; \
             keep one of them, or set RUKO_AUTH_SECRET_KEY to the one that counts"
                .to_owned(),
        );
    }
}
