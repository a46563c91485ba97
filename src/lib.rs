//! ruko: one binary that gives every tenant its own SQLite file behind its own key.
//!
//! Arrows run down only:
//! `main -> cli -> server -> api -> jobs -> app -> features -> db, crypto -> config, data_dir -> error, id, clock, money`.

pub mod activity;
pub mod alerts;
pub mod api;
pub mod app;
pub mod backups;
pub mod bounded_cache;
pub mod cli;
pub mod clock;
pub mod config;
pub mod crypto;
pub mod data_dir;
pub mod db;
pub mod error;
mod fault;
pub mod id;
pub mod jobs;
pub mod mail;
pub mod money;
pub mod operator;
pub mod orders;
pub mod products;
pub mod rate_limit;
pub mod server;
pub mod telemetry;
pub mod tenants;
pub mod users;
pub mod zstd_frame;
