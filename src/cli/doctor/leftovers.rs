//! Files that nobody needs any more, and files that nobody knows. Only the first are ever removed.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use super::repairs::{Repairs, listed};
use super::rows::Rows;
use super::{Check, Patient, short};
use crate::data_dir::secret_file;
use crate::tenants::{TenantState, is_leftover};

/// The names SQLite puts beside a file.
const COMPANIONS: [&str; 3] = ["-wal", "-shm", "-journal"];

pub(super) fn check(patient: &Patient, rows: &Rows, checks: &mut Vec<Check>) {
    checks.push(temporary_files(patient));
    checks.push(stray_logs(patient, rows));
    checks.push(orphans(patient, rows));
}

/// What creations, exports, imports and new keys leave when they are cut short.
fn temporary_files(patient: &Patient) -> Check {
    const NAME: &str = "temporary_files";
    if patient.is_in_use {
        return Check::ok(NAME, "not looked at: the server may be working on them");
    }
    let dir = &patient.data_dir;
    let is_ours = |path: &PathBuf| path.file_name().is_some_and(is_leftover);
    let folders = [dir.tmp_dir(), dir.tenants_dir(), dir.root().to_owned()];
    let mut found: Vec<PathBuf> = folders.iter().flat_map(|folder| files_in(folder)).filter(is_ours).collect();
    // One whose key never got its place may be the only copy of it.
    let is_half_key = |path: &PathBuf| secret_file::landing_of(path).is_some_and(|landing| landing.exists());
    found.extend(files_in(&dir.keys_dir()).into_iter().filter(is_half_key));
    let advice = "the next start removes most of them, and `ruko doctor --fix` all";
    remove(patient, NAME, found, |_| None, "no work was cut short", advice)
}

/// Logs and journals without their file. A new file of that name must not find them.
fn stray_logs(patient: &Patient, rows: &Rows) -> Check {
    const NAME: &str = "stray_logs";
    if patient.is_in_use {
        return Check::ok(NAME, "not looked at: the files are in use");
    }
    let frozen = rows.all.iter().filter(|tenant| tenant.state == TenantState::Frozen);
    let frozen: HashSet<&str> = frozen.map(|tenant| tenant.db_name.as_str()).collect();
    let is_stray = |path: &PathBuf| main_file(path).is_some_and(|main| !main.exists());
    let strays = files_in(&patient.data_dir.tenants_dir()).into_iter().filter(is_stray);
    let keep = |path: &Path| {
        let main = main_file(path)?;
        let is_frozen = frozen.contains(main.file_stem()?.to_string_lossy().as_ref());
        if is_frozen { Some("its tenant is frozen") } else { (!holds_nothing(path)).then_some("it holds changes") }
    };
    let advice = "--fix removes those that hold nothing; put the others back beside their file, or move them away: no \
                  tenant can get such a file's name";
    remove(patient, NAME, strays.collect(), keep, "none lies without its file", advice)
}

/// The index of a log is made anew, and an empty log is none. An index beside a log stays with it.
fn holds_nothing(path: &Path) -> bool {
    let has_content = |path: &Path| path.metadata().is_ok_and(|found| found.len() > 0);
    match path.to_string_lossy().strip_suffix("-shm") {
        Some(main) => !has_content(Path::new(&format!("{main}-wal"))),
        None => !has_content(path),
    }
}

/// Files in `tenants/` and `tmp/` that belong to no tenant and to no work.
fn orphans(patient: &Patient, rows: &Rows) -> Check {
    const NAME: &str = "orphans";
    let known = rows.file_names();
    let is_known = |path: &PathBuf| {
        let main = main_file(path);
        if main.as_ref().is_some_and(|main| !main.exists()) {
            return true;
        }
        let name = main.as_ref().unwrap_or(path).file_name().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
        name.strip_suffix(".db").is_some_and(|stem| known.contains(stem))
    };
    let mut strange = files_in(&patient.data_dir.tenants_dir());
    strange.retain(|path| !is_known(path));
    strange.extend(files_in(&patient.data_dir.tmp_dir()));
    strange.retain(|path| !path.file_name().is_some_and(is_leftover));
    if strange.is_empty() {
        return Check::ok(NAME, "every file in tenants/ belongs to a tenant");
    }
    let names: Vec<_> = strange.iter().map(|path| short(patient, path)).collect();
    let advice = "`ruko tenant adopt NAME` makes one in tenants/ a tenant; move the others away";
    Check::warn(NAME, listed(&names)).advice(advice)
}

/// Removes files but for those that `keep` has a reason for.
fn remove(
    patient: &Patient,
    name: &'static str,
    files: Vec<PathBuf>,
    keep: impl Fn(&Path) -> Option<&'static str>,
    none: &str,
    advice: &str,
) -> Check {
    if files.is_empty() {
        return Check::ok(name, none);
    }
    if !patient.may_fix {
        let names: Vec<_> = files.iter().map(|path| short(patient, path)).collect();
        return Check::warn(name, listed(&names)).advice(advice);
    }
    let mut repairs = Repairs::default();
    for path in files {
        let file = short(patient, &path);
        match keep(&path) {
            Some(reason) => repairs.left(&file, reason),
            None => match std::fs::remove_file(&path) {
                Ok(()) => repairs.done(file),
                Err(error) => repairs.left(&file, error),
            },
        }
    }
    repairs.check(name, "removed", advice)
}

/// The database a log or journal lies beside, there or not.
fn main_file(path: &Path) -> Option<PathBuf> {
    let text = path.to_str()?;
    let main = COMPANIONS.iter().find_map(|suffix| text.strip_suffix(suffix))?;
    let main = PathBuf::from(main);
    main.extension().is_some_and(|ending| ending == "db").then_some(main)
}

/// Everything in a folder, sorted.
pub(super) fn files_in(folder: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> =
        std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    paths.sort();
    paths
}
