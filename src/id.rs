//! Ids and random material. Everything random in ruko comes from here.

use std::fmt;
use std::sync::Arc;

use uuid::Uuid;

/// Id of a tenant: slug of its name, `-`, 13 hex digits. Cheap to clone.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize)]
pub struct TenantId(Arc<str>);

/// Where a tenant is named, this is the server's own file; no tenant can have this id.
pub const CENTRAL: &str = "central";

impl TenantId {
    /// The server's own file, among what is backed up.
    pub fn central() -> Self {
        CENTRAL.into()
    }

    /// True for the server's own file.
    pub fn is_central(&self) -> bool {
        self.as_str() == CENTRAL
    }

    /// A new id for a tenant of this name.
    pub fn for_name(name: &str) -> Self {
        let mut slug = slug::slugify(name);
        // So short that `tenant_` and the id together are a name a file can have.
        slug.truncate(43);
        let slug = slug.trim_matches('-');
        let slug = if slug.is_empty() { "tenant" } else { slug };
        Self(format!("{slug}-{}", &random_hex(7)[..13]).into())
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for TenantId {
    fn from(text: &str) -> Self {
        Self(text.into())
    }
}

impl From<String> for TenantId {
    fn from(text: String) -> Self {
        Self(text.into())
    }
}

impl fmt::Display for TenantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for TenantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

/// Id of a user inside one tenant's file.
pub type UserId = i64;

/// `N` random bytes from the operating system.
///
/// # Panics
/// When the operating system has no randomness to give, in which case nothing safe can be done.
#[allow(clippy::expect_used)]
pub fn random_bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("the operating system gives random bytes");
    bytes
}

/// `bytes` random bytes as lower-case hex, so twice as many characters.
pub fn random_hex(bytes: usize) -> String {
    let mut raw = vec![0; bytes];
    raw.chunks_mut(32).for_each(|chunk| chunk.copy_from_slice(&random_bytes::<32>()[..chunk.len()]));
    hex::encode(raw)
}

/// `len` random characters of `A-Za-z0-9`, each equally likely.
pub fn random_alphanumeric(len: usize) -> String {
    const ALPHABET: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    let mut out = String::with_capacity(len);
    while out.len() < len {
        // 248 is the largest multiple of 62 in a byte: above it the first letters would win.
        let usable = random_bytes::<64>().into_iter().filter(|byte| *byte < 248);
        out.extend(usable.take(len - out.len()).map(|byte| char::from(ALPHABET[usize::from(byte) % 62])));
    }
    out
}

/// A random 64-bit number.
pub fn random_u64() -> u64 {
    u64::from_ne_bytes(random_bytes())
}

/// A new time-ordered UUID (version 7).
pub fn uuid() -> Uuid {
    Uuid::now_v7()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tenant_id_is_slug_and_thirteen_hex_digits() {
        let id = TenantId::for_name("Warung Makan Bu Joko");
        let (slug, suffix) = id.as_str().rsplit_once('-').unwrap();
        assert_eq!(slug, "warung-makan-bu-joko");
        assert!(suffix.len() == 13 && suffix.bytes().all(|b| b.is_ascii_hexdigit()), "{suffix}");
    }

    #[test]
    fn tenant_id_of_a_name_without_letters_is_still_an_id() {
        assert!(TenantId::for_name("!!!").as_str().starts_with("tenant-"));
        assert!(TenantId::for_name(&"x".repeat(300)).as_str().len() <= 57);
    }

    #[test]
    fn random_alphanumeric_has_the_asked_length() {
        for len in [0, 1, 40, 200] {
            assert_eq!(random_alphanumeric(len).len(), len);
        }
    }
}
