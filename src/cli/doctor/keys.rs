//! The keys: there, the right ones, and none that everybody knows.

use super::{Check, Patient};
use crate::app::App;
use crate::config::{AppKey, SHORT_MASTER_KEY};
use crate::crypto::Keyring;
use crate::data_dir::secret_file;
use crate::db::inspect::Look;
use crate::error::Error;

pub(super) fn check(patient: &Patient, checks: &mut Vec<Check>) {
    checks.push(server_key(patient));
    checks.push(placeholders(patient));
}

/// Does the server key open what the central file holds sealed?
fn server_key(patient: &Patient) -> Check {
    const NAME: &str = "server_key";
    let advice = "put the old key back (APP_KEY, or keys/server.key); without it sealed secrets are lost";
    let path = patient.data_dir.keys_dir().join("server.key");
    let key = match patient.config.auth.app_key.clone() {
        Some(key) => Some(key),
        None => match secret_file::find(&path) {
            Ok(found) => found.map(|bytes| AppKey::new(&*String::from_utf8_lossy(&bytes))),
            Err(error) => return Check::fail(NAME, error.to_string()),
        },
    };
    let central = Look::open(&patient.data_dir.central_db()).map_err(Error::from);
    let Ok(sealed) = central.and_then(|central| central.read(App::sealed_key_check)) else {
        return Check::warn(NAME, "cannot be compared: the central file is not readable");
    };
    match (key.map(|key| Keyring::new(&key)), sealed) {
        (None, None) => Check::ok(NAME, "none yet; the first start makes it"),
        (None, Some(_)) => Check::fail(NAME, "it is missing").advice(advice),
        (Some(Err(why)), _) => Check::fail(NAME, format!("it {why}")).advice(advice),
        (Some(Ok(_)), None) => Check::ok(NAME, "there; nothing is sealed with it yet"),
        (Some(Ok(keyring)), Some(sealed)) if App::is_server_key(&keyring, &sealed) => {
            Check::ok(NAME, "opens what is sealed in the central file")
        }
        (Some(Ok(_)), Some(_)) => {
            Check::fail(NAME, "it is not the key this data directory was made with").advice(advice)
        }
    }
}

fn placeholders(patient: &Patient) -> Check {
    const NAME: &str = "placeholders";
    let auth = &patient.config.auth;
    if auth.is_placeholder_master_key() {
        let text = "MASTER_API_KEY is the placeholder of the documentation, so the central API refuses everything";
        return Check::fail(NAME, text).advice("`ruko key generate master` makes a real one");
    }
    if auth.is_short_master_key() {
        return Check::warn(NAME, SHORT_MASTER_KEY).advice("`ruko key generate master` makes a real one");
    }
    if auth.is_placeholder_secret_key() {
        let text = "the secret that signs log-ins is one of public documentation";
        return Check::warn(NAME, text)
            .advice("`ruko key generate secret` makes a real one; never run this in production");
    }
    if auth.is_placeholder_app_key() {
        let text = "APP_KEY is a key that everybody knows, so what it seals is open";
        return Check::warn(NAME, text).advice("use this data directory for trying out only");
    }
    Check::ok(NAME, "no secret is one of public documentation")
}
