//! The database files: there, ours, of a version we know, undamaged, and complete by themselves.

use std::collections::HashSet;
use std::fmt::Write as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::{Check, Patient, Status, short};
use crate::app::CENTRAL_OWNER;
use crate::data_dir::DbName;
use crate::db::inspect::{Depth, Look, fold_log, log_bytes};
use crate::db::{MIGRATION_ADVICE, Schema};
use crate::error::Result;
use crate::tenants::{Tenant, TenantState, directory};

/// Names in one line; the rest is counted.
const NAMES_MAX: usize = 10;

pub(super) fn check(patient: &Patient, checks: &mut Vec<Check>) {
    let central = patient.data_dir.central_db();
    if !central.exists() {
        checks.push(Check::warn("central", "there is no central file yet").advice("start the server once"));
        return;
    }
    let latest = |schema: Result<Schema>| schema.map_or(0, |schema| schema.latest());
    checks.push(server_file(patient, "central", &central, Some(CENTRAL_OWNER), latest(Schema::central())));
    let logs = patient.data_dir.logs_db();
    if logs.exists() {
        let check = server_file(patient, "logs", &logs, None, latest(Schema::logs()));
        // The server moves a bad one aside and goes on.
        checks.push(if check.status == Status::Fail { Check { status: Status::Warn, ..check } } else { check });
    }
    // Before the first start of a newer ruko it lacks what that one reads.
    let stamp = Look::open(&central).and_then(|look| look.stamp());
    if stamp.is_ok_and(|stamp| stamp.user_version < latest(Schema::central())) {
        let text = "not looked at: the central file is of an older ruko";
        checks.push(Check::warn("tenants", text).advice("start the server, or `ruko migrate`"));
        return;
    }
    match Look::open(&central).map_err(Into::into).and_then(|look| look.read(directory::all)) {
        Ok(tenants) => {
            tenant_files(patient, &tenants, latest(Schema::tenant()), checks);
            checks.push(leftover_logs(patient, &tenants));
            checks.push(orphans(patient, &tenants));
        }
        Err(error) => checks.push(Check::fail("tenants", format!("the central file cannot be read: {error}"))),
    }
}

/// Damage of the server's own files is always looked for.
fn server_file(patient: &Patient, name: &'static str, path: &Path, owner: Option<&str>, latest: i64) -> Check {
    let depth = if patient.is_deep { Depth::Full } else { Depth::Quick };
    let found = look(path, owner, latest, Some(depth));
    if found.is_ok()
        && let Some(text) = unwritable(patient, path)
    {
        return Check::fail(name, text).advice(GIVE_BACK);
    }
    match found {
        Ok(Finding::Fine) => Check::ok(name, format!("{} is sound, version {latest}", short(patient, path))),
        Ok(Finding::Older(version)) => {
            Check::warn(name, format!("version {version}, the newest is {latest}")).advice("`ruko migrate`")
        }
        Ok(Finding::Newer(version)) => Check::fail(name, newer(version, latest)).advice(GO_FORWARD),
        Err(text) => Check::fail(name, text).advice("stop the server, keep a copy of the file, restore a backup"),
    }
}

enum Finding {
    Fine,
    Older(i64),
    Newer(i64),
}

const GO_FORWARD: &str = "start the newer ruko that wrote it, or put a copy from before the upgrade in its place";
const GIVE_BACK: &str = "`chown` it to the owner of the data directory and `chmod u+rw` it";

fn newer(version: i64, latest: i64) -> String {
    format!("version {version} is newer than {latest}, the newest this ruko knows")
}

/// Why the service cannot write a file, whoever runs this command: the data directory is its user's.
fn unwritable(patient: &Patient, path: &Path) -> Option<String> {
    let (folder, file) = (patient.data_dir.root().metadata().ok()?, path.metadata().ok()?);
    let (user, mode) = (folder.uid(), file.mode() & 0o777);
    let needed = match file.uid() {
        own if own == user => 0o200,
        _ if file.gid() == folder.gid() => 0o020,
        _ => 0o002,
    };
    let is_writable = user == 0 || mode & needed != 0;
    let text =
        || format!("user {user}, who owns the data directory, cannot write it (user {}, mode {mode:04o})", file.uid());
    (!is_writable).then(text)
}

/// Looks at one file; the error is a text for people.
fn look(path: &Path, owner: Option<&str>, latest: i64, depth: Option<Depth>) -> Result<Finding, String> {
    if !path.exists() {
        return Err("the file is missing".into());
    }
    let look = Look::open(path).map_err(|error| error.to_string())?;
    let stamp = look.stamp().map_err(|error| error.to_string())?;
    if owner.is_some() && stamp.owner.as_deref() != owner {
        let found = stamp.owner.unwrap_or_else(|| "nobody".into());
        return Err(format!("the file carries the stamp of {found}"));
    }
    if stamp.user_version > latest {
        return Ok(Finding::Newer(stamp.user_version));
    }
    let problems = depth.map_or(Ok(Vec::new()), |depth| look.problems(depth)).map_err(|error| error.to_string())?;
    if !problems.is_empty() {
        return Err(format!("damaged: {}", problems.join("; ")));
    }
    Ok(if stamp.user_version < latest { Finding::Older(stamp.user_version) } else { Finding::Fine })
}

