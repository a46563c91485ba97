//! Backups of tenants that have times of their own. A time counts from when it was first seen; one that
//! was missed is made up for once; a try counts as made when it ended, well or not.

use std::collections::HashMap;

use futures_util::StreamExt as _;
use jiff::tz::TimeZone;

use crate::app::App;
use crate::backups::Kind;
use crate::clock::Timestamp;
use crate::config::{Config, Schedule};
use crate::db::Tx;
use crate::error::Result;
use crate::id::TenantId;
use crate::tenants::OwnSettings;
use crate::vals;

use super::backups::make;

/// The backups of one kind that a tenant has at times of its own.
#[derive(Debug, Clone)]
pub struct OwnTime {
    /// Whose.
    pub tenant: TenantId,
    /// The run that they are no part of.
    pub job: &'static str,
    /// Their kind.
    pub kind: Kind,
    /// When; none for never.
    time: Option<(Schedule, TimeZone)>,
    /// The same, to tell another time from it.
    text: String,
}

impl OwnTime {
    /// What a tenant has set; nothing of it for what goes by the server's times.
    pub fn of(config: &Config, tenant: &TenantId, settings: &OwnSettings) -> Vec<Self> {
        let (own, server) = (settings.backup(), &config.locale.time_zone);
        let zone = settings.zone().unwrap_or_else(|| server.clone());
        let is_off = own.enabled == Some(false);
        let kinds = [("backup_daily", Kind::Daily, own.daily), ("backup_weekly", Kind::Weekly, own.weekly)];
        let meant = kinds.into_iter().filter(|(_, _, text)| is_off || text.is_some());
        let time = |(job, kind, text): (_, _, Option<String>)| {
            let schedule = text.as_deref().filter(|_| !is_off).and_then(Schedule::find);
            let text = format!("{} {}", text.unwrap_or_default(), zone.name());
            let time = schedule.map(|schedule| (schedule, zone.rules().clone()));
            Self { tenant: tenant.clone(), job, kind, time, text }
        };
        meant.map(time).collect()
    }

    /// When one was last due that is owed: none before the time was first seen.
    pub fn last_due(&self, seen: &SeenTimes, now: Timestamp) -> Option<Timestamp> {
        let seen = self.find(seen, now)?;
        let (schedule, zone) = self.time.as_ref()?;
        schedule.last_due(zone, now).filter(|due| *due > seen.begun_at)
    }

    /// What is known of it; nothing of one that was changed, or that the clock has not come to.
    fn find<'a>(&self, seen: &'a SeenTimes, now: Timestamp) -> Option<&'a Seen> {
        let seen = seen.get(&(self.tenant.clone(), self.job.to_owned()))?;
        (seen.text == self.text && seen.begun_at <= now).then_some(seen)
    }

    fn is_due(&self, seen: &SeenTimes, now: Timestamp) -> bool {
        let last = self.find(seen, now).and_then(|seen| seen.last_at).filter(|last| *last <= now);
        self.last_due(seen, now).is_some_and(|due| last.is_none_or(|last| last < due))
    }
}

/// What was made of a time.
#[derive(Debug, Clone)]
pub struct Seen {
    text: String,
    begun_at: Timestamp,
    last_at: Option<Timestamp>,
}

/// By tenant and job.
pub type SeenTimes = HashMap<(TenantId, String), Seen>;

/// What is known of the times of tenants.
///
/// # Errors
/// Storage errors.
pub fn seen(tx: &mut Tx<'_>) -> Result<SeenTimes> {
    let rows = tx.query("SELECT tenant_id, job, schedule, begun_at, last_at FROM tenant_schedules", &[], |row| {
        let seen = Seen { text: row.get(2)?, begun_at: row.get(3)?, last_at: row.get(4)? };
        Ok(((row.text(0)?.into(), row.get(1)?), seen))
    })?;
    Ok(rows.into_iter().collect())
}

/// The tenants with times of their own.
///
/// # Errors
/// Storage errors.
pub async fn list(app: &App) -> Result<Vec<OwnTime>> {
    let tenants = app.tenants.list_scheduled().await?;
    Ok(tenants.into_iter().flat_map(|one| OwnTime::of(&app.config, &one.id, &one.settings)).collect())
}

/// Makes those of them that are due. One that fails does not stop the others.
///
/// # Errors
/// When the central file cannot be read or written.
pub async fn run_due(app: &App, own: Vec<OwnTime>) -> Result<()> {
    if own.is_empty() {
        return Ok(());
    }
    let (now, known) = (app.clock.now(), app.central.read(seen).await?);
    let is_new = |time: &&OwnTime| time.time.is_some() && time.find(&known, now).is_none();
    let new: Vec<OwnTime> = own.iter().filter(is_new).cloned().collect();
    if !new.is_empty() {
        app.central.write(move |tx| new.iter().try_for_each(|time| begin(tx, time, now))).await?;
    }
    let due: Vec<OwnTime> = own.into_iter().filter(|time| time.is_due(&known, now)).collect();
    if due.is_empty() {
        return Ok(());
    }
    let count = due.len();
    let work = due.into_iter().map(|time| async move {
        let is_ok = make(app, time.tenant.clone(), time.kind).await;
        app.central.write(move |tx| note(tx, &time, now)).await.map(|()| is_ok)
    });
    let outcomes: Vec<Result<bool>> =
        futures_util::stream::iter(work).buffer_unordered(app.config.backup.at_once).collect().await;
    let failed = outcomes.iter().filter(|outcome| !matches!(outcome, Ok(true))).count();
    tracing::info!(backups.count = count, backups.failed = failed, "backups at tenants' own times made");
    outcomes.into_iter().collect::<Result<Vec<_>>>().map(|_| ())
}

fn begin(tx: &mut Tx<'_>, time: &OwnTime, now: Timestamp) -> Result<()> {
    // A tenant that was purged a moment ago has no times.
    let sql = "INSERT INTO tenant_schedules (tenant_id, job, schedule, begun_at) SELECT id, ?2, ?3, ?4 FROM tenants \
               WHERE id = ?1 ON CONFLICT (tenant_id, job) DO UPDATE SET schedule = excluded.schedule, \
               begun_at = excluded.begun_at, last_at = NULL";
    tx.execute(sql, vals![time.tenant.as_str(), time.job, &time.text, now])?;
    Ok(())
}

fn note(tx: &mut Tx<'_>, time: &OwnTime, now: Timestamp) -> Result<()> {
    let sql = "UPDATE tenant_schedules SET last_at = ?3 WHERE tenant_id = ?1 AND job = ?2";
    tx.execute(sql, vals![time.tenant.as_str(), time.job, now])?;
    Ok(())
}
