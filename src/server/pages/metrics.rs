//! `/metrics`, for Prometheus.

use std::net::IpAddr;

use poem::{Request, Response};

use crate::api::kit::credentials::Operator;
use crate::api::kit::request::PeerAddr;
use crate::app::App;
use crate::error::Error;
use crate::telemetry::Metrics;

/// Headers that proxies add. One of them says that the peer on this machine speaks for somebody else.
const FORWARDED: [&str; 5] = ["forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "via"];

/// The metrics, for a scraper on this machine and for the holder of the master key.
///
/// The numbers name no tenant, but they tell how busy the server is and what it runs, which is
/// nobody's business outside. A scraper beside the server needs no key then: keys in scrape
/// settings end up in repositories. What comes through a proxy on this machine is not from this
/// machine and needs the key.
pub fn answer(app: &App, request: &Request) -> Result<Response, Error> {
    if !is_from_here(request) {
        Operator::check(request)?;
    }
    Ok(Response::builder().content_type(Metrics::CONTENT_TYPE).body(app.metrics.render()))
}

fn is_from_here(request: &Request) -> bool {
    let peer = match request.data::<PeerAddr>() {
        Some(PeerAddr::Local) => true,
        Some(PeerAddr::Ip(address)) => IpAddr::is_loopback(address),
        None => false,
    };
    peer && !FORWARDED.iter().any(|name| request.headers().contains_key(*name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_direct_callers_on_this_machine_are_from_here() {
        let request = |peer: Option<PeerAddr>, header: Option<&'static str>| {
            let builder = header.into_iter().fold(Request::builder(), |builder, name| builder.header(name, "1.2.3.4"));
            let mut request = builder.finish();
            if let Some(peer) = peer {
                request.set_data(peer);
            }
            request
        };
        let ip = |text: &str| Some(PeerAddr::Ip(text.parse().unwrap()));
        assert!(is_from_here(&request(ip("127.0.0.1"), None)));
        assert!(is_from_here(&request(ip("::1"), None)));
        assert!(is_from_here(&request(Some(PeerAddr::Local), None)));
        assert!(!is_from_here(&request(ip("10.0.0.1"), None)));
        assert!(!is_from_here(&request(None, None)));
        for header in FORWARDED {
            assert!(!is_from_here(&request(ip("127.0.0.1"), Some(header))), "{header}");
        }
    }
}
