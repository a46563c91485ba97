//! `[alerts]`: who is told when backups are in trouble.

use secrecy::SecretString;

use super::locale::Language;
use super::mail::EmailAddress;
use super::section::section;
use super::url::SecretUrl;

section! {
    /// Who is told when backups are in trouble.
    pub struct Alerts = "alerts" {
        /// Addresses that get a mail. Mail is sent as `[mail]` says.
        email: Vec<EmailAddress> = Vec::new();
        /// URL that gets a POST with JSON.
        webhook_url: Option<SecretUrl> = None;
        /// Signs what the webhook gets.
        webhook_secret: Option<SecretString> = None;
        /// URL that is asked for after each scheduled run that went well; with `/fail` behind it after one
        /// that did not.
        heartbeat_url: Option<SecretUrl> = None;
        /// Language of mails. Unset: that of `locale.language`.
        language: Option<Language> = None;
    }
}
