//! Integration tests: one binary, a server per test.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod activity;
mod db;
mod listener;
mod local_socket;
mod matrix;
mod openapi;
mod orders;
mod pages;
mod products;
mod support;
mod tls;
mod trouble;
mod wire;
mod wrappers;
