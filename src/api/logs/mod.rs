//! The request log and the audit log, ruko's own: all of them for the operator, those of the own
//! tenant for its admins. Errors of family L.

mod operator;
mod params;
mod rows;
mod tenant;

pub use operator::CentralLogsApi;
pub use tenant::TenantLogsApi;
