//! Variable names of the systems ruko replaces. Their `.env` files work here as they are, so every
//! name either becomes a setting or is known to have no meaning for ruko.

use std::path::Path;

use super::Config;
use super::locale::Zone;
use super::value::Text;
use crate::data_dir::CentralFile;

/// A foreign name and the setting it stands for.
pub(super) struct Seed {
    pub(super) name: &'static str,
    pub(super) setting: &'static str,
    /// Turns its text into text of the setting. The configuration is what earlier layers made of it.
    pub(super) read: fn(&str, &Config) -> Reading,
}

/// What a foreign variable says about its setting.
pub(super) enum Reading {
    /// This.
    Text(String),
    /// Nothing.
    Nothing,
    /// It is meant for a database server that ruko does not need.
    NotNeeded,
    /// It cannot be followed, which is worth a notice but no refusal.
    Ignored(&'static str),
    /// It is wrong; holds what was expected.
    Wrong(&'static str),
}

/// Where several names stand for one setting and more than one is set, the upper one wins.
pub(super) const SEEDS: &[Seed] = &[
    Seed { name: "MASTER_API_KEY", setting: "auth.master_key", read: as_it_is },
    Seed { name: "APP_KEY", setting: "auth.app_key", read: as_it_is },
    Seed { name: "SECRET_KEY", setting: "auth.secret_key", read: as_it_is },
    Seed { name: "JWT_SECRET", setting: "auth.secret_key", read: as_it_is },
    Seed { name: "NODE_ENV", setting: "debug", read: production_is_no_debug },
    Seed { name: "DEBUG", setting: "debug", read: boolean_or_something_else },
    Seed { name: "APP_DEBUG", setting: "debug", read: boolean },
    Seed { name: "PORT", setting: "http.listen", read: port_keeps_the_host },
    // Templates bring them with `http://localhost` in them, where nobody serves: no links of them.
    Seed { name: "SERVER_URL", setting: "http.document_url", read: as_it_is },
    Seed { name: "APP_URL", setting: "http.document_url", read: as_it_is },
    Seed { name: "BACKEND_CORS_ORIGINS", setting: "http.cors_origins", read: as_it_is },
    Seed { name: "TZ", setting: "locale.time_zone", read: zone_by_name },
    Seed { name: "MASTER_DB_NAME", setting: "storage.central_file", read: plain_file_name },
    Seed { name: "DB_DATABASE", setting: "storage.central_file", read: plain_file_name },
    Seed { name: "MAIL_MAILER", setting: "mail.mailer", read: smtp_or_log },
    Seed { name: "MAIL_HOST", setting: "mail.host", read: unless_null },
    Seed { name: "MAIL_PORT", setting: "mail.port", read: unless_null },
    Seed { name: "MAIL_USERNAME", setting: "mail.username", read: unless_null },
    Seed { name: "MAIL_PASSWORD", setting: "mail.password", read: unless_null },
    Seed { name: "MAIL_ENCRYPTION", setting: "mail.encryption", read: null_is_none },
    Seed { name: "MAIL_SCHEME", setting: "mail.encryption", read: scheme_of_mail },
    Seed { name: "MAIL_FROM_ADDRESS", setting: "mail.from_address", read: unless_null },
    Seed { name: "MAIL_FROM_NAME", setting: "mail.from_name", read: unless_null },
    Seed { name: "BACKUP_ALERT_EMAIL", setting: "alerts.email", read: unless_null },
    Seed { name: "AWS_BUCKET", setting: "s3.bucket", read: as_it_is },
    Seed { name: "AWS_ACCESS_KEY_ID", setting: "s3.access_key_id", read: as_it_is },
    Seed { name: "AWS_SECRET_ACCESS_KEY", setting: "s3.secret_access_key", read: as_it_is },
    Seed { name: "AWS_DEFAULT_REGION", setting: "s3.region", read: as_it_is },
    Seed { name: "AWS_ENDPOINT", setting: "s3.endpoint", read: as_it_is },
    Seed { name: "AWS_USE_PATH_STYLE_ENDPOINT", setting: "s3.path_style", read: boolean },
    Seed { name: "TENANT_DB_HOST", setting: "tenant_db.host", read: as_it_is },
    Seed { name: "TENANT_DB_PORT", setting: "tenant_db.port", read: as_it_is },
    Seed { name: "TENANT_DB_USERNAME", setting: "tenant_db.username", read: as_it_is },
    Seed { name: "TENANT_DB_PASSWORD", setting: "tenant_db.password", read: as_it_is },
];

/// Details of database servers: one notice that they are not needed.
pub(super) const NOT_NEEDED: &[&str] = &[
    "DB_CONNECTION",
    "DB_HOST",
    "DB_PORT",
    "DB_USERNAME",
    "DB_USER",
    "DB_PASSWORD",
    "DB_NAME",
    "MONGODB_URL",
    "REDIS_URL",
    "REDIS_PASSWORD",
];

/// Whether a variable is about mail and stands for no setting. Silence would pass for consent.
pub(super) fn is_strange_mail(name: &str) -> bool {
    name.starts_with("MAIL_") && SEEDS.iter().all(|seed| seed.name != name)
}

/// Foreign names of a setting.
pub(super) fn names_of(setting: &str) -> Vec<&'static str> {
    SEEDS.iter().filter(|seed| seed.setting == setting).map(|seed| seed.name).collect()
}

fn as_it_is(text: &str, _: &Config) -> Reading {
    Reading::Text(text.to_owned())
}

/// Laravel writes `null` where nothing is meant.
fn unless_null(text: &str, _: &Config) -> Reading {
    if is_null(text) { Reading::Nothing } else { Reading::Text(text.to_owned()) }
}

fn null_is_none(text: &str, _: &Config) -> Reading {
    Reading::Text(if is_null(text) { "none".to_owned() } else { text.to_owned() })
}

/// What newer templates have in the place of `MAIL_ENCRYPTION`.
fn scheme_of_mail(text: &str, _: &Config) -> Reading {
    if text.trim().eq_ignore_ascii_case("smtps") { Reading::Text("ssl".to_owned()) } else { Reading::Nothing }
}

fn smtp_or_log(text: &str, _: &Config) -> Reading {
    match text.trim().to_ascii_lowercase().as_str() {
        "smtp" => Reading::Text("smtp".to_owned()),
        "log" | "array" | "null" => Reading::Text("log".to_owned()),
        _ => Reading::Ignored("ruko sends mail by SMTP only"),
    }
}

fn is_null(text: &str) -> bool {
    text.trim().eq_ignore_ascii_case("null")
}

fn boolean(text: &str, _: &Config) -> Reading {
    bool::parse(text).map_or(Reading::Wrong(bool::EXPECTED), |flag| Reading::Text(flag.to_string()))
}

/// In Express `DEBUG` says whose lines are logged: `express:*`.
fn boolean_or_something_else(text: &str, _: &Config) -> Reading {
    let flag = bool::parse(text);
    flag.map_or(Reading::Ignored("it is neither true nor false"), |flag| Reading::Text(flag.to_string()))
}

/// Stands above `DEBUG`: of two contradicting lines the one that shows less to strangers wins.
fn production_is_no_debug(text: &str, _: &Config) -> Reading {
    if text.trim().eq_ignore_ascii_case("production") { Reading::Text("false".to_owned()) } else { Reading::Nothing }
}

fn port_keeps_the_host(text: &str, config: &Config) -> Reading {
    let Some(port) = text.trim().parse().ok().filter(|port| *port > 0) else {
        return Reading::Wrong("a port number from 1 to 65535");
    };
    let mut listen = config.http.listen;
    listen.set_port(port);
    Reading::Text(listen.to_string())
}

/// Operating systems allow far more in `TZ` than a name, so what is none of ours is no mistake.
fn zone_by_name(text: &str, _: &Config) -> Reading {
    match Zone::find(text.trim().trim_start_matches(':')) {
        Some(zone) => Reading::Text(zone.name().to_owned()),
        None => Reading::Ignored("it is not the name of a time zone, such as Asia/Jakarta"),
    }
}

fn plain_file_name(text: &str, _: &Config) -> Reading {
    let name = text.trim();
    let has_ending = Path::new(name).extension().is_some_and(|ending| ending.eq_ignore_ascii_case("db"));
    let with_ending = if has_ending { name.to_owned() } else { format!("{name}.db") };
    match with_ending.parse::<CentralFile>() {
        Ok(file) => Reading::Text(file.as_str().to_owned()),
        Err(_) => Reading::NotNeeded,
    }
}
