//! From hyper's request to poem's endpoint and back.

use std::convert::Infallible;
use std::sync::Arc;

use http::uri::Scheme;
use hyper::body::Incoming;
use hyper::service::{Service, service_fn};
use poem::endpoint::{DynEndpoint, ToDynEndpoint};
use poem::web::{LocalAddr, RemoteAddr};
use poem::{Addr, Endpoint, Request, Response};

use super::linger;
use super::pulse::{Guarded, Pulse};
use crate::api::kit::request::{LocalOperator, PeerAddr};

/// All that a server answers: the router with its wrappers, without its type.
///
/// The type is hidden on purpose. hyper keeps room for one request's future in every connection;
/// with the type erased that room is small, and an idle connection costs little.
pub type Site = Arc<dyn DynEndpoint<Output = Response>>;

/// Hides the type of an endpoint.
pub fn site(endpoint: impl Endpoint<Output = Response> + 'static) -> Site {
    Arc::new(ToDynEndpoint(endpoint))
}

/// Where the requests of one connection come from.
#[derive(Debug, Clone)]
pub(super) struct Origin {
    pub(super) peer: PeerAddr,
    pub(super) operator: Option<LocalOperator>,
    pub(super) remote: Addr,
    pub(super) local: Addr,
    pub(super) scheme: Scheme,
}

impl Origin {
    fn receive(&self, request: http::Request<Incoming>) -> Request {
        let from = (LocalAddr(self.local.clone()), RemoteAddr(self.remote.clone()), self.scheme.clone());
        let mut request = Request::from((request, from.0, from.1, from.2));
        request.set_data(self.peer);
        if let Some(operator) = self.operator {
            request.set_data(operator);
        }
        request
    }
}

/// The service of one connection.
pub(super) fn service(
    site: Site,
    origin: Origin,
    pulse: Arc<Pulse>,
) -> impl Service<
    http::Request<Incoming>,
    Response = http::Response<Guarded>,
    Error = Infallible,
    Future = impl Future<Output = Result<http::Response<Guarded>, Infallible>> + Send + 'static,
> {
    service_fn(move |request| {
        let in_flight = pulse.begin();
        let site = Arc::clone(&site);
        let mut request = origin.receive(request);
        let rest = linger::lend(&mut request);
        async move {
            let answered = DynEndpoint::call(site.as_ref(), request).await;
            let response: http::Response<_> = answered.unwrap_or_else(poem::Error::into_response).into();
            if let Some(rest) = rest {
                Box::pin(rest.throw_away(response.status())).await;
            }
            Ok(response.map(|body| Guarded { body, _in_flight: in_flight }))
        }
    })
}
