//! Mail: a message with a plain and an HTML part, handed to a mail server. Who cannot be reached is
//! told by the setting that is wrong.
//!
//! Invariants: nothing from outside comes into a header but through a type that cannot hold a line break;
//! sending ends within [`SENDING_MAX`]; a password is in no error and no log.

mod wrong;

use std::time::Duration;

use lettre::message::{Mailbox, MultiPart};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Tls, TlsParameters};
use lettre::{Address, AsyncSmtpTransport, AsyncTransport as _, Message, Tokio1Executor};
use secrecy::ExposeSecret as _;

use crate::config::{self, EmailAddress, Encryption};

pub use wrong::{Wrong, in_words};

/// Sending a mail takes no longer.
pub const SENDING_MAX: Duration = Duration::from_secs(30);
/// One command of the mail server takes no longer.
const COMMAND_MAX: Duration = Duration::from_secs(10);

/// What a mail says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Letter {
    /// One line of our own words.
    pub subject: String,
    /// The plain part.
    pub text: String,
    /// The same in HTML.
    pub html: String,
}

/// Sends mail as the settings say.
#[derive(Debug, Clone)]
pub struct Mailer {
    settings: config::Mail,
}

impl Mailer {
    /// Nothing is looked up or connected before the first mail.
    pub fn new(settings: config::Mail) -> Self {
        Self { settings }
    }

    /// Sends a mail to all of these people, or writes it into the log.
    ///
    /// # Errors
    /// [`Wrong`], when the mail server did not take it.
    pub async fn send(&self, to: &[EmailAddress], letter: &Letter) -> Result<(), Wrong> {
        if self.settings.mailer == config::Mailer::Log {
            tracing::info!(mail.subject = letter.subject, mail.text = letter.text, "mail that is not sent");
            return Ok(());
        }
        let sending = self.transport()?;
        let message = compose(&self.sender()?, to, letter)?;
        match tokio::time::timeout(SENDING_MAX, sending.send(message)).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(Wrong::of_smtp(&error, &self.settings, to)),
            Err(_) => Err(Wrong::new("mail.host", format!("it took no mail within {} s", SENDING_MAX.as_secs()))),
        }
    }

    fn sender(&self) -> Result<Mailbox, Wrong> {
        let from = self.settings.from_address.as_ref().map(EmailAddress::as_str).or(self.settings.username.as_deref());
        let address = from.and_then(|from| from.parse::<Address>().ok());
        let address = address.ok_or_else(|| Wrong::new("mail.from_address", "it is not set".into()))?;
        Ok(Mailbox::new(Some(self.settings.from_name.clone()), address))
    }

    fn transport(&self) -> Result<AsyncSmtpTransport<Tokio1Executor>, Wrong> {
        let settings = &self.settings;
        let host = settings.host.as_ref().ok_or_else(|| Wrong::new("mail.host", "it is not set".into()))?;
        let is_whole = match settings.encryption {
            Encryption::Ssl => true,
            Encryption::Tls => settings.port == Some(465),
            Encryption::StartTls | Encryption::None => false,
        };
        let (tls, usual_port) = if settings.encryption == Encryption::None {
            (Tls::None, 25)
        } else {
            let parameters =
                TlsParameters::new(host.clone()).map_err(|error| Wrong::new("mail.encryption", in_words(&error)))?;
            if is_whole { (Tls::Wrapper(parameters), 465) } else { (Tls::Required(parameters), 587) }
        };
        let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(host)
            .port(settings.port.unwrap_or(usual_port))
            .tls(tls)
            .timeout(Some(COMMAND_MAX));
        if let Some(username) = &settings.username {
            let password = settings.password.as_ref().map_or("", |password| password.expose_secret());
            builder = builder.credentials(Credentials::new(username.clone(), password.to_owned()));
        }
        Ok(builder.build())
    }
}

fn compose(from: &Mailbox, to: &[EmailAddress], letter: &Letter) -> Result<Message, Wrong> {
    let mut builder = Message::builder().from(from.clone()).subject(letter.subject.clone());
    for address in to {
        let address = address.as_str().parse::<Address>();
        let address = address.map_err(|error| Wrong::new("alerts.email", error.to_string()))?;
        builder = builder.to(Mailbox::new(None, address));
    }
    let parts = MultiPart::alternative_plain_html(letter.text.clone(), letter.html.clone());
    builder.multipart(parts).map_err(|error| Wrong::new("mail.from_address", error.to_string()))
}
