//! `/api/central/backups/alerts`: what somebody has to know, and whether they would hear of it.

use poem::Request;
use poem_openapi::{Object, OpenApi};
use serde::Serialize;
use serde_json::json;

use crate::alerts::{Alert, Tested};
use crate::api::Tag;
use crate::api::kit::audit;
use crate::api::kit::credentials::Operator;
use crate::api::kit::reply::Reply;
use crate::api::kit::time::Time;
use crate::app::App;
use crate::error::Error;

/// Alerts that one answer shows.
const SHOWN: i64 = 1000;

/// Alerts about backups.
pub struct AlertsApi(pub App);

/// A state of backups that somebody has to know of.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "BackupAlert")]
struct AlertOut {
    /// `backup_failed`, `overdue`, `proof_failed`, `unproven`, `copy_failed`, `retention_paused` or `run_failed`.
    condition: String,
    /// Of whom; `central` for the server's own file and for scheduled runs.
    tenant_id: String,
    /// Its name.
    tenant_name: String,
    /// Why, or when there was a good one last. Empty when there never was.
    detail: String,
    /// Since when it is known.
    since: Time,
}

impl From<Alert> for AlertOut {
    fn from(alert: Alert) -> Self {
        Self {
            condition: alert.condition.as_str().into(),
            tenant_id: alert.tenant_id.to_string(),
            tenant_name: alert.tenant_name,
            detail: alert.detail,
            since: Time(alert.since),
        }
    }
}

/// A channel that does not deliver.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "AlertsUndelivered")]
pub(super) struct UndeliveredOut {
    /// `mail`, `webhook` or `heartbeat`.
    pub(super) channel: String,
    /// The setting to look at.
    pub(super) setting: String,
    /// What happened at the last try.
    pub(super) error: String,
    /// How many alerts wait.
    pub(super) waiting: u64,
}

/// What is so now.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "BackupAlerts")]
struct AlertList {
    /// The longest known first, 1,000 at most.
    data: Vec<AlertOut>,
    /// How many there are in all.
    total: i64,
    /// Channels that do not deliver at the moment.
    undelivered: Vec<UndeliveredOut>,
}

/// How the test of one channel went.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "AlertChannelTested")]
struct TestedOut {
    /// `mail`, `webhook` or `heartbeat`.
    channel: String,
    /// `delivered`, `failed`, or `off` when nothing is set for it.
    outcome: String,
    /// The setting that is wrong, when it failed.
    setting: Option<String>,
    /// What happened, when it failed.
    error: Option<String>,
}

impl From<Tested> for TestedOut {
    fn from(tested: Tested) -> Self {
        let (outcome, wrong) = match tested.outcome {
            None => ("off", None),
            Some(Ok(())) => ("delivered", None),
            Some(Err(wrong)) => ("failed", Some(wrong)),
        };
        Self {
            channel: tested.channel.as_str().into(),
            outcome: outcome.into(),
            setting: wrong.as_ref().map(|wrong| wrong.setting.into()),
            error: wrong.map(|wrong| wrong.text),
        }
    }
}

/// How the test of every channel went.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "AlertsTested")]
struct TestedList {
    /// Mail, webhook and heartbeat.
    data: Vec<TestedOut>,
}

#[OpenApi(prefix_path = "/api/central/backups", tag = "Tag::CentralBackups")]
impl AlertsApi {
    /// List alerts
    ///
    /// What is so now and was told, or is about to be: looked for every minute.
    #[oai(path = "/alerts", method = "get", operation_id = "central.alerts.list")]
    async fn list(&self, _operator: Operator) -> Result<Reply<AlertList>, Error> {
        let (alerts, total) = self.0.alerts.list(SHOWN).await?;
        let data = alerts.into_iter().map(AlertOut::from).collect();
        Ok(Reply(AlertList { data, total, undelivered: undelivered(&self.0) }))
    }

    /// Send a test alert
    ///
    /// On every channel that is set, and waits for it: 30 s at most for each. What cannot be delivered is no
    /// error of this call; the answer names the setting that is wrong.
    #[oai(path = "/alerts/test", method = "post", operation_id = "central.alerts.test")]
    async fn test(&self, _operator: Operator, request: &Request) -> Result<Reply<TestedList>, Error> {
        let data: Vec<TestedOut> = self.0.alerts.test().await?.into_iter().map(TestedOut::from).collect();
        audit::record(request, "alerts.tested", ("alerts", "test".into()), json!({}));
        Ok(Reply(TestedList { data }))
    }
}

/// The channels that do not deliver.
pub(super) fn undelivered(app: &App) -> Vec<UndeliveredOut> {
    let shown = |one: crate::alerts::Undelivered| UndeliveredOut {
        channel: one.channel.as_str().into(),
        setting: one.wrong.setting.into(),
        error: one.wrong.text,
        waiting: one.waiting as u64,
    };
    app.alerts.undelivered().into_iter().map(shown).collect()
}
