//! What the central file says of tenants, and what a crash left half done in it.

use std::collections::HashSet;

use super::repairs::{Repairs, listed};
use super::{Check, Patient, upgrade};
use crate::db::inspect::Look;
use crate::error::Result;
use crate::id::TenantId;
use crate::tenants::Tenant;
use crate::tenants::directory::{self, Trashed, Unfinished};

/// The rows that the checks of files go by.
pub(super) struct Rows {
    /// All tenants.
    pub(super) all: Vec<Tenant>,
    /// The deleted ones with their files.
    pub(super) trash: Vec<Trashed>,
    /// Those that were being made, moved or removed.
    unfinished: Vec<Unfinished>,
}

impl Rows {
    /// Reads them, and with `--fix` finishes what is half done.
    pub(super) async fn read(patient: &Patient, checks: &mut Vec<Check>) -> Option<Self> {
        let mut rows = Self::look(patient, checks)?;
        let before = std::mem::take(&mut rows.unfinished);
        if before.is_empty() || patient.is_in_use || !patient.may_fix {
            checks.push(unfinished(patient, &before));
            return Some(Self { unfinished: before, ..rows });
        }
        let outcome = upgrade::run(patient, &[]).await;
        let rows = Self::look(patient, checks)?;
        let mut repairs = Repairs::default();
        for Unfinished { id, .. } in before {
            match &outcome {
                Ok(_) if !rows.is_unfinished(&id) => repairs.done(id.to_string()),
                Ok(_) => repairs.left(id.as_str(), "the log of a start says why"),
                Err(error) => repairs.left(id.as_str(), error),
            }
        }
        checks.push(repairs.check("unfinished", "finished or undone", "start the server and look into its log"));
        Some(rows)
    }

    fn look(patient: &Patient, checks: &mut Vec<Check>) -> Option<Self> {
        let read = || -> Result<Self> {
            let central = Look::open(&patient.data_dir.central_db())?;
            let all = central.read(directory::all)?;
            Ok(Self { all, trash: central.read(directory::trash)?, unfinished: central.read(directory::unfinished)? })
        };
        read()
            .map_err(|error| checks.push(Check::fail("tenants", format!("the central file cannot be read: {error}"))))
            .ok()
    }

    /// Whether its file is on its way, so that nothing can be said about it.
    pub(super) fn is_unfinished(&self, id: &TenantId) -> bool {
        self.unfinished.iter().any(|unfinished| unfinished.id == *id)
    }

    /// Names of files that tenants have or are about to have, in lower case. Of a deleted one only the
    /// name is left that its file had.
    pub(super) fn file_names(&self) -> HashSet<String> {
        use crate::tenants::TenantState::Deleted;
        let names = self.all.iter().filter(|tenant| tenant.state != Deleted).map(|tenant| &tenant.db_name);
        let next = self.unfinished.iter().filter_map(|unfinished| unfinished.next_name.as_ref());
        names.chain(next).map(|name| name.to_ascii_lowercase()).collect()
    }
}

fn unfinished(patient: &Patient, found: &[Unfinished]) -> Check {
    const NAME: &str = "unfinished";
    if found.is_empty() {
        return Check::ok(NAME, "no tenant is half made, moved or removed");
    }
    let ids: Vec<_> = found.iter().map(|unfinished| unfinished.id.to_string()).collect();
    let text = format!("being made, moved or removed: {}", listed(&ids));
    if patient.is_in_use {
        return Check::ok(NAME, text);
    }
    Check::warn(NAME, text).advice("the next start finishes or undoes it, and so does `ruko doctor --fix`")
}
