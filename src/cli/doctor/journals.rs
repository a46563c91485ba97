//! What lies beside the files while nobody has them open: logs that were not folded in, and journals
//! of changes that were broken off. A copy of such a file lacks its last writes, or has half a one.

use std::path::{Path, PathBuf};

use super::repairs::{Repairs, listed};
use super::rows::Rows;
use super::{Check, Patient, short, tenants};
use crate::db::inspect::{Look, fold_log, has_hot_journal, log_bytes, stamp_as_it_lies};
use crate::db::{self, Stamp};
use crate::error::DbError;
use crate::tenants::{Tenant, TenantState};

/// A tenant's file with something beside it.
struct Beside<'a> {
    tenant: &'a Tenant,
    path: PathBuf,
}

/// Comes before the files are opened: opening one with a journal rolls the change back.
pub(super) fn check(patient: &Patient, rows: &Rows, checks: &mut Vec<Check>) {
    checks.push(hot_journals(patient, &rows.all));
    checks.push(leftover_logs(patient, &rows.all));
}

fn hot_journals(patient: &Patient, all: &[Tenant]) -> Check {
    const NAME: &str = "hot_journals";
    let advice = "another program's change was broken off: whoever opens the file next rolls it back, and so does \
                  `ruko doctor --fix`; keep a copy of both files if you do not know that program";
    let found = beside(patient, all, has_hot_journal);
    repair(patient, NAME, found, stamp_as_it_lies, db::complete, "rolled back", advice)
}

fn leftover_logs(patient: &Patient, all: &[Tenant]) -> Check {
    const NAME: &str = "leftover_logs";
    if patient.is_in_use {
        return Check::ok(NAME, "not looked at: the files are in use");
    }
    let advice = "the next start folds them in, and so does `ruko doctor --fix`";
    let found = beside(patient, all, |path| log_bytes(path) > 0 && !has_hot_journal(path));
    let stamp = |path: &Path| Look::open(path)?.stamp();
    repair(patient, NAME, found, stamp, fold_log, "folded in", advice)
}

fn beside<'a>(patient: &Patient, all: &'a [Tenant], has: impl Fn(&Path) -> bool) -> Vec<Beside<'a>> {
    let files = all.iter().filter_map(|tenant| Some(Beside { tenant, path: tenants::file_of(patient, tenant)? }));
    files.filter(|file| file.path.exists() && has(&file.path)).collect()
}

/// Only what is surely this tenant's, and may change at all.
fn repair(
    patient: &Patient,
    name: &'static str,
    found: Vec<Beside<'_>>,
    stamp: impl Fn(&Path) -> Result<Stamp, DbError>,
    fix: impl Fn(&Path) -> Result<(), DbError>,
    deed: &str,
    advice: &str,
) -> Check {
    if found.is_empty() {
        return Check::ok(name, "none: every tenant's file is complete by itself");
    }
    if !patient.may_fix {
        let names: Vec<_> = found.iter().map(|file| short(patient, &file.path)).collect();
        return Check::warn(name, format!("beside {}", listed(&names))).advice(advice);
    }
    let mut repairs = Repairs::default();
    for Beside { tenant, path } in found {
        let file = short(patient, &path);
        if tenant.state == TenantState::Frozen {
            repairs.left(&file, "frozen");
            continue;
        }
        match stamp(&path) {
            Ok(stamp) if stamp.owner.as_deref() == Some(tenant.id.as_str()) => match fix(&path) {
                Ok(()) => repairs.done(file),
                Err(error) => repairs.left(&file, error),
            },
            Ok(_) => repairs.left(&file, "it does not carry this tenant's stamp"),
            Err(error) => repairs.left(&file, error),
        }
    }
    repairs.check(name, deed, "thaw a frozen tenant; for the others see the checks below")
}
