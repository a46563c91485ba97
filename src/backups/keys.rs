//! The keys of backups. One is in use; older ones only open what they made. A key's text is the
//! recovery key: printed and put away, it opens backups on a machine that has nothing else.

use std::path::Path;

use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::crypto::stream::StreamKey;
use crate::data_dir::secret_file;
use crate::error::{Error, Result};

/// How the text of a key begins.
const PREFIX: &str = "rbk1";
/// Digits between two dashes.
const GROUP: usize = 8;
const CHECKSUM_BYTES: usize = 4;

/// A key of backups.
#[derive(Debug, Clone)]
pub struct BackupKey {
    key: StreamKey,
    id: String,
}

impl BackupKey {
    fn new(key: StreamKey) -> Self {
        let digest = Sha256::new().chain_update(b"ruko backup key id").chain_update(key.expose()).finalize();
        Self { id: hex::encode(&digest[..4]), key }
    }

    /// A new random key.
    pub fn generate() -> Self {
        Self::new(StreamKey::generate())
    }

    /// Reads a recovery key as it was printed, or typed with other spacing and case.
    ///
    /// # Errors
    /// [`Error::Conflict`] `bad_recovery_key`, with what is wrong.
    pub fn from_text(text: &str) -> Result<Self> {
        let bad = |why: &str| {
            Error::conflict(
                "bad_recovery_key",
                format!("The backup key cannot be read: {why}. `ruko key generate backup` makes one."),
            )
        };
        let plain: Zeroizing<String> =
            Zeroizing::new(text.chars().filter(|c| !c.is_whitespace() && *c != '-').collect::<String>().to_lowercase());
        let digits = plain.strip_prefix(PREFIX).ok_or_else(|| bad("it must begin with rbk1-"))?;
        let bytes = Zeroizing::new(
            hex::decode(digits).map_err(|_| bad("behind rbk1 there may be the digits, a to f and dashes only"))?,
        );
        let (key, checksum) = bytes.split_at_checked(32).ok_or_else(|| bad("it is too short"))?;
        let key: [u8; 32] = key.try_into().map_err(|_| bad("it is too short"))?;
        if checksum != checksum_of(&key) {
            return Err(bad("a digit is wrong or missing"));
        }
        Ok(Self::new(StreamKey::new(key)))
    }

    /// The recovery key: `rbk1-` and nine groups of eight hex digits, the last a checksum.
    pub fn to_text(&self) -> SecretString {
        let digits = Zeroizing::new(hex::encode([&self.key.expose()[..], &checksum_of(self.key.expose())].concat()));
        let groups: Vec<&str> = (0..digits.len() / GROUP).map(|n| &digits[n * GROUP..(n + 1) * GROUP]).collect();
        format!("{PREFIX}-{}", groups.join("-")).into()
    }

    /// Eight hex digits that tell keys apart and give nothing away.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// What encrypts.
    pub fn stream_key(&self) -> &StreamKey {
        &self.key
    }
}

fn checksum_of(key: &[u8; 32]) -> [u8; CHECKSUM_BYTES] {
    let digest = Sha256::new().chain_update(b"ruko backup key checksum").chain_update(key).finalize();
    digest.first_chunk().copied().unwrap_or_default()
}

/// The keys this server has.
#[derive(Debug, Clone)]
pub struct BackupKeys {
    current: BackupKey,
    older: Vec<BackupKey>,
    is_configured: bool,
}

impl BackupKeys {
    /// Reads the key file, one key a line, the one in use first; a `configured` key comes before them. None
    /// when there is no key at all.
    ///
    /// # Errors
    /// [`Error::Conflict`] `bad_recovery_key`; storage errors.
    pub fn read(path: &Path, configured: Option<&SecretString>) -> Result<Option<Self>> {
        let stored = secret_file::find(path).map_err(Error::internal)?;
        let named = |error: Error, place: String| match error {
            Error::Conflict { code, message } => Error::Conflict { code, message: format!("{place}: {message}") },
            other => other,
        };
        let mut keys = Vec::new();
        if let Some(text) = configured {
            let key = BackupKey::from_text(text.expose_secret());
            keys.push(key.map_err(|error| named(error, "backup.key (RUKO_BACKUP_KEY)".into()))?);
        }
        if let Some(stored) = &stored {
            let text = std::str::from_utf8(stored).map_err(Error::internal)?;
            for (number, line) in (1..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty()) {
                let place = format!("{}, line {number}", path.display());
                keys.push(BackupKey::from_text(line).map_err(|error| named(error, place))?);
            }
        }
        let mut keys = keys.into_iter();
        let is_configured = configured.is_some();
        Ok(keys.next().map(|current| Self { current, older: keys.collect(), is_configured }))
    }

