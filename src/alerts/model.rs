//! What there is to tell.

use crate::clock::Timestamp;
use crate::id::TenantId;

/// A state of backups that somebody has to know of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Condition {
    /// The last try to back a tenant up failed.
    BackupFailed,
    /// A tenant has had no backup for too long.
    Overdue,
    /// A backup was opened and is not whole.
    ProofFailed,
    /// No backup of a tenant was opened and found whole for too long.
    Unproven,
    /// A backup could not be copied elsewhere.
    CopyFailed,
    /// A tenant shrank, and its old backups stay until somebody looks.
    RetentionPaused,
    /// The last scheduled run did not go well.
    RunFailed,
}

impl Condition {
    /// All of them, what is worst first.
    pub const ALL: [Self; 7] = [
        Self::ProofFailed,
        Self::Overdue,
        Self::BackupFailed,
        Self::Unproven,
        Self::CopyFailed,
        Self::RetentionPaused,
        Self::RunFailed,
    ];

    /// The stored and sent word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::BackupFailed => "backup_failed",
            Self::Overdue => "overdue",
            Self::ProofFailed => "proof_failed",
            Self::Unproven => "unproven",
            Self::CopyFailed => "copy_failed",
            Self::RetentionPaused => "retention_paused",
            Self::RunFailed => "run_failed",
        }
    }
}

impl std::str::FromStr for Condition {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|condition| condition.as_str() == text).ok_or(())
    }
}

/// A condition of one tenant. What is of the whole server is of the central file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alert {
    /// What is so.
    pub condition: Condition,
    /// Of whom.
    pub tenant_id: TenantId,
    /// Its name, as somebody outside chose it.
    pub tenant_name: String,
    /// Why, or since when, for people.
    pub detail: String,
    /// Since when it is known.
    pub since: Timestamp,
}

/// What one message tells of an alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum News {
    /// It is so.
    Begun,
    /// It is still so.
    Lasting,
    /// It is over.
    Ended,
}

impl News {
    /// In the order of a message.
    pub const ALL: [Self; 3] = [Self::Begun, Self::Lasting, Self::Ended];
}

/// Outside texts as one line of bearable length: they come into mails, and nobody checked them.
pub(super) fn one_line(text: &str, chars_max: usize) -> String {
    let mut line = String::new();
    let words = text.split(|c: char| c.is_whitespace() || c.is_control() || is_direction(c));
    for word in words.filter(|word| !word.is_empty()) {
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    match line.char_indices().nth(chars_max) {
        Some((end, _)) => format!("{}...", &line[..end]),
        None => line,
    }
}

/// Marks that turn the direction of what stands around them.
fn is_direction(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outside_text_becomes_one_short_line() {
        assert_eq!(one_line("Warung\r\nBcc: a@b\u{202e}\0  Sari ", 80), "Warung Bcc: a@b Sari");
        assert_eq!(one_line("\u{e9}\u{e9}\u{e9}\u{e9}", 3), "\u{e9}\u{e9}\u{e9}...");
        assert_eq!(one_line("   ", 3), "");
    }
}
