//! Registering, logging in and out, as a tenant's clients see it.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{MASTER_KEY, Server, Tenant, answer};

async fn register(tenant: &Tenant, body: Value) -> (u16, Value) {
    let (status, body) = tenant.send(Method::POST, "/api/register", body).await;
    (status.as_u16(), body)
}

fn john() -> Value {
    json!({"name": "John", "email": "john@test.com", "password": "secret"})
}

/// A body with some fields changed; null removes one.
fn with(mut body: Value, changes: &Value) -> Value {
    for (name, value) in changes.as_object().unwrap() {
        match value {
            Value::Null => drop(body.as_object_mut().unwrap().remove(name)),
            _ => body[name] = value.clone(),
        }
    }
    body
}

#[tokio::test]
async fn documented_full_body_registers() {
    let server = Server::start().await;
    let tenant = server.tenant("Warung").await;
    let (status, body) = register(
        &tenant,
        json!({
            "name": "John Doe", "email": "john@example.com", "username": "johndoe", "password": "password123",
            "password_confirmation": "password123", "role": "user"
        }),
    )
    .await;
    assert_eq!((status, &body["message"]), (201, &json!("User registered successfully")), "{body}");
    assert_eq!(body["tenant"], json!({"id": tenant.id, "name": "Warung", "database": tenant.database}));
    let user = &body["user"];
    assert_eq!((&user["name"], &user["email"]), (&json!("John Doe"), &json!("john@example.com")));
    assert_eq!((&user["username"], &user["role"], &user["id"]), (&json!("johndoe"), &json!("user"), &json!(1)));
    assert!(body["token"].as_str().unwrap().starts_with("1|"), "{body}");
}

#[tokio::test]
async fn documented_curl_without_content_type_registers_and_logs_in() {
    let server = Server::start().await;
    let tenant = server.tenant("Warung").await;
    let register = r#"{"name":"John","email":"john@test.com","password":"secret"}"#;
    let login = r#"{"email":"john@test.com","password":"secret"}"#;
    // What curl -d sends by itself.
    let form = "application/x-www-form-urlencoded";
    let post = |path, body| tenant.request(Method::POST, path).header("Content-Type", form).body(body);
    assert_eq!(answer(post("/api/register", register)).await.0, 201);
    assert_eq!(answer(post("/api/login", login)).await.0, 200);
    let (status, body) = answer(tenant.request(Method::POST, "/api/login").body(login)).await;
    assert_eq!((status.as_u16(), &body["message"]), (200, &json!("Login successful")));
    let fields = post("/api/login", "email=john%40test.com&password=secret");
    assert_eq!(answer(fields).await.0, 200, "form fields do as well");
}

#[tokio::test]
async fn user_shows_everything_but_the_password() {
    let server = Server::start().await;
    let (_, body) = register(&server.tenant("Warung").await, john()).await;
    let keys: Vec<&str> = body["user"].as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(
        keys,
        [
            "id",
            "uuid",
            "name",
            "email",
            "username",
            "role",
            "is_active",
            "avatar_url",
            "email_verified_at",
            "created_at",
            "updated_at"
        ]
    );
    assert!(!body.to_string().contains("secret") && !body.to_string().contains("argon2"), "{body}");
}

#[tokio::test]
async fn all_errors_of_a_registration_are_named_at_once() {
    let server = Server::start().await;
    let tenant = server.tenant("Warung").await;
    let (status, body) = register(&tenant, json!({})).await;
    assert_eq!((status, &body["message"]), (422, &json!("The name field is required. (and 2 more errors)")));
    for field in ["name", "email", "password"] {
        assert_eq!(body["errors"][field], json!([format!("The {field} field is required.")]));
    }
    for (changes, field, text) in [
        (json!({"email": "not-an-email"}), "email", "The email field must be a valid email address."),
        (json!({"email": ["a@b.c"]}), "email", "The email field must be a string."),
        (json!({"email": "<b>@test.com"}), "email", "The email field must be a valid email address."),
        (json!({"name": "x".repeat(256)}), "name", "The name field must not be greater than 255 characters."),
        (json!({"name": "   "}), "name", "The name field is required."),
        (json!({"password": ""}), "password", "The password field is required."),
        (json!({"password": "five5"}), "password", "The password field must be at least 6 characters."),
        (json!({"password": 123_456}), "password", "The password field must be a string."),
        (
            json!({"password": "x".repeat(1025)}),
            "password",
            "The password field must not be greater than 1024 characters.",
        ),
        (
            json!({"password": "\u{e9}".repeat(513)}),
            "password",
            "The password field must not be greater than 1024 characters.",
        ),
        (json!({"password": "sec\u{0}ret"}), "password", "The password field must not contain NUL characters."),
        (json!({"password_confirmation": "other1"}), "password", "The password field confirmation does not match."),
        (json!({"password_confirmation": ""}), "password", "The password field confirmation does not match."),
        (json!({"role": "superadmin"}), "role", "The selected role is invalid."),
    ] {
        let (status, body) = register(&tenant, with(john(), &changes)).await;
        assert_eq!((status, &body["errors"][field]), (422, &json!([text])), "{changes}: {body}");
    }
    let (status, body) = register(&tenant, with(john(), &json!({"password": "x".repeat(1024)}))).await;
    assert_eq!(status, 201, "nothing of the refused ones stayed: {body}");
}

