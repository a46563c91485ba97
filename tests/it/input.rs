//! What the fields of a body mean: left out, empty, null, unknown, written in another way.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::support::{Server, Tenant, User, answer};

/// A tenant with an admin (user 1) and a product (product 1, price 1500, five pieces).
async fn shop(server: &Server) -> (Tenant, User) {
    let tenant = server.tenant("Warung").await;
    let admin = tenant.register("admin", "admin").await;
    let product = json!({"name": "Kopi", "price": 1500, "stock": 5});
    assert_eq!(admin.post("/api/products", product).await.0, 201);
    (tenant, admin)
}

fn texts<'b>(body: &'b Value, field: &str) -> Vec<&'b str> {
    body["errors"][field].as_array().into_iter().flatten().map(|text| text.as_str().unwrap()).collect()
}

#[tokio::test]
async fn user_name_that_is_empty_is_made() {
    let server = Server::start().await;
    let (tenant, admin) = shop(&server).await;
    let new =
        |email: &str, username: Value| json!({"name": "A", "email": email, "username": username, "password": "secret"});
    for (email, username) in [("a@b.id", json!("")), ("b@b.id", json!("  ")), ("c@b.id", Value::Null)] {
        let (status, made) = tenant.send(Method::POST, "/api/register", new(email, username)).await;
        assert_eq!((status.as_u16(), &made["user"]["username"]), (201, &json!(email[..1])), "{made}");
    }
    let (status, made) = admin.post("/api/users", new("d@b.id", json!(""))).await;
    assert_eq!((status.as_u16(), &made["username"]), (201, &json!("d")), "{made}");
    let form = tenant.request(Method::POST, "/api/register").body("name=E&email=e@b.id&username=&password=secret");
    let (status, made) = answer(form).await;
    assert_eq!((status.as_u16(), &made["user"]["username"]), (201, &json!("e")), "{made}");
}

#[tokio::test]
async fn null_in_a_change_is_refused_where_nothing_can_be_emptied() {
    let server = Server::start().await;
    let (tenant, admin) = shop(&server).await;
    let user = tenant.register("john", "user").await;
    let users = format!("/api/users/{}", user.id);
    let tenants = format!("/api/central/tenants/{}", tenant.id);
    for (path, fields) in [
        ("/api/products/1", &["name", "price", "stock", "is_active"][..]),
        (&users, &["name", "email", "username", "role", "is_active", "password"]),
        (&tenants, &["name", "db_name", "plan"]),
    ] {
        let is_central = path.starts_with("/api/central");
        let send = async |method: Method, body: Value| {
            if is_central { server.central(method, path, body).await } else { admin.send(method, path, body).await }
        };
        let before = send(Method::GET, Value::Null).await.1;
        for field in fields {
            for empty in [Value::Null, json!("")] {
                let (status, body) = send(Method::PUT, json!({*field: empty})).await;
                assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{path} {field} {empty}: {body}");
                // An empty name of a file is a name that cannot be, as ever.
                let is_required = texts(&body, field)[0].ends_with("field is required.");
                assert!(is_required || *field == "db_name" && empty.is_string(), "{path}: {body}");
            }
        }
        assert_eq!(send(Method::GET, Value::Null).await.1, before, "{path}: nothing has changed");
    }
}

#[tokio::test]
async fn unknown_field_of_an_operation_of_ones_own_is_refused() {
    let server = Server::start().await;
    let (tenant, admin) = shop(&server).await;
    let (users, tenants) = (format!("/api/users/{}", admin.id), format!("/api/central/tenants/{}", tenant.id));
    let item = json!({"product_id": 1, "quantity": 1});
    for (method, path, body, unknown) in [
        (Method::POST, "/api/orders", json!({"items": [item.clone()], "notes": "x"}), "notes"),
        (
            Method::POST,
            "/api/orders",
            json!({"items": [item, {"product_id": 1, "quantity": 1, "price": 1}]}),
            "items.1.price",
        ),
        (Method::PATCH, "/api/orders/1", json!({"status": "paid", "note": "x"}), "note"),
        (Method::POST, "/api/users", json!({"name": "A", "email": "a@b.c", "password": "secret", "rol": 1}), "rol"),
        (Method::PUT, &users, json!({"naem": "x"}), "naem"),
        (Method::PUT, "/api/me/password", json!({"current_password": "secret", "password": "secret2", "x": 1}), "x"),
        (Method::POST, &format!("{tenants}/domains"), json!({"domain": "a.test", "is_main": true}), "is_main"),
        (Method::POST, &format!("{tenants}/keys"), json!({"name": "till", "expires": "2035-01-01"}), "expires"),
        (Method::POST, &format!("{tenants}/undelete"), json!({"dbname": "x"}), "dbname"),
        (Method::POST, "/api/central/tenants/adopt", json!({"name": "x", "db_name": "y", "takeover": "z"}), "takeover"),
        (Method::PUT, &tenants, json!({"limits": {"max_devices": 1}}), "limits.max_devices"),
    ] {
        let is_central = path.starts_with("/api/central");
        let send =
            if is_central { server.central(method, path, body).await } else { admin.send(method, path, body).await };
        let (status, body) = send;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{path} {unknown}: {body}");
        let text = format!("The {} field is not known here.", unknown.replace('_', " "));
        assert_eq!(texts(&body, unknown), [text], "{path}: {body}");
        assert_eq!(body["errors"].as_object().unwrap().len(), 1, "{body}");
    }
    let (status, body) =
        tenant.send(Method::POST, "/api/login", json!({"email": admin.email, "password": "secret", "x": 1})).await;
    assert_eq!(status, StatusCode::OK, "clients of the original systems send more: {body}");
}

