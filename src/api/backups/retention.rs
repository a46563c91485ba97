//! `/api/central/backups/prune`, `/api/central/backups/{id}` and what resumes retention.

use std::time::Duration;

use poem::Request;
use poem_openapi::{Object, OpenApi};
use serde::Serialize;
use serde_json::json;

use crate::api::Tag;
use crate::api::kit::audit;
use crate::api::kit::closed::Closed;
use crate::api::kit::credentials::Operator;
use crate::api::kit::input::Input;
use crate::api::kit::path::Path;
use crate::api::kit::reply::Reply;
use crate::api::kit::time::Time;
use crate::app::App;
use crate::backups::retention::{Limit, Pruned, Verdict};
use crate::error::{Error, Result, Rule};
use crate::id::TenantId;
use crate::jobs::retention::REMOVED;

use super::kinds::KindName;
use super::out::{BackupOut, size_text};

/// Tenants that one call looks at.
const TENANTS: i64 = 50;

/// How long backups stay.
pub struct RetentionApi(pub App);

/// Which backups are to go.
#[derive(Debug, Object)]
struct PruneIn {
    /// True to say what would go, and remove nothing.
    dry_run: Option<bool>,
    /// Of this tenant only.
    #[oai(validator(max_length = 128))]
    tenant: Option<String>,
    /// Of this kind only; it asks for `keep_days`.
    kind: Option<KindName>,
    /// Those go that are so many days old, whatever their own time says; each when its time is over, when
    /// missing.
    #[oai(validator(minimum(value = "1"), maximum(value = "36500")))]
    keep_days: Option<i64>,
    /// Where to go on: the `next_cursor` of the answer before.
    #[oai(validator(max_length = 128))]
    cursor: Option<String>,
}

impl PruneIn {
    fn limit(&self) -> Result<Limit> {
        let kind = self.kind.map(Into::into);
        match self.keep_days.and_then(|days| u64::try_from(days).ok()) {
            Some(days) => Ok(Limit::Age { keep: Duration::from_secs(days * 86_400), kind }),
            None if kind.is_none() => Ok(Limit::Expiry),
            None => Err(Error::field("keep_days", Rule::Required)),
        }
    }
}

/// What retention says of a backup.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "BackupVerdict")]
struct VerdictOut {
    /// Its id.
    id: String,
    /// Its tenant, which may be gone.
    tenant_id: String,
    /// Name of the download.
    filename: String,
    /// `manual`, `daily`, `weekly`, `pre_restore`, `pre_upgrade` or `final`.
    kind: String,
    /// Made.
    created_at: Time,
    /// Size of its file; 0 of one that failed.
    size: u64,
    /// Whether it goes, or is gone.
    deleted: bool,
    /// Why it stays: `pinned`, `newest_proven`, `newest`, `rule_daily`, `rule_weekly`, `rule_monthly`,
    /// `rule_yearly`, `not_expired`, `never_expires`, `other_kind`, `paused`, `clock_leapt`,
    /// `last_run_failed`, `last_try`, `of_the_future`, `under_way`. Why it goes: `expired`, `too_old`,
    /// `failed_long_ago`.
    reason: String,
}

impl From<Verdict> for VerdictOut {
    fn from(verdict: Verdict) -> Self {
        let Verdict { backup, reason, .. } = verdict;
        Self {
            id: backup.id,
            tenant_id: backup.tenant_id.to_string(),
            filename: backup.file_name,
            kind: backup.kind.as_str().into(),
            created_at: Time(backup.created_at),
            size: backup.content.map_or(0, |content| content.file_bytes),
            deleted: !reason.keeps(),
            reason: reason.as_str().into(),
        }
    }
}

/// What became of old backups.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "BackupsPruned")]
struct PrunedOut {
    /// For people.
    message: String,
    /// True when nothing was removed.
    dry_run: bool,
    /// Those that are gone; of a dry run every backup that was looked at.
    data: Vec<VerdictOut>,
    /// How many are gone, or would be.
    deleted: u64,
    /// How many stay.
    kept: u64,
    /// Bytes on the disk that became free, or would.
    freed: u64,
    /// The same for people.
    freed_formatted: String,
    /// What to send as `cursor` for the tenants that are left; null when there are none.
    next_cursor: Option<String>,
}

/// Whether a backup is kept past its time.
#[derive(Debug, Object)]
struct PinIn {
    /// True to keep it until it is unpinned.
    pinned: bool,
}

/// A backup that was changed.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "BackupChanged")]
struct ChangedOut {
    /// For people.
    message: String,
    /// The backup.
    data: BackupOut,
}

/// Whether old backups go again.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "RetentionResumed")]
struct ResumedOut {
    /// For people.
    message: String,
    /// False when nothing had kept them.
    resumed: bool,
}

