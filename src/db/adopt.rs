//! Who a closed file belongs to: taken over from nobody or from a named owner, and let go again.

use std::path::Path;

use crate::error::{DbError, Result};

use super::closed::{complete, fold_in, io_error, open_closed, refuse_leftovers};
use super::connection::Durability;
use super::stamp::Whose;
use super::strange::{Found, not_adoptable};
use super::{Engine, Schema, Tx, stamp};

impl Schema {
    /// Makes the file of `owner` where none is. Blocks.
    ///
    /// # Errors
    /// [`crate::error::Error::Conflict`] `file_not_adoptable` when the log of another file lies
    /// there, for it would be replayed over the new one; as [`Schema::create`].
    pub fn create_beside_nothing(&self, path: &Path, owner: &str) -> Result<()> {
        refuse_leftovers(path)?;
        Ok(self.create(path, owner)?)
    }

    /// Makes the file at `path` the file of `owner`. It must belong to nobody or to
    /// `previous_owner`. On an error it is as it was. Blocks.
    ///
    /// # Errors
    /// [`crate::error::Error::Conflict`] `file_not_adoptable` with the reason for a file that must
    /// not be taken over; storage errors.
    pub fn adopt(&self, engine: &Engine, path: &Path, owner: &str, previous_owner: Option<&str>) -> Result<()> {
        if self.inspect(path, previous_owner)? == Found::Empty {
            // Somebody prepared the database as the original system wanted it: it is still empty.
            std::fs::remove_file(path).map_err(|error| io_error(&error))?;
            return Ok(self.create(path, owner)?);
        }
        self.hand_over(engine, path, owner)
    }

    /// As [`Schema::adopt`] for a file that must hold a tenant already. Blocks.
    ///
    /// # Errors
    /// As [`Schema::adopt`], and for an empty file.
    pub fn adopt_filled(&self, engine: &Engine, path: &Path, owner: &str, previous_owner: &str) -> Result<()> {
        match self.inspect(path, Some(previous_owner))? {
            Found::Empty => Err(not_adoptable("It is empty.")),
            Found::Ours => self.hand_over(engine, path, owner),
        }
    }

    /// Makes a closed file of ours the file of `owner`, whoever's it was, and brings it to this release's
    /// schema. On an error it is as it was. Blocks.
    ///
    /// # Errors
    /// Storage errors.
    pub fn hand_over(&self, engine: &Engine, path: &Path, owner: &str) -> Result<()> {
        let before = set_owner(path, Some(owner))?;
        let opened = self.open(engine, path, owner, Durability::Full).map(|(db, _)| drop(db));
        if let Err(error) = opened.and_then(|()| Ok(complete(path)?)) {
            set_owner(path, before.as_deref())?;
            return Err(error);
        }
        Ok(())
    }

    /// Takes the stamp of `owner` off a closed file, which is complete afterwards. Fine when it
    /// carries none any more. Blocks.
    ///
    /// # Errors
    /// [`DbError::Corrupt`] for a file of somebody else.
    pub fn release(&self, path: &Path, owner: &str) -> Result<(), DbError> {
        complete(path)?;
        let connection = open_closed(path, &Whose::Ours)?;
        let found = stamp::read(&connection)?.owner;
        drop(connection);
        match found {
            Some(found) if found != owner => Err(DbError::Corrupt(format!("the file belongs to {found:?}"))),
            Some(_) => set_owner(path, None).map(|_| ()),
            None => Ok(()),
        }
    }
}

/// Changes the stamp of a closed file; gives the one it had.
fn set_owner(path: &Path, owner: Option<&str>) -> Result<Option<String>, DbError> {
    let connection = open_closed(path, &Whose::Ours)?;
    let before = stamp::read(&connection)?.owner;
    let mut tx = Tx::new(&connection.raw);
    match owner {
        Some(owner) => {
            let sql = "INSERT INTO meta (key, value) VALUES ('owner', ?1) ON CONFLICT (key) DO UPDATE SET value = ?1";
            tx.execute(sql, crate::vals![owner])?;
        }
        None => {
            tx.execute("DELETE FROM meta WHERE key = 'owner'", &[])?;
        }
    }
    fold_in(&connection)?;
    drop(connection);
    complete(path)?;
    Ok(before)
}
