//! The operator's master key: where it comes from and whether it is good.

use secrecy::{ExposeSecret, SecretString};
use subtle::ConstantTimeEq;

use crate::clock::Clock;
use crate::crypto::token::{self, SecretHash};
use crate::db::Db;
use crate::error::{Credential, Error, Result};
use crate::vals;

const SETTING: &str = "master_key_hash";

/// The master key as the server knows it.
#[derive(Debug, Clone)]
pub enum MasterKey {
    /// Stored or configured; only its hash is kept in memory.
    Set(SecretHash),
    /// The central API refuses everything; holds the reason for people.
    Disabled(&'static str),
}

/// A master key that was made at this start; shown once.
pub type NewMasterKey = Option<SecretString>;

impl MasterKey {
    /// The configured key; else the stored one; else, when there is `may_make`, a new one, which is
    /// stored as its hash.
    ///
    /// # Errors
    /// Storage errors.
    pub async fn load(
        configured: Option<&SecretString>,
        is_placeholder: bool,
        central: &Db,
        clock: &Clock,
        may_make: bool,
    ) -> Result<(Self, NewMasterKey)> {
        if is_placeholder {
            let reason = "MASTER_API_KEY is the placeholder of the documentation, which everybody knows.";
            return Ok((Self::Disabled(reason), None));
        }
        if let Some(key) = configured {
            return Ok((Self::Set(token::hash(key.expose_secret())), None));
        }
        let find = "SELECT value FROM settings WHERE key = ?1";
        let stored =
            central.read(move |tx| Ok(tx.query_opt(find, vals![SETTING], |row| row.get::<String>(0))?)).await?;
        if let Some(hash) = stored.and_then(|text| hex::decode(text).ok()).and_then(|bytes| bytes.try_into().ok()) {
            return Ok((Self::Set(hash), None));
        }
        if !may_make {
            return Ok((Self::Disabled("There is no master key yet; the server makes one at its start."), None));
        }
        let key = token::new_master_key();
        let hash = token::hash(&key);
        store(central, hash, clock).await?;
        Ok((Self::Set(hash), Some(key.into())))
    }

    /// Fine when `key` is the master key.
    ///
    /// # Errors
    /// [`Error::CredentialInvalid`], [`Error::CentralDisabled`].
    pub fn check(&self, key: &str) -> Result<()> {
        match self {
            Self::Disabled(reason) => Err(Error::CentralDisabled(reason)),
            Self::Set(hash) if bool::from(hash.ct_eq(&token::hash(key))) => Ok(()),
            Self::Set(_) => Err(Error::CredentialInvalid { kind: Credential::Master, shown: None }),
        }
    }
}

/// Stores the hash of a master key in the central file.
///
/// # Errors
/// Storage errors.
pub async fn store(central: &Db, hash: SecretHash, clock: &Clock) -> Result<()> {
    let (text, now) = (hex::encode(hash), clock.now());
    central
        .write(move |tx| {
            let sql = "INSERT INTO settings (key, value, updated_at) VALUES (?1, ?2, ?3) \
                       ON CONFLICT (key) DO UPDATE SET value = ?2, updated_at = ?3";
            tx.execute(sql, vals![SETTING, &text, now])?;
            Ok(())
        })
        .await
}
