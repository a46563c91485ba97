//! What is stored of passwords and tokens, and when a token stops.

use std::sync::Arc;
use std::time::Duration;

use reqwest::Method;
use ruko::clock::{Clock, Timestamp};
use serde_json::{Value, json};

use crate::support::{Server, Tenant, User};

fn stored_hash(server: &Server, tenant: &Tenant, id: i64) -> String {
    let sql = "SELECT password_hash FROM users WHERE id = ?1";
    server.open_file(tenant).query_row(sql, [id], |row| row.get(0)).unwrap()
}

#[tokio::test]
async fn file_holds_hashes_and_no_secret_in_plain() {
    let server = Server::start().await;
    let tenant = server.tenant("Warung").await;
    let body = json!({"name": "John", "email": "john@test.com", "password": "sangat-rahasia-77"});
    let (_, body) = tenant.send(Method::POST, "/api/register", body).await;
    let token = body["token"].as_str().unwrap();
    let hash = stored_hash(&server, &tenant, 1);
    assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
    let secret = token.split_once('|').unwrap().1;
    let stored: String =
        server.open_file(&tenant).query_row("SELECT token FROM tokens WHERE id = 1", [], |row| row.get(0)).unwrap();
    let expected = <sha2::Sha256 as sha2::Digest>::digest(secret.as_bytes());
    assert_eq!(stored, hex::encode(expected));
    let mut seen = 0;
    let mut folders = vec![server.folder.path().to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if let Ok(bytes) = std::fs::read(&path) {
                seen += 1;
                for plain in ["sangat-rahasia-77", secret, &tenant.key] {
                    let is_there = bytes.windows(plain.len()).any(|window| window == plain.as_bytes());
                    assert!(!is_there, "{plain} stands in {}", path.display());
                }
            }
        }
    }
    assert!(seen >= 3, "{seen} files");
}

#[tokio::test]
async fn imported_bcrypt_hash_logs_in_and_becomes_argon2id() {
    let server = Server::start().await;
    let tenant = server.tenant("Warung").await;
    tenant.register("john", "user").await;
    let imported = bcrypt::hash("lama-sekali", 4).unwrap().replacen("$2b$", "$2y$", 1);
    let sql = "UPDATE users SET password_hash = ?1 WHERE id = 1";
    server.open_file(&tenant).execute(sql, [&imported]).unwrap();
    assert_eq!(tenant.login("john@test.com", "secret").await.0, 401);
    assert_eq!(stored_hash(&server, &tenant, 1), imported, "a failed log-in changes nothing");
    assert_eq!(tenant.login("john@test.com", "lama-sekali").await.0, 200);
    let renewed = stored_hash(&server, &tenant, 1);
    assert!(renewed.starts_with("$argon2id$"), "{renewed}");
    assert_eq!(tenant.login("john@test.com", "lama-sekali").await.0, 200);
    assert_eq!(stored_hash(&server, &tenant, 1), renewed);
}

#[tokio::test]
async fn imported_user_may_log_in_several_times_at_once() {
    let server = Server::start().await;
    let tenant = server.tenant("Warung").await;
    tenant.register("john", "user").await;
    let imported = bcrypt::hash("lama-sekali", 4).unwrap();
    server.open_file(&tenant).execute("UPDATE users SET password_hash = ?1", [&imported]).unwrap();
    let all = futures_util::future::join_all((0..6).map(|_| tenant.login("john@test.com", "lama-sekali"))).await;
    let statuses: Vec<u16> = all.iter().map(|(status, _)| status.as_u16()).collect();
    assert_eq!(statuses, [200; 6]);
}

#[tokio::test]
async fn unreadable_or_missing_hash_lets_nobody_in() {
    let server = Server::start().await;
    let tenant = server.tenant("Warung").await;
    tenant.register("john", "user").await;
    for hash in [Some(""), Some("secret"), Some("$2y$"), Some("$argon2id$"), None] {
        server.open_file(&tenant).execute("UPDATE users SET password_hash = ?1", [hash]).unwrap();
        assert_eq!(tenant.login("john@test.com", "secret").await.0, 401, "{hash:?}");
    }
}

