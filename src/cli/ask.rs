//! Asking before something that cannot be taken back.

use std::io::{BufRead, IsTerminal, Write};

use super::failure::{Failure, Outcome, USAGE};

/// Goes on when `is_yes`, or when the person at the terminal agrees. Where nobody can be asked it
/// refuses: a script says `--yes` when it means it.
pub fn confirm(question: &str, is_yes: bool) -> Outcome {
    if is_yes {
        return Ok(());
    }
    if !std::io::stdin().is_terminal() {
        return Err(Failure::usage(format!("{question} Nobody is here to confirm it.")).hint("say --yes to mean it"));
    }
    let mut err = std::io::stderr();
    write!(err, "{question} [y/N] ")?;
    err.flush()?;
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer)?;
    let is_agreed = matches!(answer.trim().to_lowercase().as_str(), "y" | "yes" | "ya");
    if is_agreed { Ok(()) } else { Err(Failure::new("not confirmed, nothing was changed").with_code(USAGE)) }
}
