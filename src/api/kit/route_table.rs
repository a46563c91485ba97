//! The router: exact paths with their methods, and the answers for what is not there. Which
//! family a known path belongs to is the path's own; only an unknown one is told by its prefix.

use std::collections::{BTreeMap, HashMap};

use futures_util::FutureExt as _;
use futures_util::future::{Either, ready};
use http::{HeaderValue, Method, StatusCode, Uri, header};
use poem::{Endpoint, Request, Response, Result, Route};
use poem_openapi::OpenApi;

use crate::error::Error;

use super::errors::{self, Asked};
use super::family::Family;
use super::operation::OperationEndpoint;

/// Apis of which each speaks a dialect. Nothing else can be routed, so every path has a family.
pub trait Spoken: OpenApi {
    /// Puts the operations where the router finds them.
    fn add_to(self, table: &mut RouteTable);
}

macro_rules! spoken_tuples {
    ($first:ident) => {};
    ($first:ident, $($rest:ident),+) => {
        impl<$first: Spoken, $($rest: Spoken),+> Spoken for ($first, $($rest),+) {
            #[allow(non_snake_case, reason = "each value is called as its type is")]
            fn add_to(self, table: &mut RouteTable) {
                let ($first, $($rest),+) = self;
                $first.add_to(table);
                $($rest.add_to(table);)+
            }
        }
        spoken_tuples!($($rest),+);
    };
}
// As many as poem-openapi takes.
spoken_tuples!(A, B, C, D, E, F, G, H, I, J, K, L, M, N, O, P);

/// Paths with their methods, and the family whose errors a path answers.
#[derive(Default)]
pub struct RouteTable {
    paths: BTreeMap<String, Methods>,
}

impl RouteTable {
    /// Adds methods of a path. Where two families share one, the first of them answers for it.
    pub fn add(&mut self, path: String, family: Family, endpoints: HashMap<Method, OperationEndpoint>) {
        let own = || Methods { family, endpoints: Vec::new(), allowed: String::new() };
        self.paths.entry(path).or_insert_with(own).add(endpoints);
    }
}

/// The endpoint of all operations.
pub fn router<T: Spoken>(apis: T, extra: Route) -> impl Endpoint<Output = Response> + use<T> {
    let mut table = RouteTable::default();
    apis.add_to(&mut table);
    let route = table.paths.into_iter().fold(extra, |route, (path, methods)| route.at(path, methods));
    WithNotFound { inner: route }
}

/// The methods of one path.
struct Methods {
    family: Family,
    endpoints: Vec<(Method, OperationEndpoint)>,
    allowed: String,
}

impl Methods {
    fn add(&mut self, endpoints: HashMap<Method, OperationEndpoint>) {
        self.endpoints.extend(endpoints);
        self.endpoints.sort_by(|one, other| one.0.as_str().cmp(other.0.as_str()));
        let mut names: Vec<&str> = self.endpoints.iter().map(|(method, _)| method.as_str()).collect();
        if names.contains(&"GET") {
            names.push("HEAD");
        }
        self.allowed = names.join(", ");
    }

    fn find(&self, method: &Method) -> Option<&OperationEndpoint> {
        self.endpoints.iter().find(|(own, _)| own == method).map(|(_, endpoint)| endpoint)
    }
}

impl Endpoint for Methods {
    type Output = Response;

    fn call(&self, mut request: Request) -> impl Future<Output = Result<Response>> + Send {
        let own = self.find(request.method());
        let stands_in = own.is_none() && *request.method() == Method::HEAD;
        let Some(endpoint) = own.or_else(|| self.find(&Method::GET).filter(|_| stands_in)) else {
            return Either::Left(ready(Ok(self.answer_itself(&request))));
        };
        if stands_in {
            request.set_method(Method::GET);
        }
        Either::Right(endpoint.call(request).map(move |result| {
            let mut response = result?;
            if stands_in {
                response.set_body(());
            }
            Ok(response)
        }))
    }
}

impl Methods {
    /// The answer to a method that no operation has.
    fn answer_itself(&self, request: &Request) -> Response {
        if *request.method() == Method::OPTIONS {
            let mut response = Response::from(StatusCode::NO_CONTENT);
            if let Ok(allowed) = HeaderValue::from_str(&self.allowed) {
                response.headers_mut().insert(header::ALLOW, allowed);
            }
            return response;
        }
        let refusal = Error::MethodNotAllowed {
            method: request.method().to_string(),
            path: request.original_uri().path().to_owned(),
            allowed: self.allowed.clone(),
        };
        errors::answer(&refusal, &Asked::of(request, self.family))
    }
}

struct WithNotFound<E> {
    inner: E,
}

impl<E: Endpoint<Output = Response>> Endpoint for WithNotFound<E> {
    type Output = Response;

    fn call(&self, mut request: Request) -> impl Future<Output = Result<Response>> + Send {
        let uri = request.uri().clone();
        if let Some(plain) = without_last_slash(&uri) {
            *request.uri_mut() = plain;
        }
        let asked = Asked::of(&request, Family::of_unknown(uri.path()));
        self.inner.call(request).map(move |result| match result {
            Ok(response) => Ok(response),
            Err(error) if error.is::<poem::error::NotFoundError>() => {
                let shown = uri.path().chars().take(200).collect();
                Ok(errors::answer(&Error::RouteNotFound(shown), &asked))
            }
            Err(error) => Ok(errors::render(error, &asked)),
        })
    }
}

/// The address without slashes at its end, when it has some: to Laravel they are the same, and so
/// they are to its clients. `/` stays as it is.
fn without_last_slash(uri: &Uri) -> Option<Uri> {
    let path = uri.path().trim_end_matches('/');
    if path.len() == uri.path().len() || path.is_empty() {
        return None;
    }
    let mut parts = uri.clone().into_parts();
    let query = uri.query().map_or(String::new(), |query| format!("?{query}"));
    parts.path_and_query = Some(format!("{path}{query}").parse().ok()?);
    Uri::from_parts(parts).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_slashes_at_the_end_go_and_the_rest_stays() {
        let plain = |text: &str| without_last_slash(&text.parse().unwrap()).map(|uri| uri.to_string());
        for (uri, expected) in [
            ("/", None),
            ("//", None),
            ("/api/products", None),
            ("/api/products?a=/", None),
            ("/api/products%2F", None),
            ("/api/products/", Some("/api/products")),
            ("/api//products///?a=%20/&b", Some("/api//products?a=%20/&b")),
            ("/api/?", Some("/api?")),
            ("http://h:1/api/", Some("http://h:1/api")),
        ] {
            assert_eq!(plain(uri).as_deref(), expected, "{uri}");
        }
    }
}
