//! How many backups of its own a tenant's admins may have: the oldest makes room for a new one. Those
//! of the schedule and of the operator do not count and never go for them.

use std::time::Duration;

use crate::backups::jobs::AskedBy;
use crate::backups::model::{Backup, Kind, State};
use crate::backups::{Backups, retention::Limit};
use crate::error::{Error, Result};
use crate::id::TenantId;

use super::reason::Reason;
use super::{Rules, Verdict};

/// All of the admins' own, whatever their age.
const LIMIT: Limit = Limit::Age { keep: Duration::ZERO, kind: Some(Kind::Manual) };

impl Backups {
    /// Fine when a tenant's admins may make one more.
    ///
    /// # Errors
    /// [`Error::Conflict`] `too_many_backups` when there are so many and none of them may go; storage errors.
    pub async fn check_room(&self, tenant: &TenantId) -> Result<()> {
        let own = self.own(tenant).await?;
        // The newest is not the newest any more once there is another one.
        let can_go = |verdict: &Verdict| !verdict.reason.keeps() || verdict.reason == Reason::Newest;
        if own.len() < self.shared.options.tenant_keep_max || own.iter().any(can_go) {
            return Ok(());
        }
        let text = "There are as many backups as a tenant may keep, and none of them may go: they are pinned, or \
                    the operator has to look at something first.";
        Err(Error::conflict("too_many_backups", text))
    }

    /// Removes the oldest of the admins' own backups until there are as many as may be; gives them.
    ///
    /// # Errors
    /// Storage errors; what was removed until then stays removed.
    pub async fn make_room(&self, tenant: &TenantId) -> Result<Vec<Backup>> {
        let tenant = tenant.clone();
        self.to_the_end(move |backups| async move {
            let _turn = backups.shared.pruning.acquire().await.map_err(Error::internal)?;
            let own = backups.own(&tenant).await?;
            let surplus = own.len().saturating_sub(backups.shared.options.tenant_keep_max);
            let going = own.into_iter().rev().filter(|verdict| !verdict.reason.keeps()).take(surplus);
            let mut gone = Vec::new();
            for Verdict { backup, .. } in going {
                backups.delete(&backup).await?;
                tracing::info!(
                    tenant.id = %tenant, backup.id, backup.file = backup.file_name,
                    "backup removed: the tenant has made newer ones"
                );
                gone.push(backup);
            }
            Ok(gone)
        })
        .await
    }

    /// The finished backups that a tenant's admins asked for, the newest first.
    async fn own(&self, tenant: &TenantId) -> Result<Vec<Verdict>> {
        let rules = Rules { newest: 1, ..self.shared.options.rules };
        let mut all = self.judge_by(tenant, LIMIT, rules).await?;
        all.retain(|one| one.backup.state == State::Ok && one.backup.asked_by == Some(AskedBy::Tenant));
        Ok(all)
    }
}
