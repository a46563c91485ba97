//! `/health/backups`: whether everybody has a good backup, for monitors that may know no more than that.

use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use poem::{IntoResponse, Request, Response};
use poem_openapi::registry::{MetaResponses, Registry};
use poem_openapi::types::Type as _;
use poem_openapi::{ApiResponse, Object, OpenApi};
use serde::Serialize;
use tokio::sync::Mutex;

use crate::alerts::Condition;
use crate::api::Tag;
use crate::api::kit::credentials::OptionalOperator;
use crate::api::kit::reply::{documented, json_response};
use crate::api::kit::time::Time;
use crate::app::App;
use crate::error::{Error, Result};
use crate::jobs::alerts::{Report, look};

use super::alerts::{UndeliveredOut, undelivered};

/// Questions within this time get the same look at the central file.
const LOOK_LASTS: Duration = Duration::from_secs(5);
/// Tenants of one condition that an answer names.
const NAMED: usize = 100;

/// State of the backups.
pub struct BackupHealthApi {
    app: App,
    /// Held while somebody looks, so that a crowd looks once.
    last: Mutex<Option<Arc<Report>>>,
}

/// A scheduled run that ended.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "BackupRun")]
struct RunOut {
    /// `backup_daily` or `backup_weekly`.
    job: String,
    /// When it began.
    started_at: Time,
    /// When it ended.
    finished_at: Option<Time>,
    /// Whether all went well.
    ok: bool,
    /// What was done; with the master key only.
    detail: Option<String>,
}

/// A tenant that is not as it should be.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "BackupTrouble")]
struct TroubleOut {
    /// `overdue`, `unproven`, `backup_failed`, `proof_failed` and so on.
    condition: String,
    /// Of whom.
    tenant_id: String,
    /// Its name.
    tenant_name: String,
}

/// State of the backups of all tenants and of the central file.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "BackupHealth")]
struct HealthOut {
    /// `healthy` or `unhealthy`.
    status: String,
    /// When this was so.
    timestamp: Time,
    /// Those without a backup for too long.
    overdue: u64,
    /// Those of whom no backup was opened and found whole for 8 days.
    unproven: u64,
    /// Those whose last backup failed.
    failed: u64,
    /// Those of whom the newest backup that was opened is not whole.
    proof_failed: u64,
    /// Those whose old backups stay until somebody looks; no reason to be unhealthy.
    retention_paused: u64,
    /// Those of whom a backup could not be copied elsewhere; no reason to be unhealthy.
    copy_failed: u64,
    /// Since when a scheduled run is under way.
    running_since: Option<Time>,
    /// The last one that ended.
    last_run: Option<RunOut>,
    /// When the next one begins.
    next_run_at: Option<Time>,
    /// When the newest finished backup was begun.
    last_success_at: Option<Time>,
    /// Alerts that could not be delivered yet; no reason to be unhealthy.
    alerts_undelivered: u64,
    /// Why not; with the master key only.
    undelivered: Option<Vec<UndeliveredOut>>,
    /// Who is meant, 100 of each condition at most; with the master key only.
    tenants: Option<Vec<TroubleOut>>,
}

/// 200 when healthy, 503 when not.
struct HealthAnswer(StatusCode, HealthOut);

impl IntoResponse for HealthAnswer {
    fn into_response(self) -> Response {
        json_response(self.0, &self.1)
    }
}

impl ApiResponse for HealthAnswer {
    fn meta() -> MetaResponses {
        let mut meta = documented::<HealthOut>(200, "Everybody has a good backup.");
        meta.responses.extend(documented::<HealthOut>(503, "Somebody has none.").responses);
        meta
    }

    fn register(registry: &mut Registry) {
        HealthOut::register(registry);
    }
}

impl BackupHealthApi {
    /// Looks at nothing before the first question.
    pub fn new(app: App) -> Self {
        Self { app, last: Mutex::default() }
    }

    async fn report(&self) -> Result<Arc<Report>> {
        let (mut last, now) = (self.last.lock().await, self.app.clock.now());
        if let Some(report) = last.as_ref().filter(|report| (report.at..report.at.plus(LOOK_LASTS)).contains(&now)) {
            return Ok(report.clone());
        }
        let report = Arc::new(look(&self.app).await?);
        *last = Some(report.clone());
        Ok(report)
    }
}

#[OpenApi(tag = "Tag::Health")]
impl BackupHealthApi {
    /// Has everybody a good backup
    ///
    /// 503 when somebody's backup is overdue or unproven, failed last, or is not whole. Numbers for everybody;
    /// who is meant is told to the operator only. The same answer is given for 5 s.
    #[oai(path = "/health/backups", method = "get", operation_id = "health.backups")]
    async fn backups(&self, operator: OptionalOperator, request: &Request) -> Result<HealthAnswer, Error> {
        let is_operator = operator.is_there(request)?;
        let report = self.report().await?;
        let count = |condition| report.count(condition) as u64;
        let silent = undelivered(&self.app);
        let health = HealthOut {
            status: String::new(),
            timestamp: Time(report.at),
            overdue: count(Condition::Overdue),
            unproven: count(Condition::Unproven),
            failed: count(Condition::BackupFailed),
            proof_failed: count(Condition::ProofFailed),
            retention_paused: count(Condition::RetentionPaused),
            copy_failed: count(Condition::CopyFailed),
            running_since: report.running_since.map(Time),
            last_run: report.last_run.as_ref().map(|run| RunOut {
                job: run.job.clone(),
                started_at: Time(run.started_at),
                finished_at: run.finished_at.map(Time),
                ok: run.end.is_ok,
                detail: is_operator.then(|| run.end.detail.clone()),
            }),
            next_run_at: report.next_run_at.map(Time),
            last_success_at: report.last_ok_at.map(Time),
            alerts_undelivered: silent.iter().map(|one| one.waiting).sum(),
            undelivered: is_operator.then_some(silent),
            tenants: is_operator.then(|| named(&report)),
        };
        let is_healthy = health.overdue + health.unproven + health.failed + health.proof_failed == 0;
        let (status, text) =
            if is_healthy { (StatusCode::OK, "healthy") } else { (StatusCode::SERVICE_UNAVAILABLE, "unhealthy") };
        Ok(HealthAnswer(status, HealthOut { status: text.into(), ..health }))
    }
}

fn named(report: &Report) -> Vec<TroubleOut> {
    let of = |condition| report.found.iter().filter(move |alert| alert.condition == condition).take(NAMED);
    let shown = |alert: &crate::alerts::Alert| TroubleOut {
        condition: alert.condition.as_str().into(),
        tenant_id: alert.tenant_id.to_string(),
        tenant_name: alert.tenant_name.clone(),
    };
    Condition::ALL.into_iter().flat_map(of).map(shown).collect()
}
