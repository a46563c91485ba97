//! Networks from which a user has logged in lately are not shut out by guessing from elsewhere.

use std::sync::Arc;
use std::time::Duration;

use reqwest::Method;
use ruko::clock::Clock;
use ruko::config::Config;
use serde_json::json;

use super::{NOW, guess, refusal};
use crate::support::{Server, Tenant, User};

const DAY: Duration = Duration::from_secs(86_400);
const HOME: &str = "203.0.113.9";
const JOHN: &str = "john@test.com";

/// Behind a proxy on this machine, with one attempt from a network and so ten from unknown ones.
fn settings(config: &mut Config) {
    config.http.trusted_proxies = vec!["127.0.0.1".parse().unwrap()];
    config.auth.login_attempts = 1;
}

async fn start(clock: &Clock) -> Server {
    Server::in_folder(Arc::new(tempfile::tempdir().unwrap()), clock.clone(), settings).await
}

async fn log_in(tenant: &Tenant, from: &str) {
    assert_eq!(guess(tenant, from, JOHN, "secret").await.status(), 200, "{from}");
}

/// Uses up what may fail from networks that the account does not know.
async fn attack(tenant: &Tenant, email: &str) {
    for from in 0..10 {
        assert_eq!(guess(tenant, &format!("198.51.100.{from}"), email, "wrong!").await.status(), 401);
    }
    refusal(guess(tenant, "192.0.2.99", email, "secret").await).await;
}

fn networks(server: &Server, tenant: &Tenant) -> Vec<(i64, String, i64)> {
    let file = server.open_file(tenant);
    let sql = "SELECT user_id, network, last_login_at FROM login_networks ORDER BY user_id, network";
    let mut rows = file.prepare(sql).unwrap();
    let rows = rows.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).unwrap();
    rows.map(Result::unwrap).collect()
}

async fn change(admin: &User, user: &User, body: serde_json::Value) {
    let (status, body) = admin.send(Method::PUT, &format!("/api/users/{}", user.id), body).await;
    assert_eq!(status, 200, "{body}");
}

#[tokio::test]
async fn restart_does_not_help_to_shut_an_owner_out() {
    let clock = Clock::held_at(NOW);
    let server = start(&clock).await;
    let tenant = server.tenant("Warung").await;
    tenant.register("john", "user").await;
    tenant.register("mary", "user").await;
    log_in(&tenant, HOME).await;
    let server = Server::in_folder(server.stop().await, clock, settings).await;
    let tenant = tenant.at(&server);
    attack(&tenant, JOHN).await;
    log_in(&tenant, HOME).await;
    log_in(&tenant, "203.0.113.77").await;
    refusal(guess(&tenant, "203.0.114.9", JOHN, "secret").await).await;
    attack(&tenant, "mary@test.com").await;
    refusal(guess(&tenant, HOME, "mary@test.com", "secret").await).await;
}

#[tokio::test]
async fn network_is_known_for_thirty_days_after_the_last_login() {
    let clock = Clock::held_at(NOW);
    let server = start(&clock).await;
    let tenant = server.tenant("Warung").await;
    tenant.register("john", "user").await;
    let mary = tenant.register("mary", "user").await;
    log_in(&tenant, HOME).await;
    attack(&tenant, JOHN).await;
    clock.advance(DAY / 2);
    log_in(&tenant, HOME).await;
    assert_eq!(networks(&server, &tenant), [(1, "203.0.113.0/24".into(), NOW.0)], "written once a day");
    clock.advance(DAY * 20);
    log_in(&tenant, HOME).await;
    clock.advance(DAY * 29);
    log_in(&tenant, HOME).await;
    clock.advance(DAY * 30);
    assert_eq!(guess(&tenant, HOME, JOHN, "secret").await.status(), 429);
    assert_eq!(guess(&tenant, HOME, &mary.email, "secret").await.status(), 200);
    let users: Vec<i64> = networks(&server, &tenant).into_iter().map(|(user, ..)| user).collect();
    assert_eq!(users, [mary.id], "any log-in clears away what is old");
}

#[tokio::test]
async fn networks_follow_the_user() {
    let server = start(&Clock::held_at(NOW)).await;
    let tenant = server.tenant("Warung").await;
    let admin = tenant.register("admin", "admin").await;
    let john = tenant.register("john", "user").await;
    log_in(&tenant, HOME).await;
    change(&admin, &john, json!({"password": "secret", "email": "jo@test.com"})).await;
    attack(&tenant, "jo@test.com").await;
    assert_eq!(guess(&tenant, HOME, "Jo@test.com", "secret").await.status(), 200, "with a new password and address");
    change(&admin, &john, json!({"is_active": false})).await;
    assert_eq!(networks(&server, &tenant), [], "disabled");
    change(&admin, &john, json!({"is_active": true})).await;
    refusal(guess(&tenant, HOME, "jo@test.com", "secret").await).await;

    let (email, mary) = ("mary@test.com", tenant.register("mary", "user").await);
    assert_eq!(guess(&tenant, HOME, email, "secret").await.status(), 200);
    assert_eq!(networks(&server, &tenant).len(), 1);
    assert_eq!(admin.send(Method::DELETE, &format!("/api/users/{}", mary.id), json!(null)).await.0, 204);
    assert_eq!(networks(&server, &tenant), [], "deleted");
}

#[tokio::test]
async fn networks_of_a_user_are_bounded() {
    let clock = Clock::held_at(NOW);
    let server = start(&clock).await;
    let tenant = server.tenant("Warung").await;
    tenant.register("john", "user").await;
    for part in 0..52 {
        log_in(&tenant, &format!("2001:db8:0:{part:x}::1")).await;
        clock.advance(Duration::from_secs(1));
    }
    let kept: Vec<i64> = networks(&server, &tenant).into_iter().map(|(.., at)| (at - NOW.0) / 1000).collect();
    assert_eq!((kept.len(), kept.iter().min()), (50, Some(&2)), "those used last");
}
