//! Headers that tell browsers to be careful with our answers. A handler that sets one of them
//! itself keeps its own. The content security policy differs per page and is set there.

use futures_util::FutureExt as _;
use http::header::{REFERRER_POLICY, STRICT_TRANSPORT_SECURITY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS};
use http::{HeaderName, HeaderValue};
use poem::{Endpoint, IntoResponse, Middleware, Request, Response, Result};

use crate::api::kit::request::RequestScheme;

static NOSNIFF: HeaderValue = HeaderValue::from_static("nosniff");
static DENY: HeaderValue = HeaderValue::from_static("DENY");
/// Not `no-referrer`: with it browsers send `Origin: null` from our own forms, and a console
/// session is known by its origin.
static SAME_ORIGIN: HeaderValue = HeaderValue::from_static("same-origin");
/// A year, for this host alone: what runs beside it below the same domain is not ours to decide.
static ONE_YEAR: HeaderValue = HeaderValue::from_static("max-age=31536000");

/// Adds the headers. Inside of [`ClientAddress`](super::client_address::ClientAddress), which
/// knows whether the client came over TLS.
#[derive(Debug, Clone, Copy, Default)]
pub struct SecurityHeaders;

impl<E: Endpoint> Middleware<E> for SecurityHeaders {
    type Output = SecurityHeadersEndpoint<E>;

    fn transform(&self, inner: E) -> Self::Output {
        SecurityHeadersEndpoint { inner }
    }
}

/// See [`SecurityHeaders`].
pub struct SecurityHeadersEndpoint<E> {
    inner: E,
}

impl<E: Endpoint> Endpoint for SecurityHeadersEndpoint<E> {
    type Output = Response;

    fn call(&self, request: Request) -> impl Future<Output = Result<Response>> + Send {
        // Over plain HTTP browsers ignore the header, and have to.
        let over_tls = request.data::<RequestScheme>() == Some(&RequestScheme::Https);
        self.inner.call(request).map(move |result| {
            let mut response = result?.into_response();
            let mut add = |name: HeaderName, value: &HeaderValue| {
                response.headers_mut().entry(name).or_insert_with(|| value.clone());
            };
            add(X_CONTENT_TYPE_OPTIONS, &NOSNIFF);
            add(X_FRAME_OPTIONS, &DENY);
            add(REFERRER_POLICY, &SAME_ORIGIN);
            if over_tls {
                add(STRICT_TRANSPORT_SECURITY, &ONE_YEAR);
            }
            Ok(response)
        })
    }
}
