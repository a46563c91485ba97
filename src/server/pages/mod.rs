//! What people open in a browser, and what machines fetch beside the operations: the landing page,
//! the two views of the document, the document itself, and the metrics. Nothing on these pages
//! comes from another host, so they work without the internet.

mod assets;
mod file;
mod landing;
mod metrics;
mod viewers;

use std::sync::{Arc, LazyLock};

use http::{HeaderValue, Method, StatusCode, header};
use poem::{Endpoint, Request, Response, Result, Route};

use crate::api;
use crate::api::kit::errors::{self, Asked};
use crate::api::kit::family::Family;
use crate::api::kit::operation::Operation;
use crate::app::App;
use crate::config::BaseUrl;
use crate::error::Error;

use file::File;
use landing::Landing;
use viewers::{REDOC, SWAGGER};

/// The routes of all pages.
pub fn routes(app: &App) -> Route {
    // Built when somebody asks: its making takes megabytes that a server without readers never needs.
    let config = app.config.clone();
    let document = LazyLock::new(move || File::new("application/json", api::document(&config).to_string()));
    let document = Arc::new(document);
    let landing = Landing::new();
    let origin = app.config.http.documented_url().map_or("", BaseUrl::as_str);
    let (swagger, redoc) = (viewers::policy(origin), viewers::policy(origin));
    let (here, in_v1) = (document.clone(), document);
    let scraped = app.clone();
    Route::new()
        .at("/", page("/", move |request| Ok(landing.answer(request))))
        .at("/openapi.json", page("/openapi.json", move |request| Ok(here.answer(request))))
        .at(
            "/api/v1/openapi.json",
            page_of(Family::FastApi, "/api/v1/openapi.json", move |request| Ok(in_v1.answer(request))),
        )
        .at("/metrics", page("/metrics", move |request| metrics::answer(&scraped, request)))
        .at("/docs", page("/docs", move |request| Ok(viewer(&SWAGGER.html, "../docs", &swagger, request))))
        .at("/docs/:file", page("/docs/{file}", |request| asset(&SWAGGER.files, request)))
        .at("/redoc", page("/redoc", move |request| Ok(viewer(&REDOC.html, "../redoc", &redoc, request))))
        .at("/redoc/:file", page("/redoc/{file}", |request| asset(&REDOC.files, request)))
}

fn asset(files: &[(&'static str, File)], request: &Request) -> Result<Response, Error> {
    let asked = request.uri().path().rsplit('/').next().unwrap_or_default();
    let found = files.iter().find(|(name, _)| *name == asked);
    let (_, file) = found.ok_or_else(|| Error::RouteNotFound(request.uri().path().chars().take(200).collect()))?;
    Ok(file.answer(request))
}

/// The page of a viewer. Its links are relative, so it has to be seen without a slash at its end.
fn viewer(html: &File, path: &'static str, policy: &HeaderValue, request: &Request) -> Response {
    if request.original_uri().path().ends_with('/') {
        return Response::builder().status(StatusCode::PERMANENT_REDIRECT).header(header::LOCATION, path).finish();
    }
    let mut response = html.answer(request);
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy.clone());
    response
}

fn page<F>(pattern: &'static str, answer: F) -> Page<F>
where
    F: Fn(&Request) -> Result<Response, Error> + Send + Sync,
{
    page_of(Family::Laravel, pattern, answer)
}

fn page_of<F>(family: Family, pattern: &'static str, answer: F) -> Page<F>
where
    F: Fn(&Request) -> Result<Response, Error> + Send + Sync,
{
    // One for each page at start, for the life of the process: the key of its metrics.
    let operation = Operation { id: "page", pattern, method: Method::GET, family, refuses_query: false };
    Page { operation: Box::leak(Box::new(operation)), answer }
}

struct Page<F> {
    operation: &'static Operation,
    answer: F,
}

impl<F> Page<F>
where
    F: Fn(&Request) -> Result<Response, Error> + Send + Sync,
{
    fn response(&self, request: &Request) -> Result<Response, Error> {
        const ALLOWED: &str = "GET, HEAD";
        match *request.method() {
            Method::GET => (self.answer)(request),
            Method::HEAD => {
                let mut response = (self.answer)(request)?;
                response.set_body(());
                Ok(response)
            }
            Method::OPTIONS => {
                Ok(Response::builder().status(StatusCode::NO_CONTENT).header(header::ALLOW, ALLOWED).finish())
            }
            _ => {
                let (method, path) = (request.method().to_string(), request.uri().path().to_owned());
                Err(Error::MethodNotAllowed { method, path, allowed: ALLOWED.into() })
            }
        }
    }
}

impl<F> Endpoint for Page<F>
where
    F: Fn(&Request) -> Result<Response, Error> + Send + Sync,
{
    type Output = Response;

    async fn call(&self, request: Request) -> Result<Response> {
        let mut response = match self.response(&request) {
            Ok(response) => response,
            Err(error) => return Ok(errors::render(error.into(), &Asked::of(&request, self.operation.family))),
        };
        response.set_data(self.operation);
        Ok(response)
    }
}
