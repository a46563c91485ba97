//! `/api/central/backups/destinations/test`, and how the copies of a backup are shown.

use poem_openapi::{Object, OpenApi};
use serde::Serialize;

use crate::api::Tag;
use crate::api::kit::credentials::Operator;
use crate::api::kit::reply::Reply;
use crate::api::kit::time::Time;
use crate::app::App;
use crate::backups::Backup;
use crate::backups::copies::Probe;
use crate::error::Error;

/// Where backups go.
pub struct DestinationsApi(pub App);

/// A backup at one of the places it goes to.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "BackupDestination")]
pub(super) struct DestinationOut {
    /// `local` or `s3`.
    name: String,
    /// `pending`, `ok`, `failed`, `lost` (it was there) or `removing`.
    state: String,
    /// When it came there.
    uploaded_at: Option<Time>,
    /// Code of what went wrong last.
    error_code: Option<String>,
    /// The same in words.
    error: Option<String>,
    /// How often it was tried since it was last well.
    tries: u32,
}

impl DestinationOut {
    pub(super) fn all_of(backup: &Backup) -> Vec<Self> {
        let local = Self {
            name: "local".into(),
            state: backup.state.as_str().into(),
            uploaded_at: backup.finished_at.map(Time),
            error_code: None,
            error: None,
            tries: 0,
        };
        let remote = backup.copy.as_ref().map(|copy| Self {
            name: "s3".into(),
            state: copy.state.as_str().into(),
            uploaded_at: copy.uploaded_at().map(Time),
            error_code: copy.error_code.clone(),
            error: copy.error.clone(),
            tries: copy.tries,
        });
        [local].into_iter().chain(remote).collect()
    }
}

/// A backup of the tenant at one of the places it goes to.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "OwnBackupDestination")]
pub(super) struct OwnDestinationOut {
    /// `local` or `s3`.
    name: String,
    /// `pending`, `ok`, `failed`, `lost` (it was there) or `removing`.
    state: String,
    /// When it came there.
    uploaded_at: Option<Time>,
}

impl OwnDestinationOut {
    pub(super) fn all_of(backup: &Backup) -> Vec<Self> {
        let less = |all: DestinationOut| Self { name: all.name, state: all.state, uploaded_at: all.uploaded_at };
        DestinationOut::all_of(backup).into_iter().map(less).collect()
    }
}

/// One step of trying a destination out.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "DestinationStep")]
struct StepOut {
    /// `put`, `head`, `get`, `list` or `delete`.
    step: String,
    /// `ok`, `failed`, `skipped` after one that failed, or `not_possible` with `s3.write_only`.
    state: String,
    /// Code of what went wrong.
    error_code: Option<String>,
    /// The same in words, with the setting to look at.
    error: Option<String>,
}

impl From<(&'static str, Probe)> for StepOut {
    fn from((step, probe): (&'static str, Probe)) -> Self {
        let (state, trouble) = match probe {
            Probe::Ok => ("ok", None),
            Probe::NotPossible => ("not_possible", None),
            Probe::Skipped => ("skipped", None),
            Probe::Failed(trouble) => ("failed", Some(trouble)),
        };
        let (error_code, error) = trouble.map(|trouble| (trouble.code.to_owned(), trouble.text)).unzip();
        Self { step: step.into(), state: state.into(), error_code, error }
    }
}

/// How a destination did.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "DestinationTest")]
struct TestOut {
    /// `s3`.
    destination: String,
    /// Whether no step failed.
    ok: bool,
    /// The steps in their order.
    steps: Vec<StepOut>,
}

#[OpenApi(prefix_path = "/api/central/backups", tag = "Tag::CentralBackups")]
impl DestinationsApi {
    /// Try the bucket out
    ///
    /// Puts, looks for, gets, lists and deletes a small object. A step that fails names the setting to look
    /// at. With `s3.write_only` it is only put.
    #[oai(path = "/destinations/test", method = "post", operation_id = "central.backups.destinations.test")]
    async fn test(&self, _operator: Operator) -> Result<Reply<TestOut>, Error> {
        let steps = self.0.backups.bucket()?.probe().await;
        let ok = !steps.iter().any(|(_, probe)| matches!(probe, Probe::Failed(_)));
        Ok(Reply(TestOut { destination: "s3".into(), ok, steps: steps.into_iter().map(StepOut::from).collect() }))
    }
}
