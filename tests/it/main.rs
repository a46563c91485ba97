//! Integration tests: one binary, a server per test.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod activity;
mod db;
