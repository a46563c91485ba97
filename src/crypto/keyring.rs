//! The server key: seals the secrets of the central file and the keys of tenants.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::{ExposeSecret, SecretString};
use zeroize::Zeroizing;

use crate::config::{AppKey, UnusableAppKey};
use crate::error::Result;
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
    /// Of this server key.
    ///
    /// # Errors
    /// Why it is none.
    pub fn new(key: &AppKey) -> Result<Self, UnusableAppKey> {
        Ok(Self { server: key.bytes()? })
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
    fn new_key_is_a_usable_one_and_each_is_another() {
        let [one, other] =
            [Keyring::new_text(), Keyring::new_text()].map(|text| Keyring::new(&AppKey::new(text)).unwrap());
        let sealed = one.seal("x", &"secret".into()).unwrap();
        assert_eq!(one.open("x", &sealed).unwrap().expose_secret(), "secret");
        assert!(other.open("x", &sealed).is_err());
    }
}
