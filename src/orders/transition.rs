//! Moving an order on, or calling it off.

use crate::clock::Timestamp;
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::id::UserId;
use crate::products::stock;

use super::model::Order;
use super::status::OrderStatus;
use super::store;

/// Sets an order's status. Cancelling gives its pieces back to the products that still exist. An
/// order that already is `to` is answered unchanged, so a request can be sent again.
///
/// # Errors
/// [`Error::NotFound`]; [`Error::Conflict`] `illegal_transition`; [`Error::Forbidden`] when an owner
/// wants anything but to cancel, since nobody should be able to call their own order paid.
pub fn set_status(tx: &mut Tx<'_>, id: i64, to: OrderStatus, owner: Option<UserId>, now: Timestamp) -> Result<Order> {
    let order = store::get(tx, id, owner)?;
    if order.status == to {
        return Ok(order);
    }
    if owner.is_some() && to != OrderStatus::Cancelled {
        return Err(Error::Forbidden("only an admin may move an order on"));
    }
    order.status.check_change(to)?;
    store::set_status(tx, id, to, now)?;
    if to == OrderStatus::Cancelled {
        for item in &order.items {
            if let Some(product_id) = item.product_id {
                stock::give_back(tx, product_id, item.quantity, now)?;
            }
        }
    }
    Ok(Order { status: to, updated_at: now, ..order })
}
