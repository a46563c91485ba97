//! A handler that panics must not take the connection with it: its request becomes an error like
//! any other, and the text of the panic goes to the log.

use std::any::Any;
use std::panic::AssertUnwindSafe;

use futures_util::FutureExt;
use http::StatusCode;
use poem::{Endpoint, Error, Middleware, Request, Result};

use super::request::RequestId;

/// What a request becomes whose handler panicked: status 500, and no word about the cause. The
/// panic is in the log already; whoever renders this error does not log it again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("internal error")]
pub struct Panicked;

/// Turns panics into [`Panicked`]. Inside of the error renderer.
#[derive(Debug, Clone, Copy, Default)]
pub struct CatchPanics;

impl<E: Endpoint> Middleware<E> for CatchPanics {
    type Output = CatchPanicsEndpoint<E>;

    fn transform(&self, inner: E) -> Self::Output {
        CatchPanicsEndpoint { inner }
    }
}

/// See [`CatchPanics`].
pub struct CatchPanicsEndpoint<E> {
    inner: E,
}

impl<E: Endpoint> Endpoint for CatchPanicsEndpoint<E> {
    type Output = E::Output;

    fn call(&self, request: Request) -> impl Future<Output = Result<Self::Output>> + Send {
        let id = request.data::<RequestId>().copied();
        // The request is consumed by the call, and what a handler shares with others is behind
        // locks that a panic releases: nothing half-changed is seen afterwards.
        AssertUnwindSafe(self.inner.call(request)).catch_unwind().map(move |outcome| match outcome {
            Ok(result) => result,
            Err(panic) => {
                let request_id = id.as_ref().map_or("unknown", RequestId::as_str);
                tracing::error!(request_id, panic = text(panic.as_ref()), "a handler panicked");
                Err(Error::new(Panicked, StatusCode::INTERNAL_SERVER_ERROR))
            }
        })
    }
}

fn text(panic: &(dyn Any + Send)) -> &str {
    panic
        .downcast_ref::<&'static str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("a panic without a text")
}
