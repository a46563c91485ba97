//! `/metrics`, for Prometheus.

use poem::{Request, Response};

use crate::api::kit::credentials::Operator;
use crate::app::App;
use crate::error::Error;
use crate::server::client_address::is_from_this_machine;
use crate::server::cors::SameOriginOnly;
use crate::telemetry::Metrics;

/// The metrics, for a scraper on this machine and for the holder of the master key.
///
/// The numbers name no tenant, but they tell how busy the server is and what it runs, which is
/// nobody's business outside. A scraper beside the server needs no key then: keys in scrape
/// settings end up in repositories. What comes through a proxy on this machine is not from this
/// machine and needs the key.
pub fn answer(app: &App, request: &Request) -> Result<Response, Error> {
    if !app.config.telemetry.metrics {
        return Err(Error::RouteNotFound("/metrics".into()));
    }
    if !is_from_this_machine(request) {
        Operator::check(request)?;
    }
    let mut response = Response::builder().content_type(Metrics::CONTENT_TYPE).body(app.metrics.render());
    // A page that is open on this machine asks from this machine too.
    response.set_data(SameOriginOnly);
    Ok(response)
}
