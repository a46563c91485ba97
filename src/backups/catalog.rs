//! The rows of backups, for a command that reads a central file by itself.

use crate::db::Tx;
use crate::error::{Error, Result};
use crate::id::TenantId;

use super::model::Backup;
use super::store;

/// Every backup, those under way and the failed ones too, oldest first.
///
/// # Errors
/// Storage errors.
pub fn all(tx: &mut Tx<'_>) -> Result<Vec<Backup>> {
    store::all(tx)
}

/// The finished backup of a tenant with this file name, with the `.enc` of the disk or without; the newest that
/// no restore has made, without a name.
///
/// # Errors
/// [`Error::NotFound`]; storage errors.
pub fn find(tx: &mut Tx<'_>, tenant: &TenantId, file: Option<&str>) -> Result<Backup> {
    let found = match file {
        Some(file) => store::find_file(tx, tenant.as_str(), file.strip_suffix(".enc").unwrap_or(file))?,
        None => store::newest(tx, tenant.as_str())?,
    };
    found.ok_or_else(|| Error::not_found("backup", file.unwrap_or(tenant.as_str())))
}
