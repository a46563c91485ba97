//! Integration tests: one binary, a server per test.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]
#![allow(clippy::disallowed_methods, reason = "a test may spawn: its runtime ends with it")]

mod activity;
mod alerts;
mod auth;
mod auth_order;
mod auth_secrets;
mod backups;
mod bucket;
mod central;
mod conditions;
mod db;
mod error_codes;
#[path = "../extent.rs"]
mod extent;
mod families;
mod input;
mod isolation;
mod laravel;
mod listener;
mod local_socket;
mod logs;
mod matrix;
mod migrations;
mod multipart;
mod openapi;
mod orders;
mod orders_api;
mod pages;
mod products;
mod products_model;
mod products_search;
mod support;
mod throttle;
mod tls;
mod trouble;
mod user_messages;
mod users;
mod wire;
mod wrappers;
