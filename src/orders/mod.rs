//! Orders of one tenant: who bought what, at which price, and how far it got.
//!
//! Invariants:
//! - an order and the stock it takes are one transaction: for every product, the stock plus the
//!   pieces in orders that are not cancelled stays what it was, and it never goes below zero;
//! - cancelling gives the pieces back once, because `cancelled` is final;
//! - name and price of an item are the product's at the time of the order and outlive the product;
//! - `total` is the sum of the items and within the range of [`Money`](crate::money::Money).
//!
//! All functions run inside [`Db::read`](crate::db::Db::read) or [`Db::write`](crate::db::Db::write)
//! and take an `owner`: a user who may see and make only their own orders. `None` is an admin, who
//! may do all. To an owner, orders of others do not exist.

mod create;
mod model;
mod sort;
mod status;
mod store;
mod transition;

#[cfg(test)]
mod plans;

pub use create::create;
pub use model::{ITEMS_MAX, NOTE_MAX_CHARS, NewItem, NewOrder, Order, OrderFilter, OrderItem, OrderPage, QUANTITY_MAX};
pub use sort::{OrderSort, SortKey};
pub use status::OrderStatus;
pub use store::{get, list};
pub use transition::set_status;
