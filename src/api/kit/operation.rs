//! What every operation gets around it: its dialect's errors, its entry for metrics and the
//! request log, the headers of its rate limit, and protection against a panic.

use std::collections::HashMap;
use std::marker::PhantomData;
use std::sync::Arc;

use futures_util::FutureExt as _;
use http::{HeaderName, Method};
use poem::endpoint::BoxEndpoint;
use poem::{Endpoint, EndpointExt, Request, Response, Result};
use poem_openapi::OpenApi;
use poem_openapi::registry::{MetaApi, MetaOperation, MetaParamIn, Registry};

use super::erased::Erased;
use super::errors::{self, Asked};
use super::family::{Dialect, Family};
use super::panic::{CatchPanics, CatchPanicsEndpoint};
use super::request::notes;
use super::route_table::{RouteTable, Spoken};
use super::twins;

static X_RATELIMIT_LIMIT: HeaderName = HeaderName::from_static("x-ratelimit-limit");
static X_RATELIMIT_REMAINING: HeaderName = HeaderName::from_static("x-ratelimit-remaining");

/// What is known of an operation before any request. Lives as long as the process.
#[derive(Debug)]
pub struct Operation {
    /// Its id, `products.create`.
    pub id: &'static str,
    /// Its path with `{parameters}`.
    pub pattern: &'static str,
    /// Its method.
    pub method: Method,
    /// Whose errors it answers.
    pub family: Family,
    /// Whether a query is refused: it declares none, and no client of the original systems calls it, of
    /// which some add cache busters.
    pub refuses_query: bool,
}

/// Operations without a query that requests of the original systems reach.
const DOCUMENTED: &[&str] = &[
    "auth.",
    "central.backups.",
    "central.tenants.create",
    "central.tenants.health",
    "central.tenants.regenerate_key",
    "central.tenants.show",
    "central.tenants.test_connection",
    "central.tenants.update",
    "health",
    "products.",
    "users.",
];

/// See [`Operation::refuses_query`].
pub(super) fn refuses_query(operation: &MetaOperation) -> bool {
    let id = operation.operation_id.unwrap_or_default();
    let has_query = operation.params.iter().any(|param| param.in_type == MetaParamIn::Query);
    !has_query && !DOCUMENTED.iter().any(|documented| id.starts_with(documented))
}

/// An Api in the dialect `D`.
pub struct In<D, A> {
    api: A,
    dialect: PhantomData<fn() -> D>,
}

impl<D: Dialect, A: OpenApi> In<D, A> {
    /// Puts an Api into its dialect.
    pub fn new(api: A) -> Self {
        Self { api, dialect: PhantomData }
    }
}

impl<D: Dialect, A: OpenApi> OpenApi for In<D, A> {
    fn meta() -> Vec<MetaApi> {
        let mut apis = A::meta();
        for path in apis.iter_mut().flat_map(|api| &mut api.paths) {
            twins::tell_apart(path);
            path.operations.iter_mut().for_each(|operation| document_errors(operation, D::FAMILY));
        }
        apis
    }

    fn register(registry: &mut Registry) {
        A::register(registry);
        errors::document::register(registry, D::FAMILY);
    }

    fn add_routes(self, routes: &mut HashMap<String, HashMap<Method, BoxEndpoint<'static>>>) {
        for (path, methods) in self.endpoints() {
            let boxed = methods.into_iter().map(|(method, endpoint)| (method, endpoint.boxed()));
            routes.entry(path).or_default().extend(boxed);
        }
    }
}

impl<D: Dialect, A: OpenApi> In<D, A> {
    fn endpoints(self) -> HashMap<String, HashMap<Method, OperationEndpoint>> {
        let mut documented = HashMap::new();
        for path in Self::meta().into_iter().flat_map(|api| api.paths) {
            for operation in path.operations {
                let id = operation.operation_id.unwrap_or("unnamed");
                let refuses_query = refuses_query(&operation);
                let key = (without_names(&path.path), operation.method);
                documented.insert(key, (path.path.clone(), id, refuses_query));
            }
        }
        let (mut own, mut endpoints) = (HashMap::new(), HashMap::<_, HashMap<_, _>>::new());
        self.api.add_routes(&mut own);
        for (path, methods) in own {
            for (method, endpoint) in methods {
                let hidden = || (path.clone(), "unnamed", false);
                let (pattern, id, refuses_query) =
                    documented.remove(&(without_names(&path), method.clone())).unwrap_or_else(hidden);
                // One for each operation at start, for the life of the process.
                let pattern = Box::leak(pattern.into_boxed_str());
                let operation = Operation { id, pattern, method: method.clone(), family: D::FAMILY, refuses_query };
                let inner = Erased(endpoint).with(CatchPanics);
                let endpoint = OperationEndpoint { inner, operation: Box::leak(Box::new(operation)) };
                endpoints.entry(path.clone()).or_default().insert(method, endpoint);
            }
        }
        endpoints
    }
}

impl<D: Dialect, A: OpenApi> Spoken for In<D, A> {
    fn add_to(self, table: &mut RouteTable) {
        for (path, methods) in self.endpoints() {
            table.add(path, D::FAMILY, methods);
        }
    }
}

/// The router calls parameters `:param0`, the document `{id}`: the same path without their names.
fn without_names(path: &str) -> String {
    let step = |step: &str| if step.starts_with([':', '{']) { "*".to_owned() } else { step.to_owned() };
    path.split('/').map(step).collect::<Vec<_>>().join("/")
}

fn document_errors(operation: &mut MetaOperation, family: Family) {
    let described: Vec<Option<u16>> = operation.responses.responses.iter().map(|response| response.status).collect();
    for response in errors::document::responses(operation, family) {
        if !described.contains(&response.status) {
            operation.responses.responses.push(response);
        }
    }
}

/// An operation with all that stands around it.
pub struct OperationEndpoint {
    inner: CatchPanicsEndpoint<Erased>,
    operation: &'static Operation,
}

impl Endpoint for OperationEndpoint {
    type Output = Response;

    fn call(&self, mut request: Request) -> impl Future<Output = Result<Response>> + Send {
        let asked = Asked::of(&request, self.operation.family);
        let notes = notes(&request).map(Arc::clone);
        request.set_data(self.operation);
        self.inner.call(request).map(move |result| {
            let mut response = result.unwrap_or_else(|error| errors::render(error, &asked));
            response.set_data(self.operation);
            // A refusal names the limit that refused, which is not the one that let the request in.
            if let Some(allowance) = notes.and_then(|notes| notes.allowance())
                && !response.headers().contains_key(&X_RATELIMIT_LIMIT)
            {
                let headers = response.headers_mut();
                headers.insert(&X_RATELIMIT_LIMIT, allowance.limit.into());
                headers.insert(&X_RATELIMIT_REMAINING, allowance.remaining.into());
            }
            Ok(response)
        })
    }
}
