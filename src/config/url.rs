//! Addresses of the web as settings: the origin of a page, and the URL clients use.

use http::Uri;
use secrecy::{ExposeSecret, SecretString};

use super::value::Text;

/// An origin as browsers send it, or `*` for all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CorsOrigin(String);

impl CorsOrigin {
    /// `*`.
    pub fn any() -> Self {
        Self("*".to_owned())
    }

    /// Whether it stands for all origins.
    pub fn is_any(&self) -> bool {
        self.0 == "*"
    }

    /// The text, in lower case and without a slash at its end.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Text for CorsOrigin {
    const EXPECTED: &'static str = "`*` or an origin without a path";
    const EXAMPLES: &'static [&'static str] = &["https://shop.example.com", "http://localhost:3000"];

    fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        if text == "*" {
            return Some(Self::any());
        }
        let uri: Uri = text.parse().ok()?;
        let is_bare = uri.path_and_query().is_none_or(|rest| rest.as_str() == "/") && !text.contains('#');
        let authority = uri.authority().filter(|authority| !authority.as_str().contains('@'))?;
        is_bare.then(|| Some(Self(format!("{}://{authority}", uri.scheme_str()?).to_lowercase())))?
    }

    fn text(&self) -> String {
        self.0.clone()
    }
}

/// The URL under which clients reach the server, without a slash at its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BaseUrl(String);

impl BaseUrl {
    /// Reads it; none when it is no http or https URL.
    pub fn read(text: &str) -> Option<Self> {
        Self::parse(text)
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Text for BaseUrl {
    const EXPECTED: &'static str = "an http or https URL";
    const EXAMPLES: &'static [&'static str] = &["https://api.example.com", "http://localhost:8000"];

    fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let uri: Uri = text.parse().ok()?;
        let is_web = matches!(uri.scheme_str(), Some("http" | "https"));
        let is_plain = uri.query().is_none() && !text.contains(['#', '@']) && !uri.host()?.is_empty();
        (is_web && is_plain).then(|| Self(text.trim_end_matches('/').to_owned()))
    }

    fn text(&self) -> String {
        self.0.clone()
    }
}

/// A URL that is called. Whoever knows it may call it too, so it is shown nowhere.
#[derive(Debug, Clone)]
pub struct SecretUrl(SecretString);

impl SecretUrl {
    /// The text, for the call only.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

impl Text for SecretUrl {
    const EXPECTED: &'static str = "an http or https URL";
    const EXAMPLES: &'static [&'static str] = &["https://hooks.example.com/backups", "http://localhost:9000/?x=1"];
    const SECRET: bool = true;

    fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let uri: Uri = text.parse().ok()?;
        let is_web = matches!(uri.scheme_str(), Some("http" | "https"));
        (is_web && !uri.host()?.is_empty()).then(|| Self(text.into()))
    }

    fn text(&self) -> String {
        self.expose().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origin_is_kept_as_browsers_send_it() {
        assert_eq!(CorsOrigin::parse("https://Shop.Example.com/").unwrap().as_str(), "https://shop.example.com");
        assert_eq!(CorsOrigin::parse("http://localhost:3000").unwrap().as_str(), "http://localhost:3000");
        assert!(CorsOrigin::parse(" * ").unwrap().is_any());
    }

    #[test]
    fn what_no_browser_sends_as_origin_is_refused() {
        for text in ["shop.example.com", "https://a.example/path", "https://a.example?x", "https://me@a.example", ""] {
            assert!(CorsOrigin::parse(text).is_none(), "{text}");
        }
    }

    #[test]
    fn public_url_loses_its_last_slash_and_keeps_its_path() {
        assert_eq!(BaseUrl::parse("https://example.com/ruko/").unwrap().as_str(), "https://example.com/ruko");
        for text in ["example.com", "ftp://example.com", "https://example.com?x=1", "https://"] {
            assert!(BaseUrl::parse(text).is_none(), "{text}");
        }
    }

    #[test]
    fn url_that_is_called_may_have_parameters_and_is_not_shown() {
        let url = SecretUrl::parse(" https://hooks.example.com/T0/B1?key=open ").unwrap();
        assert_eq!(url.expose(), "https://hooks.example.com/T0/B1?key=open");
        assert!(!format!("{url:?}").contains("open"));
        for text in ["hooks.example.com", "ftp://example.com", "https://", "file:///etc/passwd"] {
            assert!(SecretUrl::parse(text).is_none(), "{text}");
        }
    }
}
