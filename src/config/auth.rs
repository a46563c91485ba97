//! `[auth]`: secrets, logins and passwords.

use secrecy::{ExposeSecret, SecretString};

use super::app_key::AppKey;
use super::section::{choice, section};

section! {
    /// Secrets, logins and passwords.
    pub struct Auth = "auth" {
        /// The operator's key, sent as `X-Master-API-Key`. Unset: made at the first start.
        master_key: Option<SecretString> = None;
        /// The server key that seals what is secret in the central database. Unset or empty: made at the
        /// first start and kept in the data directory. Another one than before stops the start.
        app_key: Option<AppKey> = None;
        /// Signs the tokens of central logins. Unset: made at the first start and kept in the data
        /// directory.
        secret_key: Option<SecretString> = None;
        /// Failed logins of one account from one address within `login_window_secs`.
        login_attempts: u32 = 10, within 1..=100_000;
        /// Seconds over which `login_attempts` counts.
        login_window_secs: u64 = 900, within 1..=86_400;
        /// Fewest characters of a password. A tenant may ask for more.
        password_min_length: usize = 6, within 1..=128;
        /// Who may register a superadmin without credentials: the `first` one while there is none, or
        /// `never` anybody.
        superadmin_registration: SuperadminRegistration = SuperadminRegistration::First;
    }
}

choice! {
    /// Who may register a superadmin without credentials.
    pub enum SuperadminRegistration {
        /// The first one, from this machine, while there is none.
        First = "first",
        /// Nobody.
        Never = "never",
    }
}

impl Auth {
    /// Whether the master key is one that stands in public documentation.
    pub fn is_placeholder_master_key(&self) -> bool {
        self.master_key.as_ref().is_some_and(is_placeholder)
    }

    /// Whether the master key is so short that it can be guessed.
    pub fn is_short_master_key(&self) -> bool {
        self.master_key.as_ref().is_some_and(|key| key.expose_secret().len() < MASTER_KEY_CHARS_MIN)
    }

    /// Whether the server key is one that everybody knows.
    pub fn is_placeholder_app_key(&self) -> bool {
        self.app_key.as_ref().is_some_and(AppKey::is_placeholder)
    }

    /// Whether the signing secret is one that stands in public documentation.
    pub fn is_placeholder_secret_key(&self) -> bool {
        self.secret_key.as_ref().is_some_and(is_placeholder)
    }
}

/// A shorter master key gets a warning. It is not refused: the original systems took any.
const MASTER_KEY_CHARS_MIN: usize = 24;
/// What there is to say of one that is shorter.
pub const SHORT_MASTER_KEY: &str = "MASTER_API_KEY is shorter than 24 characters, so it can be guessed";

/// Secrets that documentation shows and people forget to replace. Everybody knows them, so a token
/// signed with one proves nothing.
const PLACEHOLDERS: &[&str] = &[
    "your-super-secret-master-key",
    "your-super-secret-jwt-key",
    "your-secret-key",
    "your-secret-key-here",
    "your-jwt-secret-key-here-2024-super-secure",
    "secret",
    "change-this",
    "change-me",
    "changeme",
];

fn is_placeholder(secret: &SecretString) -> bool {
    is_placeholder_text(secret.expose_secret())
}

/// Whether public documentation shows this text as a secret, in any spelling.
pub(super) fn is_placeholder_text(text: &str) -> bool {
    let text = text.trim().to_lowercase().replace(['_', ' '], "-");
    let asks_for_replacement = ["change-this", "change-me", "changeme", "change-in-production", "replace-me"];
    PLACEHOLDERS.contains(&text.as_str())
        || text.starts_with("your-") && (text.contains("secret") || text.contains("key"))
        || asks_for_replacement.iter().any(|words| text.contains(words))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documented_secrets_are_recognised_in_any_spelling() {
        for text in [
            "your-super-secret-master-key",
            "your-secret-key-here",
            "your-jwt-secret-key-here-2024-super-secure",
            "secret",
            "YOUR_SECRET_KEY",
            "change-this",
            "please-change-this-in-production",
            "your-super-secret-jwt-key",
        ] {
            assert!(is_placeholder(&text.into()), "{text}");
        }
    }

    #[test]
    fn real_secret_is_no_placeholder() {
        for text in ["mk_9f86d081884c7d659a2feaa0c55ad015", "base64:3q2+7w==", "my secret sauce", ""] {
            assert!(!is_placeholder(&text.into()), "{text}");
        }
    }
}
