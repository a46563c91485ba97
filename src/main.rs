//! The `ruko` binary: reads the command line, hands over, and tells how it went by its exit code.

use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    ruko::cli::run()
}