#[tokio::test]
async fn email_and_username_are_unique_in_the_tenant_in_any_case() {
    let server = Server::start().await;
    let (tenant, other) = (server.tenant("Warung").await, server.tenant("Toko").await);
    let body = with(john(), &json!({"username": "john"}));
    assert_eq!(register(&tenant, body.clone()).await.0, 201);
    let (status, refused) =
        register(&tenant, json!({"name": "J", "email": "JOHN@Test.com", "username": "JOHN", "password": "x"})).await;
    assert_eq!(status, 422);
    assert_eq!(refused["errors"]["email"], json!(["The email has already been taken."]));
    assert_eq!(refused["errors"]["username"], json!(["The username has already been taken."]));
    assert_eq!(refused["errors"]["password"], json!(["The password field must be at least 6 characters."]));
    assert_eq!(register(&other, body).await.0, 201, "the same email and name in another tenant");
}

#[tokio::test]
async fn username_is_made_from_the_email_and_never_clashes() {
    let server = Server::start().await;
    let tenant = server.tenant("Warung").await;
    for (email, username) in [
        ("john@test.com", "john"),
        ("john@other.com", "john2"),
        ("JOHN@third.com", "JOHN3"),
        ("o'brien+tag@test.com", "o'brien+tag"),
        ("bj\u{f6}rn.{x}@test.com", "bj\u{f6}rn.{x}"),
    ] {
        let (status, body) = register(&tenant, with(john(), &json!({"email": email}))).await;
        assert_eq!((status, &body["user"]["username"]), (201, &json!(username)), "{body}");
    }
    let longest = format!("{}@test.com", "l".repeat(64));
    assert_eq!(register(&tenant, with(john(), &json!({"email": longest}))).await.0, 201);
}

#[tokio::test]
async fn only_the_first_user_may_make_itself_admin() {
    let server = Server::start().await;
    let tenant = server.tenant("Warung").await;
    let first = tenant.register("first", "admin").await;
    assert_eq!(first.get("/api/users").await.0, 200);
    let second = tenant.register("second", "admin").await;
    assert_eq!(second.get("/api/me").await.1["user"]["role"], "user");
    assert_eq!(second.get("/api/users").await.0, 403);
}

#[tokio::test]
async fn two_first_users_at_once_make_one_admin() {
    let server = Server::start().await;
    let tenant = server.tenant("Warung").await;
    let made = futures_util::future::join_all((0..8).map(|index| {
        let tenant = tenant.clone();
        async move { tenant.register(&format!("user{index}"), "admin").await }
    }))
    .await;
    let mut admins = 0;
    for user in &made {
        admins += i32::from(user.get("/api/users").await.0 == 200);
    }
    assert_eq!(admins, 1);
}

#[tokio::test]
async fn later_admins_take_the_master_key_or_an_admin() {
    let server = Server::start().await;
    let tenant = server.tenant("Warung").await;
    let (admin, user) = (tenant.register("first", "admin").await, tenant.register("second", "user").await);
    let other = server.tenant("Toko").await.register("first", "admin").await;
    let attempt = async |name: &str, header: &str, value: &str| {
        let body = json!({"name": name, "email": format!("{name}@x.com"), "password": "secret", "role": "admin"});
        let (status, body) =
            answer(tenant.request(Method::POST, "/api/register").header(header, value).json(&body)).await;
        (status.as_u16(), body["user"]["role"].as_str().unwrap_or_default().to_owned())
    };
    let bearer = |token: &str| format!("Bearer {token}");
    assert_eq!(attempt("a", "X-Master-API-Key", MASTER_KEY).await, (201, "admin".into()));
    assert_eq!(attempt("b", "Authorization", &bearer(&admin.token)).await, (201, "admin".into()));
    assert_eq!(attempt("c", "Authorization", &bearer(&user.token)).await, (201, "user".into()));
    assert_eq!(attempt("d", "X-Master-API-Key", "mk_wrong").await.0, 403);
    assert_eq!(attempt("e", "Authorization", &bearer("1|wrong")).await.0, 401);
    assert_eq!(attempt("e", "Authorization", &bearer(&other.token)).await.0, 401, "an admin of another tenant");
    let (_, page) = admin.get("/api/users?q=x.com").await;
    assert_eq!(page["total"], 3, "refused ones left nothing: {page}");
    // A stale header does not get in the way of somebody who asks for nothing special.
    let stale = tenant.request(Method::POST, "/api/register").bearer_auth("1|stale").json(&john());
    assert_eq!(answer(stale).await.0, 201);
}

