//! The people inside one tenant's file, their roles and their tokens.
//!
//! Invariants: a password is stored as an argon2id hash, a token as its SHA-256; the first user of
//! a tenant may be an admin, later ones only by an admin or the operator; a tenant keeps at least
//! one active admin once it has one.

mod account;
mod model;
mod session;
mod store;
mod throttle;
pub mod tokens;

pub use account::{change_password, check_password, login, register};
pub use model::{NewUser, PasswordPolicy, Registrar, Role, User, UserFilter, UserPatch};
pub use session::{Sessions, SignedIn};
pub use store::{count, delete, find, get, list, set_password_hash, update};
pub use throttle::LoginThrottle;
