//! What is written down of every request: metrics, and a row of the request log for callers that
//! are known. Both only send; the writing happens elsewhere.

use std::time::Instant;

use http::Method;
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

    async fn call(&self, request: Request) -> Result<Response> {
        let started = Instant::now();
        let method = method_label(request.method().as_str());
        let seen = Seen {
            uri: request.uri().clone(),
            user_agent: request.headers().get(http::header::USER_AGENT).cloned(),
            ip: client_addr(&request),
            id: request_id(&request),
        };
        let notes = notes(&request).cloned();
        let is_preflight = *request.method() == Method::OPTIONS;
        let response = self.inner.get_response(request).await;
        let took = started.elapsed();
        let route = response.data::<&'static Operation>().map_or(UNMATCHED_ROUTE, |operation| operation.pattern);
        let status = response.status().as_u16();
        self.app.metrics.record_http(route, method, status, took);
        if let Some(notes) = notes.filter(|notes| !is_preflight && is_known(notes)) {
            self.app.activity.record_request(RequestEntry {
                tenant: notes.tenant().cloned(),
                actor: audit::logged(notes.actor()),
                method,
                route: route.into(),
                sent: seen.texts(),
                ip: Some(seen.ip),
                status,
                took,
            });
        }
        Ok(response)
    }
}

/// What of a request is needed once it is gone.
struct Seen {
    uri: http::Uri,
    user_agent: Option<http::HeaderValue>,
    ip: std::net::IpAddr,
    id: crate::api::kit::request::RequestId,
}

impl Seen {
    fn texts(&self) -> SentTexts {
        let user_agent = self.user_agent.as_ref().and_then(|value| value.to_str().ok());
        SentTexts::new(self.uri.path(), user_agent, Some(self.id.as_str()))
    }
}

fn is_known(notes: &Notes) -> bool {
    notes.tenant().is_some() || notes.actor().is_some()
}
