//! Keys and tokens: how they look, and the hash that is stored of them.

use sha2::{Digest, Sha256};

use crate::id::{random_alphanumeric, random_hex};

/// SHA-256 of a secret: what the database holds and what look-ups compare. Secrets of 128 random
/// bits and more need no salt.
pub type SecretHash = [u8; 32];

/// The hash of a secret.
pub fn hash(secret: &str) -> SecretHash {
    Sha256::digest(secret.as_bytes()).into()
}

/// A new tenant key: `tk_` and 64 hex digits.
pub fn new_tenant_key() -> String {
    format!("tk_{}", random_hex(32))
}

/// A new master key: `mk_` and 64 hex digits.
pub fn new_master_key() -> String {
    format!("mk_{}", random_hex(32))
}

/// The secret half of a new user token: 40 random characters and the CRC-32 of them in hex, as
/// Laravel Sanctum 3.3 writes it.
pub fn new_user_token() -> String {
    let random = random_alphanumeric(40);
    let checksum = crc32fast::hash(random.as_bytes());
    format!("{random}{checksum:08x}")
}

/// Splits `id|secret`; a token without the bar is all secret.
pub fn split_user_token(token: &str) -> (Option<i64>, &str) {
    match token.split_once('|') {
        Some((id, secret)) => (Some(id.parse().unwrap_or(-1)), secret),
        None => (None, token),
    }
}

/// What may be echoed of a key that was sent: its first 9 characters, of a short one at most 3.
/// Characters that are not printable ASCII are left out.
pub fn masked(key: &str) -> String {
    let shown = if key.chars().count() > 16 { 9 } else { 3 };
    let shown: String = key.chars().take(shown).filter(char::is_ascii_graphic).collect();
    format!("{shown}...")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masked_key_never_shows_more_than_nine_characters() {
        assert_eq!(masked("tk_abc123def456ghi789"), "tk_abc123...");
        assert_eq!(masked("tk_abc123"), "tk_...");
        assert_eq!(masked("a\u{7}b\u{1b}[31m"), "ab...");
        assert_eq!(masked(""), "...");
    }

    #[test]
    fn user_token_carries_its_checksum() {
        let token = new_user_token();
        assert_eq!(token.len(), 48);
        assert_eq!(format!("{:08x}", crc32fast::hash(&token.as_bytes()[..40])), token[40..]);
    }

    #[test]
    fn token_is_split_at_its_first_bar() {
        assert_eq!(split_user_token("11|abc"), (Some(11), "abc"));
        assert_eq!(split_user_token("abc"), (None, "abc"));
        assert_eq!(split_user_token("x|abc|d"), (Some(-1), "abc|d"));
    }
}
