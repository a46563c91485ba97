//! Passwords, tokens, digests, sealed secrets and encrypted streams.

pub mod digest;
pub mod keyring;
pub mod password;
pub mod sealed;
pub mod stream;
pub mod token;

pub use keyring::Keyring;
pub use password::Passwords;
