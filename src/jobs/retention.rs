//! Removes the backups whose time is over, and tells the audit log of each.

use serde_json::json;

use crate::activity::{Actor, AuditEntry};
use crate::app::App;
use crate::backups::retention::{Limit, Pruned, Verdict};
use crate::error::Result;

/// What a backup's end is called in the audit log.
pub const REMOVED: &str = "backup.expired";

/// Looks at every tenant of whom a backup is due, and at nobody else.
///
/// # Errors
/// When the central file cannot be read or written; else the first file that could not be removed,
/// after every tenant had its turn.
pub async fn run(app: &App) -> Result<()> {
    if app.backups.watch_clock().await?.is_some() {
        return Ok(());
    }
    let (mut removed, mut outcome) = (0, Ok(()));
    loop {
        let due = app.backups.list_due().await?;
        if due.is_empty() {
            break;
        }
        for tenant in due {
            let Pruned { verdicts, error } = app.backups.prune(&tenant, Limit::Expiry).await?;
            for verdict in verdicts.iter().filter(|verdict| verdict.is_gone) {
                app.activity.record_audit(entry(verdict));
                removed += 1;
            }
            outcome = outcome.and(error.map_or(Ok(()), Err));
        }
    }
    if removed > 0 {
        tracing::info!(backups.removed = removed, "backups whose time is over were removed");
    }
    outcome
}

fn entry(verdict: &Verdict) -> AuditEntry {
    let Verdict { backup, reason, .. } = verdict;
    AuditEntry {
        tenant: Some(backup.tenant_id.clone()),
        object: Some(("backup", backup.id.clone())),
        detail: json!({"file": backup.file_name, "kind": backup.kind.as_str(), "reason": reason.as_str()}),
        ..AuditEntry::new(Actor::SYSTEM, REMOVED)
    }
}
