//! The one integration binary: each module tests one feature from the outside.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod listener;
mod local_socket;
mod tls;
mod wire;
mod wrappers;
