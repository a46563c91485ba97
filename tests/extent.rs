//! How much of the tests runs: what `RUKO_TEST_DEPTH` asks for and what the machine allows.

use std::io::Write;

/// How often a test with a choice tries: its `full` count times `RUKO_TEST_DEPTH`, which is a tenth
/// when nothing is said, and at least `least`.
pub fn tries(full: u32, least: u32) -> u32 {
    let depth = std::env::var("RUKO_TEST_DEPTH").map_or(0.1, |text| text.parse::<f64>().unwrap());
    // Depths are small positive numbers: nothing is lost that matters.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let tries = (f64::from(full) * depth).round() as u32;
    tries.max(least)
}

/// Says what is not tested on this machine, and why; fails where the variable says that it must be.
pub fn not_tested(what: &str, needed: &str, why: &str) {
    assert!(std::env::var_os(needed).is_none(), "{needed} is set, and {why}");
    let told = format!("\nNOT TESTED: {what}: {why}\n");
    // Past the test runner, which shows nothing of a test that passes.
    std::io::stderr().write_all(told.as_bytes()).unwrap();
}
