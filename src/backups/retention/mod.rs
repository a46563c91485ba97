//! How long backups stay: decided for one tenant at a time, from its rows alone.
//!
//! Invariants: a backup goes only when [`decide`] said so of rows that nobody has changed since; a pin
//! waits for the tenant's turn, so none comes too late; what it costs grows with the backups that are
//! due, for one that stays past its time is not looked at again for a day.

mod decide;
pub(super) mod folders;
pub(super) mod guard;
mod reason;
mod rules;
mod store;
mod watch;

use std::time::Duration;

use crate::clock::Timestamp;
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::id::TenantId;

use super::model::{Backup, State};
use super::{Backups, store as backups};

pub use decide::decide;
pub use guard::Pause;
pub use reason::Reason;
pub use rules::{FAILURES_KEPT_FOR, Limit, Period, Rules, Standing};
use watch::{News, Watch};

/// Rows that one look at the index takes.
const DUE_AT_ONCE: i64 = 100;
/// What stays past its time is looked at again after this.
const NEXT_LOOK: Duration = Duration::from_secs(86_400);
/// The same for what could not be removed.
const NEXT_TRY: Duration = Duration::from_secs(3600);

/// What became of one backup.
#[derive(Debug)]
pub struct Verdict {
    /// The backup, as it was.
    pub backup: Backup,
    /// Why it stays or goes.
    pub reason: Reason,
    /// It is gone.
    pub is_gone: bool,
}

/// What became of the backups of one tenant.
#[derive(Debug)]
pub struct Pruned {
    /// All of them, newest first.
    pub verdicts: Vec<Verdict>,
    /// Why something could not be removed that was to go; nothing was tried after that.
    pub error: Option<Error>,
}

