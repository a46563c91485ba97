//! Limits: guessing passwords, and too many requests.

use std::sync::Arc;

use reqwest::{Method, Response};
use ruko::clock::{Clock, Timestamp};
use ruko::config::Config;
use serde_json::{Value, json};

use crate::support::{MASTER_KEY, Server, Tenant};

mod networks;

async fn guess(tenant: &Tenant, from: &str, email: &str, password: &str) -> Response {
    let request = tenant.request(Method::POST, "/api/login").header("X-Forwarded-For", from);
    request.json(&json!({"email": email, "password": password})).send().await.unwrap()
}

/// A server behind a proxy on this machine, with three attempts for a log-in.
async fn behind_proxy() -> Server {
    held(|config| {
        config.http.trusted_proxies = vec!["127.0.0.1".parse().unwrap()];
        config.auth.login_attempts = 3;
    })
    .await
}

/// 2025-10-30, 14:05:30 UTC, and something.
const NOW: Timestamp = Timestamp(1_761_833_130_001);

/// A server whose clock stands still.
async fn held(change: impl FnOnce(&mut Config)) -> Server {
    let clock = Clock::held_at(NOW);
    Server::in_folder(Arc::new(tempfile::tempdir().unwrap()), clock, change).await
}

async fn refusal(response: Response) -> u64 {
    assert_eq!((response.status().as_u16(), left(&response).map(|(_, remaining)| remaining)), (429, Some(0)));
    let number = |name: &str| response.headers()[name].to_str().unwrap().parse::<u64>().unwrap();
    let retry_after = number("retry-after");
    assert_eq!(number("x-ratelimit-reset"), 1_761_833_131 + retry_after);
    let body: Value = response.json().await.unwrap();
    assert_eq!((&body["message"], &body["code"]), (&json!("Too Many Attempts."), &json!("too_many_requests")));
    retry_after
}

#[tokio::test]
async fn repeated_failed_logins_end_in_429_and_lock_nobody_else_out() {
    let server = behind_proxy().await;
    let (tenant, other) = (server.tenant("Warung").await, server.tenant("Toko").await);
    tenant.register("john", "user").await;
    other.register("john", "user").await;
    let (attacker, owner, email) = ("198.51.100.7", "203.0.113.9", "john@test.com");
    for _ in 0..3 {
        assert_eq!(guess(&tenant, attacker, "JOHN@test.com", "wrong!").await.status(), 401);
    }
    let wait = refusal(guess(&tenant, attacker, email, "wrong!").await).await;
    assert!((1..=901).contains(&wait), "{wait}");
    refusal(guess(&tenant, attacker, email, "secret").await).await;
    assert_eq!(guess(&tenant, owner, email, "secret").await.status(), 200, "the owner, from elsewhere");
    assert_eq!(guess(&tenant, attacker, "nobody@test.com", "secret").await.status(), 401, "another account");
    assert_eq!(guess(&other, attacker, email, "secret").await.status(), 200, "another tenant");
    // What the client itself writes in front does not move it elsewhere.
    refusal(guess(&tenant, "203.0.113.1, 198.51.100.7", email, "secret").await).await;
}

#[tokio::test]
async fn refused_login_tells_of_the_limit_that_refused_it() {
    let server = held(|config| {
        config.auth.login_attempts = 3;
        config.limits.before_login_per_minute = 100;
    })
    .await;
    let tenant = server.tenant("Warung").await;
    for remaining in [99, 98, 97] {
        let response = guess(&tenant, "203.0.113.9", "john@test.com", "wrong!").await;
        assert_eq!((response.status().as_u16(), left(&response)), (401, Some((100, remaining))));
    }
    let response = guess(&tenant, "203.0.113.9", "john@test.com", "wrong!").await;
    assert_eq!(left(&response), Some((3, 0)));
    refusal(response).await;
}

#[tokio::test]
async fn success_forgives_earlier_failures() {
    let server = behind_proxy().await;
    let tenant = server.tenant("Warung").await;
    tenant.register("john", "user").await;
    for _ in 0..3 {
        for password in ["wrong1", "wrong2"] {
            assert_eq!(guess(&tenant, "203.0.113.9", "john@test.com", password).await.status(), 401);
        }
        assert_eq!(guess(&tenant, "203.0.113.9", "john@test.com", "secret").await.status(), 200);
    }
}

#[tokio::test]
async fn guesses_sent_at_once_do_not_slip_past_the_limit() {
    let server = behind_proxy().await;
    let tenant = server.tenant("Warung").await;
    tenant.register("john", "user").await;
    let all = (0..20).map(|index| {
        let tenant = tenant.clone();
        async move { guess(&tenant, "198.51.100.7", "john@test.com", &format!("guess{index}")).await.status().as_u16() }
    });
    let answers = futures_util::future::join_all(all).await;
    let checked = answers.iter().filter(|status| **status == 401).count();
    assert_eq!((checked, answers.len()), (3, 20), "{answers:?}");
}

#[tokio::test]
async fn right_passwords_sent_at_once_are_all_let_in() {
    let server = behind_proxy().await;
    let tenant = server.tenant("Warung").await;
    tenant.register("john", "user").await;
    let all = (0..20).map(|_| {
        let tenant = tenant.clone();
        async move { guess(&tenant, "203.0.113.9", "john@test.com", "secret").await.status().as_u16() }
    });
    assert_eq!(futures_util::future::join_all(all).await, [200; 20], "the tills of one shop open together");
    for _ in 0..3 {
        assert_eq!(guess(&tenant, "203.0.113.9", "john@test.com", "wrong!").await.status(), 401);
    }
    refusal(guess(&tenant, "203.0.113.9", "john@test.com", "secret").await).await;
}

