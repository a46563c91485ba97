//! The binary as a process: what it prints, how it exits, and what a `kill -9` leaves.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

#[path = "cli/acknowledged.rs"]
mod acknowledged;
#[path = "cli/binary.rs"]
mod binary;
#[path = "cli/crash.rs"]
mod crash;
#[path = "cli/demo.rs"]
mod demo;
#[path = "cli/doctor.rs"]
mod doctor;
#[path = "cli/doctor_repairs.rs"]
mod doctor_repairs;
#[path = "cli/health.rs"]
mod health;
#[path = "cli/logs.rs"]
mod logs;
#[path = "cli/migrate.rs"]
mod migrate;
#[path = "cli/queries.rs"]
mod queries;
#[path = "cli/readme.rs"]
mod readme;
#[path = "cli/serve.rs"]
mod serve;
#[path = "cli/settings.rs"]
mod settings;
#[path = "cli/tenants.rs"]
mod tenants;
