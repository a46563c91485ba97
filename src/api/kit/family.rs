//! The three families of errors: each route belongs to the dialect of one of the original systems,
//! and its errors look as that system's clients expect.

/// Which JSON shape an operation answers errors in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Family {
    /// Laravel: `{"error","message","hint"?}`, validation 422 `{"message","errors"}`.
    Laravel,
    /// Express: `{"success":false,"error","details"?}`, validation 400.
    Express,
    /// FastAPI: `{"detail"}`, validation 422 with a list.
    FastApi,
}

impl Family {
    /// The family that a path belongs to which nobody has.
    pub fn of_unknown(path: &str) -> Self {
        if path.starts_with("/api/v1/") || path == "/api/v1" { Self::FastApi } else { Self::Laravel }
    }
}

/// A family as a type, for operations are documented before any exists.
pub trait Dialect: Send + Sync + 'static {
    /// The family.
    const FAMILY: Family;
}

/// See [`Family::Laravel`].
pub struct Laravel;
/// See [`Family::Express`].
pub struct Express;
/// See [`Family::FastApi`].
pub struct FastApi;

impl Dialect for Laravel {
    const FAMILY: Family = Family::Laravel;
}
impl Dialect for Express {
    const FAMILY: Family = Family::Express;
}
impl Dialect for FastApi {
    const FAMILY: Family = Family::FastApi;
}
