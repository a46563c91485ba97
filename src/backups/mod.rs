//! Backups of tenants and of the server's own file: made while they serve, encrypted, proven.
//!
//! Invariants: a backup that says `ok` is on the disk under its final name and has been checked;
//! anything else is `failed` and leaves no file; a file name never comes from a client.

pub mod container;
