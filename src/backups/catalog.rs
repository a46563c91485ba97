//! The rows of backups, for a command that reads a central file by itself.

use crate::db::Tx;
use crate::error::Result;

use super::model::Backup;
use super::store;

/// Every backup, those under way and the failed ones too, oldest first.
///
/// # Errors
/// Storage errors.
pub fn all(tx: &mut Tx<'_>) -> Result<Vec<Backup>> {
    store::all(tx)
}
