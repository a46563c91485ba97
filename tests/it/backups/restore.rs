//! Restoring a live tenant.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::{back_up, count, files, list, path, sell, shop};
use crate::support::{Server, Tenant};

async fn restore(server: &Server, tenant: &Tenant, body: Value) -> Value {
    let (status, body) = server.central(Method::POST, &path(tenant, "restore"), body).await;
    assert_eq!(status, 200, "{body}");
    body
}

#[tokio::test(flavor = "multi_thread")]
async fn restore_brings_the_data_back_and_undo_takes_it_away_again() {
    let server = Server::start().await;
    let (tenant, user) = shop(&server, "Warung", 5).await;
    let made = back_up(&server, &tenant, Value::Null).await;
    let file = made["data"]["filename"].clone();
    for number in 0..7 {
        sell(&user, &format!("Later {number}")).await;
    }
    let restored = restore(&server, &tenant, json!({"file": file})).await;
    assert_eq!(restored["message"], "Database restored successfully");
    assert_eq!((&restored["tenant_id"], &restored["backup_file"]), (&json!(tenant.id), &file));
    assert_eq!(count(&user).await, 5);
    let kinds: Vec<_> = list(&server, &tenant).await.iter().map(|backup| backup["kind"].clone()).collect();
    assert_eq!(kinds, ["pre_restore", "manual"]);

    let (status, undone) = server.central(Method::POST, &path(&tenant, "restore/undo"), Value::Null).await;
    assert_eq!((status, &undone["backup_file"]), (StatusCode::OK, &restored["pre_restore_file"]), "{undone}");
    assert_eq!(count(&user).await, 12);
    // Without a name the newest is taken, and that is none that a restore put aside.
    assert_eq!(restore(&server, &tenant, Value::Null).await["backup_file"], file);
    assert_eq!(count(&user).await, 5);
    // No id is given a second time.
    assert_eq!(sell(&user, "After").await, 13);
    assert_eq!(server.app.data_dir.tmp_dir().read_dir().unwrap().count(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn restored_file_is_the_one_of_the_backup_to_the_last_row() {
    let server = Server::start().await;
    let (tenant, user) = shop(&server, "Warung", 30).await;
    let order = json!({"items": [{"product_id": 1, "quantity": 2}]});
    assert_eq!(user.post("/api/orders", order).await.0, 201);
    let dump = || super::dump(&server, &tenant, &["users", "products", "orders", "order_items", "row_counts"]);
    let before = dump();
    back_up(&server, &tenant, Value::Null).await;
    for id in 5..15 {
        assert_eq!(user.send(Method::DELETE, &format!("/api/products/{id}"), Value::Null).await.0, 204);
    }
    assert_eq!(user.send(Method::PATCH, "/api/orders/1", json!({"status": "cancelled"})).await.0, 200);
    assert_ne!(dump(), before);
    restore(&server, &tenant, Value::Null).await;
    assert_eq!(dump(), before);
    let check: String = server.open_file(&tenant).query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(check, "ok");
}

#[tokio::test(flavor = "multi_thread")]
async fn restore_gives_no_access_back_that_was_taken_away() {
    let server = Server::start().await;
    let (tenant, owner) = shop(&server, "Warung", 1).await;
    let (stolen, demoted, disabled, deleted) = (
        owner.again().await,
        tenant.register("demoted", "user").await,
        tenant.register("disabled", "user").await,
        tenant.register("deleted", "user").await,
    );
    let change = |id: i64, body: Value| owner.send(Method::PATCH, &format!("/api/users/{id}").leak()[..], body);
    assert_eq!(change(demoted.id, json!({"role": "admin"})).await.0, 200);
    back_up(&server, &tenant, Value::Null).await;

    assert_eq!(change(demoted.id, json!({"role": "user"})).await.0, 200);
    assert_eq!(change(disabled.id, json!({"is_active": false})).await.0, 200);
    assert_eq!(owner.send(Method::DELETE, &format!("/api/users/{}", deleted.id), Value::Null).await.0, 204);
    assert_eq!(owner.send(Method::DELETE, &format!("/api/me/tokens/{}", stolen.token_id()), Value::Null).await.0, 204);
    let body = json!({"current_password": "secret", "password": "another", "password_confirmation": "another"});
    assert_eq!(owner.send(Method::PUT, "/api/me/password", body).await.0, 200);
    let newcomer = owner.tenant.login(&owner.email, "another").await;
    assert_eq!(newcomer.0, 200);

    let restored = restore(&server, &tenant, Value::Null).await;
    assert_eq!(restored["kept"], json!({"tokens": 3, "users": 3, "users_back": 1}), "{restored}");
    assert!(owner.is_signed_in().await && demoted.is_signed_in().await, "tokens of today go on");
    assert!(!stolen.is_signed_in().await && !disabled.is_signed_in().await && !deleted.is_signed_in().await);
    assert_eq!(demoted.get("/api/users").await.0, 403);
    assert_eq!(tenant.login(&owner.email, "secret").await.0, 401);
    assert_eq!(tenant.login(&owner.email, "another").await.0, 200);
    assert_eq!(tenant.login(&disabled.email, "secret").await.0, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn tenant_with_other_admins_than_in_the_backup_keeps_one() {
    let server = Server::start().await;
    let (tenant, first) = shop(&server, "Warung", 1).await;
    let second = tenant.register("second", "user").await;
    back_up(&server, &tenant, Value::Null).await;
    let promote = |by: &crate::support::User, id: i64, role: &str| {
        let (by, path, body) = (by.clone(), format!("/api/users/{id}"), json!({"role": role}));
        async move { by.send(Method::PATCH, &path, body).await.0 }
    };
    assert_eq!(promote(&first, second.id, "admin").await, 200);
    assert_eq!(promote(&second, first.id, "user").await, 200);
    restore(&server, &tenant, Value::Null).await;
    assert_eq!(
        (first.get("/api/users").await.0, second.get("/api/users").await.0),
        (StatusCode::FORBIDDEN, StatusCode::OK)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn dropped_table_comes_back() {
    let server = Server::start().await;
    let (tenant, user) = shop(&server, "Warung", 4).await;
    back_up(&server, &tenant, Value::Null).await;
    server.open_file(&tenant).execute_batch("PRAGMA foreign_keys=OFF; DROP TABLE products; DROP TABLE users;").unwrap();
    assert_ne!(user.get("/api/products").await.0, 200);
    restore(&server, &tenant, Value::Null).await;
    // Nobody knows which tokens were good before: everybody logs in again.
    assert!(!user.is_signed_in().await);
    assert_eq!(count(&user.again().await).await, 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn file_that_is_damaged_or_gone_is_replaced() {
    let server = Server::start().await;
    let (tenant, user) = shop(&server, "Warung", 4).await;
    back_up(&server, &tenant, Value::Null).await;
    sell(&user, "Only in the log").await;
    for damage in ["damaged", "gone"] {
        server.central(Method::POST, &path(&tenant, "freeze"), Value::Null).await;
        let file = server.file(&tenant);
        if damage == "gone" {
            std::fs::remove_file(&file).unwrap();
        } else {
            std::fs::write(&file, vec![0xEE; 40_000]).unwrap();
        }
        server.central(Method::POST, &path(&tenant, "thaw"), Value::Null).await;
        assert_eq!(user.get("/api/products").await.0, 503);
        let restored = restore(&server, &tenant, Value::Null).await;
        assert_eq!(restored["pre_restore_file"], Value::Null);
        let (status, body) = server.central(Method::POST, &path(&tenant, "restore/undo"), Value::Null).await;
        assert_eq!((status, &body["code"]), (StatusCode::CONFLICT, &json!("nothing_to_undo")), "{damage}: {body}");
        assert_eq!(count(&user.again().await).await, 4, "{damage}");
    }
    let kept = server.app.data_dir.trash_dir().read_dir().unwrap().count();
    assert_eq!(kept, 1, "the damaged file is kept");
}

#[tokio::test(flavor = "multi_thread")]
async fn changed_backup_is_refused_and_the_live_data_stays() {
    let server = Server::start().await;
    let (tenant, user) = shop(&server, "Warung", 2).await;
    back_up(&server, &tenant, Value::Null).await;
    sell(&user, "Later").await;
    let file = files(&server).remove(0);
    let whole = std::fs::read(&file).unwrap();
    let mut flipped = whole.clone();
    flipped[whole.len() / 2] ^= 1;
    for (bytes, what) in [(&flipped[..], "flipped"), (&whole[..whole.len() - 1], "cut"), (b"", "empty")] {
        std::fs::write(&file, bytes).unwrap();
        let (status, body) = server.central(Method::POST, &path(&tenant, "restore"), Value::Null).await;
        assert_eq!((status, &body["code"]), (StatusCode::CONFLICT, &json!("backup_damaged")), "{what}: {body}");
        assert_eq!(count(&user).await, 3);
    }
    std::fs::remove_file(&file).unwrap();
    let (status, body) = server.central(Method::POST, &path(&tenant, "restore"), Value::Null).await;
    assert_eq!((status, &body["code"]), (StatusCode::CONFLICT, &json!("backup_damaged")), "{body}");
    std::fs::write(&file, whole).unwrap();
    restore(&server, &tenant, Value::Null).await;
    assert_eq!(count(&user).await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn readers_see_the_old_content_or_the_new_and_writers_wait() {
    let server = Server::start().await;
    let (tenant, user) = shop(&server, "Warung", 20).await;
    back_up(&server, &tenant, Value::Null).await;
    for number in 0..10 {
        sell(&user, &format!("Later {number}")).await;
    }
    let done = Arc::new(AtomicBool::new(false));
    let readers: Vec<_> = (0..4)
        .map(|_| {
            let (user, done) = (user.clone(), done.clone());
            tokio::spawn(async move {
                let mut seen = Vec::new();
                while !done.load(Ordering::Relaxed) {
                    seen.push(count(&user).await);
                }
                seen
            })
        })
        .collect();
    let writer = tokio::spawn({
        let (user, done) = (user.clone(), done.clone());
        async move {
            let mut written = 0;
            while !done.load(Ordering::Relaxed) {
                sell(&user, "Meanwhile").await;
                written += 1;
            }
            written
        }
    });
    for _ in 0..5 {
        restore(&server, &tenant, Value::Null).await;
    }
    done.store(true, Ordering::Relaxed);
    for reader in readers {
        assert!(reader.await.unwrap().iter().all(|seen| *seen >= 20));
    }
    assert!(writer.await.unwrap() > 0);
    let file = server.open_file(&tenant);
    let (rows, counted): (i64, i64) = file
        .query_row(
            "SELECT (SELECT count(*) FROM products), (SELECT n FROM row_counts WHERE name = 'products')",
            [],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
        .unwrap();
    assert_eq!(rows, counted);
}

#[tokio::test(flavor = "multi_thread")]
async fn frozen_tenant_is_not_restored_and_a_suspended_one_is() {
    let server = Server::start().await;
    let (tenant, user) = shop(&server, "Warung", 2).await;
    back_up(&server, &tenant, Value::Null).await;
    sell(&user, "Later").await;
    server.central(Method::POST, &path(&tenant, "freeze"), Value::Null).await;
    let (status, body) = server.central(Method::POST, &path(&tenant, "restore"), Value::Null).await;
    assert_eq!((status, &body["code"]), (StatusCode::CONFLICT, &json!("tenant_frozen")));
    server.central(Method::POST, &path(&tenant, "thaw"), Value::Null).await;
    server.central(Method::POST, &path(&tenant, "suspend"), Value::Null).await;
    restore(&server, &tenant, Value::Null).await;
    server.central(Method::POST, &path(&tenant, "resume"), Value::Null).await;
    assert_eq!(count(&user).await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn undo_is_of_the_last_restore_or_of_none() {
    let server = Server::start().await;
    let (tenant, user) = shop(&server, "Warung", 1).await;
    let undo = async || server.central(Method::POST, &path(&tenant, "restore/undo"), Value::Null).await;
    back_up(&server, &tenant, Value::Null).await;
    assert_eq!(undo().await.1["code"], "nothing_to_undo");
    restore(&server, &tenant, Value::Null).await;
    sell(&user, "Between").await;
    let last = restore(&server, &tenant, Value::Null).await;
    let file = json!({"file": last["pre_restore_file"]});
    assert_eq!(server.central(Method::DELETE, &path(&tenant, "backups"), file).await.0, 200);
    let (status, body) = undo().await;
    assert_eq!((status, &body["code"]), (StatusCode::CONFLICT, &json!("nothing_to_undo")), "not the restore before");
    assert_eq!(count(&user).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn misspelt_name_is_not_taken_for_the_newest() {
    let server = Server::start().await;
    let (tenant, user) = shop(&server, "Warung", 1).await;
    back_up(&server, &tenant, Value::Null).await;
    sell(&user, "Later").await;
    for (query, body) in [("", json!({"filename": "x"})), ("", json!({"backup_file": "x"})), ("?backup=x", Value::Null)]
    {
        let (status, answer) = server.central(Method::POST, &path(&tenant, &format!("restore{query}")), body).await;
        assert_eq!(status, 422, "{answer}");
    }
    let (status, _) = server.central(Method::POST, &path(&tenant, "restore?file=x"), Value::Null).await;
    assert_eq!((status.as_u16(), count(&user).await), (404, 2));
}
