//! HTTP/1.1 asks for one `Host` (RFC 9112, section 3.2). Without it nobody knows which server was
//! meant, and of two a proxy and this server may believe different ones.

use futures_util::future::{Either, ready};
use http::{Version, header};
use poem::{Endpoint, Middleware, Request, Response, Result};

use crate::api::kit::errors::{self, Asked};
use crate::api::kit::family::Family;
use crate::error::Error;

/// Refuses requests of HTTP/1.1 without a `Host`, and all with more than one.
#[derive(Debug, Clone, Copy, Default)]
pub struct OneHost;

impl<E: Endpoint<Output = Response>> Middleware<E> for OneHost {
    type Output = OneHostEndpoint<E>;

    fn transform(&self, inner: E) -> Self::Output {
        OneHostEndpoint { inner }
    }
}

/// See [`OneHost`].
pub struct OneHostEndpoint<E> {
    inner: E,
}

impl<E: Endpoint<Output = Response>> Endpoint for OneHostEndpoint<E> {
    type Output = Response;

    fn call(&self, request: Request) -> impl Future<Output = Result<Response>> + Send {
        let error = match request.headers().get_all(header::HOST).iter().count() {
            1 => return Either::Left(self.inner.call(request)),
            0 if request.version() != Version::HTTP_11 => return Either::Left(self.inner.call(request)),
            0 => Error::BadRequest("The request has no Host header"),
            _ => Error::BadRequest("The request has more than one Host header"),
        };
        let family = Family::of_unknown(request.uri().path());
        Either::Right(ready(Ok(errors::answer(&error, &Asked::of(&request, family)))))
    }
}
