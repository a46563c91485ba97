//! Password hashes: argon2id for all, bcrypt accepted where a hash was imported.

use std::sync::Arc;

use argon2::password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash};
use argon2::{Algorithm, Argon2, Params, Version};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use tokio::sync::Semaphore;

use crate::error::{Error, Result};
use crate::id::random_bytes;

/// Longest password in bytes; a longer one is refused, never cut.
pub const LENGTH_MAX_BYTES: usize = 1024;

/// Memory of one hash, KiB. With two passes and one lane it is OWASP's first recommendation for
/// argon2id (Password Storage Cheat Sheet).
const MEMORY_KIB: u32 = 19_456;

/// Makes and checks password hashes, a few at a time: each takes 19 MiB and a core.
#[derive(Clone)]
pub struct Passwords {
    turns: Arc<Semaphore>,
    hasher: Argon2<'static>,
    /// Hash of nothing anybody knows: checked when there is no user, so that it takes as long.
    decoy: Arc<str>,
}

/// What a check found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Not this password.
    Wrong,
    /// This password.
    Right,
    /// This password, and its hash should be made anew.
    RightButOutdated,
}

impl Passwords {
    /// A checker that runs at most `at_once` hashes at a time.
    ///
    /// # Errors
    /// Never with the built-in parameters.
    pub fn new(at_once: usize) -> Result<Self> {
        let params =
            Params::new(MEMORY_KIB, 2, 1, None).map_err(|e| Error::internal(anyhow::anyhow!("argon2: {e}")))?;
        let hasher = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let decoy = decoy().into();
        Ok(Self { turns: Arc::new(Semaphore::new(at_once.max(1))), hasher, decoy })
    }

    /// The argon2id hash of a password, in PHC form.
    ///
    /// # Errors
    /// Only of the machine.
    pub async fn hash(&self, password: String) -> Result<String> {
        let hasher = self.hasher.clone();
        self.turn(move || hash_with(&hasher, &password)).await
    }

    /// Checks a password against a stored hash. Without one it takes as long and is wrong.
    ///
    /// # Errors
    /// Only of the machine.
    pub async fn verify(&self, password: String, stored: Option<String>) -> Result<Verdict> {
        let (hasher, decoy) = (self.hasher.clone(), self.decoy.clone());
        self.turn(move || {
            let is_known = stored.is_some();
            let verdict = verify_with(&hasher, &password, stored.as_deref().unwrap_or(&decoy));
            Ok(if is_known { verdict } else { Verdict::Wrong })
        })
        .await
    }

    async fn turn<T: Send + 'static>(&self, work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
        let turn = self.turns.clone().acquire_owned().await.map_err(|_| Error::Unavailable("stopping"))?;
        let work = move || {
            let _turn = turn;
            work()
        };
        tokio::task::spawn_blocking(work).await.map_err(Error::internal)?
    }
}

/// A hash in the form of ours whose password does not exist: its bytes are random, not computed.
fn decoy() -> String {
    let (salt, output) = (random_bytes::<16>(), random_bytes::<32>());
    let (salt, output) = (STANDARD_NO_PAD.encode(salt), STANDARD_NO_PAD.encode(output));
    format!("$argon2id$v=19$m={MEMORY_KIB},t=2,p=1${salt}${output}")
}

fn hash_with(hasher: &Argon2<'_>, password: &str) -> Result<String> {
    let hash: argon2::password_hash::Result<PasswordHash> = hasher.hash_password(password.as_bytes());
    hash.map(|hash| hash.to_string()).map_err(|error| Error::internal(anyhow::anyhow!("argon2: {error}")))
}

fn verify_with(hasher: &Argon2<'_>, password: &str, stored: &str) -> Verdict {
    if stored.starts_with("$2") {
        return match bcrypt::verify(password, stored) {
            Ok(true) => Verdict::RightButOutdated,
            _ => Verdict::Wrong,
        };
    }
    let Ok(parsed) = PasswordHash::new(stored) else { return Verdict::Wrong };
    if hasher.verify_password(password.as_bytes(), &parsed).is_err() {
        return Verdict::Wrong;
    }
    let is_current = Params::try_from(&parsed).is_ok_and(|params| params.m_cost() == MEMORY_KIB);
    if is_current { Verdict::Right } else { Verdict::RightButOutdated }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn own_hash_verifies_and_another_password_does_not() {
        let passwords = Passwords::new(1).unwrap();
        let hash = passwords.hash("rahasia".into()).await.unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        assert_eq!(passwords.verify("rahasia".into(), Some(hash.clone())).await.unwrap(), Verdict::Right);
        assert_eq!(passwords.verify("Rahasia".into(), Some(hash)).await.unwrap(), Verdict::Wrong);
        assert_eq!(passwords.verify("rahasia".into(), None).await.unwrap(), Verdict::Wrong);
        assert_eq!(passwords.verify("x".into(), Some("garbage".into())).await.unwrap(), Verdict::Wrong);
    }

    #[test]
    fn decoy_is_read_as_a_hash_and_costs_as_much() {
        let text = decoy();
        let parsed = PasswordHash::new(&text).unwrap();
        assert_eq!(Params::try_from(&parsed).unwrap().m_cost(), MEMORY_KIB);
        assert_eq!(parsed.hash.unwrap().as_bytes().len(), 32);
    }

    #[tokio::test]
    async fn imported_bcrypt_hash_verifies_and_asks_to_be_renewed() {
        let passwords = Passwords::new(1).unwrap();
        // Laravel writes the 2y prefix.
        let stored = bcrypt::hash("secret", 4).unwrap().replacen("$2b$", "$2y$", 1);
        assert_eq!(passwords.verify("secret".into(), Some(stored.clone())).await.unwrap(), Verdict::RightButOutdated);
        assert_eq!(passwords.verify("other".into(), Some(stored)).await.unwrap(), Verdict::Wrong);
    }
}
