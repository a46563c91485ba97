//! The tenant side of the Laravel application: log-in, users, products, orders. Errors of family
//! L; tenant key, and a user's token where it matters who asks.

mod auth;
mod products;

pub use auth::AuthApi;
pub use products::ProductsApi;
