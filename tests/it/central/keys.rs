//! Keys and domains of tenants.

use std::sync::Arc;
use std::time::Duration;

use reqwest::Method;
use ruko::clock::{Clock, Timestamp};
use serde_json::{Value, json};

use super::{TENANTS, delete, get, opened, post};
use crate::support::{Server, Tenant};

async fn works(tenant: &Tenant, key: &str) -> bool {
    let mut caller = tenant.clone();
    caller.key = key.into();
    // A key that is good gets as far as the question for the token.
    let (_, body) = caller.send(Method::GET, "/api/products", Value::Null).await;
    body["error"] == "Unauthenticated"
}

#[tokio::test]
async fn replaced_key_stops_at_once_and_tokens_go_on() {
    let server = Server::start().await;
    let (tenant, user) = opened(&server, "Warung").await;
    let path = format!("{TENANTS}/{}/regenerate-key", tenant.id);
    let (status, body) = post(&server, &path, Value::Null).await;
    assert_eq!((status.as_u16(), &body["message"]), (200, &json!("API Key regenerated successfully")));
    assert_eq!(body["warning"], "Update this key in your application immediately!");
    assert_eq!(body["data"]["tenant_id"], tenant.id);
    let key = body["data"]["api_key"].as_str().unwrap().to_owned();
    let (status, refused) = user.get("/api/products").await;
    assert_eq!((status.as_u16(), &refused["error"]), (403, &json!("Invalid Tenant API Key")));
    let mut user = user;
    user.tenant.key = key;
    assert_eq!(user.get("/api/products").await.0, 200);
}

#[tokio::test]
async fn replaced_key_may_go_on_for_a_while() {
    let clock = Clock::held_at(Timestamp(1_700_000_000_000));
    let server = Server::in_folder(Arc::new(tempfile::tempdir().unwrap()), clock.clone(), |_| {}).await;
    let tenant = server.tenant("Warung").await;
    assert!(works(&tenant, &tenant.key).await);
    let path = format!("{TENANTS}/{}/regenerate-key", tenant.id);
    let (_, body) = post(&server, &path, json!({"overlap_minutes": 30})).await;
    let newer = body["data"]["api_key"].as_str().unwrap().to_owned();
    assert!(works(&tenant, &tenant.key).await && works(&tenant, &newer).await);
    clock.advance(Duration::from_secs(30 * 60));
    assert!(!works(&tenant, &tenant.key).await && works(&tenant, &newer).await);
    for minutes in [json!(-1), json!("x"), json!(43201)] {
        assert_eq!(post(&server, &path, json!({"overlap_minutes": minutes})).await.0, 422);
    }
    for _ in 0..150 {
        assert_eq!(post(&server, &path, json!({"overlap_minutes": 1})).await.0, 200);
        clock.advance(Duration::from_secs(60));
    }
    let (_, list) = get(&server, &format!("{TENANTS}/{}/keys", tenant.id)).await;
    assert_eq!(list["data"].as_array().unwrap().len(), 2, "keys that ended make room");
}

#[tokio::test]
async fn further_keys_are_made_listed_and_revoked() {
    let server = Server::start().await;
    let tenant = server.tenant("Warung").await;
    let other = server.tenant("Other").await;
    let path = format!("{TENANTS}/{}/keys", tenant.id);
    let (status, made) = post(&server, &path, json!({"name": "Kasir 2"})).await;
    assert_eq!(status, 201, "{made}");
    let key = made["data"]["api_key"].as_str().unwrap().to_owned();
    assert!(works(&tenant, &key).await && works(&tenant, &tenant.key).await);
    let (_, list) = get(&server, &path).await;
    let shown = &list["data"][1];
    assert_eq!((&shown["name"], &shown["prefix"]), (&json!("Kasir 2"), &json!(format!("{}...", &key[..9]))));
    assert!(!list.to_string().contains(&key[..12]));
    let one = format!("{path}/{}", made["data"]["key_id"]);
    let foreign = format!("{TENANTS}/{}/keys/{}", other.id, made["data"]["key_id"]);
    assert_eq!(delete(&server, &foreign).await.0, 404);
    assert!(works(&tenant, &key).await);
    assert_eq!(delete(&server, &one).await.0, 200);
    assert!(!works(&tenant, &key).await && works(&tenant, &tenant.key).await);
    assert_eq!(delete(&server, &one).await.0, 404);
    let (status, body) = post(&server, &path, json!({"expires_at": "2001-01-01"})).await;
    assert!(status == 422 && body["errors"]["expires_at"].is_array(), "{body}");
    for _ in 0..99 {
        assert_eq!(post(&server, &path, json!({})).await.0, 201);
    }
    let (status, body) = post(&server, &path, json!({})).await;
    assert_eq!((status.as_u16(), &body["code"]), (409, &json!("too_many_keys")));
}

#[tokio::test]
async fn domains_are_unique_on_the_server() {
    let server = Server::start().await;
    let (one, other) = (server.tenant("Satu").await, server.tenant("Dua").await);
    let path = |tenant: &Tenant| format!("{TENANTS}/{}/domains", tenant.id);
    let (status, made) = post(&server, &path(&one), json!({"domain": "Toko.Example.com."})).await;
    assert_eq!((status.as_u16(), &made["data"]["domain"]), (201, &json!("toko.example.com")), "{made}");
    for tenant in [&one, &other] {
        let (status, body) = post(&server, &path(tenant), json!({"domain": "toko.example.COM"})).await;
        assert!(status == 422 && body["errors"]["domain"].is_array(), "{body}");
    }
    for domain in ["", "a b", "-a.b", "a..b", "http://a.b", "a_b.c", "a\0b", &"a".repeat(64), "a.b.."] {
        assert_eq!(post(&server, &path(&one), json!({"domain": domain})).await.0, 422, "{domain:?}");
    }
    let (_, list) = get(&server, &path(&one)).await;
    assert_eq!(list["data"].as_array().unwrap().len(), 1);
    let id = &made["data"]["id"];
    assert_eq!(delete(&server, &format!("{}/{id}", path(&other))).await.0, 404);
    assert_eq!(delete(&server, &format!("{}/{id}", path(&one))).await.0, 200);
    assert_eq!(post(&server, &path(&other), json!({"domain": "toko.example.com"})).await.0, 201);
}
