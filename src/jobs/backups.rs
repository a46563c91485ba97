//! The backups of every day and every week.
//!
//! What is due is told by the last run in the central file, so a time at which no server ran is made
//! up for, once, and no time counts twice. A run that was cut short goes on with the tenants that have
//! no backup of it yet.

use std::collections::HashSet;
use std::sync::Arc;

use futures_util::StreamExt as _;

use crate::app::App;
use crate::backups::{BackupOrder, Kind};
use crate::clock::Timestamp;
use crate::config::{Backup, Schedule};
use crate::error::{Error, Result};
use crate::id::TenantId;

use super::history;
use super::own_schedules::{self, OwnTime};

/// The job that looks whether one of the schedules is due.
pub const JOB: &str = "backup_schedule";

/// The runs that have a time: name, kind of the backups, when.
pub fn schedules(backup: &Backup) -> [(&'static str, Kind, &Schedule); 2] {
    [("backup_daily", Kind::Daily, &backup.daily), ("backup_weekly", Kind::Weekly, &backup.weekly)]
}

/// Makes the backups that are due.
///
/// # Errors
/// When the central file cannot be read or written; one tenant that fails does not stop the others.
pub async fn run_due(app: &App) -> Result<()> {
    let own = own_schedules::list(app).await?;
    for (job, kind, schedule) in schedules(&app.config.backup) {
        if let Some(due) = find_due(app, job, schedule).await? {
            run(app, job, kind, due, &own).await?;
        }
    }
    own_schedules::run_due(app, own).await
}

/// The time that a run is due for; none when it was made already. The first look only begins the
/// counting: a server that was just installed owes nobody the backup of last night.
async fn find_due(app: &App, job: &'static str, schedule: &Schedule) -> Result<Option<Timestamp>> {
    let now = app.clock.now();
    let Some(due) = schedule.last_due(app.config.locale.time_zone.rules(), now) else { return Ok(None) };
    let last = app.central.read(move |tx| history::last(tx, job)).await?;
    match last {
        None => {
            app.central
                .write(move |tx| {
                    let id = history::begin(tx, job, now)?;
                    history::end(tx, id, true, history::BEGIN, now)
                })
                .await?;
            Ok(None)
        }
        // One of a time to come is of a clock that was wrong.
        Some(last) if (due..=now).contains(&last.started_at) && last.end.is_some() => Ok(None),
        Some(_) => Ok(Some(due)),
    }
}

async fn run(app: &App, job: &'static str, kind: Kind, due: Timestamp, own: &[OwnTime]) -> Result<()> {
    let begun = app.clock.now();
    let id = app.central.write(move |tx| history::begin(tx, job, begun)).await?;
    let mut tenants = app.backups.tenants_without(kind, due).await?;
    let have_own: HashSet<_> = own.iter().filter(|time| time.kind == kind).map(|time| &time.tenant).collect();
    tenants.retain(|tenant| !have_own.contains(tenant));
    let count = tenants.iter().filter(|tenant| !tenant.is_central()).count();
    tracing::info!(job, tenants.count = count, "backups begin");
    let work = tenants.into_iter().map(|tenant| async move { make(app, tenant, kind).await });
    // The turns that all backups take would bound it too, but then one that somebody asks for would
    // stand behind the whole night's.
    let outcomes: Vec<bool> =
        futures_util::stream::iter(work).buffer_unordered(app.config.backup.at_once).collect().await;
    let failed = outcomes.iter().filter(|is_ok| !**is_ok).count();
    let (now, detail) = (app.clock.now(), format!("{count} tenants and the central file, {failed} failed"));
    let duration_secs = now.0.saturating_sub(begun.0) / 1000;
    if failed == 0 {
        tracing::info!(job, tenants.count = count, duration_secs, "backups made");
    } else {
        tracing::error!(job, tenants.count = count, tenants.failed = failed, duration_secs, "backups failed");
    }
    app.central.write(move |tx| history::end(tx, id, failed == 0, &detail, now)).await
}

/// False when it failed; the log says why already.
pub(super) async fn make(app: &App, tenant: TenantId, kind: Kind) -> bool {
    let order = BackupOrder::new(tenant, kind);
    // One that is not found was deleted a moment ago.
    matches!(app.backups.make(order, Arc::default()).await, Ok(_) | Err(Error::NotFound { .. }))
}
