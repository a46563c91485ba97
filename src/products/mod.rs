//! Products of one tenant: rows, lists with filters, and a search by substring.
//!
//! Invariants: price and stock are never negative; a search sees every committed change at once,
//! although the index is filled later (see `search`).

mod model;
pub mod search;
pub mod stock;
mod store;

pub use model::{NewProduct, Product, ProductFilter, ProductPatch, ProductSort};
pub use store::{create, delete, find, get, list, update};
