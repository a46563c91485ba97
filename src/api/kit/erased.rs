//! An endpoint without its type.
//!
//! poem calls one through two async functions, and each of them has room for the request twice. A
//! future is copied as a whole when the next box is put around it, so that room costs every request.
//! For the same reason the endpoints around a request are no async functions: they call the inner
//! one at once and map what comes of it.

use poem::endpoint::{BoxEndpoint, DynEndpoint};
use poem::{Endpoint, Request, Response, Result};

/// See the module.
pub struct Erased(pub BoxEndpoint<'static>);

impl Endpoint for Erased {
    type Output = Response;

    fn call(&self, request: Request) -> impl Future<Output = Result<Response>> + Send {
        DynEndpoint::call(self.0.as_ref(), request)
    }
}
