//! Finding tenants in a central file that a command reads by itself, beside a server or without one.

use crate::clock::Timestamp;
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::id::TenantId;

use super::model::{Tenant, TenantState};
use super::store;

/// The tenant that a person means: by id, by the name of its file, or by number, in this order.
/// Of deleted ones also by the name their file had.
///
/// # Errors
/// [`Error::NotFound`]; [`Error::Conflict`] `ambiguous_tenant` when several deleted ones had that
/// name.
pub fn get(tx: &mut Tx<'_>, text: &str) -> Result<Tenant> {
    let mut found = store::named(tx, text)?;
    let is_deleted = |tenant: &Tenant| tenant.state == TenantState::Deleted;
    let has_name = |tenant: &Tenant| tenant.db_name.eq_ignore_ascii_case(text);
    let is_meant: [&dyn Fn(&Tenant) -> bool; 3] =
        [&|tenant| tenant.id.as_str() == text, &|tenant| has_name(tenant) && !is_deleted(tenant), &|tenant| {
            tenant.number.to_string() == text
        }];
    if let Some(at) = is_meant.iter().find_map(|is_meant| found.iter().position(is_meant)) {
        return Ok(found.swap_remove(at));
    }
    match found.len() {
        0 => Err(Error::not_found("tenant", text)),
        1 => Ok(found.swap_remove(0)),
        _ => {
            let ids: Vec<_> = found.iter().map(|tenant| tenant.id.as_str()).collect();
            let text = format!("several deleted tenants had a file {text}; say which by its id: {}", ids.join(", "));
            Err(Error::conflict("ambiguous_tenant", text))
        }
    }
}

/// Every tenant, the deleted ones too.
///
/// # Errors
/// Storage errors.
pub fn all(tx: &mut Tx<'_>) -> Result<Vec<Tenant>> {
    store::all(tx)
}

/// A deleted tenant.
#[derive(Debug, Clone)]
pub struct Trashed {
    /// The name of its file in the trash.
    pub file: String,
    /// When it was deleted.
    pub deleted_at: Timestamp,
}

/// The deleted tenants.
///
/// # Errors
/// Storage errors.
pub fn trash(tx: &mut Tx<'_>) -> Result<Vec<Trashed>> {
    store::trash(tx)
}

/// A tenant that is being made, moved or removed, or was when a crash came.
#[derive(Debug, Clone)]
pub struct Unfinished {
    /// Its id.
    pub id: TenantId,
    /// The name its file gets.
    pub next_name: Option<String>,
}

/// Those tenants.
///
/// # Errors
/// Storage errors.
pub fn unfinished(tx: &mut Tx<'_>) -> Result<Vec<Unfinished>> {
    store::unfinished(tx)
}
