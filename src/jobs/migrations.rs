//! After an upgrade of ruko: brings the files of all tenants to its schema, one after the other, while
//! the server serves.

use std::time::{Duration, Instant};

use crate::app::App;
use crate::error::{DbError, Error, Result};

/// How often a long run tells how far it is.
const TOLD_EVERY: Duration = Duration::from_secs(10);
/// Longest pause after one tenant.
const REST_MAX: Duration = Duration::from_secs(5);

/// What became of the tenants so far.
#[derive(Default)]
struct Progress {
    due: u32,
    migrated: u32,
    parked: u32,
    failed: u32,
    /// Of the parked, those that are so since now.
    newly_parked: u32,
}

impl Progress {
    fn tell(&self) {
        let done = self.migrated + self.parked + self.failed;
        tracing::info!(
            tenants.done = done,
            tenants.due = self.due,
            percent = (u64::from(done) * 100).checked_div(self.due.into()).unwrap_or(100).min(100),
            tenants.parked = self.parked,
            tenants.failed = self.failed,
            "tenant files are being migrated"
        );
    }

    fn tell_the_end(&self, took: Duration) {
        // What is parked or failing was told before; without news there is nothing to tell.
        if self.migrated + self.newly_parked == 0 {
            return;
        }
        let took_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        let Self { migrated, parked, failed, .. } = self;
        if parked + failed == 0 {
            tracing::info!(tenants.migrated = migrated, took_ms, "tenant files were migrated");
        } else {
            tracing::warn!(
                tenants.migrated = migrated,
                tenants.parked = parked,
                tenants.failed = failed,
                took_ms,
                advice = "`ruko doctor` names them and says why",
                "tenant files were migrated, but not all of them"
            );
        }
    }
}

/// Migrates every tenant's file that is behind; when there is none, this is one look at an index. One
/// that fails stops nobody else.
///
/// # Errors
/// The first error other than that of a tenant that is parked, after every tenant had its turn.
pub async fn migrate_tenants(app: &App) -> Result<()> {
    let tenants = &app.tenants;
    let (begun, mut told) = (Instant::now(), Instant::now());
    let mut progress = Progress { due: tenants.count_behind().await?, ..Progress::default() };
    if progress.due == 0 {
        return Ok(());
    }
    let (mut outcome, mut last) = (Ok(()), None);
    loop {
        let batch = tenants.list_behind(last.as_ref()).await?;
        let Some(newest) = batch.last() else { break };
        last = Some(newest.clone());
        for tenant in &batch {
            if tenants.is_parked(tenant).await {
                progress.parked += 1;
                continue;
            }
            let since = Instant::now();
            match tenants.migrate(&tenant.id).await {
                Ok(_) => progress.migrated += 1,
                Err(Error::Db(DbError::MigrationFailed { .. })) => {
                    progress.parked += 1;
                    progress.newly_parked += 1;
                }
                // It was frozen or deleted a moment ago.
                Err(Error::NotFound { .. } | Error::Conflict { .. }) => {}
                Err(error) => {
                    tracing::debug!(tenant.id = %tenant.id, %error, "tenant file cannot be migrated yet");
                    progress.failed += 1;
                    outcome = outcome.and(Err(error));
                }
            }
            if told.elapsed() >= TOLD_EVERY {
                told = Instant::now();
                progress.tell();
            }
            // Half of the time belongs to the requests.
            tokio::time::sleep(since.elapsed().min(REST_MAX)).await;
        }
        tenants.count_behind().await?;
    }
    progress.tell_the_end(begun.elapsed());
    outcome
}
