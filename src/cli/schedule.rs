//! `ruko schedule:run`, for cron lines that were written for artisan.

use clap::Args;
use serde::Serialize;
use serde_json::json;

use super::client::Client;
use super::failure::{Failure, Outcome};
use super::globals::{Globals, look_at_central};
use super::output;
use crate::app::App;
use crate::clock::{Clock, Timestamp};
use crate::config::Config;
use crate::error::Result;
use crate::jobs::history::{self, LastRun};
use crate::jobs::{self, backups};

/// Run the jobs that are due
#[derive(Debug, Args)]
pub struct Run {}

/// What became of one job.
#[derive(Debug, Serialize)]
struct Line {
    job: &'static str,
    ran: bool,
    ok: bool,
    /// What it did, or why it did not run or failed.
    detail: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    took_ms: Option<u64>,
    /// When it is due again, for jobs that have a time; the others run every time.
    next_at: Option<Timestamp>,
}

impl Run {
    /// A server has its own schedule, so beside one there is nothing to do. Without one no job was run
    /// since the last time, so all of them are due, but for those that have a time.
    pub(super) async fn run(&self, globals: &Globals) -> Outcome {
        let config = globals.load(Vec::new())?.config;
        let Some(client) = Client::if_free(config.clone()).await? else {
            return tell(&left_to_the_server(&config)?, true, &config, globals.json);
        };
        let lines = match client.app() {
            Some(app) => run_all(app).await,
            None => Ok(Vec::new()),
        };
        client.close().await;
        let lines = lines?;
        tell(&lines, false, &config, globals.json)?;
        let failed = lines.iter().filter(|line| !line.ok);
        let failed: Vec<_> = failed.map(|line| format!("the job {} failed: {}", line.job, line.detail)).collect();
        if failed.is_empty() { Ok(()) } else { Err(Failure::new(failed.join("\n      "))) }
    }
}

async fn run_all(app: &App) -> Result<Vec<Line>> {
    let begun = app.clock.now();
    let mut lines: Vec<Line> = jobs::run_once(app, jobs::all())
        .await
        .into_iter()
        // What it did stands in the lines of its schedules.
        .filter(|ran| ran.name != backups::JOB || ran.error.is_some())
        .map(|ran| Line {
            job: ran.name,
            ran: true,
            ok: ran.error.is_none(),
            detail: ran.error.unwrap_or_else(|| "done".into()),
            took_ms: Some(u64::try_from(ran.took.as_millis()).unwrap_or(u64::MAX)),
            next_at: None,
        })
        .collect();
    for (job, _, schedule) in backups::schedules(&app.config.backup) {
        let last = app.central.read(move |tx| history::last(tx, job)).await?;
        let next_at = schedule.next_due(app.config.locale.time_zone.rules(), app.clock.now());
        lines.push(scheduled(job, last.filter(|last| last.started_at >= begun && !last.is_begin()), next_at));
    }
    Ok(lines)
}

/// The line of a job that has a time; `now` is its run of this moment.
fn scheduled(job: &'static str, now: Option<LastRun>, next_at: Option<Timestamp>) -> Line {
    let line = |ran, ok, detail| Line { job, ran, ok, detail, took_ms: None, next_at };
    match now.map(|run| run.end) {
        Some(Some(end)) => line(true, end.is_ok, end.detail),
        Some(None) => line(true, false, "broken off".into()),
        None if next_at.is_none() => line(false, true, "off".into()),
        None => line(false, true, "not due".into()),
    }
}

fn left_to_the_server(config: &Config) -> Outcome<Vec<Line>> {
    let central = look_at_central(config)?;
    let (zone, now) = (config.locale.time_zone.rules(), Clock::system().now());
    let line = |(job, _, schedule): (&'static str, _, &crate::config::Schedule)| {
        let last = central.read(|tx| history::last(tx, job))?;
        let last = last.filter(|last| !last.is_begin());
        let last = last.map_or_else(|| "never".into(), |last| shown(last.started_at, config));
        let next_at = schedule.next_due(zone, now);
        let detail = format!("left to the server; last {last}");
        Ok(Line { job, ran: false, ok: true, detail, took_ms: None, next_at })
    };
    backups::schedules(&config.backup).into_iter().map(line).collect()
}

fn tell(lines: &[Line], is_beside_server: bool, config: &Config, is_json: bool) -> Outcome {
    if is_json {
        return output::json(&json!({"beside_server": is_beside_server, "jobs": lines}));
    }
    if is_beside_server {
        eprintln!("note: a server runs on this data directory and has its own schedule, so nothing was run");
    }
    let row = |line: &Line| {
        let next = line.next_at.map(|at| shown(at, config)).unwrap_or_default();
        let took = line.took_ms.map(|took| format!("{took} ms")).unwrap_or_default();
        vec![line.job.to_owned(), line.detail.clone(), took, next]
    };
    output::table(&["Job", "Result", "Took", "Next"], &lines.iter().map(row).collect::<Vec<_>>())
}

fn shown(at: Timestamp, config: &Config) -> String {
    at.in_zone(config.locale.time_zone.rules()).strftime("%Y-%m-%d %H:%M").to_string()
}
