//! Looking at a copy before it is called a backup.

use std::collections::BTreeMap;
use std::path::Path;

use crate::db::count_rows;
use crate::db::inspect::{Depth, Look};
use crate::error::{DbError, Result};

/// What a sound copy holds.
#[derive(Debug)]
pub(super) struct Proof {
    pub(super) schema_version: i64,
    pub(super) row_counts: BTreeMap<String, i64>,
    /// Rows that point nowhere: no reason to have no backup, but to be told.
    pub(super) warning: Option<String>,
}

/// Checks the closed file of `owner`. Blocks.
///
/// # Errors
/// [`DbError::Corrupt`] for a damaged file or somebody else's; storage errors.
pub(super) fn prove(copy: &Path, owner: &str) -> Result<Proof> {
    let look = Look::open(copy)?;
    let stamp = look.stamp()?;
    if stamp.owner.as_deref() != Some(owner) {
        let owner = stamp.owner.as_deref().unwrap_or("nobody");
        return Err(DbError::Corrupt(format!("the file belongs to {owner:?}")).into());
    }
    if let Some(problem) = look.problems(Depth::Quick)?.into_iter().next() {
        return Err(DbError::Corrupt(problem).into());
    }
    let orphans = look.orphans()?;
    let warning = orphans.first().map(|first| match orphans.len() {
        1 => first.clone(),
        more => format!("{first}, and {} more", more - 1),
    });
    drop(look);
    Ok(Proof { schema_version: stamp.user_version, row_counts: count_rows(copy)?, warning })
}
