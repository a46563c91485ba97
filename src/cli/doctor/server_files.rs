//! The server's own files: the central one and the logs.

use std::path::Path;

use super::files::{Finding, GIVE_BACK, GO_FORWARD, Kind, Trouble, look, unwritable};
use super::{Check, Patient, Status, short, upgrade};
use crate::db::Schema;
use crate::db::inspect::{Depth, fold_log, log_bytes};
use crate::error::Result;
use crate::id::CENTRAL;

/// Gives whether the central file can be read as this ruko knows it.
pub(super) async fn check(patient: &Patient, checks: &mut Vec<Check>) -> bool {
    let path = patient.data_dir.central_db();
    if !path.exists() {
        checks.push(Check::warn("central", "there is no central file yet").advice("start the server once"));
        return false;
    }
    let newest = newest_of(Schema::central());
    let mut central = server_file(patient, "central", &path, Some(CENTRAL), newest);
    let is_older = matches!(look(&path, Some(CENTRAL), newest, None), Ok(Finding::Older(_)));
    if is_older && patient.may_fix {
        central = match upgrade::run(patient, &[]).await {
            Ok(_) => Check::ok("central", format!("brought to version {newest}")).fixed(),
            Err(error) => Check::fail("central", format!("could not be migrated: {error}")),
        };
    }
    checks.push(central);
    let logs = patient.data_dir.logs_db();
    if logs.exists() {
        let check = server_file(patient, "logs", &logs, None, newest_of(Schema::logs()));
        // The server moves a bad one aside and goes on.
        checks.push(if check.status == Status::Fail { Check { status: Status::Warn, ..check } } else { check });
    }
    let why = match look(&path, Some(CENTRAL), newest, None) {
        Ok(Finding::Fine) => return true,
        // Before the first start of a newer ruko it lacks what that one reads.
        Ok(Finding::Older(_)) => "the central file is of an older ruko",
        Err(_) => "the central file comes first",
    };
    checks.push(Check::warn("tenants", format!("not looked at: {why}")));
    false
}

/// The newest version of a kind of file.
pub(super) fn newest_of(schema: Result<Schema>) -> i64 {
    schema.map_or(0, |schema| schema.latest())
}

/// Damage of the server's own files is always looked for.
fn server_file(patient: &Patient, name: &'static str, path: &Path, owner: Option<&str>, newest: i64) -> Check {
    let depth = if patient.is_deep { Depth::Full } else { Depth::Quick };
    let found = look(path, owner, newest, Some(depth));
    if found.is_ok()
        && let Some(text) = unwritable(patient, path)
    {
        return Check::fail(name, text).advice(GIVE_BACK);
    }
    match found {
        Ok(Finding::Fine) => fold(patient, name, path, format!("{} is sound, version {newest}", short(patient, path))),
        Ok(Finding::Older(version)) => {
            let text = format!("version {version}, the newest is {newest}");
            Check::warn(name, text).advice("the next start brings it there, and so do `ruko migrate` and --fix")
        }
        Err(trouble @ Trouble { kind: Kind::Newer, .. }) => Check::fail(name, trouble.text).advice(GO_FORWARD),
        Err(trouble @ Trouble { kind: Kind::HotJournal, .. }) => {
            Check::warn(name, trouble.text).advice("keep a copy of both files; the next start rolls the change back")
        }
        Err(trouble) => {
            Check::fail(name, trouble.text).advice("stop the server, keep a copy of the file, restore a backup")
        }
    }
}

/// A sound file that no server has open, with its log beside it.
fn fold(patient: &Patient, name: &'static str, path: &Path, sound: String) -> Check {
    if patient.is_in_use || log_bytes(path) == 0 {
        return Check::ok(name, sound);
    }
    let text = format!("{sound}; changes wait in its log");
    if !patient.may_fix {
        return Check::warn(name, text).advice("the next start folds it in, and so does `ruko doctor --fix`");
    }
    match fold_log(path) {
        Ok(()) => Check::ok(name, format!("{sound}; its log is folded in")).fixed(),
        Err(error) => Check::warn(name, format!("{text}: {error}")),
    }
}