#[tokio::test]
async fn user_may_be_sent_back_as_it_was_read() {
    let server = Server::start().await;
    let (_, admin) = shop(&server).await;
    let path = format!("/api/users/{}", admin.id);
    let mut read = admin.get(&path).await.1;
    read["name"] = json!("Bu Joko");
    let (status, changed) = admin.send(Method::PUT, &path, read).await;
    assert_eq!((status.as_u16(), &changed["name"]), (200, &json!("Bu Joko")), "{changed}");
}

#[tokio::test]
async fn key_is_not_replaced_and_tenant_not_deleted_by_what_was_not_understood() {
    let server = Server::start().await;
    let (tenant, admin) = shop(&server).await;
    let path = format!("/api/central/tenants/{}", tenant.id);
    let regenerate = format!("{path}/regenerate-key");
    let (status, body) = server.central(Method::POST, &regenerate, json!({"overlap": 5})).await;
    assert_eq!((status.as_u16(), texts(&body, "overlap").len()), (422, 1), "{body}");
    for (query, body, field) in [
        ("", json!({"purge": true}), "purge"),
        ("?purge=true", json!({"keep_backups": true}), "keep_backups"),
        ("?purge=true", json!([1]), "body"),
        ("?purgee=true", Value::Null, "purgee"),
        ("?purge=maybe", Value::Null, "purge"),
    ] {
        let (status, answer) = server.central(Method::DELETE, &format!("{path}{query}"), body).await;
        assert_eq!((status.as_u16(), texts(&answer, field).len()), (422, 1), "{query}: {answer}");
        assert!(admin.is_signed_in().await, "{query}: nothing was done");
    }
    let (status, body) = server.central(Method::DELETE, &format!("{path}?purge=false"), json!({})).await;
    assert_eq!(status, StatusCode::OK, "an empty object says nothing: {body}");
}

#[tokio::test]
async fn new_tenant_takes_plan_and_limits_as_a_change_does() {
    let server = Server::start().await;
    let limits = json!({"max_phone_numbers": 7, "max_messages_per_day": null});
    let body = json!({"name": "Warung", "plan": "premium", "limits": limits, "max_storage_bytes": 1_048_576});
    let (status, made) = server.central(Method::POST, "/api/central/tenants", body).await;
    assert_eq!(status, StatusCode::CREATED, "{made}");
    let path = format!("/api/central/tenants/{}", made["data"]["tenant_id"].as_str().unwrap());
    let shown = server.central(Method::GET, &path, Value::Null).await.1["data"].clone();
    assert_eq!((&shown["plan"], &shown["max_storage_bytes"]), (&json!("premium"), &json!(1_048_576)), "{shown}");
    let limits = &shown["limits"];
    assert_eq!((&limits["max_phone_numbers"], &limits["max_messages_per_day"]), (&json!(7), &Value::Null));
    assert_eq!(limits["max_auto_replies"], 100, "the plan's: {limits}");
    let body = json!({"name": "", "limits": {"max_phone_numbers": -1, "x": 1}, "max_storage_bytes": 1});
    let (_, refused) = server.central(Method::POST, "/api/central/tenants", body).await;
    let named: Vec<&String> = refused["errors"].as_object().unwrap().keys().collect();
    assert_eq!(named, ["name", "limits.max_phone_numbers", "limits.x", "max_storage_bytes"]);
}

#[tokio::test]
async fn slip_of_the_pen_in_json_is_not_read_as_a_form() {
    let server = Server::start().await;
    let (_, admin) = shop(&server).await;
    for content_type in [None, Some("application/x-www-form-urlencoded"), Some("text/plain")] {
        for body in ["{\"name\":\"a=b\",}", "[{\"name\":\"a=b\"}]", " {\"name\":\"a=b&price=1\""] {
            let request = admin.request(Method::POST, "/api/products").body(body);
            let request = match content_type {
                Some(content_type) => request.header("Content-Type", content_type),
                None => request,
            };
            let (status, answer) = answer(request).await;
            assert_eq!((status.as_u16(), &answer["code"]), (400, &json!("malformed_body")), "{body}: {answer}");
        }
    }
}
