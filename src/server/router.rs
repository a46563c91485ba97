//! The whole of what a server answers: operations, pages, and the wrappers around them.

use std::sync::Arc;

use poem::{Endpoint, EndpointExt, Request, Response, Result};

use crate::api;
use crate::api::kit::request::Notes;
use crate::api::kit::route_table;
use crate::app::App;

use super::client_address::{ClientAddress, ForwardHeader};
use super::cors::Cors;
use super::host::OneHost;
use super::observe::Observe;
use super::pages;
use super::request_id::RequestIds;
use super::security_headers::SecurityHeaders;
use super::site::{Site, site};
use super::trusted_proxies::TrustedProxies;

/// Everything a server of this application answers.
pub fn build(app: &App) -> Site {
    let http = &app.config.http;
    let router = route_table::router(api::all(app), pages::routes(app));
    let client_address =
        ClientAddress { trusted: TrustedProxies::of(http.trusted_proxies.clone()), header: ForwardHeader::default() };
    let endpoint = Enter { inner: router.with(OneHost).with(Observe { app: app.clone() }), app: app.clone() }
        .with(Cors { origins: super::cors::AllowedOrigins::of(&http.cors_origins) })
        .with(SecurityHeaders)
        .with(client_address)
        .with(RequestIds);
    site(endpoint)
}

/// Gives every request what its handlers look for.
struct Enter<E> {
    inner: E,
    app: App,
}

impl<E: Endpoint<Output = Response>> Endpoint for Enter<E> {
    type Output = Response;

    fn call(&self, mut request: Request) -> impl Future<Output = Result<Response>> + Send {
        request.set_data(self.app.clone());
        request.set_data(Arc::new(Notes::default()));
        self.inner.call(request)
    }
}
