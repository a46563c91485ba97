//! Which setting is wrong when something cannot be delivered.

use std::error::Error;
use std::fmt;
use std::io;

use lettre::transport::smtp;

use crate::config::{EmailAddress, Encryption, Mail};

/// A setting, and what happened with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wrong {
    /// Name of the setting to look at first.
    pub setting: &'static str,
    /// What happened.
    pub text: String,
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.setting, self.text)
    }
}

impl Wrong {
    /// What happened with a setting.
    pub fn new(setting: &'static str, text: String) -> Self {
        Self { setting, text }
    }

    /// Of an error of the mail server, or on the way there.
    pub(super) fn of_smtp(error: &smtp::Error, settings: &Mail, to: &[EmailAddress]) -> Self {
        Self::new(guess(error, settings, to), in_words(error))
    }
}

fn guess(error: &smtp::Error, settings: &Mail, to: &[EmailAddress]) -> &'static str {
    let text = in_words(error);
    if let Some(code) = error.status() {
        let is_login = matches!(u16::from(code), 432 | 454 | 530 | 534 | 535 | 538);
        return match settings.username {
            Some(_) if is_login => "mail.password",
            None if is_login => "mail.username",
            _ if to.iter().any(|address| text.contains(address.as_str())) => "alerts.email",
            _ if settings.from_address.as_ref().is_some_and(|from| text.contains(from.as_str())) => "mail.from_address",
            _ => "mail.from_address or alerts.email",
        };
    }
    if error.is_tls() || text.contains("STARTTLS") {
        return "mail.encryption";
    }
    if error.is_client() {
        // Most servers offer a log-in on an encrypted connection only.
        return if settings.encryption == Encryption::None { "mail.encryption" } else { "mail.username" };
    }
    match io_kind(error) {
        Some(io::ErrorKind::ConnectionRefused) => "mail.port",
        // A handshake with somebody who speaks in clear.
        Some(io::ErrorKind::InvalidData) => "mail.encryption",
        _ => "mail.host",
    }
}

fn io_kind(error: &(dyn Error + 'static)) -> Option<io::ErrorKind> {
    causes(error).find_map(|error| error.downcast_ref::<io::Error>()).map(io::Error::kind)
}

/// An error and what is behind it.
fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    let mut next = Some(error);
    std::iter::from_fn(move || {
        let error = next?;
        next = error.source();
        Some(error)
    })
}

/// An error with its causes.
pub fn in_words(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    for cause in causes(error).skip(1) {
        let cause = cause.to_string();
        if !text.contains(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    text
}
