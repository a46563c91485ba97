//! What is written down of every request: metrics, and a row of the request log for callers that
//! are known. Both only send; the writing happens elsewhere.

use std::time::Instant;

use futures_util::FutureExt as _;
use http::Method;
use http::header::USER_AGENT;
use poem::{Endpoint, Middleware, Request, Response, Result};

use crate::activity::{RequestEntry, SentTexts};
use crate::api::kit::audit;
use crate::api::kit::operation::Operation;
use crate::api::kit::request::{Notes, client_addr, notes, request_id};
use crate::app::App;
use crate::telemetry::{UNMATCHED_ROUTE, method_label};

/// Measures and logs every request.
#[derive(Clone)]
pub struct Observe {
    /// Where it is sent.
    pub app: App,
}

impl<E: Endpoint<Output = Response>> Middleware<E> for Observe {
    type Output = ObserveEndpoint<E>;

    fn transform(&self, inner: E) -> Self::Output {
        ObserveEndpoint { inner, app: self.app.clone() }
    }
}

/// See [`Observe`].
pub struct ObserveEndpoint<E> {
    inner: E,
    app: App,
}

impl<E: Endpoint<Output = Response>> Endpoint for ObserveEndpoint<E> {
    type Output = Response;

    fn call(&self, request: Request) -> impl Future<Output = Result<Response>> + Send {
        let started = Instant::now();
        let method = method_label(request.method().as_str());
        let user_agent = request.headers().get(USER_AGENT).and_then(|value| value.to_str().ok());
        let sent = SentTexts::new(request.uri().path(), user_agent, Some(request_id(&request).as_str()));
        let ip = client_addr(&request);
        let notes = notes(&request).cloned();
        let is_preflight = *request.method() == Method::OPTIONS;
        self.inner.call(request).map(move |result| {
            let response = result.unwrap_or_else(poem::Error::into_response);
            let took = started.elapsed();
            let route = response.data::<&'static Operation>().map_or(UNMATCHED_ROUTE, |operation| operation.pattern);
            let status = response.status().as_u16();
            self.app.metrics.record_http(route, method, status, took);
            if let Some(notes) = notes.filter(|notes| !is_preflight && is_known(notes)) {
                let actor = audit::logged(notes.actor());
                self.app.activity.record_request(RequestEntry {
                    tenant: Notes::into_tenant(notes),
                    actor,
                    method,
                    route: route.into(),
                    sent,
                    ip: Some(ip),
                    status,
                    took,
                });
            }
            Ok(response)
        })
    }
}

fn is_known(notes: &Notes) -> bool {
    notes.tenant().is_some() || notes.actor().is_some()
}