    /// As [`BackupKeys::read`], and makes the key file when there is no key and no backup `must_exist` for.
    ///
    /// # Errors
    /// As [`BackupKeys::read`]; [`Error::Conflict`] `backup_key_missing` when the file is gone although
    /// backups were made with it.
    pub fn load(path: &Path, configured: Option<&SecretString>, must_exist: bool) -> Result<Self> {
        if let Some(keys) = Self::read(path, configured)? {
            return Ok(keys);
        }
        if must_exist {
            let text = format!(
                "The backup key is gone: {} is missing and backup.key is not set, but there are backups that only it \
                 opens. Put it back, or move the folder of backups away to begin anew; nothing was changed.",
                path.display()
            );
            return Err(Error::conflict("backup_key_missing", text));
        }
        let made = BackupKey::generate();
        let keys = Self { current: made, older: Vec::new(), is_configured: false };
        secret_file::create(path, keys.to_lines().as_bytes()).map_err(Error::internal)?;
        Ok(keys)
    }

    /// Puts them into the key file, one a line, the one in use first.
    ///
    /// # Errors
    /// Storage errors.
    pub fn write(&self, path: &Path) -> Result<()> {
        secret_file::replace(path, self.to_lines().as_bytes()).map_err(Error::internal)
    }

    fn to_lines(&self) -> Zeroizing<String> {
        let mut lines = Zeroizing::new(String::new());
        for key in self.all() {
            lines.push_str(key.to_text().expose_secret());
            lines.push('\n');
        }
        lines
    }

    /// With another key in use; those of now only open what they made.
    pub fn with_new(&self, key: BackupKey) -> Self {
        let older = self.all().cloned().collect();
        Self { current: key, older, is_configured: self.is_configured }
    }

    /// True when the settings name the key in use.
    pub fn is_configured(&self) -> bool {
        self.is_configured
    }

    /// All of them, the one in use first.
    pub fn all(&self) -> impl Iterator<Item = &BackupKey> {
        std::iter::once(&self.current).chain(&self.older)
    }

    /// What new backups are made with.
    pub fn current(&self) -> &BackupKey {
        &self.current
    }

    /// The key with this id.
    pub fn find(&self, id: &str) -> Option<&BackupKey> {
        self.all().find(|key| key.id == id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recovery_key_is_read_as_printed_and_as_typed() {
        let key = BackupKey::generate();
        let text = key.to_text().expose_secret().to_owned();
        assert_eq!(text.len(), 4 + 9 * 9, "{text}");
        for typed in
            [text.clone(), text.to_uppercase(), text.replace('-', " "), format!("  {}\n", text.replace('-', ""))]
        {
            assert_eq!(BackupKey::from_text(&typed).unwrap().stream_key().expose(), key.stream_key().expose());
        }
    }

    #[test]
    fn mistyped_recovery_key_is_refused() {
        let text = BackupKey::generate().to_text().expose_secret().to_owned();
        for at in 0..text.len() {
            let mut typed = text.clone().into_bytes();
            typed[at] = match typed[at] {
                b'-' => continue,
                b'0' => b'1',
                _ => b'0',
            };
            let typed = String::from_utf8(typed).unwrap();
            assert_eq!(BackupKey::from_text(&typed).unwrap_err().code(), "bad_recovery_key", "{typed}");
        }
        for typed in ["", "rbk1", "rbk1-12", &text[..text.len() - 1], &format!("{text}0")] {
            assert!(BackupKey::from_text(typed).is_err(), "{typed}");
        }
    }

    #[test]
    fn key_file_is_made_once_and_older_keys_stay() {
        let folder = tempfile::TempDir::new().unwrap();
        let path = folder.path().join("backup.key");
        let made = BackupKeys::load(&path, None, false).unwrap();
        let again = BackupKeys::load(&path, None, false).unwrap();
        assert_eq!(made.current().id(), again.current().id());
        let newer = BackupKey::generate();
        let both = BackupKeys::load(&path, Some(&newer.to_text()), true).unwrap();
        assert_eq!(both.current().id(), newer.id());
        assert!(both.find(made.current().id()).is_some() && both.find("00000000").is_none());
        std::fs::remove_file(&path).unwrap();
        assert_eq!(BackupKeys::load(&path, None, true).unwrap_err().code(), "backup_key_missing");
        assert!(!path.exists());
        std::fs::write(&path, "\nrbk1-1\n").unwrap();
        assert!(BackupKeys::load(&path, None, true).unwrap_err().to_string().contains("backup.key, line 2: "));
    }
}