#[tokio::test]
async fn token_of_a_disabled_or_deleted_user_stops_at_once() {
    let server = Server::start().await;
    let tenant = server.tenant("Warung").await;
    let admin = tenant.register("admin", "admin").await;
    let (disabled, deleted) = (tenant.register("one", "user").await, tenant.register("two", "user").await);
    assert!(disabled.is_signed_in().await && deleted.is_signed_in().await);
    let path = |user: &User| format!("/api/users/{}", user.id);
    assert_eq!(admin.send(Method::PATCH, &path(&disabled), json!({"is_active": false})).await.0, 200);
    assert!(!disabled.is_signed_in().await && deleted.is_signed_in().await);
    assert_eq!(admin.send(Method::DELETE, &path(&deleted), Value::Null).await.0, 204);
    assert!(!deleted.is_signed_in().await);
    assert_eq!(tenant.login(&disabled.email, "secret").await.0, 401);
    assert_eq!(tenant.login(&deleted.email, "secret").await.0, 401);
    assert_eq!(admin.send(Method::PATCH, &path(&disabled), json!({"is_active": true})).await.0, 200);
    assert!(!disabled.is_signed_in().await, "a token that ended stays ended");
    assert!(disabled.again().await.is_signed_in().await);
}

#[tokio::test]
async fn expired_token_stops_also_when_it_is_in_memory() {
    let clock = Clock::held_at(Timestamp(1_761_833_130_000));
    let server = Server::in_folder(Arc::new(tempfile::tempdir().unwrap()), clock.clone(), |_| {}).await;
    let tenant = server.tenant("Warung").await;
    let user = tenant.register("john", "user").await;
    let end = clock.now().plus(Duration::from_secs(60)).0;
    server.open_file(&tenant).execute("UPDATE personal_access_tokens SET expires_at = ?1", [end]).unwrap();
    assert!(user.is_signed_in().await);
    clock.advance(Duration::from_secs(59));
    assert!(user.is_signed_in().await);
    clock.advance(Duration::from_secs(1));
    assert!(!user.is_signed_in().await);
}

#[tokio::test]
async fn oldest_tokens_make_room_and_stop_at_once() {
    let server = Server::start().await;
    let tenant = server.tenant("Warung").await;
    let first = tenant.register("john", "user").await;
    let second = first.again().await;
    assert!(first.is_signed_in().await && second.is_signed_in().await);
    let sql =
        "INSERT INTO personal_access_tokens (user_id, name, token, created_at, updated_at) VALUES (1, 't', ?1, 0, 0)";
    for index in 0..98 {
        server.open_file(&tenant).execute(sql, [format!("hash {index}")]).unwrap();
    }
    let newest = first.again().await;
    assert!(!first.is_signed_in().await, "the hundred-and-first token ends the first");
    assert!(second.is_signed_in().await && newest.is_signed_in().await);
}

#[tokio::test]
async fn revoking_acts_also_when_the_caller_hangs_up() {
    let server = Server::start().await;
    let tenant = server.tenant("Warung").await;
    let user = tenant.register("john", "user").await;
    assert!(user.is_signed_in().await, "it is in memory now");
    let active = server.app.tenants.by_key(&tenant.key).await.unwrap().tenant.unwrap();
    let db = server.app.tenants.open(&active).await.unwrap();
    let desk = server.app.user_desk(&active, &db);
    let mut logout = Box::pin(desk.revoke_token(user.id, user.token_id()));
    // Begun, and dropped before its end.
    let began = futures_util::FutureExt::now_or_never(&mut logout);
    drop(logout);
    // Writes come in their order: when this one is answered, the one before it has ended.
    db.write(|_| Ok(())).await.unwrap();
    assert!(!user.is_signed_in().await, "{began:?}");
}

#[tokio::test]
async fn two_changes_of_a_password_at_once_do_not_both_count() {
    let server = Server::start().await;
    let user = server.tenant("Warung").await.register("john", "user").await;
    let change = |new: &str| {
        let body = json!({"current_password": "secret", "password": new});
        let user = user.clone();
        async move { user.send(Method::PUT, "/api/me/password", body).await.0.as_u16() }
    };
    let mut outcomes = [0; 2];
    (outcomes[0], outcomes[1]) = tokio::join!(change("first-new"), change("second-new"));
    outcomes.sort_unstable();
    assert_eq!(outcomes, [200, 422]);
}
