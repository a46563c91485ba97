//! Which check comes first, and how its refusal looks.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Server, answer};

/// Operations of a signed-in user, with a body that would be refused.
const PROTECTED: &[(&str, &str)] = &[
    ("GET", "/api/me"),
    ("POST", "/api/logout"),
    ("PUT", "/api/me/password"),
    ("GET", "/api/me/tokens"),
    ("GET", "/api/activity/requests"),
    ("GET", "/api/activity/audit"),
    ("DELETE", "/api/me/tokens"),
    ("DELETE", "/api/me/tokens/1"),
    ("GET", "/api/products"),
    ("POST", "/api/products"),
    ("GET", "/api/products/1"),
    ("PUT", "/api/products/1"),
    ("PATCH", "/api/products/1"),
    ("DELETE", "/api/products/1"),
    ("GET", "/api/users"),
    ("POST", "/api/users"),
    ("GET", "/api/users/1"),
    ("PUT", "/api/users/1"),
    ("PATCH", "/api/users/1"),
    ("DELETE", "/api/users/1"),
    ("GET", "/api/orders"),
    ("POST", "/api/orders"),
    ("GET", "/api/orders/1"),
    ("PUT", "/api/orders/1"),
    ("PATCH", "/api/orders/1"),
    ("POST", "/api/orders/1/cancel"),
];
const PUBLIC: &[(&str, &str)] = &[("POST", "/api/register"), ("POST", "/api/login"), ("GET", "/api/info")];

fn method(name: &str) -> Method {
    name.parse().unwrap()
}

#[tokio::test]
async fn every_tenant_route_asks_for_the_tenant_key_first() {
    let server = Server::start().await;
    for (name, path) in PROTECTED.iter().chain(PUBLIC) {
        for key in [None, Some(""), Some("  ")] {
            let mut request = server.request(method(name), path).bearer_auth("1|wrong").json(&json!({"x": 1}));
            if let Some(key) = key {
                request = request.header("X-Tenant-API-Key", key);
            }
            let (status, body) = answer(request).await;
            assert_eq!((status.as_u16(), &body["error"]), (401, &json!("Tenant API Key Required")), "{name} {path}");
            assert!(body["message"].as_str().unwrap().starts_with("X-Tenant-API-Key header is missing."), "{body}");
            assert_eq!(body["hint"], "Add header: X-Tenant-API-Key: tk_your_api_key_here");
        }
    }
}

#[tokio::test]
async fn unknown_tenant_key_wins_over_a_wrong_token_and_is_masked() {
    let server = Server::start().await;
    for (key, shown) in [
        ("tk_abc123def456ghi789jkl", "tk_abc123..."),
        ("tk_abc123", "tk_..."),
        ("x", "x..."),
        ("tk_abc\t123456789012345", "tk_abc12..."),
    ] {
        let request = server.request(Method::GET, "/api/me").header("x-tenant-api-key", key).bearer_auth("1|wrong");
        let (status, body) = answer(request).await;
        assert_eq!((status.as_u16(), &body["error"]), (403, &json!("Invalid Tenant API Key")), "{body}");
        assert!(body["message"].as_str().unwrap().starts_with("The provided API key does not match any tenant"));
        assert!(body["hint"].as_str().unwrap().starts_with("Make sure you are using the correct API key"));
        assert_eq!(body["provided_key"], shown, "{key:?}");
        assert!(!body.to_string().contains("def456"), "{body}");
    }
    let bytes = reqwest::header::HeaderValue::from_bytes(b"tk_\xff\xfe\xfd").unwrap();
    let (status, body) = answer(server.request(Method::GET, "/api/info").header("X-Tenant-API-Key", bytes)).await;
    assert_eq!((status.as_u16(), &body["error"]), (403, &json!("Invalid Tenant API Key")), "{body}");
}

