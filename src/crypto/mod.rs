//! Passwords, tokens and sealed secrets.

pub mod keyring;
pub mod password;
pub mod sealed;
pub mod token;

pub use keyring::Keyring;
pub use password::Passwords;