fn tenant_files(patient: &Patient, tenants: &[Tenant], latest: i64, checks: &mut Vec<Check>) {
    const NAME: &str = "tenants";
    let depth = patient.is_deep.then_some(Depth::Full);
    let (mut fine, mut older) = (0, 0);
    for tenant in tenants.iter().filter(|tenant| has_file(tenant)) {
        let found = match file_of(patient, tenant) {
            Some(path) => look(&path, Some(tenant.id.as_str()), latest, depth),
            None => Err("its file name is impossible".into()),
        };
        let unwritable = file_of(patient, tenant).and_then(|path| unwritable(patient, &path));
        let (text, advice) = match (found, unwritable) {
            (Err(text), _) => (text, "the others are served; restore this one from a backup"),
            (Ok(Finding::Newer(version)), _) => (newer(version, latest), GO_FORWARD),
            (Ok(_), Some(text)) => (text, GIVE_BACK),
            (Ok(Finding::Fine), None) => {
                fine += 1;
                continue;
            }
            (Ok(Finding::Older(version)), None) => {
                let Some(failure) = &tenant.migration_failure else {
                    older += 1;
                    continue;
                };
                (
                    format!("version {version}; since {} its migration fails: {}", failure.at, failure.text),
                    MIGRATION_ADVICE,
                )
            }
        };
        let text = format!("{} ({}.db): {text}", tenant.id, tenant.db_name);
        checks.push(Check::fail("tenant", text).advice(advice));
    }
    let how = if patient.is_deep { "sound to the last page" } else { "there and theirs (--deep reads every page)" };
    checks.push(match older {
        0 => Check::ok(NAME, format!("{fine} files are {how}")),
        _ => Check::ok(NAME, format!("{fine} files are {how}, {older} more wait to be migrated")),
    });
}

/// Logs beside files that nobody has open: a copy of such a file lacks its last writes.
fn leftover_logs(patient: &Patient, tenants: &[Tenant]) -> Check {
    const NAME: &str = "leftover_logs";
    if patient.is_in_use {
        return Check::ok(NAME, "not looked at: the files are in use");
    }
    let own = [patient.data_dir.central_db(), patient.data_dir.logs_db()];
    let files = tenants.iter().filter(|tenant| has_file(tenant)).filter_map(|tenant| file_of(patient, tenant));
    let left: Vec<PathBuf> = files.chain(own).filter(|path| log_bytes(path) > 0).collect();
    if left.is_empty() {
        return Check::ok(NAME, "every file is complete by itself");
    }
    let text = format!("changes wait in the logs of {}", names(patient, &left));
    if !patient.may_fix || !patient.data_dir.is_locked() {
        return Check::warn(NAME, text).advice("the next start folds them in, and so does `ruko doctor --fix`");
    }
    match left.iter().try_for_each(|path| fold_log(path)) {
        Ok(()) => Check::ok(NAME, text).fixed(),
        Err(error) => Check::fail(NAME, format!("{text}: {error}")),
    }
}

/// Files in the folder `tenants` that belong to no tenant.
fn orphans(patient: &Patient, tenants: &[Tenant]) -> Check {
    const NAME: &str = "orphans";
    let known: HashSet<String> =
        tenants.iter().filter(|tenant| has_file(tenant)).map(|tenant| tenant.db_name.to_ascii_lowercase()).collect();
    let is_known = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
        // Beside a file lie its log and the log's index.
        let name = name.strip_suffix("-wal").or_else(|| name.strip_suffix("-shm")).unwrap_or(&name);
        name.strip_suffix(".db").is_some_and(|stem| known.contains(stem))
    };
    let entries = std::fs::read_dir(patient.data_dir.tenants_dir()).into_iter().flatten().flatten();
    let mut strange: Vec<PathBuf> = entries.map(|entry| entry.path()).filter(|path| !is_known(path)).collect();
    strange.sort();
    if strange.is_empty() {
        return Check::ok(NAME, "every file in tenants/ belongs to a tenant");
    }
    let advice = "`ruko tenant adopt NAME` makes one of them a tenant; move the others away";
    Check::warn(NAME, names(patient, &strange)).advice(advice)
}

fn has_file(tenant: &Tenant) -> bool {
    matches!(tenant.state, TenantState::Active | TenantState::Suspended | TenantState::Frozen)
}

fn file_of(patient: &Patient, tenant: &Tenant) -> Option<PathBuf> {
    tenant.db_name.parse::<DbName>().ok().map(|name| patient.data_dir.tenant_file(&name))
}

fn names(patient: &Patient, paths: &[PathBuf]) -> String {
    let mut text = paths.iter().take(NAMES_MAX).map(|path| short(patient, path)).collect::<Vec<_>>().join(", ");
    if paths.len() > NAMES_MAX {
        let _ = write!(text, " and {} more", paths.len() - NAMES_MAX);
    }
    text
}
