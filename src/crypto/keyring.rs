//! The server key: seals the secrets of the central file and the keys of tenants.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::error::{Error, Result};
use crate::id::random_bytes;

use super::sealed;

/// Holds the server key; its Debug shows nothing.
#[derive(Clone)]
pub struct Keyring {
    server: Zeroizing<[u8; 32]>,
}

impl std::fmt::Debug for Keyring {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Keyring")
    }
}

impl Keyring {
    /// From the text of `APP_KEY` or of the key file: `base64:` and 32 bytes as Laravel writes
    /// it, 64 hex digits, or any other text of at least 16 characters, which is hashed.
    ///
    /// # Errors
    /// [`Error::Conflict`] `weak_app_key` for less.
    pub fn from_text(text: &str) -> Result<Self> {
        let text = text.trim();
        let encoded = text.strip_prefix("base64:").map(|encoded| STANDARD.decode(encoded).unwrap_or_default());
        let bytes = encoded.or_else(|| hex::decode(text).ok().filter(|bytes| bytes.len() == 32));
        let server = match bytes {
            Some(bytes) => <[u8; 32]>::try_from(bytes.as_slice()).ok(),
            None if text.len() >= 16 => Some(Sha256::digest(text.as_bytes()).into()),
            None => None,
        };
        server.map(|server| Self { server: Zeroizing::new(server) }).ok_or_else(|| {
            let help = "APP_KEY must be `base64:` and 32 bytes, or 64 hex digits; `ruko key generate` makes one";
            Error::conflict("weak_app_key", help)
        })
    }

    /// The text of a new random key, in Laravel's form.
    pub fn new_text() -> SecretString {
        format!("base64:{}", STANDARD.encode(random_bytes::<32>())).into()
    }

    /// Seals a small secret; see [`sealed::seal`].
    ///
    /// # Errors
    /// As [`sealed::seal`].
    pub fn seal(&self, context: &str, secret: &SecretString) -> Result<Vec<u8>> {
        sealed::seal(&self.server, context, secret.expose_secret().as_bytes())
    }

    /// Opens a sealed secret; see [`sealed::open`].
    ///
    /// # Errors
    /// As [`sealed::open`].
    pub fn open(&self, context: &str, sealed: &[u8]) -> Result<SecretString> {
        sealed::open(&self.server, context, sealed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn key_is_taken_in_laravels_form_in_hex_and_as_long_text() {
        let text = Keyring::new_text();
        assert!(Keyring::from_text(text.expose_secret()).is_ok());
        assert!(Keyring::from_text(&"ab".repeat(32)).is_ok());
        assert!(Keyring::from_text("a long enough passphrase").is_ok());
        for bad in ["", "short", "base64:xx", "base64:"] {
            assert_eq!(Keyring::from_text(bad).unwrap_err().code(), "weak_app_key", "{bad}");
        }
    }
}