impl Backups {
    /// Looks at the clock; gives until when nothing goes because it leapt. Call it before anything
    /// is to go.
    ///
    /// # Errors
    /// Storage errors.
    pub async fn watch_clock(&self) -> Result<Option<Timestamp>> {
        let now = self.shared.clock.now();
        let look = move |tx: &mut Tx<'_>| {
            let before = match watch::load(tx)? {
                Some(before) => before,
                // The newest backup knows of a time that was.
                None => Watch::begin(backups::newest_at(tx)?.map_or(now, |at| at.min(now))),
            };
            let (watch, news) = before.look(now);
            if news == News::WentBack {
                // What was put off until then would wait for a time that is far.
                store::look_again(tx, None)?;
            }
            watch::store(tx, watch, now)?;
            Ok((watch.paused_until(), news))
        };
        let (until, news) = self.shared.central.write(look).await?;
        match news {
            News::None => {}
            News::Leapt => tracing::warn!(
                now = %now,
                until = until.map(tracing::field::display),
                advice = "if the time is right, `ruko backup resume` lets backups go at once",
                "the clock leapt, or the server was off for long: no backup goes for three days"
            ),
            News::WentBack => tracing::warn!(now = %now, "the clock went back"),
        }
        Ok(until)
    }

    /// Until when no backup goes because the clock leapt.
    ///
    /// # Errors
    /// Storage errors.
    pub async fn find_clock_pause(&self) -> Result<Option<Timestamp>> {
        let now = self.shared.clock.now();
        let watch = self.shared.central.read(watch::load).await?;
        Ok(watch.and_then(Watch::paused_until).filter(|until| *until > now))
    }

    /// The clock is right: backups may go. False when nothing was in the way.
    ///
    /// # Errors
    /// Storage errors.
    pub async fn trust_clock(&self) -> Result<bool> {
        let now = self.shared.clock.now();
        let trust = move |tx: &mut Tx<'_>| {
            let was = watch::load(tx)?.and_then(Watch::paused_until).is_some_and(|until| until > now);
            watch::store(tx, Watch::begin(now), now)?;
            Ok(was)
        };
        self.shared.central.write(trust).await
    }

    /// The tenants whose retention is paused, the longest paused first.
    ///
    /// # Errors
    /// Storage errors.
    pub async fn paused(&self) -> Result<Vec<Pause>> {
        self.shared.central.read(guard::all).await
    }

    /// Why the retention of a tenant is paused, when it is.
    ///
    /// # Errors
    /// Storage errors.
    pub async fn find_pause(&self, tenant: &TenantId) -> Result<Option<Pause>> {
        let tenant = tenant.clone();
        self.shared.central.read(move |tx| guard::find(tx, tenant.as_str())).await
    }

    /// Lets the backups of a tenant go again. False when they were not held.
    ///
    /// # Errors
    /// Storage errors.
    pub async fn resume_retention(&self, tenant: &TenantId) -> Result<bool> {
        let tenant = tenant.clone();
        let resume = move |tx: &mut Tx<'_>| {
            store::look_again(tx, Some(tenant.as_str()))?;
            guard::end(tx, tenant.as_str())
        };
        self.shared.central.write(resume).await
    }

    /// Tenants of whom a backup is due; after each of them was pruned there are others, or none.
    ///
    /// # Errors
    /// Storage errors.
    pub async fn list_due(&self) -> Result<Vec<TenantId>> {
        let now = self.shared.clock.now();
        self.shared.central.read(move |tx| store::due(tx, now, DUE_AT_ONCE)).await
    }

    /// Tenants that have or had backups, those that are gone too, in the order of their ids, from
    /// behind `after` on.
    ///
    /// # Errors
    /// Storage errors.
    pub async fn list_owners(&self, after: Option<TenantId>, limit: i64) -> Result<Vec<TenantId>> {
        let after = after.map_or_else(String::new, |id| id.to_string());
        self.shared.central.read(move |tx| store::tenants(tx, &after, limit)).await
    }

    /// Says of every backup of a tenant whether it stays.
    ///
    /// # Errors
    /// Storage errors.
    pub async fn judge(&self, tenant: &TenantId, limit: Limit) -> Result<Vec<Verdict>> {
        let (id, now) = (tenant.clone(), self.shared.clock.now());
        let read = move |tx: &mut Tx<'_>| {
            tx.snapshot()?;
            let id = id.as_str();
            let until = watch::load(tx)?.and_then(Watch::paused_until);
            Ok((store::all_of(tx, id)?, store::is_gone(tx, id)?, guard::find(tx, id)?, until))
        };
        let (all, is_gone, pause, until) = self.shared.central.read(read).await?;
        let standing = Standing {
            now,
            zone: &self.shared.options.zone,
            is_gone,
            is_paused: pause.is_some(),
            has_clock_leapt: until.is_some_and(|until| until > now),
        };
        let reasons = decide(&all, self.shared.options.rules, limit, standing);
        Ok(all.into_iter().zip(reasons).map(|(backup, reason)| Verdict { backup, reason, is_gone: false }).collect())
    }

    /// Removes the backups of a tenant whose time is over.
    ///
    /// # Errors
    /// Storage errors of the central file.
    pub async fn prune(&self, tenant: &TenantId, limit: Limit) -> Result<Pruned> {
        let tenant = tenant.clone();
        self.to_the_end(move |backups| async move { backups.prune_now(&tenant, limit).await }).await
    }

    async fn prune_now(&self, tenant: &TenantId, limit: Limit) -> Result<Pruned> {
        let _turn = self.shared.pruning.acquire().await.map_err(Error::internal)?;
        let mut verdicts = self.judge(tenant, limit).await?;
        let mut error = None;
        for verdict in verdicts.iter_mut().filter(|verdict| !verdict.reason.keeps()) {
            if let Err(why) = self.delete(&verdict.backup).await {
                tracing::error!(
                    tenant.id = %tenant, backup.id = verdict.backup.id, error = %why,
                    "a backup whose time is over could not be removed"
                );
                error = Some(why);
                break;
            }
            verdict.is_gone = true;
            tracing::info!(
                tenant.id = %tenant, backup.id = verdict.backup.id, backup.file = verdict.backup.file_name,
                reason = verdict.reason.as_str(), "backup removed"
            );
        }
        let now = self.shared.clock.now();
        let (id, until) = (tenant.clone(), now.plus(if error.is_none() { NEXT_LOOK } else { NEXT_TRY }));
        self.shared.central.write(move |tx| store::postpone(tx, id.as_str(), now, until)).await?;
        Ok(Pruned { verdicts, error })
    }

    /// Keeps a backup past its time, or no more.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Conflict`] `backup_unfinished`.
    pub async fn set_pinned(&self, id: &str, is_pinned: bool) -> Result<Backup> {
        let id = id.to_owned();
        self.to_the_end(move |backups| async move {
            // Retention may be about to remove it.
            let _turn = backups.shared.pruning.acquire().await.map_err(Error::internal)?;
            let pin = move |tx: &mut Tx<'_>| {
                if super::store::get(tx, &id)?.state != State::Ok {
                    return Err(Error::conflict("backup_unfinished", "There is no file of it that could be kept."));
                }
                store::set_pinned(tx, &id, is_pinned)?;
                super::store::get(tx, &id)
            };
            backups.shared.central.write(pin).await
        })
        .await
    }
}
