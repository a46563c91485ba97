//! Integration tests: one binary, a server per test.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod activity;
mod central;
mod db;
mod listener;
mod local_socket;
mod orders;
mod products;
mod support;
mod tls;
mod wire;
mod wrappers;
