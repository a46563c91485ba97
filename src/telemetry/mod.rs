//! What the server tells about itself: log lines and metrics.
//!
//! Invariants: neither carries a secret, and no metric carries a raw path or a tenant's id, for
//! each of their values would be a series of its own, kept for ever.

mod http_series;
pub mod logging;
mod metrics;
mod process;
mod watch;

pub use http_series::{UNMATCHED_ROUTE, method_label};
pub use metrics::Metrics;
