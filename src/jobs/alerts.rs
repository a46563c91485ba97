//! Looks how the backups of all tenants stand, and tells what somebody has to know.
//!
//! All of it is read from the central file at once; no tenant's file is opened.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use crate::alerts::{Alert, Condition, Counted};
use crate::app::App;
use crate::backups::retention::Pause;
use crate::backups::{Standing, copies, each_standing};
use crate::clock::Timestamp;
use crate::config::Config;
use crate::db::Tx;
use crate::error::Result;
use crate::id::{CENTRAL, TenantId};

use super::history::{self, Ended};
use super::own_schedules::{self, OwnTime, SeenTimes};
use super::{backups, overdue};

/// A backup that was opened and found whole says so for this long.
const PROVEN_FOR: Duration = Duration::from_secs(8 * 86_400);
/// While a run is under way nothing is told: what it mends needs no telling, and what fails is told at its
/// end at once. One that takes longer than this hangs.
const RUN_MAX: Duration = Duration::from_secs(6 * 3600);

/// A copy that failed so often in a row, which is some minutes, is in trouble.
const COPY_TRIES: u32 = 4;

/// How the backups stand.
#[derive(Debug, Clone)]
pub struct Report {
    /// When this was so.
    pub at: Timestamp,
    /// What somebody has to know, but for what was raised.
    pub found: Vec<Alert>,
    /// Since when a scheduled run is under way.
    pub running_since: Option<Timestamp>,
    /// The last one that ended.
    pub last_run: Option<Ended>,
    /// When the next one begins.
    pub next_run_at: Option<Timestamp>,
    /// When the newest finished backup of anybody was begun.
    pub last_ok_at: Option<Timestamp>,
}

impl Report {
    /// How many tenants are in this condition.
    pub fn count(&self, condition: Condition) -> usize {
        self.found.iter().filter(|alert| alert.condition == condition).count()
    }

    /// Whether a run is under way that does not hang.
    fn is_running(&self) -> bool {
        self.running_since.is_some_and(|since| (since..since.plus(RUN_MAX)).contains(&self.at))
    }
}

/// Looks, tells, and lets the heart be heard.
///
/// # Errors
/// When the central file cannot be read or written. What could not be delivered is no error of this.
pub async fn run(app: &App) -> Result<()> {
    let report = look(app).await?;
    let last_run = report.last_run.as_ref().map(|run| (run.id, run.end.is_ok));
    if !report.is_running() {
        app.alerts.settle(report.found).await?;
    }
    let heart = async {
        match last_run {
            Some((run, is_ok)) => app.alerts.beat(run, is_ok).await,
            None => Ok(()),
        }
    };
    let (told, beaten) = tokio::join!(app.alerts.tell(), heart);
    told.and(beaten)
}

/// Looks how the backups stand.
///
/// # Errors
/// When the central file cannot be read.
pub async fn look(app: &App) -> Result<Report> {
    let (own, now) = (own_schedules::list(app).await?, app.clock.now());
    let config = app.config.clone();
    let report = app.central.scan(move |tx| report(tx, &config, &own, now)).await?;
    let counts = Condition::ALL.map(|condition| report.count(condition));
    app.alerts.count(Counted { counts, last_ok_at: report.last_ok_at });
    Ok(report)
}

fn report(tx: &mut Tx<'_>, config: &Config, own: &[OwnTime], now: Timestamp) -> Result<Report> {
    tx.snapshot()?;
    let zone = config.locale.time_zone.rules();
    let schedules = backups::schedules(&config.backup);
    let jobs = schedules.map(|(job, _, _)| job);
    let (mut begun, mut running_since) = (None, None);
    for job in jobs {
        begun = history::first_begun_at(tx, job)?.into_iter().chain(begun).min();
        let open = history::last(tx, job)?.filter(|run| run.end.is_none());
        running_since = open.map(|run| run.started_at).into_iter().chain(running_since).max();
    }
    // The clock of what never was begins with the schedule.
    let begun = begun.unwrap_or(now);
    let limits = Limits::new(tx, config, own, now)?;
    let (mut found, mut last_ok_at) = (Vec::new(), None);
    each_standing(tx, |standing| {
        last_ok_at = last_ok_at.max(standing.last_ok_at);
        judge(config, &standing, begun, &limits, &mut found);
    })?;
    for pause in crate::backups::retention::paused(tx)? {
        found.push(of_pause(tx, pause)?);
    }
    if config.s3.bucket.is_some() {
        found.extend(of_copies(tx, now)?);
    }
    let last_run = history::last_ended(tx, jobs)?;
    found.extend(last_run.as_ref().filter(|run| !run.end.is_ok).map(of_run));
    let next_run_at = schedules.iter().filter_map(|(_, _, schedule)| schedule.next_due(zone, now)).min();
    Ok(Report { at: now, found, running_since, last_run, next_run_at, last_ok_at })
}

