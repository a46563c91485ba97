//! What is seen of a job.

use poem::Request;
use poem_openapi::types::{Any, Example};
use poem_openapi::{Enum, Object};
use serde::Serialize;
use serde_json::Value;

use crate::api::kit::errors::{Asked, sentence};
use crate::api::kit::family::Family;
use crate::api::kit::time::Time;
use crate::backups::Step;
use crate::backups::jobs::{AskedBy, Job, Kind, State};
use crate::clock::Timestamp;
use crate::config::Language;

/// How far a job is.
#[derive(Debug, Clone, Copy, Enum)]
#[oai(rename = "JobState", rename_all = "snake_case")]
pub(super) enum StateName {
    /// Others have their turn.
    Queued,
    /// At work.
    Running,
    /// Done.
    Succeeded,
    /// It could not be done, or the server ended in the middle of it.
    Failed,
    /// Somebody asked for its end. Nothing was changed.
    Cancelled,
}

impl From<StateName> for State {
    fn from(name: StateName) -> Self {
        match name {
            StateName::Queued => Self::Queued,
            StateName::Running => Self::Running,
            StateName::Succeeded => Self::Succeeded,
            StateName::Failed => Self::Failed,
            StateName::Cancelled => Self::Cancelled,
        }
    }
}

/// A backup or restore that somebody asked for.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "Job", example)]
pub(super) struct JobOut {
    /// Its id.
    id: String,
    /// `backup`, `restore`, `preview`, `undo` or `verify`.
    kind: String,
    /// With whom.
    tenant_id: String,
    /// `queued`, `running`, `succeeded`, `failed` or `cancelled`.
    state: String,
    /// 0 to 100; it never goes back.
    percent: u32,
    /// While it runs: `copying` and `packing`; of a restore `unpacking`, `checking`, `replacing`,
    /// `putting_aside`; of a preview `unpacking`, `checking`, `comparing`.
    step: Option<String>,
    /// Asked for.
    created_at: Time,
    /// When its turn came.
    started_at: Option<Time>,
    /// Ended, well or not.
    finished_at: Option<Time>,
    /// Where the backup is that it made.
    result_url: Option<String>,
    /// The answer that whoever waited for it got.
    result: Option<Any<Value>>,
    /// Why it failed or ended early; only then.
    #[oai(skip_serializing_if_is_none)]
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<JobErrorOut>,
    /// Where it is, for people, when the request carried `Accept-Language`.
    #[oai(skip_serializing_if_is_none)]
    #[serde(skip_serializing_if = "Option::is_none")]
    user_message: Option<String>,
}

/// Why a job has no result.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "JobError")]
struct JobErrorOut {
    /// Stable code for programs, snake case.
    code: String,
    /// What went wrong.
    message: String,
}

impl JobOut {
    /// As `viewer`, who sent this request, may see it.
    pub(super) fn new(job: Job, request: &Request, viewer: AskedBy) -> Self {
        let language = Asked::of(request, Family::Laravel).language();
        let user_message = language.map(|language| text(&job, language).to_owned());
        let is_operator = viewer == AskedBy::Operator;
        let result: Option<Value> = job.result.and_then(|text| serde_json::from_str(&text).ok());
        let made = result.as_ref().filter(|_| job.kind == Kind::Backup);
        let result_url = made.and_then(|made| {
            let text = |name: &str| made[name].as_str().or(made["data"][name].as_str());
            if is_operator {
                let name = text("filename")?;
                Some(format!("/api/central/tenants/{}/backups/download?file={name}", job.tenant_id))
            } else {
                Some(format!("/api/backups/{}", text("id")?))
            }
        });
        // What is wrong with the server's disks and files is the operator's to know.
        let error = job.error.map(|(code, message)| JobErrorOut {
            message: if is_operator { message } else { sentence(&code, Language::English).to_owned() },
            code,
        });
        Self {
            id: job.id,
            kind: job.kind.as_str().into(),
            tenant_id: job.tenant_id.to_string(),
            state: job.state.as_str().into(),
            percent: job.percent,
            step: job.step.map(|step| step.as_str().into()),
            created_at: Time(job.created_at),
            started_at: job.started_at.map(Time),
            finished_at: job.finished_at.map(Time),
            result_url,
            result: result.map(Any),
            error,
            user_message,
        }
    }

    pub(super) fn id(&self) -> &str {
        &self.id
    }
}

/// Where a job is, in words.
fn text(job: &Job, language: Language) -> &'static str {
    let (english, indonesian) = match (job.state, job.kind) {
        (State::Queued, _) => ("It waits for its turn.", "Menunggu giliran."),
        (State::Running, _) => step_text(job.step.unwrap_or_default()),
        (State::Succeeded, Kind::Backup) => ("The backup is made.", "Cadangan sudah dibuat."),
        (State::Succeeded, Kind::Restore) => ("The data is restored.", "Data sudah dipulihkan."),
        (State::Succeeded, Kind::Verify) => ("The backup is whole.", "Cadangan ini utuh."),
        (State::Succeeded, Kind::Preview) => (
            "What a restore would change is known. Nothing was changed.",
            "Perubahan dari pemulihan sudah diketahui. Tidak ada yang diubah.",
        ),
        (State::Succeeded, Kind::Undo) => ("The restore is undone.", "Pemulihan sudah dibatalkan."),
        (State::Failed | State::Cancelled, _) => {
            return sentence(job.error.as_ref().map_or("internal", |(code, _)| code), language);
        }
    };
    match language {
        Language::English => english,
        Language::Indonesian => indonesian,
    }
}

fn step_text(step: Step) -> (&'static str, &'static str) {
    match step {
        Step::Waiting => ("It begins.", "Proses dimulai."),
        Step::Copying => ("The data is being copied.", "Data sedang disalin."),
        Step::Packing => ("The copy is being checked and packed.", "Salinan sedang diperiksa dan dikemas."),
        Step::Unpacking => ("The backup is being opened.", "Cadangan sedang dibuka."),
        Step::Checking => ("The backup is being checked.", "Cadangan sedang diperiksa."),
        Step::Comparing => ("The backup is being compared.", "Cadangan sedang dibandingkan."),
        Step::Replacing => ("The data is being replaced.", "Data sedang diganti."),
        Step::PuttingAside => (
            "The data is restored; what was there before is being kept.",
            "Data sudah dipulihkan; data sebelumnya sedang disimpan.",
        ),
    }
}

impl Example for JobOut {
    fn example() -> Self {
        let at = Timestamp(1_761_833_130_000);
        Self {
            id: "0199e2a4-7c11-7d3e-9a55-3f0c2b1d4e6f".into(),
            kind: "backup".into(),
            tenant_id: "warung-makan-bu-joko-4f3a9c1e7b2d4".into(),
            state: "running".into(),
            percent: 43,
            step: Some("packing".into()),
            created_at: Time(at),
            started_at: Some(Time(at)),
            finished_at: None,
            result_url: None,
            result: None,
            error: None,
            user_message: None,
        }
    }
}

/// Jobs, newest first.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "JobList")]
pub(super) struct JobList {
    /// The jobs. With the states `queued` and `running` there may be fewer than asked for and more to
    /// come.
    pub(super) data: Vec<JobOut>,
    /// What to send as `cursor` for older ones; null when there is none.
    pub(super) next_cursor: Option<String>,
}
