//! Small secrets at rest: AES-256-GCM with a random nonce.
//!
//! Layout: version byte 1, 12 bytes of nonce, ciphertext, 16 bytes of tag. The associated data
//! says what the secret is for, so that one sealed value cannot stand in for another.

use aes_gcm::aead::{Aead, KeyInit, Payload};
use aes_gcm::{Aes256Gcm, Nonce};
use secrecy::SecretString;

use crate::error::{Error, Result};
use crate::id::random_bytes;

const VERSION: u8 = 1;
const NONCE_BYTES: usize = 12;

/// Seals `secret` for the purpose named by `context`.
///
/// # Errors
/// Only for secrets of more than 64 GiB.
pub fn seal(key: &[u8; 32], context: &str, secret: &[u8]) -> Result<Vec<u8>> {
    let nonce = random_bytes::<NONCE_BYTES>();
    let payload = Payload { msg: secret, aad: context.as_bytes() };
    let sealed = Aes256Gcm::new(key.into()).encrypt(&Nonce::from(nonce), payload);
    let sealed = sealed.map_err(|_| Error::internal(anyhow::anyhow!("a secret could not be sealed")))?;
    Ok([&[VERSION], nonce.as_slice(), &sealed].concat())
}

/// Opens what [`seal`] made with the same key and context.
///
/// # Errors
/// [`Error::Internal`] when the key, the context or a byte is another.
pub fn open(key: &[u8; 32], context: &str, sealed: &[u8]) -> Result<SecretString> {
    let cannot = || Error::internal(anyhow::anyhow!("a sealed secret ({context}) does not open with this server key"));
    let (head, ciphertext) = sealed.split_at_checked(1 + NONCE_BYTES).ok_or_else(cannot)?;
    let nonce: [u8; NONCE_BYTES] = head[1..].try_into().map_err(|_| cannot())?;
    if head[0] != VERSION {
        return Err(cannot());
    }
    let payload = Payload { msg: ciphertext, aad: context.as_bytes() };
    let secret = Aes256Gcm::new(key.into()).decrypt(&Nonce::from(nonce), payload).map_err(|_| cannot())?;
    String::from_utf8(secret).map(SecretString::from).map_err(|_| cannot())
}

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::ExposeSecret;

    #[test]
    fn sealed_secret_opens_only_with_its_key_and_context() {
        let key = [7; 32];
        let sealed = seal(&key, "db_password:a", b"root").unwrap();
        assert!(!sealed.windows(4).any(|window| window == b"root"));
        assert_eq!(open(&key, "db_password:a", &sealed).unwrap().expose_secret(), "root");
        assert!(open(&[8; 32], "db_password:a", &sealed).is_err());
        assert!(open(&key, "db_password:b", &sealed).is_err());
        for index in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[index] ^= 1;
            assert!(open(&key, "db_password:a", &changed).is_err(), "byte {index}");
        }
        assert!(open(&key, "db_password:a", &[]).is_err());
    }
}
