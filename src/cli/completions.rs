//! `ruko completions`

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use super::failure::Outcome;
use super::{Cli, output};

/// Print the completions of a shell
#[derive(Debug, Args)]
pub struct Completions {
    /// For example `ruko completions bash > /etc/bash_completion.d/ruko`
    shell: Shell,
}

impl Completions {
    pub(super) fn run(&self) -> Outcome {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Cli::command(), "ruko", &mut script);
        output::print(&String::from_utf8_lossy(&script))
    }
}
