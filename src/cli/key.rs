//! `ruko key`: secrets for `.env`, printed and stored nowhere.

use clap::{Args, Subcommand, ValueEnum};
use secrecy::ExposeSecret;
use serde_json::json;

use super::failure::Outcome;
use super::globals::{Globals, look_at_data_dir};
use super::output;
use crate::backups::keys::BackupKey;
use crate::crypto::{Keyring, token};
use crate::id;

/// Make keys and secrets
#[derive(Debug, Subcommand)]
pub enum KeyCommand {
    /// Print a new random key and the line for .env
    Generate(Generate),
}

/// Print a new random key and the line for .env
#[derive(Debug, Args)]
pub struct Generate {
    /// What the key is for
    #[arg(value_enum, default_value = "app")]
    kind: Kind,
    /// Only the key itself, without its name
    #[arg(long)]
    show: bool,
    /// Accepted for scripts written for artisan
    #[arg(long, hide = true)]
    force: bool,
}

/// What a key is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    /// `APP_KEY`: seals secrets in the central file
    App,
    /// `MASTER_API_KEY`: the operator's key
    Master,
    /// `SECRET_KEY`: signs log-ins of central accounts
    Secret,
    /// `RUKO_BACKUP_KEY`: encrypts backups
    Backup,
}

impl KeyCommand {
    pub(super) fn run(&self, globals: &Globals) -> Outcome {
        let Self::Generate(generate) = self;
        generate.run(globals)
    }
}

impl Generate {
    pub(super) fn run(&self, globals: &Globals) -> Outcome {
        let _ = self.force;
        print(self.kind, self.show, globals)
    }
}

/// Prints a new key.
pub(super) fn print(kind: Kind, is_bare: bool, globals: &Globals) -> Outcome {
    let (name, value) = match kind {
        Kind::App => ("APP_KEY", Keyring::new_text().expose_secret().to_owned()),
        Kind::Master => ("MASTER_API_KEY", token::new_master_key()),
        Kind::Secret => ("SECRET_KEY", id::random_hex(32)),
        Kind::Backup => ("RUKO_BACKUP_KEY", BackupKey::generate().to_text().expose_secret().to_owned()),
    };
    if globals.json {
        output::json(&json!({"name": name, "value": value}))?;
    } else if is_bare {
        output::line(&value)?;
    } else {
        output::line(&format!("{name}={value}"))?;
    }
    if kind == Kind::App && is_in_use(globals) {
        eprintln!(
            "note: this data directory was made with another server key. With the new one the server refuses to \
             start; it is for a new data directory."
        );
    } else if !is_bare && !globals.json {
        eprintln!("put this line into .env, then restart the server");
    }
    Ok(())
}

/// A key printed for the wrong place does harm only where data is sealed already.
fn is_in_use(globals: &Globals) -> bool {
    // A placeholder in the settings is a reason to ask for a key and must not hide the answer.
    let loaded = globals.load_to_show().ok();
    loaded.and_then(|(loaded, _)| look_at_data_dir(&loaded.config).ok()).is_some_and(|dir| dir.central_db().exists())
}
