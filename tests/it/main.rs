//! Integration tests: one binary, a server per test.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod activity;
mod auth;
mod auth_order;
mod auth_secrets;
mod db;
mod isolation;
mod laravel;
mod listener;
mod local_socket;
mod orders;
mod orders_api;
mod products;
mod products_model;
mod support;
mod throttle;
mod tls;
mod users;
mod wire;
mod wrappers;
