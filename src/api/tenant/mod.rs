//! The tenant side of the Laravel application: log-in, users, products, orders. Errors of family
//! L; tenant key, and a user's token where it matters who asks.

mod auth;
mod me;
mod orders;
mod products;
mod user_in;
mod users;

pub use auth::AuthApi;
pub use me::MeApi;
pub use orders::OrdersApi;
pub use products::ProductsApi;
pub use users::UsersApi;
