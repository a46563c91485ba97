//! `APP_KEY`: the server key in the forms people have it in.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::{ExposeSecret, SecretString};
use zeroize::Zeroizing;

use super::auth::is_placeholder_text;
use super::value::Text;

/// Bytes of a key for AES-256.
const KEY_BYTES: usize = 32;
/// Words of templates that stand where a key belongs. They are looked for only in what is no key, so
/// a random one cannot hold them by chance.
const TEMPLATE_WORDS: &[&str] = &["your", "some-random", "somerandom", "generate", "example", "placeholder"];
/// Keys that stand in public documentation: here that of the test set-ups of many Laravel packages.
const PUBLISHED: &[&str] = &["base64:2fl+Ktvkfl+Fuz4Qp/A75G2RTiWVA/ZoKZvp6fiiM10="];

/// The server key as somebody wrote it; [`AppKey::bytes`] says whether it can be one.
#[derive(Debug, Clone)]
pub struct AppKey(SecretString);

/// Why a text is no server key. Completes "the value ..." and says nothing of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnusableAppKey {
    /// One of Laravel's other cipher.
    Aes128,
    /// One of another length, in bytes.
    Length(usize),
    /// Neither base64 nor hex.
    Form,
}

impl AppKey {
    /// What a key looks like and how to have one.
    pub const FORMS: &str =
        "`base64:` and 32 bytes as Laravel writes them, or 64 hex digits; `ruko key generate` makes one";

    /// A key that was written like this.
    pub fn new(text: impl Into<SecretString>) -> Self {
        Self(text.into())
    }

    /// The 32 bytes it stands for.
    ///
    /// # Errors
    /// Why it stands for none.
    pub fn bytes(&self) -> Result<Zeroizing<[u8; KEY_BYTES]>, UnusableAppKey> {
        let text = self.0.expose_secret().trim();
        let bytes = match text.strip_prefix("base64:") {
            Some(encoded) => STANDARD.decode(encoded).map_err(|_| UnusableAppKey::Form)?,
            None => hex::decode(text).map_err(|_| UnusableAppKey::Form)?,
        };
        let bytes = Zeroizing::new(bytes);
        match <[u8; KEY_BYTES]>::try_from(bytes.as_slice()) {
            Ok(key) => Ok(Zeroizing::new(key)),
            Err(_) => Err(match bytes.len() {
                0 => UnusableAppKey::Form,
                16 => UnusableAppKey::Aes128,
                other => UnusableAppKey::Length(other),
            }),
        }
    }

    /// Whether it is one that everybody knows: a template's, a published one, or one byte repeated.
    pub fn is_placeholder(&self) -> bool {
        let text = self.0.expose_secret().trim();
        if let Ok(bytes) = self.bytes() {
            return PUBLISHED.contains(&text) || is_repeated(bytes.as_slice());
        }
        let text = text.strip_prefix("base64:").unwrap_or(text).trim_matches(['<', '>', '{', '}', '[', ']']);
        let words = text.to_lowercase().replace(['_', ' '], "-");
        is_placeholder_text(text)
            || !text.is_empty() && is_repeated(text.trim_end_matches('=').as_bytes())
            || TEMPLATE_WORDS.iter().any(|word| words.contains(word))
    }
}

fn is_repeated(bytes: &[u8]) -> bool {
    bytes.windows(2).all(|pair| pair[0] == pair[1])
}

impl fmt::Display for UnusableAppKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Aes128 => f.write_str("has the 16 bytes of AES-128, and ruko seals with AES-256"),
            Self::Length(bytes) => write!(f, "has {bytes} bytes, and a server key has {KEY_BYTES}"),
            Self::Form => f.write_str("has not the form of a server key"),
        }
    }
}

impl Text for AppKey {
    const EXPECTED: &'static str = Self::FORMS;
    const EXAMPLES: &'static [&'static str] = &[
        "base64:AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA=",
        "202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f",
    ];
    const SECRET: bool = true;

    // An example of a secret would soon be somebody's secret.
    fn expected() -> String {
        Self::EXPECTED.to_owned()
    }

    /// Takes any text: what is wrong with it is told when all layers are known, for a template's key
    /// may be replaced by a later one.
    fn parse(text: &str) -> Option<Self> {
        (!text.trim().is_empty()).then(|| Self::new(text))
    }

    fn text(&self) -> String {
        self.0.expose_secret().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn key_of_laravel_and_hex_digits_stand_for_their_bytes() {
        let counting: Vec<u8> = (1..=32).collect();
        let encoded = format!("base64:{}", STANDARD.encode(&counting));
        for text in [encoded.clone(), format!("  {encoded}\n"), hex::encode(&counting), hex::encode_upper(&counting)] {
            assert_eq!(AppKey::new(text).bytes().unwrap().as_slice(), counting);
        }
    }

    #[test]
    fn anything_else_is_refused_for_a_reason() {
        let of_bytes = |count: usize| format!("base64:{}", STANDARD.encode(vec![7; count]));
        for (text, why) in [
            (of_bytes(16), UnusableAppKey::Aes128),
            ("0f".repeat(16), UnusableAppKey::Aes128),
            (of_bytes(31), UnusableAppKey::Length(31)),
            (of_bytes(33), UnusableAppKey::Length(33)),
            ("0f".repeat(33), UnusableAppKey::Length(33)),
            ("base64:".into(), UnusableAppKey::Form),
            ("base64:not base64".into(), UnusableAppKey::Form),
            (STANDARD.encode([7; 32]), UnusableAppKey::Form),
            ("a passphrase that is long enough".into(), UnusableAppKey::Form),
            ("f".repeat(63), UnusableAppKey::Form),
            (String::new(), UnusableAppKey::Form),
        ] {
            assert_eq!(AppKey::new(text.clone()).bytes().unwrap_err(), why, "{text}");
        }
    }

    #[test]
    fn templates_published_and_repeated_keys_are_placeholders() {
        for text in [
            "SomeRandomString",
            "base64:your-app-key",
            "base64:YOUR_APP_KEY_HERE",
            "base64:...",
            "base64:XXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXX",
            "base64:generate-a-real-key",
            "<your key>",
            "your-secret-key-here",
            "changeme",
            "base64:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
            "base64:AAAAAAAAAAAAAAAAAAAAAA==",
            &"0".repeat(64),
            &"ff".repeat(32),
            PUBLISHED[0],
        ] {
            assert!(AppKey::new(text).is_placeholder(), "{text}");
        }
        for text in AppKey::EXAMPLES.iter().copied().chain(["a passphrase that is long enough", "short", "base64:"]) {
            assert!(!AppKey::new(text).is_placeholder(), "{text}");
        }
    }
}