#[tokio::test]
async fn missing_bearer_wins_over_bad_input() {
    let server = Server::start().await;
    let tenant = server.tenant("Warung").await;
    for (name, path) in PROTECTED {
        for header in [None, Some(""), Some("Basic dXNlcjpwdw=="), Some("Bearer"), Some("Bearer  ")] {
            let mut request = tenant.request(method(name), path).body("{not json");
            if let Some(header) = header {
                request = request.header("Authorization", header);
            }
            let response = request.send().await.unwrap();
            assert_eq!(response.headers()["www-authenticate"], "Bearer");
            assert_eq!(response.status(), 401, "{name} {path}");
            let body: Value = response.json().await.unwrap();
            assert_eq!((&body["error"], &body["message"]), (&json!("Unauthenticated"), &json!("Unauthenticated.")));
        }
    }
}

#[tokio::test]
async fn token_that_names_nobody_is_refused_before_role_and_input() {
    let server = Server::start().await;
    let tenant = server.tenant("Warung").await;
    let user = tenant.register("john", "admin").await;
    let secret = user.token.split_once('|').unwrap().1;
    let tokens = [
        "1|wrong".to_owned(),
        "nonsense".into(),
        format!("999|{secret}"),
        format!("x|{secret}"),
        format!("|{secret}"),
        format!("1|{secret}x"),
        format!("1|{}", secret.to_lowercase()),
        // The form of the tokens of the other login does not matter here.
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl".into(),
    ];
    for token in &tokens {
        let request = tenant.request(Method::POST, "/api/users").bearer_auth(token).body("{not json");
        let (status, body) = answer(request).await;
        assert_eq!((status.as_u16(), &body["error"]), (401, &json!("Invalid or expired token")), "{token}: {body}");
        assert!(!body.to_string().contains(secret), "{body}");
    }
    let lower = tenant.request(Method::GET, "/api/me").header("authorization", format!("bearer {}", user.token));
    assert_eq!(answer(lower).await.0, 200, "the scheme's name has no case");
}

#[tokio::test]
async fn token_of_one_tenant_does_not_open_another() {
    let server = Server::start().await;
    let (a, b) = (server.tenant("A").await, server.tenant("B").await);
    let (of_a, of_b) = (a.register("john", "admin").await, b.register("john", "admin").await);
    assert_eq!(of_a.token.split('|').next(), of_b.token.split('|').next(), "ids start again in each tenant");
    assert!(of_a.is_signed_in().await && of_b.is_signed_in().await);
    for (token, tenant) in [(&of_a.token, &b), (&of_b.token, &a)] {
        let (status, body) = answer(tenant.request(Method::GET, "/api/me").bearer_auth(token)).await;
        assert_eq!((status.as_u16(), &body["error"]), (401, &json!("Invalid or expired token")), "{body}");
        assert!(body["hint"].as_str().unwrap().contains("Log in again with the API key of the tenant"), "{body}");
    }
}

#[tokio::test]
async fn role_is_checked_before_the_input_is() {
    let server = Server::start().await;
    let tenant = server.tenant("Warung").await;
    let user = tenant.register("john", "user").await;
    for (name, path) in [
        ("GET", "/api/users?page=x"),
        ("GET", "/api/activity/audit?page=x"),
        ("POST", "/api/users"),
        ("DELETE", "/api/users/999"),
    ] {
        let (status, body) = answer(user.request(method(name), path).body("{not json")).await;
        let expected = json!("You do not have permission to access this resource");
        assert_eq!((status.as_u16(), &body["error"]), (403, &json!("Forbidden")), "{name} {path}: {body}");
        assert_eq!(body["message"], expected);
    }
}

#[tokio::test]
async fn refusals_are_json_whatever_the_client_accepts() {
    let server = Server::start().await;
    for accept in ["application/json", "text/html", "*/*", "image/png"] {
        let response = server.request(Method::GET, "/api/me").header("Accept", accept).send().await.unwrap();
        assert_eq!(response.status(), 401);
        assert_eq!(response.headers()["content-type"], "application/json");
        assert!(response.headers().get("location").is_none());
    }
}

#[tokio::test]
async fn tenant_key_is_asked_for_by_route_and_not_by_prefix() {
    let server = Server::start().await;
    for path in ["/api/dashboard", "/api/nothing", "/api/v1/nothing", "/api/central/nothing"] {
        let (_, body) = answer(server.request(Method::GET, path).header("x-api-key", "0".repeat(64))).await;
        assert!(!body.to_string().contains("X-Tenant-API-Key"), "{path}: {body}");
    }
}
