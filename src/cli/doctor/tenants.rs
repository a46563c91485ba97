//! Every tenant's file, one after the other.

use std::path::PathBuf;

use super::files::{Finding, GIVE_BACK, GO_FORWARD, Kind, Trouble, look, unwritable};
use super::repairs::{Repairs, listed};
use super::rows::Rows;
use super::server_files::newest_of;
use super::{Check, Patient, Status, upgrade};
use crate::data_dir::DbName;
use crate::db::inspect::Depth;
use crate::db::{MIGRATION_ADVICE, Schema};
use crate::tenants::{MigrationFailure, Tenant, TenantState};

pub(super) async fn check(patient: &Patient, rows: &Rows, checks: &mut Vec<Check>) {
    let newest = newest_of(Schema::tenant());
    let (mut fine, mut older) = (0, Vec::new());
    let settled = rows.all.iter().filter(|tenant| has_file(tenant) && !rows.is_unfinished(&tenant.id));
    for tenant in settled {
        match finding(patient, tenant, newest) {
            Ok(Finding::Fine) => fine += 1,
            Ok(Finding::Older(version)) => {
                if let Some(failure) = tenant.migration_failure.as_ref().filter(|_| !patient.may_fix) {
                    checks.push(parked(tenant, version, failure));
                } else {
                    older.push(tenant);
                }
            }
            // Told by a check of its own.
            Err(Trouble { kind: Kind::HotJournal, .. }) => {}
            Err(trouble) => checks.push(failed(tenant, &trouble)),
        }
    }
    let how = if patient.is_deep { "sound to the last page" } else { "there and theirs (--deep reads every page)" };
    checks.push(Check::ok("tenants", format!("{} files are {how}", fine + older.len())));
    checks.push(schemas(patient, &older, newest).await);
}

fn finding(patient: &Patient, tenant: &Tenant, newest: i64) -> Result<Finding, Trouble> {
    let path = file_of(patient, tenant).ok_or_else(|| Trouble::new(Kind::BadName, "its file name is impossible"))?;
    let depth = patient.is_deep.then_some(Depth::Full);
    let found = look(&path, Some(tenant.id.as_str()), newest, depth)?;
    match unwritable(patient, &path) {
        Some(text) => Err(Trouble::new(Kind::ReadOnly, text)),
        None => Ok(found),
    }
}

/// The names are those of the codes that answers carry, where there is one.
fn failed(tenant: &Tenant, trouble: &Trouble) -> Check {
    let (name, advice) = match trouble.kind {
        Kind::Missing => ("tenant_missing", "put the file back, or delete the tenant"),
        Kind::Foreign => {
            ("tenant_foreign", "put this tenant's own file back; `ruko tenant adopt --take-over` knows the other")
        }
        Kind::Newer => ("tenant_newer", GO_FORWARD),
        Kind::ReadOnly => ("tenant_read_only", GIVE_BACK),
        Kind::Locked => ("tenant_locked", "another program holds it: `fuser -v` on the file finds it"),
        Kind::IoError => ("tenant_io_error", "check the disk (dmesg, SMART) before anything else"),
        Kind::Unavailable => ("tenant_unavailable", "look at its owner and mode with `ls -l`"),
        Kind::HotJournal => ("tenant_hot_journal", "see the check hot_journals"),
        Kind::BadName => ("tenant_bad_name", "its row in the central file was changed by hand: set db_name back"),
        Kind::Corrupt => {
            ("tenant_corrupt", "the others are served; keep a copy of this one and restore it from a backup")
        }
    };
    Check::fail(name, format!("{} ({}.db): {}", tenant.id, tenant.db_name, trouble.text)).advice(advice)
}

/// One that was tried already. `--fix` tries again, as `ruko migrate` does.
fn parked(tenant: &Tenant, version: i64, failure: &MigrationFailure) -> Check {
    let (id, name, at, text) = (&tenant.id, &tenant.db_name, failure.at, &failure.text);
    let text = format!("{id} ({name}.db): version {version}; since {at} its migration fails: {text}");
    Check::fail("tenant_migration_failed", text).advice(MIGRATION_ADVICE)
}

async fn schemas(patient: &Patient, older: &[&Tenant], newest: i64) -> Check {
    const NAME: &str = "tenant_schemas";
    if older.is_empty() {
        return Check::ok(NAME, format!("no file is older than version {newest}"));
    }
    let file = |tenant: &Tenant| format!("{}.db", tenant.db_name);
    if !patient.may_fix {
        let names: Vec<_> = older.iter().map(|tenant| file(tenant)).collect();
        let advice =
            "a running server migrates them by itself; `ruko migrate` and --fix do all at once, but for frozen ones";
        return Check::warn(NAME, format!("older than version {newest}: {}", listed(&names))).advice(advice);
    }
    let mut repairs = Repairs::default();
    let (frozen, due): (Vec<&Tenant>, Vec<&Tenant>) =
        older.iter().copied().partition(|tenant| tenant.state == TenantState::Frozen);
    for tenant in frozen {
        repairs.left(&file(tenant), "frozen");
    }
    let mut has_failed = false;
    let ids: Vec<_> = due.iter().map(|tenant| tenant.id.clone()).collect();
    match upgrade::run(patient, &ids).await {
        Ok(outcomes) => {
            for (tenant, outcome) in due.into_iter().zip(outcomes) {
                match outcome {
                    Ok(_) => repairs.done(file(tenant)),
                    Err(error) => {
                        has_failed = true;
                        repairs.left(&file(tenant), error);
                    }
                }
            }
        }
        Err(error) => {
            has_failed = true;
            for tenant in due {
                repairs.left(&file(tenant), &error);
            }
        }
    }
    let advice = "frozen ones migrate after a thaw; `ruko tenant show` has the error of the others";
    let check = repairs.check(NAME, &format!("brought to version {newest}"), advice);
    if has_failed { Check { status: Status::Fail, ..check } } else { check }
}

pub(super) fn has_file(tenant: &Tenant) -> bool {
    matches!(tenant.state, TenantState::Active | TenantState::Suspended | TenantState::Frozen)
}

/// The file a tenant has or should have.
pub(super) fn file_of(patient: &Patient, tenant: &Tenant) -> Option<PathBuf> {
    let name: Option<DbName> = has_file(tenant).then(|| tenant.db_name.parse().ok()).flatten();
    name.map(|name| patient.data_dir.tenant_file(&name))
}
