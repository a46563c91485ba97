//! `[mail]`: how mail is sent.

use secrecy::SecretString;

use super::section::{choice, section};
use super::value::Text;

section! {
    /// How mail is sent.
    pub struct Mail = "mail" {
        /// How mail goes out. `log` sends none and writes it into the log, for trying out.
        mailer: Mailer = Mailer::Smtp;
        /// Name or address of the mail server.
        host: Option<String> = None;
        /// Its port. Unset: 465, 587 or 25, as `mail.encryption` has it.
        port: Option<u16> = None, within 1..=65_535;
        /// Name to log in with. Unset: no log-in.
        username: Option<String> = None;
        /// Password to log in with.
        password: Option<SecretString> = None;
        /// How the connection is encrypted. `tls` is `ssl` on port 465 and `starttls` on others.
        encryption: Encryption = Encryption::Tls;
        /// Address that mail comes from. Unset: `mail.username`, when that is an address.
        from_address: Option<EmailAddress> = None;
        /// Name that mail comes from.
        from_name: String = "ruko".to_owned();
    }
}

choice! {
    /// How mail goes out.
    pub enum Mailer {
        /// Through a mail server.
        Smtp = "smtp",
        /// Not at all: it is written into the log.
        Log = "log",
    }
}

choice! {
    /// How the connection to the mail server is encrypted.
    pub enum Encryption {
        /// As is usual on the port.
        Tls = "tls",
        /// After a greeting in clear; a server that does not offer it gets no mail.
        StartTls = "starttls",
        /// From the first byte.
        Ssl = "ssl",
        /// Not at all.
        None = "none",
    }
}

/// A plain email address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EmailAddress(String);

impl EmailAddress {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Text for EmailAddress {
    const EXPECTED: &'static str = "an email address";
    const EXAMPLES: &'static [&'static str] = &["admin@example.com", "backup@toko.example"];

    fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        text.parse::<lettre::Address>().ok().map(|_| Self(text.to_owned()))
    }

    fn text(&self) -> String {
        self.0.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_begin_a_header_of_its_own_is_no_address() {
        assert_eq!(EmailAddress::parse(" admin@example.com ").unwrap().as_str(), "admin@example.com");
        for text in ["", "admin", "a@b\r\nBcc: c@d.example", "Admin <admin@example.com>", "a@b.example, c@d.example"] {
            assert!(EmailAddress::parse(text).is_none(), "{text}");
        }
    }
}