/// When a backup is too old.
struct Limits {
    of_server: Option<Timestamp>,
    /// Of tenants with times of their own.
    of_own: HashMap<TenantId, Option<Timestamp>>,
    unproven: Timestamp,
    now: Timestamp,
}

impl Limits {
    fn new(tx: &mut Tx<'_>, config: &Config, own: &[OwnTime], now: Timestamp) -> Result<Self> {
        let zone = config.locale.time_zone.rules();
        let schedules = backups::schedules(&config.backup);
        let server = |at| schedules.iter().filter_map(|(_, _, schedule)| schedule.last_due(zone, at)).max();
        let seen = if own.is_empty() { SeenTimes::new() } else { own_schedules::seen(tx)? };
        let mut times: HashMap<&TenantId, Vec<&OwnTime>> = HashMap::new();
        for time in own {
            times.entry(&time.tenant).or_default().push(time);
        }
        let of_own = times.into_iter().map(|(tenant, times)| {
            let last_due = |at| {
                let of_server = schedules.iter().filter(|(_, kind, _)| times.iter().all(|time| time.kind != *kind));
                let of_server = of_server.filter_map(|(_, _, schedule)| schedule.last_due(zone, at));
                times.iter().filter_map(|time| time.last_due(&seen, at)).chain(of_server).max()
            };
            (tenant.clone(), overdue::limit(last_due, now))
        });
        let of_own = of_own.collect();
        Ok(Self { of_server: overdue::limit(server, now), of_own, unproven: now.minus(PROVEN_FOR), now })
    }
}

fn judge(config: &Config, standing: &Standing, begun: Timestamp, limits: &Limits, found: &mut Vec<Alert>) {
    let since = standing.created_at.map_or(begun, |created| created.max(begun));
    let limit = *limits.of_own.get(&standing.tenant_id).unwrap_or(&limits.of_server);
    let mut add = |condition, detail: String| {
        let (tenant_id, tenant_name) = (standing.tenant_id.clone(), standing.tenant_name.clone());
        found.push(Alert { condition, tenant_id, tenant_name, detail, since: limits.now });
    };
    let time = |at: Option<Timestamp>| {
        at.map_or_else(String::new, |at| at.in_zone(config.locale.time_zone.rules()).strftime("%F %R").to_string())
    };
    if let Some(failure) = &standing.failure {
        add(Condition::BackupFailed, failure.clone());
    }
    if limit.is_some_and(|limit| standing.last_ok_at.unwrap_or(since) < limit) {
        add(Condition::Overdue, time(standing.last_ok_at));
    }
    if let Some(error) = &standing.proof_error {
        add(Condition::ProofFailed, error.clone());
    }
    // Where there is no backup there is nothing to prove.
    if standing.last_ok_at.is_some() && standing.last_proven_at.unwrap_or(since) < limits.unproven {
        add(Condition::Unproven, time(standing.last_proven_at));
    }
}

fn of_pause(tx: &mut Tx<'_>, pause: Pause) -> Result<Alert> {
    let ((rows, rows_now), (bytes, bytes_now)) = (pause.rows, pause.bytes);
    Ok(Alert {
        condition: Condition::RetentionPaused,
        tenant_name: crate::alerts::name_of(tx, &pause.tenant_id)?,
        tenant_id: pause.tenant_id,
        detail: format!("rows {rows} -> {rows_now}, bytes {bytes} -> {bytes_now}"),
        since: pause.paused_at,
    })
}

/// One for each tenant, of the first copy in trouble. What passes within some tries needs no telling.
fn of_copies(tx: &mut Tx<'_>, now: Timestamp) -> Result<Vec<Alert>> {
    let mut of_tenants: BTreeMap<TenantId, String> = BTreeMap::new();
    for copy in copies::troubled(tx)? {
        if copy.state == "lost" || copy.tries >= COPY_TRIES {
            of_tenants.entry(copy.tenant_id).or_insert(copy.error.1);
        }
    }
    let alert = |(tenant_id, detail)| {
        let tenant_name = crate::alerts::name_of(tx, &tenant_id)?;
        Ok(Alert { condition: Condition::CopyFailed, tenant_id, tenant_name, detail, since: now })
    };
    of_tenants.into_iter().map(alert).collect()
}

fn of_run(run: &Ended) -> Alert {
    Alert {
        condition: Condition::RunFailed,
        tenant_id: TenantId::central(),
        tenant_name: CENTRAL.into(),
        detail: format!("{}: {}", run.job, run.end.detail),
        since: run.finished_at.unwrap_or(run.started_at),
    }
}
