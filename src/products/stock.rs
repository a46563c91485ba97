//! What other features may do to a product: see it as an offer, take pieces off its stock and give
//! them back. The stock never goes below zero.

use crate::clock::Timestamp;
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::money::Money;
use crate::vals;

/// An active product as a buyer sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    /// Its name.
    pub name: String,
    /// Price of one piece.
    pub price: Money,
    /// Pieces that can be had.
    pub stock: i64,
}

/// The offer of a product; nothing when it does not exist or is not active.
///
/// # Errors
/// Any [`crate::error::DbError`].
pub fn find_offer(tx: &mut Tx<'_>, id: i64) -> Result<Option<Offer>> {
    let sql = "SELECT name, price_minor, stock FROM products WHERE id = ?1 AND is_active = 1";
    Ok(tx.query_opt(sql, vals![id], |row| Ok(Offer { name: row.get(0)?, price: row.get(1)?, stock: row.get(2)? }))?)
}

/// Takes pieces off the stock.
///
/// # Errors
/// [`Error::Conflict`] when there are fewer; callers that look at the [`Offer`] in the same
/// transaction never see it.
pub fn take(tx: &mut Tx<'_>, id: i64, quantity: i64, now: Timestamp) -> Result<()> {
    let sql = "UPDATE products SET stock = stock - ?2, updated_at = ?3 WHERE id = ?1 AND stock >= ?2";
    match tx.execute(sql, vals![id, quantity, now])? {
        0 => Err(Error::conflict("out_of_stock", format!("Product {id} has fewer than {quantity} pieces left."))),
        _ => Ok(()),
    }
}

/// Puts pieces back into the stock. A product that no longer exists takes none.
///
/// # Errors
/// Any [`crate::error::DbError`].
pub fn give_back(tx: &mut Tx<'_>, id: i64, quantity: i64, now: Timestamp) -> Result<()> {
    // A stock set to the very end of its 64 bits meanwhile must not make the order stay for ever.
    let sql = "UPDATE products SET stock = stock + min(?2, 9223372036854775807 - stock), updated_at = ?3 WHERE id = ?1";
    tx.execute(sql, vals![id, quantity, now])?;
    Ok(())
}
