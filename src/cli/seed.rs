//! `ruko db:seed`, for people who come from artisan.

use clap::Args;

use super::failure::{Failure, Outcome};
use super::globals::Globals;
use super::key::{self, Kind};

/// Make a new master key (the artisan spelling)
#[derive(Debug, Args)]
pub struct Seed {
    /// Only `SuperAdminSeeder` has a counterpart: it prints a new master key
    #[arg(long, default_value = "SuperAdminSeeder")]
    class: String,
    /// Accepted for scripts written for artisan
    #[arg(long, hide = true)]
    force: bool,
}

impl Seed {
    pub(super) fn run(&self, globals: &Globals) -> Outcome {
        let _ = self.force;
        // Artisan takes the class with its namespace.
        let class = self.class.rsplit('\\').next().unwrap_or_default();
        if class != "SuperAdminSeeder" {
            let hint = "--class=SuperAdminSeeder prints a new master key; `ruko serve --demo` makes demo data";
            return Err(Failure::new(format!("there is no seeder {}", self.class)).hint(hint));
        }
        key::print(Kind::Master, false, globals)
    }
}
