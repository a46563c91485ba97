//! `/api/users` and `/api/me/...` as admins and users see them.

use reqwest::Method;
use ruko::activity::AuditFilter;
use serde_json::{Value, json};

use crate::support::{Server, Tenant, User, answer};

async fn shop(server: &Server) -> (Tenant, User, User) {
    let tenant = server.tenant("Warung").await;
    let (admin, user) = (tenant.register("admin", "admin").await, tenant.register("john", "user").await);
    (tenant, admin, user)
}

fn emails(page: &Value) -> Vec<&str> {
    page["data"].as_array().unwrap().iter().map(|row| row["email"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn admin_lists_users_with_search_filters_and_pages() {
    let server = Server::start().await;
    let (tenant, admin, john) = shop(&server).await;
    let siti = tenant.register("siti", "user").await;
    admin.send(Method::PATCH, &format!("/api/users/{}", siti.id), json!({"is_active": false})).await;
    let (status, page) = admin.get("/api/users").await;
    assert_eq!((status.as_u16(), &page["total"], &page["per_page"]), (200, &json!(3), &json!(10)));
    assert!(!page.to_string().contains("argon2"), "{page}");
    let (admin_email, john_email, siti_email) = (&admin.email, &john.email, &siti.email);
    for (query, expected) in [
        ("q=JOHN", vec![john_email]),
        ("q=%25", vec![]),
        ("q=test.com&role=user", vec![john_email, siti_email]),
        ("role=admin", vec![admin_email]),
        ("is_active=0", vec![siti_email]),
        ("is_active=true&role=user", vec![john_email]),
        ("per_page=2&page=2", vec![siti_email]),
        ("page=7", vec![]),
    ] {
        let (status, page) = admin.get(&format!("/api/users?{query}")).await;
        assert_eq!((status.as_u16(), emails(&page)), (200, expected.iter().map(|e| e.as_str()).collect()), "{query}");
    }
    for query in ["role=superadmin", "is_active=2", "page=0", "per_page=101"] {
        assert_eq!(admin.get(&format!("/api/users?{query}")).await.0, 422, "{query}");
    }
    assert_eq!(john.get("/api/users").await.0, 403);
}

#[tokio::test]
async fn admin_creates_users_of_both_roles() {
    let server = Server::start().await;
    let (tenant, admin, user) = shop(&server).await;
    let body = json!({"name": "Siti", "email": "siti@test.com", "password": "secret", "role": "admin"});
    assert_eq!(user.post("/api/users", body.clone()).await.0, 403);
    let (status, made) = admin.post("/api/users", body.clone()).await;
    assert_eq!((status.as_u16(), &made["role"], &made["username"]), (201, &json!("admin"), &json!("siti")), "{made}");
    assert!(made.get("token").is_none() && made.get("password").is_none());
    assert_eq!(tenant.login("siti@test.com", "secret").await.0, 200);
    let (status, refused) = admin.post("/api/users", body).await;
    assert_eq!((status.as_u16(), &refused["message"]), (422, &json!("The email has already been taken.")));
    let (_, refused) = admin.post("/api/users", json!({"role": "boss"})).await;
    assert_eq!(refused["message"], "The name field is required. (and 3 more errors)");
}

#[tokio::test]
async fn user_is_shown_to_admins_and_to_itself() {
    let server = Server::start().await;
    let (_, admin, user) = shop(&server).await;
    let path = format!("/api/users/{}", user.id);
    let (status, shown) = admin.get(&path).await;
    assert_eq!((status.as_u16(), &shown["email"]), (200, &json!(user.email)));
    assert_eq!(user.get(&path).await.1, shown);
    let absent = user.get("/api/users/999").await;
    for path in [format!("/api/users/{}", admin.id), "/api/users/abc".into(), "/api/users/0".into()] {
        let (status, body) = user.get(&path).await;
        assert_eq!((status, &body["code"]), (absent.0, &absent.1["code"]), "{path}");
    }
    assert_eq!(absent.0, 404);
}

#[tokio::test]
async fn users_change_their_own_name_email_and_picture_but_no_rights() {
    let server = Server::start().await;
    let (tenant, admin, user) = shop(&server).await;
    let path = format!("/api/users/{}", user.id);
    let body = json!({
        "name": "Johnny", "email": "johnny@test.com", "username": "johnny", "avatar_url": "https://x.test/a.png",
        "current_password": "secret",
    });
    let (status, changed) = user.send(Method::PUT, &path, body).await;
    assert_eq!((status.as_u16(), &changed["name"], &changed["username"]), (200, &json!("Johnny"), &json!("johnny")));
    let (_, me) = user.get("/api/me").await;
    assert_eq!(me["user"], changed, "the next request knows");
    assert_eq!(tenant.login("johnny@test.com", "secret").await.0, 200);
    // Clients send back what they read.
    assert_eq!(user.send(Method::PUT, &path, changed.clone()).await.0, 200);
    for body in [json!({"role": "admin"}), json!({"is_active": false}), json!({"name": "x", "password": "new-secret"})]
    {
        let (status, refused) = user.send(Method::PATCH, &path, body.clone()).await;
        assert_eq!((status.as_u16(), &refused["error"]), (403, &json!("Forbidden")), "{body}");
    }
    let of_admin = format!("/api/users/{}", admin.id);
    assert_eq!(user.send(Method::PATCH, &of_admin, json!({"name": "x"})).await.0, 404);
    assert_eq!(user.send(Method::DELETE, &path, Value::Null).await.0, 403);
    let (_, shown) = admin.get(&path).await;
    assert_eq!((&shown["name"], &shown["role"], &shown["is_active"]), (&json!("Johnny"), &json!("user"), &json!(true)));
    let (_, cleared) = user.send(Method::PATCH, &path, json!({"avatar_url": null})).await;
    assert_eq!(cleared["avatar_url"], Value::Null);
}

#[tokio::test]
async fn own_email_address_is_changed_only_with_the_current_password() {
    let server = Server::with(|config| config.auth.login_attempts = 3).await;
    let (tenant, admin, user) = shop(&server).await;
    let path = format!("/api/users/{}", user.id);
    let patch = async |body: Value| user.send(Method::PATCH, &path, body).await;
    let (status, body) = patch(json!({"email": "thief@test.com"})).await;
    let text = json!(["The current password field is required."]);
    assert_eq!((status.as_u16(), &body["errors"]["current_password"]), (422, &text));
    assert_eq!(patch(json!({"email": "JOHN@test.com", "name": "J"})).await.0, 200, "the address it is already");
    for _ in 0..3 {
        let (status, body) = patch(json!({"email": "thief@test.com", "current_password": "guess"})).await;
        let text = json!(["The current password is incorrect."]);
        assert_eq!((status.as_u16(), &body["errors"]["current_password"]), (422, &text));
    }
    let right = json!({"email": "johnny@test.com", "current_password": "secret"});
    assert_eq!(patch(right.clone()).await.0, 429, "guessed too often");
    assert_eq!(tenant.login(&user.email, "secret").await.0, 429);
    assert_eq!(admin.get(&path).await.1["email"], "JOHN@test.com");
    assert_eq!(admin.send(Method::PATCH, &path, json!({"email": "boss@test.com"})).await.0, 200, "an admin need not");
    assert_eq!(patch(right).await.0, 200, "another account, as far as guessing goes");
    assert_eq!(tenant.login("johnny@test.com", "secret").await.0, 200);
}

#[tokio::test]
async fn taken_and_bad_values_are_all_named_and_change_nothing() {
    let server = Server::start().await;
    let (_, admin, user) = shop(&server).await;
    let path = format!("/api/users/{}", user.id);
    let before = admin.get(&path).await.1;
    let (status, body) =
        admin.send(Method::PATCH, &path, json!({"name": "x", "email": "ADMIN@test.com", "username": "Admin"})).await;
    assert_eq!(status, 422);
    assert_eq!(body["errors"]["email"], json!(["The email has already been taken."]));
    assert_eq!(body["errors"]["username"], json!(["The username has already been taken."]));
    for (body, field) in [
        (json!({"name": null}), "name"),
        (json!({"email": "x"}), "email"),
        (json!({"role": "boss"}), "role"),
        (json!({"is_active": "maybe"}), "is_active"),
        (json!({"password": "short"}), "password"),
        (json!({"password": "long-enough", "password_confirmation": "other"}), "password"),
        (json!({"avatar_url": "x".repeat(2049)}), "avatar_url"),
        (json!({"avatar_url": "javascript:alert(1)"}), "avatar_url"),
    ] {
        let (status, answer) = admin.send(Method::PATCH, &path, body.clone()).await;
        assert!(status == 422 && answer["errors"][field].is_array(), "{body}: {answer}");
    }
    assert_eq!(admin.get(&path).await.1, before);
    assert_eq!(
        admin.send(Method::PATCH, &path, json!({"email": "JOHN@test.com"})).await.0,
        200,
        "the own, in other case"
    );
}

#[tokio::test]
async fn email_addresses_differ_by_more_than_case_in_every_script() {
    let server = Server::start().await;
    let (tenant, admin, user) = shop(&server).await;
    let body = json!({"name": "Émile", "email": "Émile@Exämple.id", "password": "secret"});
    let (status, made) = tenant.send(Method::POST, "/api/register", body).await;
    assert_eq!((status.as_u16(), &made["user"]["email"]), (201, &json!("émile@exämple.id")), "{made}");
    let path = format!("/api/users/{}", user.id);
    let taken = json!(["The email has already been taken."]);
    for (method, path) in [(Method::POST, "/api/users"), (Method::PATCH, &path)] {
        let body = json!({"name": "E", "email": "ÉMILE@EXÄMPLE.ID", "password": "secret"});
        let (status, body) = admin.send(method, path, body).await;
        assert_eq!((status.as_u16(), &body["errors"]["email"]), (422, &taken), "{path}");
    }
    assert_eq!(tenant.login("éMILE@exÄmple.id", "secret").await.0, 200);
}

#[tokio::test]
async fn change_of_role_acts_on_the_next_request() {
    let server = Server::start().await;
    let (_, admin, user) = shop(&server).await;
    let path = format!("/api/users/{}", user.id);
    assert_eq!(user.get("/api/users").await.0, 403);
    assert_eq!(admin.send(Method::PATCH, &path, json!({"role": "admin"})).await.0, 200);
    assert_eq!(user.get("/api/users").await.0, 200);
    assert_eq!(admin.send(Method::PUT, &path, json!({"role": "user"})).await.0, 200);
    assert_eq!(user.get("/api/users").await.0, 403);
}

#[tokio::test]
async fn password_set_by_an_admin_ends_the_users_tokens() {
    let server = Server::start().await;
    let (tenant, admin, user) = shop(&server).await;
    assert!(user.is_signed_in().await);
    let path = format!("/api/users/{}", user.id);
    assert_eq!(admin.send(Method::PATCH, &path, json!({"password": "brand-new"})).await.0, 200);
    assert!(!user.is_signed_in().await);
    assert_eq!(tenant.login(&user.email, "secret").await.0, 401);
    assert_eq!(tenant.login(&user.email, "brand-new").await.0, 200);
    let own = format!("/api/users/{}", admin.id);
    let elsewhere = admin.again().await;
    assert_eq!(admin.send(Method::PATCH, &own, json!({"password": "brand-new"})).await.0, 200);
    assert!(admin.is_signed_in().await && !elsewhere.is_signed_in().await, "the own one of this request stays");
}

#[tokio::test]
async fn disabling_ends_every_token_also_the_one_that_asked_for_it() {
    let server = Server::start().await;
    let (tenant, admin, user) = shop(&server).await;
    let path = format!("/api/users/{}", user.id);
    assert_eq!(admin.send(Method::PATCH, &path, json!({"role": "admin"})).await.0, 200);
    let elsewhere = user.again().await;
    assert_eq!(user.send(Method::PATCH, &path, json!({"is_active": false})).await.0, 200);
    assert!(!user.is_signed_in().await && !elsewhere.is_signed_in().await);
    assert_eq!(admin.send(Method::PATCH, &path, json!({"is_active": true})).await.0, 200);
    assert!(!user.is_signed_in().await && !elsewhere.is_signed_in().await, "enabled again, it logs in again");
    assert_eq!(tenant.login(&user.email, "secret").await.0, 200);
}

#[tokio::test]
async fn tenant_keeps_its_last_active_admin() {
    let server = Server::start().await;
    let (_, admin, user) = shop(&server).await;
    let path = format!("/api/users/{}", admin.id);
    for body in [json!({"role": "user"}), json!({"is_active": false})] {
        let (status, refused) = admin.send(Method::PATCH, &path, body).await;
        assert_eq!((status.as_u16(), &refused["code"]), (409, &json!("last_admin")));
    }
    assert_eq!(admin.send(Method::DELETE, &path, Value::Null).await.0, 409);
    let second = format!("/api/users/{}", user.id);
    assert_eq!(admin.send(Method::PATCH, &second, json!({"role": "admin"})).await.0, 200);
    assert_eq!(admin.send(Method::DELETE, &path, Value::Null).await.0, 204);
    assert!(!admin.is_signed_in().await);
    assert_eq!(user.get(&path).await.0, 404);
}

#[tokio::test]
async fn conditional_changes_of_a_user_do_not_overwrite_each_other() {
    let server = Server::start().await;
    let (_, admin, user) = shop(&server).await;
    let path = format!("/api/users/{}", user.id);
    let response = admin.request(Method::GET, &path).send().await.unwrap();
    let tag = response.headers()["etag"].to_str().unwrap().to_owned();
    let patch = |name: &str| admin.request(Method::PATCH, &path).header("If-Match", &tag).json(&json!({"name": name}));
    assert_eq!(answer(patch("One")).await.0, 200);
    assert_eq!(answer(patch("Two")).await.0, 412);
    assert_eq!(answer(admin.request(Method::DELETE, &path).header("If-Match", &tag)).await.0, 412);
    assert_eq!(admin.get(&path).await.1["name"], "One");
}

#[tokio::test]
async fn own_password_takes_the_current_one_and_ends_other_tokens() {
    let server = Server::start().await;
    let (tenant, _, user) = shop(&server).await;
    let elsewhere = user.again().await;
    assert!(elsewhere.is_signed_in().await);
    let put = async |body: Value| user.send(Method::PUT, "/api/me/password", body).await;
    let (status, body) = put(json!({"current_password": "wrong!", "password": "short"})).await;
    assert_eq!(status, 422);
    assert_eq!(body["errors"]["current_password"], json!(["The current password is incorrect."]));
    assert_eq!(body["errors"]["password"], json!(["The password field must be at least 6 characters."]));
    for body in [
        json!({"password": "new-secret"}),
        json!({"current_password": "secret"}),
        json!({"current_password": "secret", "password": "x".repeat(1025)}),
        json!({"current_password": "secret", "password": "new-secret", "password_confirmation": "nope"}),
    ] {
        assert_eq!(put(body.clone()).await.0, 422, "{body}");
    }
    assert!(elsewhere.is_signed_in().await);
    let right = json!({"current_password": "secret", "password": "new-secret", "password_confirmation": "new-secret"});
    assert_eq!(put(right).await.0, 200);
    assert!(user.is_signed_in().await && !elsewhere.is_signed_in().await);
    assert_eq!(tenant.login(&user.email, "secret").await.0, 401);
    assert_eq!(tenant.login(&user.email, "new-secret").await.0, 200);
}

#[tokio::test]
async fn users_see_and_end_their_own_tokens() {
    let server = Server::start().await;
    let (_, admin, user) = shop(&server).await;
    let (second, third) = (user.again().await, user.again().await);
    let (status, list) = user.get("/api/me/tokens").await;
    let ids: Vec<i64> = list["data"].as_array().unwrap().iter().map(|token| token["id"].as_i64().unwrap()).collect();
    assert_eq!((status.as_u16(), ids), (200, vec![third.token_id(), second.token_id(), user.token_id()]));
    assert_eq!(list["data"][2]["is_current"], true);
    let secret = user.token.split_once('|').unwrap().1;
    assert!(!list.to_string().contains(secret), "{list}");
    assert!(second.is_signed_in().await && third.is_signed_in().await);
    let path = |of: &User| format!("/api/me/tokens/{}", of.token_id());
    assert_eq!(admin.send(Method::DELETE, &path(&second), Value::Null).await.0, 404, "not even an admin's business");
    assert_eq!(user.send(Method::DELETE, &path(&second), Value::Null).await.0, 204);
    assert!(!second.is_signed_in().await && third.is_signed_in().await);
    assert_eq!(user.send(Method::DELETE, &path(&second), Value::Null).await.0, 404);
    let (status, body) = user.send(Method::DELETE, "/api/me/tokens", Value::Null).await;
    assert_eq!((status.as_u16(), &body["revoked"]), (200, &json!(1)));
    assert!(!third.is_signed_in().await && user.is_signed_in().await);
    assert_eq!(user.send(Method::DELETE, &path(&user), Value::Null).await.0, 204);
    assert!(!user.is_signed_in().await);
}

#[tokio::test]
async fn what_admins_do_to_users_is_in_the_audit_log_without_secrets() {
    let server = Server::start().await;
    let (_, admin, user) = shop(&server).await;
    let path = format!("/api/users/{}", user.id);
    admin.send(Method::PATCH, &path, json!({"role": "admin", "password": "never-to-be-seen"})).await;
    admin.send(Method::DELETE, &path, Value::Null).await;
    let filter = AuditFilter { action: Some("user.".into()), ..AuditFilter::default() };
    let rows = server.app.activity.list_audit(filter, None, 10).await.unwrap().rows;
    let actions: Vec<&str> = rows.iter().map(|row| row.action.as_str()).collect();
    assert_eq!(actions, ["user.deleted", "user.changed"]);
    for row in &rows {
        let object = (row.object_kind.as_deref(), row.object_id.clone());
        assert_eq!(object, (Some("user"), Some(user.id.to_string())));
        assert_eq!((row.actor_id.clone(), row.ip_address.as_deref()), (Some(admin.id.to_string()), Some("127.0.0.1")));
        assert_eq!(row.tenant_id.as_deref(), Some(admin.tenant.id.as_str()));
    }
    assert_eq!(rows[1].detail["role"], "admin");
    assert!(!format!("{rows:?}").contains("never-to-be-seen"));
}
