//! Some tables of a backup only: they are put into a copy of the live file, which then takes its place as a
//! whole backup would, so that a crash finds the old content or the new one here too.

use std::path::Path;
use std::sync::Arc;

use crate::db::inspect::Look;
use crate::db::{Pair, Replaced, TempFile, file_error};
use crate::error::{Error, Result};
use crate::fault;
use crate::products;
use crate::users::{self, CarriedOver};

use super::super::make::TEMP_PREFIX;
use super::super::progress::Progress;
use super::super::restore_store;
use super::RestoreOrder;
use super::tables::Table;

/// Codes of restores that cannot be made as they were asked for: nothing has failed then.
pub(in super::super) const REFUSALS: &[&str] = &["restore_needs_tables", "restore_needs_whole"];

/// The content of `live` with these tables of `backup`. Both are closed and stay as they are. Blocks.
///
/// # Errors
/// [`Error::Conflict`] `restore_needs_tables`, `restore_needs_whole`; storage errors.
pub(super) fn merge(
    live: &Path,
    backup: &TempFile,
    order: &RestoreOrder,
    mark: &str,
    progress: &Arc<Progress>,
) -> Result<(TempFile, CarriedOver)> {
    let tables = &order.tables;
    let merged = TempFile::new(live.with_file_name(format!("{TEMP_PREFIX}{}.merged.db", crate::id::random_hex(8))));
    std::fs::copy(live, merged.path()).map_err(file_error)?;
    let has_users = Table::USERS.is_in(tables);
    // Tokens and networks belong to the users: those of today are put back below, if these are the same people.
    let is_known = has_users && !order.is_of_another();
    let present = if is_known { Some(Look::open(live)?.read(users::present)?) } else { None };
    if has_users {
        Look::open_for_writing(merged.path())?.change(users::carry_nothing_over)?;
        crate::db::complete(merged.path())?;
    }
    replace(merged.path(), backup.path(), tables, progress)?;
    fault::point("restore.merged").map_err(file_error)?;
    let carried = Look::open_for_writing(merged.path())?.change(|tx| {
        restore_store::set_mark(tx, mark)?;
        if Table::PRODUCTS.is_in(tables) {
            products::search::forget_index(tx)?;
        }
        match &present {
            Some(present) => users::carry_over(tx, present),
            None if has_users => users::carry_nothing_over(tx),
            None => users::untouched(tx),
        }
    })?;
    crate::db::complete(merged.path())?;
    Ok((merged, carried))
}

fn replace(merged: &Path, backup: &Path, tables: &[Table], progress: &Arc<Progress>) -> Result<()> {
    let names: Vec<_> = tables.iter().map(|table| table.name()).collect();
    let watched = progress.clone();
    let replaced = Pair::open(merged, backup, move || watched.check().is_err())?.replace(&names);
    progress.check()?;
    match replaced? {
        Replaced::Done => Ok(()),
        Replaced::NeedsTables(needed) => {
            let text = format!(
                "Rows would point at rows that do not exist. Restore these tables along with them: {}.",
                needed.join(", ")
            );
            Err(Error::conflict("restore_needs_tables", text))
        }
        Replaced::Differs(table) => {
            let text = format!("The table {table} is missing or changed in the live data: restore the whole backup.");
            Err(Error::conflict("restore_needs_whole", text))
        }
    }
}
