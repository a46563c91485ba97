//! Work that nobody waits for: which jobs there are, how often they run, and what each does.
//!
//! A job that fails is logged and runs again at its next time; one run of a job never overlaps
//! with the next.

pub mod alerts;
pub mod backups;
pub mod drill;
pub mod history;
mod migrations;
pub mod overdue;
pub mod own_schedules;
pub mod retention;
mod runner;

use std::time::Duration;

use crate::app::App;
use crate::db::Db;
use crate::error::Result;
use crate::products;

pub use migrations::migrate_tenants;
pub use runner::{Job, JobStatus, Jobs, Ran, run_once};

/// Files are closed when nobody used them for this long.
const CLOSE_AFTER: Duration = Duration::from_secs(300);
/// Rows that one transaction takes into the search index, so that writes in between wait little.
const INDEXED_AT_ONCE: i64 = 100;
/// A tenant without a write for this long has time for its whole index.
const QUIET: Duration = Duration::from_secs(2);

/// THE list of jobs.
pub fn all() -> Vec<Job> {
    vec![
        Job::every("migrate_tenants", Duration::from_secs(60), |app| async move { migrate_tenants(&app).await })
            .first_after(Duration::from_secs(1))
            .that_can_break_off(),
        Job::every("search_index", QUIET, |app| async move { index_search_gently(&app).await }),
        Job::every("undo", Duration::from_secs(5), |app| async move {
            app.tenants.undo_waiting().await;
            Ok(())
        }),
        Job::every("tidy_files", Duration::from_secs(5), |app| async move { tidy_files(&app).await }),
        Job::every("key_uses", Duration::from_secs(60), |app| async move { app.flush_uses().await }),
        Job::every("rate_limits", Duration::from_secs(60), |app| async move {
            app.per_token.forget_idle();
            app.per_address.forget_idle();
            app.central_limit.forget_idle();
            app.central_refused_limit.forget_idle();
            Ok(())
        }),
        Job::every("metrics_upkeep", Duration::from_secs(5), |app| async move {
            app.metrics.upkeep();
            Ok(())
        }),
        Job::every("trash", Duration::from_secs(3600), |app| async move {
            let days = u64::from(app.config.storage.trash_days);
            let before = app.clock.now().minus(Duration::from_secs(days * 86_400));
            // Their backups go when their time is over.
            let purged = app.tenants.purge_deleted_before(before).await?;
            for id in &purged {
                app.backups.resume_retention(id).await?;
            }
            if !purged.is_empty() {
                tracing::info!(tenants.purged = purged.len(), "trash emptied");
            }
            Ok(())
        }),
        Job::every(backups::JOB, Duration::from_secs(20), |app| async move { backups::run_due(&app).await })
            .first_after(Duration::from_secs(1))
            .that_can_break_off(),
        Job::every("backup_drill", Duration::from_secs(600), |app| async move { drill::run(&app).await })
            .first_after(Duration::from_secs(60))
            .that_can_break_off(),
        Job::every("backup_copies", Duration::from_secs(5), |app| async move { app.backups.tend_copies().await })
            .that_can_break_off(),
        Job::every("alerts", Duration::from_secs(60), |app| async move { alerts::run(&app).await })
            .first_after(Duration::from_secs(30))
            .that_can_break_off(),
        Job::every("backup_retention", Duration::from_secs(3600), |app| async move {
            retention::run(&app).await?;
            app.backup_jobs.prune().await.map(|_| ())
        }),
        Job::every("log_retention", Duration::from_secs(3600), |app| async move {
            app.activity.prune(app.clock.now()).await.map(|_| ())
        }),
    ]
}

/// Takes rows that wait into the search index of every open tenant that was written to.
///
/// # Errors
/// The first storage error, after every tenant had its turn.
pub async fn index_search(app: &App) -> Result<()> {
    each_open(app, |db| async move {
        if !db.read(products::search::has_waiting).await? {
            return Ok(());
        }
        while db.write(|tx| products::search::index_waiting(tx, INDEXED_AT_ONCE)).await? > 0 {}
        Ok(())
    })
    .await
}

/// As [`index_search`], but a tenant that is being written to gives a moment of its writer only: a
/// search finds waiting rows too, and a write that waits for the index is worse than a search that
/// looks at more rows.
async fn index_search_gently(app: &App) -> Result<()> {
    each_open(app, |db| async move {
        if !db.read(products::search::has_waiting).await? {
            return Ok(());
        }
        let is_quiet = db.is_write_idle(QUIET);
        loop {
            let before = db.generation();
            let taken = db.write(|tx| products::search::index_waiting(tx, INDEXED_AT_ONCE)).await?;
            let is_alone = db.generation() == before.wrapping_add(1);
            if taken == 0 || !is_quiet || !is_alone {
                return Ok(());
            }
        }
    })
    .await
}

/// Leaves idle files complete, and closes those that nobody used for long.
async fn tidy_files(app: &App) -> Result<()> {
    let idle = Duration::from_secs(app.config.storage.tidy_after_secs);
    let engine = app.engine.clone();
    let outcome = each_open(app, |db| {
        let engine = engine.clone();
        async move {
            if !db.wants_tidying(idle) {
                return Ok(());
            }
            engine.run(move || Ok(db.tidy()?)).await
        }
    })
    .await;
    app.tenants.fleet().close_idle(CLOSE_AFTER);
    outcome
}

/// Does the work for every open tenant; one that fails does not stop the others.
async fn each_open<F: Future<Output = Result<()>>>(app: &App, work: impl Fn(Db) -> F) -> Result<()> {
    let mut outcome = Ok(());
    for (id, db) in app.tenants.fleet().open_files() {
        if let Err(error) = work(db).await {
            tracing::debug!(tenant.id = %id, %error, "job skipped a tenant");
            outcome = outcome.and(Err(error));
        }
    }
    outcome
}
