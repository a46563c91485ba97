//! How values of common types are written. Types of one section stand beside it.

use std::net::SocketAddr;
use std::path::PathBuf;

use secrecy::{ExposeSecret, SecretString};

use super::value::Text;

impl Text for bool {
    const EXPECTED: &'static str = "true or false";
    const EXAMPLES: &'static [&'static str] = &["true", "false"];

    fn expected() -> String {
        Self::EXPECTED.to_owned()
    }

    fn parse(text: &str) -> Option<Self> {
        match text.trim().to_ascii_lowercase().as_str() {
            "true" | "1" | "yes" | "on" => Some(true),
            "false" | "0" | "no" | "off" => Some(false),
            _ => None,
        }
    }

    fn text(&self) -> String {
        self.to_string()
    }
}

macro_rules! whole_numbers {
    ($($number:ty),+) => {$(
        impl Text for $number {
            const EXPECTED: &'static str = "a whole number";
            const EXAMPLES: &'static [&'static str] = &["1", "2"];

            fn parse(text: &str) -> Option<Self> {
                text.trim().parse().ok()
            }

            fn text(&self) -> String {
                self.to_string()
            }
        }
    )+};
}
whole_numbers!(u16, u32, u64, usize);

impl Text for String {
    const EXPECTED: &'static str = "a text that is not empty";
    const EXAMPLES: &'static [&'static str] = &["mysql.example.com", "10.0.0.5"];

    fn expected() -> String {
        Self::EXPECTED.to_owned()
    }

    fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        (!text.is_empty()).then(|| text.to_owned())
    }

    fn text(&self) -> String {
        self.clone()
    }
}

impl Text for SecretString {
    const EXPECTED: &'static str = "a text that is not empty";
    const EXAMPLES: &'static [&'static str] = &["mk_6vJ3kq0w", "mk_0Bn8sXzT"];
    const SECRET: bool = true;

    // An example of a secret would soon be somebody's secret.
    fn expected() -> String {
        Self::EXPECTED.to_owned()
    }

    fn parse(text: &str) -> Option<Self> {
        (!text.trim().is_empty()).then(|| text.into())
    }

    fn text(&self) -> String {
        self.expose_secret().to_owned()
    }
}

impl Text for PathBuf {
    const EXPECTED: &'static str = "a path in UTF-8 (a leading ~ is not expanded)";
    const EXAMPLES: &'static [&'static str] = &["/var/lib/ruko", "/srv/ruko/data"];

    fn parse(text: &str) -> Option<Self> {
        // The replacement character is what a path that is not UTF-8 has become on its way here.
        let good = !text.is_empty() && !text.starts_with('~') && !text.contains(['\0', '\u{fffd}']);
        good.then(|| text.into())
    }

    fn text(&self) -> String {
        self.display().to_string()
    }
}

impl Text for SocketAddr {
    const EXPECTED: &'static str = "an IP address with a port";
    const EXAMPLES: &'static [&'static str] = &["0.0.0.0:8080", "[::]:8000"];

    fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        match text.strip_prefix("localhost:") {
            Some(port) => Some(([127, 0, 0, 1], port.parse().ok()?).into()),
            None => text.parse().ok(),
        }
    }

    fn text(&self) -> String {
        self.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn home_directory_sign_is_refused_instead_of_becoming_a_folder() {
        assert!(PathBuf::parse("~/ruko").is_none());
    }
}
