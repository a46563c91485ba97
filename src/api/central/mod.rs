//! The operator's side of the Laravel application: tenants. Errors of family L; master key.

mod tenants;

pub use tenants::TenantsApi;
