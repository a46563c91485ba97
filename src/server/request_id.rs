//! One id per request, in its extensions, its log lines and the header `X-Request-Id` of its answer.

use futures_util::FutureExt as _;
use http::{HeaderName, HeaderValue};
use poem::{Endpoint, IntoResponse, Middleware, Request, Response, Result};

use crate::api::kit::request::RequestId;

static X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Gives every request its [`RequestId`]. Outermost of all wrappers: an error is turned into an
/// answer here at the latest, so that it carries the id too.
#[derive(Debug, Clone, Copy, Default)]
pub struct RequestIds;

impl<E: Endpoint> Middleware<E> for RequestIds {
    type Output = RequestIdsEndpoint<E>;

    fn transform(&self, inner: E) -> Self::Output {
        RequestIdsEndpoint { inner }
    }
}

/// See [`RequestIds`].
pub struct RequestIdsEndpoint<E> {
    inner: E,
}

impl<E: Endpoint> Endpoint for RequestIdsEndpoint<E> {
    type Output = Response;

    fn call(&self, mut request: Request) -> impl Future<Output = Result<Response>> + Send {
        let sent = request.headers().get(&X_REQUEST_ID);
        let id = sent.and_then(|sent| RequestId::parse(sent.as_bytes())).unwrap_or_default();
        request.set_data(id);
        self.inner.call(request).map(move |result| {
            let mut response = result.map_or_else(poem::Error::into_response, IntoResponse::into_response);
            if let Ok(value) = HeaderValue::from_bytes(id.as_bytes()) {
                response.headers_mut().insert(&X_REQUEST_ID, value);
            }
            Ok(response)
        })
    }
}
