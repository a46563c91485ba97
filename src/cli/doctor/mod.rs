//! `ruko doctor`: looks at everything a server rests on, one named check after the other. Without
//! `--fix` it changes nothing; with it, only what is surely ruko's own, and only while no server runs.

mod backups;
mod files;
mod journals;
mod keys;
mod leftovers;
mod machine;
mod repairs;
mod rows;
mod server_files;
mod tenants;
mod trash;
mod upgrade;

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;

use super::failure::{FAILED, Failure, Outcome};
use super::globals::{Globals, look_at_data_dir};
use super::output;
use crate::config::Config;
use crate::data_dir::{DataDir, DataDirError};
use rows::Rows;

/// Check the data directory, the keys and every file
#[derive(Debug, Args)]
pub struct Doctor {
    /// Reads every page of every file (32 s a GiB)
    #[arg(long)]
    deep: bool,
    /// Repairs what is safe, while no server runs: permissions, logs and journals left beside files,
    /// leftovers of work that was cut short, files of an older version
    #[arg(long)]
    fix: bool,
}

/// How a check went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Status {
    /// As it should be.
    Ok,
    /// Works, and deserves a look.
    Warn,
    /// Does not work, or will not for long.
    Fail,
}

/// One check with what it found.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Check {
    name: &'static str,
    status: Status,
    detail: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    advice: Option<String>,
    /// Whether `--fix` has repaired all of it.
    is_fixed: bool,
}

impl Check {
    fn new(name: &'static str, status: Status, detail: impl Into<String>) -> Self {
        Self { name, status, detail: detail.into(), advice: None, is_fixed: false }
    }

    fn ok(name: &'static str, detail: impl Into<String>) -> Self {
        Self::new(name, Status::Ok, detail)
    }

    fn warn(name: &'static str, detail: impl Into<String>) -> Self {
        Self::new(name, Status::Warn, detail)
    }

    fn fail(name: &'static str, detail: impl Into<String>) -> Self {
        Self::new(name, Status::Fail, detail)
    }

    fn advice(self, advice: impl Into<String>) -> Self {
        Self { advice: Some(advice.into()), ..self }
    }

    /// `--fix` has repaired it.
    fn fixed(self) -> Self {
        Self { status: Status::Ok, is_fixed: true, ..self }
    }
}

/// What the checks look at.
struct Patient {
    config: Config,
    data_dir: DataDir,
    /// While a server or command has the directory, its files are in use.
    is_in_use: bool,
    is_deep: bool,
    /// Asked for, and nobody else has the directory.
    may_fix: bool,
}

impl Doctor {
    pub(super) async fn run(&self, globals: &Globals) -> Outcome {
        let mut checks = Vec::new();
        if let Some(patient) = self.admit(globals, &mut checks)? {
            machine::check(&patient, &mut checks);
            keys::check(&patient, &mut checks);
            if server_files::check(&patient, &mut checks).await
                && let Some(rows) = Rows::read(&patient, &mut checks).await
            {
                journals::check(&patient, &rows, &mut checks);
                tenants::check(&patient, &rows, &mut checks).await;
                leftovers::check(&patient, &rows, &mut checks);
                checks.push(trash::check(&patient, &rows.trash));
                backups::check(&patient, &rows, &mut checks);
            }
        }
        if globals.json {
            let worst = checks.iter().map(|check| check.status).max_by_key(|status| *status as u8);
            let report = serde_json::json!({"status": worst, "checks": checks});
            output::json(&report)?;
        } else {
            print(&checks)?;
        }
        let has_failed = checks.iter().any(|check| check.status == Status::Fail);
        if has_failed { Err(Failure::silent(FAILED)) } else { Ok(()) }
    }

    /// Configuration, directory and lock. Without them there is nothing more to look at.
    fn admit(&self, globals: &Globals, checks: &mut Vec<Check>) -> Outcome<Option<Patient>> {
        let loaded = globals.load(Vec::new())?;
        let notices = loaded.notices.join("; ");
        checks.push(if notices.is_empty() {
            Check::ok("configuration", "read without a complaint")
        } else {
            Check::warn("configuration", notices).advice("`ruko config` shows where each value comes from")
        });
        let config = loaded.config;
        let data_dir = match look_at_data_dir(&config) {
            Ok(data_dir) => data_dir,
            Err(failure) => {
                checks.push(Check::fail("data_dir", failure.to_string().replace("\n      ", "; ")));
                return Ok(None);
            }
        };
        checks.push(Check::ok("data_dir", data_dir.root().display().to_string()));
        let (is_in_use, check, held) = self.lock(&data_dir);
        checks.push(check);
        // While the lock is ours nobody else changes anything.
        let data_dir = held.map_or(data_dir, |held| held.with_central_file(config.storage.central_file.clone()));
        let may_fix = self.fix && data_dir.is_locked();
        Ok(Some(Patient { config, data_dir, is_in_use, is_deep: self.deep, may_fix }))
    }

    fn lock(&self, data_dir: &DataDir) -> (bool, Check, Option<DataDir>) {
        if std::os::unix::net::UnixStream::connect(data_dir.socket()).is_ok() {
            let text = "a server runs and takes commands";
            let check = Check::ok("lock", text);
            let refused = || Check::warn("lock", format!("{text}, so nothing is repaired")).advice("stop it first");
            return (true, if self.fix { refused() } else { check }, None);
        }
        match data_dir.holder() {
            Ok(Some(holder)) => {
                let text =
                    format!("{holder} holds the directory and does not answer at {}", data_dir.socket().display());
                (true, Check::warn("lock", text).advice("look into its log"), None)
            }
            Err(error) => (true, Check::fail("lock", error.to_string()), None),
            Ok(None) if !self.fix => (false, Check::ok("lock", "free, no server runs"), None),
            // Taking the lock makes and closes folders, which may be anybody's.
            Ok(None) if !data_dir.central_db().exists() => {
                (false, Check::warn("lock", "nothing is repaired in a directory without a central file"), None)
            }
            Ok(None) => match DataDir::open(data_dir.root()) {
                Ok(held) => (false, Check::ok("lock", "free, held for the repairs"), Some(held)),
                Err(error @ DataDirError::Locked { .. }) => (true, Check::warn("lock", error.to_string()), None),
                Err(error) => (true, Check::fail("lock", error.to_string()), None),
            },
        }
    }
}

fn print(checks: &[Check]) -> Outcome {
    let row = |check: &Check| {
        let status = match (check.status, check.is_fixed) {
            (_, true) => "fixed",
            (Status::Ok, _) => "ok",
            (Status::Warn, _) => "warn",
            (Status::Fail, _) => "FAIL",
        };
        let advice = check.advice.iter().filter(|_| !check.is_fixed);
        let detail = std::iter::once(&check.detail).chain(advice).map(String::as_str).collect::<Vec<_>>().join(" - ");
        vec![check.name.to_owned(), status.to_owned(), detail]
    };
    output::table(&["Check", "Status", "Detail"], &checks.iter().map(row).collect::<Vec<_>>())
}

/// A folder or file by its path inside the data directory.
fn short(patient: &Patient, path: &std::path::Path) -> String {
    let inside: Option<PathBuf> = path.strip_prefix(patient.data_dir.root()).ok().map(Into::into);
    inside.unwrap_or_else(|| path.to_owned()).display().to_string()
}
