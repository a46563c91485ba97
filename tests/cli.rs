//! The binary as a process: what it prints, how it exits, and what a `kill -9` leaves.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

#[path = "cli/acknowledged.rs"]
mod acknowledged;
#[path = "cli/backup_central.rs"]
mod backup_central;
#[path = "cli/backup_faults.rs"]
mod backup_faults;
#[path = "cli/backup_jobs.rs"]
mod backup_jobs;
#[path = "cli/backup_keys.rs"]
mod backup_keys;
#[path = "cli/backup_retention.rs"]
mod backup_retention;
#[path = "cli/backup_world.rs"]
mod backup_world;
#[path = "cli/backups.rs"]
mod backups;
#[path = "cli/binary.rs"]
mod binary;
#[path = "cli/browser.rs"]
mod browser;
#[path = "cli/crash.rs"]
mod crash;
#[path = "cli/demo.rs"]
mod demo;
#[path = "cli/disk_full.rs"]
mod disk_full;
#[path = "cli/disk_full_backups.rs"]
mod disk_full_backups;
#[path = "cli/disk_full_tenants.rs"]
mod disk_full_tenants;
#[path = "cli/disk_read_only.rs"]
mod disk_read_only;
#[path = "cli/doctor.rs"]
mod doctor;
#[path = "cli/doctor_backups.rs"]
mod doctor_backups;
#[path = "cli/doctor_repairs.rs"]
mod doctor_repairs;
mod extent;
#[cfg(target_os = "linux")]
#[path = "cli/flood.rs"]
mod flood;
#[path = "cli/health.rs"]
mod health;
#[path = "cli/instance.rs"]
mod instance;
#[path = "cli/logs.rs"]
mod logs;
#[path = "cli/migrate.rs"]
mod migrate;
#[path = "cli/pages.rs"]
mod pages;
#[path = "cli/queries.rs"]
mod queries;
#[path = "cli/readme.rs"]
mod readme;
#[path = "cli/serve.rs"]
mod serve;
#[path = "cli/settings.rs"]
mod settings;
#[path = "cli/shop.rs"]
mod shop;
#[path = "cli/small_disk.rs"]
mod small_disk;
#[path = "cli/tenants.rs"]
mod tenants;