#[tokio::test]
async fn own_password_cannot_be_guessed_with_a_stolen_token() {
    let server = behind_proxy().await;
    let user = server.tenant("Warung").await.register("john", "user").await;
    let body = |current: &str| json!({"current_password": current, "password": "new-secret"});
    for _ in 0..3 {
        assert_eq!(user.send(Method::PUT, "/api/me/password", body("wrong!")).await.0, 422);
    }
    assert_eq!(user.send(Method::PUT, "/api/me/password", body("secret")).await.0, 429);
    assert!(user.is_signed_in().await);
}

#[tokio::test]
async fn master_keys_are_tried_at_a_limited_rate_per_address() {
    let server = held(|config| config.limits.central_per_minute = 2).await;
    let ask = async || {
        server.request(Method::GET, "/api/central/tenants").header("X-Master-API-Key", "mk_wrong").send().await.unwrap()
    };
    for _ in 0..2 {
        let response = ask().await;
        assert_eq!(response.status(), 403);
        assert!(!response.headers().contains_key("x-ratelimit-reset"), "only a refusal names a time");
    }
    assert!((1..=31).contains(&refusal(ask().await).await));
    let missing = server.request(Method::GET, "/api/central/tenants").send().await.unwrap();
    refusal(missing).await;
}

#[tokio::test]
async fn wrong_master_keys_do_not_lock_the_right_one_out() {
    let server = held(|config| config.limits.central_per_minute = 3).await;
    let ask = async |key: &str| {
        server.request(Method::GET, "/api/central/tenants").header("X-Master-API-Key", key).send().await.unwrap()
    };
    for remaining in [2, 1, 0] {
        let response = ask("mk_wrong").await;
        assert_eq!((response.status().as_u16(), left(&response)), (403, Some((3, remaining))));
    }
    refusal(ask("mk_wrong").await).await;
    for remaining in [2, 1, 0] {
        let response = ask(MASTER_KEY).await;
        assert_eq!((response.status().as_u16(), left(&response)), (200, Some((3, remaining))));
    }
    refusal(ask(MASTER_KEY).await).await;
}

fn left(response: &Response) -> Option<(u32, u32)> {
    let number = |name: &str| response.headers().get(name)?.to_str().ok()?.parse().ok();
    Some((number("x-ratelimit-limit")?, number("x-ratelimit-remaining")?))
}

#[tokio::test]
async fn each_token_has_its_own_limit_and_answers_say_what_is_left() {
    let server = held(|config| config.limits.requests_per_minute = 3).await;
    let tenant = server.tenant("Warung").await;
    let (user, other) = (tenant.register("john", "user").await, tenant.register("siti", "user").await);
    for remaining in [2, 1, 0] {
        let response = user.request(Method::GET, "/api/me").send().await.unwrap();
        assert_eq!((response.status().as_u16(), left(&response)), (200, Some((3, remaining))));
    }
    let wait = refusal(user.request(Method::GET, "/api/me").send().await.unwrap()).await;
    assert!((1..=21).contains(&wait), "{wait}");
    let response = user.request(Method::GET, "/api/me").send().await.unwrap();
    assert_eq!(left(&response), Some((3, 0)), "the refusal says so as well");
    let response = other.request(Method::GET, "/api/products/999").send().await.unwrap();
    assert_eq!((response.status().as_u16(), left(&response)), (404, Some((3, 2))), "errors carry the headers too");
}

#[tokio::test]
async fn before_a_login_the_limit_counts_per_tenant_and_address() {
    let server = held(|config| {
        config.http.trusted_proxies = vec!["127.0.0.1".parse().unwrap()];
        config.limits.before_login_per_minute = 2;
    })
    .await;
    let (tenant, other) = (server.tenant("Warung").await, server.tenant("Toko").await);
    let info = async |tenant: &Tenant, from: &str| {
        tenant.request(Method::GET, "/api/info").header("X-Forwarded-For", from).send().await.unwrap()
    };
    assert_eq!(left(&info(&tenant, "203.0.113.1").await), Some((2, 1)));
    assert_eq!(info(&tenant, "203.0.113.1").await.status(), 200);
    refusal(info(&tenant, "203.0.113.1").await).await;
    assert_eq!(info(&tenant, "203.0.113.2").await.status(), 200, "another till of the tenant");
    assert_eq!(info(&other, "203.0.113.1").await.status(), 200, "another tenant");
}

#[tokio::test]
async fn guessing_tenant_keys_is_slowed_down() {
    let server = held(|config| config.limits.before_login_per_minute = 2).await;
    let guess = async || {
        let key = ruko::crypto::token::new_tenant_key();
        server.request(Method::GET, "/api/info").header("X-Tenant-API-Key", key).send().await.unwrap()
    };
    for remaining in [1, 0] {
        let response = guess().await;
        assert_eq!((response.status().as_u16(), left(&response)), (403, Some((2, remaining))));
    }
    refusal(guess().await).await;
    let tenant = server.tenant("Warung").await;
    let bearer = |request: reqwest::RequestBuilder| async move { request.bearer_auth("1|wrong").send().await.unwrap() };
    for remaining in [1, 0] {
        let response = bearer(tenant.request(Method::GET, "/api/me")).await;
        assert_eq!((response.status().as_u16(), left(&response)), (401, Some((2, remaining))), "tokens likewise");
    }
    refusal(bearer(tenant.request(Method::GET, "/api/me")).await).await;
    assert_eq!(server.tenant("Toko").await.send(Method::GET, "/api/info", Value::Null).await.0, 200);
}