#[OpenApi(prefix_path = "/api/central", tag = "Tag::CentralBackups")]
impl RetentionApi {
    /// Remove old backups
    ///
    /// Those whose time is over, as a job does every hour, or those of a certain age. What is pinned stays
    /// in any case, and so do the newest of each tenant, those that a rule keeps, and all of a tenant whose
    /// retention is paused. One call looks at 50 tenants.
    #[oai(path = "/backups/prune", method = "post", operation_id = "central.backups.prune")]
    async fn prune(
        &self,
        _operator: Operator,
        request: &Request,
        input: Input<Closed<PruneIn>>,
    ) -> Result<Reply<PrunedOut>, Error> {
        let input = input.fields();
        let (limit, is_dry) = (input.limit()?, input.dry_run.unwrap_or(false));
        let (tenants, next_cursor) = self.meant(input).await?;
        self.0.backups.watch_clock().await?;
        let mut all = Vec::new();
        for tenant in &tenants {
            all.extend(if is_dry {
                self.0.backups.judge(tenant, limit).await?
            } else {
                self.prune_one(request, tenant, limit).await?
            });
        }
        let (gone, stays): (Vec<_>, Vec<_>) = all.into_iter().map(VerdictOut::from).partition(|one| one.deleted);
        let (deleted, kept) = (gone.len() as u64, stays.len() as u64);
        let freed = gone.iter().map(|one| one.size).sum();
        let mut data = gone;
        if is_dry {
            data.extend(stays);
            data.sort_by(|one, other| {
                one.tenant_id.cmp(&other.tenant_id).then(other.created_at.0.cmp(&one.created_at.0))
            });
        }
        let message = if is_dry { "Nothing was removed" } else { "Old backups removed successfully" }.into();
        let freed_formatted = size_text(freed);
        Ok(Reply(PrunedOut { message, dry_run: is_dry, data, deleted, kept, freed, freed_formatted, next_cursor }))
    }

    /// Pin a backup
    ///
    /// A pinned backup stays past its time, until it is unpinned or deleted by hand.
    #[oai(path = "/backups/:id", method = "patch", operation_id = "central.backups.update")]
    async fn pin(
        &self,
        _operator: Operator,
        request: &Request,
        id: Path<String>,
        input: Input<Closed<PinIn>>,
    ) -> Result<Reply<ChangedOut>, Error> {
        let is_pinned = input.fields().pinned;
        let backup = self.0.backups.set_pinned(&id.0, is_pinned).await?;
        let (action, message) = if is_pinned {
            ("backup.pinned", "Backup pinned successfully")
        } else {
            ("backup.unpinned", "Backup unpinned successfully")
        };
        let facts = json!({"file": backup.file_name});
        audit::inside_tenant(request, action, &backup.tenant_id, ("backup", backup.id.clone()), facts);
        Ok(Reply(ChangedOut { message: message.into(), data: BackupOut::new(backup, &self.0)? }))
    }

    /// Resume the retention of a tenant
    ///
    /// Lets its old backups go again, after somebody has looked why the tenant shrank.
    #[oai(
        path = "/tenants/:id/backups/retention/resume",
        method = "post",
        operation_id = "central.backups.resume_retention"
    )]
    async fn resume(
        &self,
        _operator: Operator,
        request: &Request,
        id: Path<String>,
    ) -> Result<Reply<ResumedOut>, Error> {
        let id = TenantId::from(id.0);
        if !id.is_central() {
            self.0.tenants.get(&id).await?;
        }
        let is_resumed = self.0.backups.resume_retention(&id).await?;
        if is_resumed {
            audit::of_tenant(request, "tenant.retention_resumed", &id, json!({}));
        }
        Ok(resumed(is_resumed, "Its retention was not paused"))
    }

    /// Trust the clock
    ///
    /// Lets old backups of all tenants go again at once, after the clock leapt or the server was off for
    /// long, and the time is right.
    #[oai(path = "/backups/retention/resume", method = "post", operation_id = "central.backups.trust_clock")]
    async fn trust_clock(&self, _operator: Operator, request: &Request) -> Result<Reply<ResumedOut>, Error> {
        let is_resumed = self.0.backups.trust_clock().await?;
        if is_resumed {
            audit::record(request, "retention.clock_trusted", ("server", "1".into()), json!({}));
        }
        Ok(resumed(is_resumed, "Retention was not waiting"))
    }
}

impl RetentionApi {
    /// The tenants that a call looks at, and where the next one goes on.
    async fn meant(&self, input: PruneIn) -> Result<(Vec<TenantId>, Option<String>)> {
        if let Some(tenant) = input.tenant {
            let tenant = TenantId::from(tenant);
            if tenant.is_central() {
                return Ok((vec![tenant], None));
            }
            return match self.0.tenants.get(&tenant).await {
                Ok(tenant) => Ok((vec![tenant.id], None)),
                Err(Error::NotFound { .. }) => Err(Error::field("tenant", Rule::Missing)),
                Err(other) => Err(other),
            };
        }
        let tenants = self.0.backups.list_owners(input.cursor.map(TenantId::from), TENANTS).await?;
        let is_full = i64::try_from(tenants.len()).is_ok_and(|count| count >= TENANTS);
        let next = tenants.last().filter(|_| is_full).map(ToString::to_string);
        Ok((tenants, next))
    }

    /// What was removed is in the audit log also when something else could not be.
    async fn prune_one(&self, request: &Request, tenant: &TenantId, limit: Limit) -> Result<Vec<Verdict>> {
        let Pruned { verdicts, error } = self.0.backups.prune(tenant, limit).await?;
        for Verdict { backup, reason, .. } in verdicts.iter().filter(|verdict| verdict.is_gone) {
            let facts = json!({"file": backup.file_name, "kind": backup.kind.as_str(), "reason": reason.as_str()});
            audit::inside_one_of_many(request, REMOVED, tenant, ("backup", backup.id.clone()), facts);
        }
        error.map_or(Ok(verdicts), Err)
    }
}

fn resumed(is_resumed: bool, otherwise: &str) -> Reply<ResumedOut> {
    let message = if is_resumed { "Retention resumed successfully" } else { otherwise };
    Reply(ResumedOut { message: message.into(), resumed: is_resumed })
}
