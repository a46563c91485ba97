//! Each path answers in its own family, wherever it lies: a small router with one path of each.

use poem::Route;
use poem_openapi::OpenApi;
use ruko::api::kit::family::{Express, FastApi, Laravel};
use ruko::api::kit::operation::In;
use ruko::api::kit::path::{Id, Path};
use ruko::api::kit::reply::NoContent;
use ruko::api::kit::route_table::router;
use ruko::error::Error;
use serde_json::{Value, json};

use crate::wire::{Answer, CALM, Server};

macro_rules! api_at {
    ($name:ident, $path:literal) => {
        struct $name;

        #[OpenApi]
        impl $name {
            #[oai(path = $path, method = "get")]
            async fn show(&self, id: Path<Id>) -> Result<NoContent, Error> {
                id.of("thing").map(|_| NoContent)
            }

            #[oai(path = $path, method = "put", method = "patch")]
            async fn update(&self, id: Path<Id>) -> Result<NoContent, Error> {
                id.of("thing").map(|_| NoContent)
            }

            #[oai(path = $path, method = "post")]
            async fn refuse(&self, _id: Path<Id>) -> Result<NoContent, Error> {
                Err(Error::TooManyRequests { retry_after_secs: 9, limit: 7 })
            }
        }
    };
}
// None of them lies where the prefix of an unknown path would put it.
api_at!(InLaravel, "/api/v1/l/:id");
api_at!(InExpress, "/api/v1/e/:id");
api_at!(InFastApi, "/api/f/:id");

fn server() -> Server {
    let apis = (In::<Laravel, _>::new(InLaravel), In::<Express, _>::new(InExpress), In::<FastApi, _>::new(InFastApi));
    Server::start(router(apis, Route::new()), CALM)
}

async fn ask(server: &Server, method: &str, path: &str) -> (Answer, Value) {
    let answer = server.ask(&format!("{method} {path} HTTP/1.1\r\nHost: test\r\n\r\n")).await;
    let body = serde_json::from_str(&answer.body).unwrap_or_default();
    (answer, body)
}

/// A body without what is the same in every family and differs from request to request.
fn own(mut body: Value) -> Value {
    let fields = body.as_object_mut().unwrap();
    assert!(fields.remove("request_id").is_some_and(|id| id.is_string()));
    body
}

#[tokio::test]
async fn wrong_and_unknown_methods_are_refused_in_the_family_of_their_path() {
    let server = server();
    for method in ["DELETE", "TRACE", "BREW"] {
        let text = |path: &str| {
            format!(
                "The {method} method is not supported for route {path}. Supported methods: GET, PATCH, POST, PUT, HEAD."
            )
        };
        let code = "method_not_allowed";
        for (path, expected) in [
            ("/api/v1/l/1", json!({"message": text("api/v1/l/1"), "code": code})),
            (
                "/api/v1/e/1",
                json!({"success": false, "error": format!("Method {method} is not allowed for /api/v1/e/1."), "code": code}),
            ),
            ("/api/f/1", json!({"detail": "Method Not Allowed", "code": code})),
        ] {
            let (answer, body) = ask(&server, method, path).await;
            assert_eq!(
                (answer.status(), answer.header("allow")),
                (405, Some("GET, PATCH, POST, PUT, HEAD")),
                "{method} {path}"
            );
            assert_eq!(answer.header("content-type"), Some("application/json"));
            assert_eq!(own(body), expected, "{method} {path}");
        }
    }
}

#[tokio::test]
async fn errors_of_handlers_are_in_the_family_of_their_path() {
    let server = server();
    for (path, expected) in [
        ("/api/v1/l/x", json!({"message": "No query results for model [App\\Models\\Thing] x", "code": "not_found"})),
        ("/api/v1/e/x", json!({"success": false, "error": "Thing x not found.", "code": "not_found"})),
        ("/api/f/x", json!({"detail": "Thing x not found.", "code": "not_found"})),
    ] {
        let (answer, body) = ask(&server, "GET", path).await;
        assert_eq!((answer.status(), own(body)), (404, expected), "{path}");
    }
}

#[tokio::test]
async fn every_family_says_when_a_limit_is_over() {
    let server = server();
    let now = || ruko::clock::Clock::system().now().0;
    for (path, text) in [
        ("/api/v1/l/1", json!({"message": "Too Many Attempts.", "code": "too_many_requests"})),
        ("/api/v1/e/1", json!({"success": false, "error": "Too many requests.", "code": "too_many_requests"})),
        ("/api/f/1", json!({"detail": "Too many requests.", "code": "too_many_requests"})),
    ] {
        let before = now();
        let (answer, body) = ask(&server, "POST", path).await;
        assert_eq!((answer.status(), own(body)), (429, text));
        let number = |name: &str| answer.header(name).unwrap().parse::<i64>().unwrap();
        assert_eq!((number("retry-after"), number("x-ratelimit-limit"), number("x-ratelimit-remaining")), (9, 7, 0));
        let reset_ms = number("x-ratelimit-reset") * 1000;
        assert!((before + 9000..now() + 10_000).contains(&reset_ms), "{path}: {reset_ms}");
    }
}

#[tokio::test]
async fn unknown_paths_are_told_by_their_prefix() {
    let server = server();
    for method in ["GET", "POST", "BREW"] {
        assert_eq!(ask(&server, method, "/api/v1/x").await.1["detail"], "Not Found");
        for path in ["/api/x", "/api/f", "/api/v10/l/1", "/x"] {
            let (answer, body) = ask(&server, method, path).await;
            let text = format!("The route {} could not be found.", &path[1..]);
            assert_eq!(
                (answer.status(), body["success"].clone(), body["error"].clone()),
                (404, json!(false), json!("Endpoint not found"))
            );
            assert_eq!(body["message"], json!(text));
        }
    }
}

#[tokio::test]
async fn one_handler_of_two_methods_answers_both() {
    let server = server();
    for method in ["GET", "HEAD", "PUT", "PATCH"] {
        assert_eq!(ask(&server, method, "/api/f/1").await.0.status(), 204, "{method}");
    }
    let (answer, _) = ask(&server, "OPTIONS", "/api/f/1").await;
    assert_eq!((answer.status(), answer.header("allow")), (204, Some("GET, PATCH, POST, PUT, HEAD")));
}
