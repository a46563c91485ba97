//! The router: exact paths with their methods, and the answers for what is not there. Which
//! family a known path belongs to is the path's own; only an unknown one is told by its prefix.

use std::collections::{BTreeMap, HashMap};

use http::{HeaderValue, Method, StatusCode, header};
use poem::endpoint::BoxEndpoint;
use poem::{Endpoint, Request, Response, Result, Route};
use poem_openapi::OpenApi;

use crate::error::Error;

use super::errors::{self, Asked};
use super::family::Family;

/// The endpoint of all operations.
pub fn router(api: impl OpenApi, extra: Route) -> impl Endpoint<Output = Response> {
    let mut table = HashMap::new();
    api.add_routes(&mut table);
    let table: BTreeMap<_, _> = table.into_iter().collect();
    let mut route = extra;
    for (path, methods) in table {
        route = route.at(path, Methods::new(methods));
    }
    WithNotFound { inner: route }
}

/// The methods of one path.
struct Methods {
    endpoints: Vec<(Method, BoxEndpoint<'static>)>,
    allowed: String,
}

impl Methods {
    fn new(endpoints: HashMap<Method, BoxEndpoint<'static>>) -> Self {
        let mut endpoints: Vec<_> = endpoints.into_iter().collect();
        endpoints.sort_by(|one, other| one.0.as_str().cmp(other.0.as_str()));
        let mut names: Vec<&str> = endpoints.iter().map(|(method, _)| method.as_str()).collect();
        if names.contains(&"GET") {
            names.push("HEAD");
        }
        let allowed = names.join(", ");
        Self { endpoints, allowed }
    }

    fn find(&self, method: &Method) -> Option<&BoxEndpoint<'static>> {
        self.endpoints.iter().find(|(own, _)| own == method).map(|(_, endpoint)| endpoint)
    }
}

impl Endpoint for Methods {
    type Output = Response;

    async fn call(&self, mut request: Request) -> Result<Response> {
        if let Some(endpoint) = self.find(request.method()) {
            return endpoint.call(request).await;
        }
        if *request.method() == Method::HEAD
            && let Some(endpoint) = self.find(&Method::GET)
        {
            request.set_method(Method::GET);
            let mut response = endpoint.call(request).await?;
            response.set_body(());
            return Ok(response);
        }
        if *request.method() == Method::OPTIONS {
            let mut response = Response::from(StatusCode::NO_CONTENT);
            if let Ok(allowed) = HeaderValue::from_str(&self.allowed) {
                response.headers_mut().insert(header::ALLOW, allowed);
            }
            return Ok(response);
        }
        Err(Error::MethodNotAllowed {
            method: request.method().to_string(),
            path: request.original_uri().path().to_owned(),
            allowed: self.allowed.clone(),
        }
        .into())
    }
}

struct WithNotFound<E> {
    inner: E,
}

impl<E: Endpoint<Output = Response>> Endpoint for WithNotFound<E> {
    type Output = Response;

    async fn call(&self, request: Request) -> Result<Response> {
        let uri = request.uri().clone();
        let path = uri.path();
        let family = if path.starts_with("/api/v1/") || path == "/api/v1" { Family::FastApi } else { Family::Laravel };
        let asked = Asked::of(&request, family);
        match self.inner.call(request).await {
            Ok(response) => Ok(response),
            Err(error) if error.is::<poem::error::NotFoundError>() => {
                let shown = path.chars().take(200).collect();
                Ok(errors::answer(&Error::RouteNotFound(shown), &asked))
            }
            Err(error) => Ok(errors::render(error, &asked)),
        }
    }
}