#[tokio::test]
async fn login_answers_with_user_tenant_and_a_token_in_sanctums_form() {
    let server = Server::start().await;
    let tenant = server.tenant("Warung").await;
    tenant.register("john", "user").await;
    let (status, body) = tenant.login("  JOHN@Test.com ", "secret").await;
    assert_eq!((status.as_u16(), &body["message"]), (200, &json!("Login successful")), "any case, trimmed: {body}");
    assert_eq!((&body["user"]["email"], &body["tenant"]["id"]), (&json!("john@test.com"), &json!(tenant.id)));
    let token = body["token"].as_str().unwrap();
    let (id, secret) = token.split_once('|').unwrap();
    assert_eq!((id, secret.len()), ("2", 48), "{token}");
    let (random, checksum) = secret.split_at(40);
    assert!(random.bytes().all(|byte| byte.is_ascii_alphanumeric()), "{token}");
    assert_eq!(checksum, format!("{:08x}", crc32fast::hash(random.as_bytes())));
    let by_secret = tenant.request(Method::GET, "/api/me").bearer_auth(secret);
    assert_eq!(answer(by_secret).await.0, 200, "Sanctum takes the secret alone");
    let wrong_id = tenant.request(Method::GET, "/api/me").bearer_auth(format!("1|{secret}"));
    assert_eq!(answer(wrong_id).await.0, 401);
}

#[tokio::test]
async fn wrong_password_and_unknown_email_get_the_same_answer() {
    let server = Server::start().await;
    let tenant = server.tenant("Warung").await;
    tenant.register("john", "user").await;
    let mut answers = Vec::new();
    for (email, password) in [
        ("john@test.com", "Secret"),
        ("john@test.com", " secret"),
        ("nobody@test.com", "secret"),
        ("' OR 1=1 --", "secret"),
        ("john@test.com", &"x".repeat(5000)),
        ("%", "secret"),
    ] {
        let (status, mut body) = tenant.login(email, password).await;
        body.as_object_mut().unwrap().remove("request_id");
        answers.push((status.as_u16(), body));
    }
    assert_eq!((answers[0].0, &answers[0].1["error"]), (401, &json!("Invalid credentials")));
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
    let (status, body) = tenant.send(Method::POST, "/api/login", json!({"email": ""})).await;
    assert_eq!((status.as_u16(), &body["message"]), (422, &json!("The email field is required. (and 1 more error)")));
    let (status, _) = tenant.login(&format!("{}@x.com", "x".repeat(5000)), "secret").await;
    assert_eq!(status, 422);
}

#[tokio::test]
async fn info_takes_the_tenant_key_only() {
    let server = Server::start().await;
    let tenant = server.tenant("Warung").await;
    let (status, body) = tenant.send(Method::GET, "/api/info", Value::Null).await;
    assert_eq!(status, 200);
    assert_eq!(body, json!({"tenant_id": tenant.id, "tenant_name": "Warung", "database": tenant.database}));
}

#[tokio::test]
async fn me_is_the_user_and_its_tenant() {
    let server = Server::start().await;
    let tenant = server.tenant("Warung").await;
    let user = tenant.register("john", "user").await;
    let (status, body) = user.get("/api/me").await;
    assert_eq!((status.as_u16(), &body["user"]["email"]), (200, &json!("john@test.com")));
    assert_eq!((&body["tenant"]["id"], &body["tenant"]["name"]), (&json!(tenant.id), &json!("Warung")));
}

#[tokio::test]
async fn logout_ends_this_token_at_once_and_no_other() {
    let server = Server::start().await;
    let user = server.tenant("Warung").await.register("john", "user").await;
    let other = user.again().await;
    assert!(user.is_signed_in().await && other.is_signed_in().await, "both are in memory now");
    let (status, body) = user.post("/api/logout", Value::Null).await;
    assert_eq!((status.as_u16(), &body["message"]), (200, &json!("Logout successful")));
    assert!(!user.is_signed_in().await);
    assert!(other.is_signed_in().await);
    assert_eq!(user.post("/api/logout", Value::Null).await.0, 401);
}
