//! The people inside one tenant's file, their roles and their tokens.
//!
//! Invariants: a password is stored as an argon2id hash, a token as its SHA-256; the first user of
//! a tenant may be an admin, later ones only by an admin or the operator; a tenant keeps at least
//! one active admin once it has one; whatever changes a right voids the tenant's cached credentials
//! before its caller hears of it.

mod account;
mod carry_over;
mod change;
mod login;
mod model;
mod networks;
mod session;
mod store;
mod throttle;
pub mod tokens;

pub use account::UserDesk;
pub use carry_over::{CarriedOver, Present, carry_nothing_over, carry_over, present, untouched};
pub use model::{Changer, NewUser, PasswordPolicy, Registrar, Role, User, UserFilter, UserPatch};
pub use session::{Sessions, SignedIn};
pub use store::{count, find, get, list};
pub use throttle::{Attempt, LoginThrottle};
