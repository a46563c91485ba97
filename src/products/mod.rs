//! Products of one tenant.

pub mod stock;
