//! Bars of long work, on standard error; they hide themselves where that is no terminal.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// Over this many tenants.
pub fn over_tenants(count: u64) -> ProgressBar {
    let bar = ProgressBar::new(count);
    bar.set_style(style("{wide_bar} {pos}/{len} tenants, {eta} left  {msg}"));
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

/// Over this many backups.
pub fn over_backups(count: u64) -> ProgressBar {
    let bar = ProgressBar::new(count);
    bar.set_style(style("{wide_bar} {pos}/{len} backups, {eta} left"));
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

/// Over the percents of this many jobs.
pub fn over_jobs(count: u64) -> ProgressBar {
    let bar = ProgressBar::new(count * 100);
    bar.set_style(style("{wide_bar} {msg}, {eta} left"));
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

/// Over bytes; how many there will be, if that is known.
pub fn over_bytes(size: Option<u64>) -> ProgressBar {
    let bar = size.map_or_else(ProgressBar::no_length, ProgressBar::new);
    let known = "{wide_bar} {bytes}/{total_bytes}, {eta} left";
    bar.set_style(style(if size.is_some() { known } else { "{spinner} {bytes}" }));
    bar
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}
