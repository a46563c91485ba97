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
