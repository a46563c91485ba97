//! What clients of Laravel rely on in every answer, and input that nobody sends by accident.

use reqwest::{Method, Response, StatusCode};
use serde_json::{Value, json};

use crate::support::{Server, User, answer};

async fn shop() -> (Server, User) {
    let server = Server::start().await;
    let user = server.tenant("Warung").await.register("john", "admin").await;
    (server, user)
}

fn header<'a>(response: &'a Response, name: &str) -> &'a str {
    response.headers().get(name).map_or("", |value| value.to_str().unwrap())
}

#[tokio::test]
async fn message_is_the_first_error_and_counts_the_others() {
    let (_server, user) = shop().await;
    for (body, message) in [
        (json!({"price": 1}), "The name field is required."),
        (json!({}), "The name field is required. (and 1 more error)"),
        (json!({"stock": -1}), "The name field is required. (and 2 more errors)"),
    ] {
        let (status, body) = user.post("/api/products", body).await;
        assert_eq!((status.as_u16(), &body["message"]), (422, &json!(message)));
        let errors = body["errors"].as_object().unwrap();
        assert!(errors.values().all(|texts| texts[0].is_string()), "{body}");
    }
}

#[tokio::test]
async fn unknown_route_is_a_json_404() {
    let (_server, user) = shop().await;
    for path in ["/api/nothing", "/api/products/1/nothing", "/api/product", "/api/products//1", "/api/..%2f..%2fetc"] {
        let response = user.request(Method::GET, path).send().await.unwrap();
        assert_eq!(
            (response.status().as_u16(), header(&response, "content-type")),
            (404, "application/json"),
            "{path}"
        );
        let body: Value = response.json().await.unwrap();
        let text = format!("The route {} could not be found.", path.trim_start_matches('/'));
        assert_eq!(body["message"], json!(text));
    }
}

#[tokio::test]
async fn slash_at_the_end_of_a_path_changes_nothing() {
    let (server, user) = shop().await;
    let (status, made) = user.post("/api/products/", json!({"name": "Kopi", "price": 1})).await;
    assert_eq!((status.as_u16(), &made["id"]), (201, &json!(1)), "{made}");
    for path in ["/api/products", "/api/products/1", "/api/me", "/api/nothing"] {
        let (status, mut plain) = user.get(&format!("{path}?page=1")).await;
        for slashes in ["/", "//"] {
            let (with_slash, mut body) = user.get(&format!("{path}{slashes}?page=1")).await;
            let (_, _) = (plain["request_id"].take(), body["request_id"].take());
            if status == 404 {
                (plain["message"], body["message"]) = (Value::Null, Value::Null);
            }
            assert_eq!((with_slash, body), (status, plain.clone()), "{path}{slashes}");
        }
    }
    let (status, list) = server.central(Method::GET, "/api/central/tenants/", Value::Null).await;
    assert_eq!((status.as_u16(), &list["total"]), (200, &json!(1)));
    let response = user.request(Method::PATCH, "/api/products/").send().await.unwrap();
    assert_eq!((response.status().as_u16(), header(&response, "allow")), (405, "GET, POST, HEAD"));
    assert_eq!(user.send(Method::DELETE, "/api/products/1/", Value::Null).await.0, 204);
    let unknown = server.request(Method::GET, "/api/v1/nothing/").send().await.unwrap();
    assert_eq!(unknown.json::<Value>().await.unwrap()["detail"], "Not Found");
}

#[tokio::test]
async fn wrong_method_is_a_405_that_says_what_would_work() {
    let (server, user) = shop().await;
    for (method, path, allowed) in [
        (Method::GET, "/api/login", "POST"),
        (Method::DELETE, "/api/products", "GET, POST, HEAD"),
        (Method::POST, "/api/products/1", "DELETE, GET, PATCH, PUT, HEAD"),
        (Method::TRACE, "/api/me", "GET, HEAD"),
        ("BREW".parse().unwrap(), "/api/users", "GET, POST, HEAD"),
    ] {
        let response = user.request(method.clone(), path).send().await.unwrap();
        assert_eq!((response.status().as_u16(), header(&response, "allow")), (405, allowed), "{method} {path}");
        let body: Value = response.json().await.unwrap();
        let route = path.trim_start_matches('/');
        let text = format!("The {method} method is not supported for route {route}. Supported methods: {allowed}.");
        assert_eq!(body["message"], json!(text));
    }
    let bare = server.request(Method::GET, "/api/login").send().await.unwrap();
    assert_eq!(bare.status(), 405, "without any key as well");
}

#[tokio::test]
async fn head_answers_as_get_without_a_body_and_options_says_what_works() {
    let (_server, user) = shop().await;
    user.post("/api/products", json!({"name": "Kopi", "price": 1})).await;
    for (path, status) in [("/api/products/1", 200), ("/api/products", 200), ("/api/products/9", 404)] {
        let get = user.request(Method::GET, path).send().await.unwrap();
        let head = user.request(Method::HEAD, path).send().await.unwrap();
        assert_eq!((get.status().as_u16(), head.status().as_u16()), (status, status), "{path}");
        for name in ["content-type", "etag"] {
            assert_eq!(header(&head, name), header(&get, name), "{path} {name}");
        }
        let length = header(&head, "content-length").to_owned();
        assert!(length.is_empty() || length == header(&get, "content-length"), "{path}: {length}");
        assert_eq!(head.bytes().await.unwrap().len(), 0);
    }
    let options = user.request(Method::OPTIONS, "/api/products").send().await.unwrap();
    assert_eq!((options.status().as_u16(), header(&options, "allow")), (204, "GET, POST, HEAD"));
}

#[tokio::test]
async fn browsers_of_any_page_may_call() {
    let (server, user) = shop().await;
    let preflight = server
        .request(Method::OPTIONS, "/api/products")
        .header("Origin", "https://shop.example")
        .header("Access-Control-Request-Method", "POST")
        .header("Access-Control-Request-Headers", "authorization,x-tenant-api-key,content-type");
    let response = preflight.send().await.unwrap();
    assert_eq!((response.status().as_u16(), header(&response, "access-control-allow-origin")), (204, "*"));
    let headers = header(&response, "access-control-allow-headers").to_lowercase();
    assert!(
        ["authorization", "x-tenant-api-key", "content-type"].iter().all(|name| headers.contains(name)),
        "{headers}"
    );
    for path in ["/api/products", "/api/products/9", "/api/nothing"] {
        let response = user.request(Method::GET, path).header("Origin", "https://shop.example").send().await.unwrap();
        assert_eq!(header(&response, "access-control-allow-origin"), "*", "{path}");
    }
    let refused = server.request(Method::GET, "/api/me").header("Origin", "https://shop.example").send().await.unwrap();
    assert_eq!(header(&refused, "access-control-allow-origin"), "*", "a page may read why");
}

#[tokio::test]
async fn strings_are_trimmed_and_empty_ones_are_null() {
    let (_server, user) = shop().await;
    let body = json!({"name": " \t Kopi\u{a0}\n", "price": " 1500 ", "description": "   ", "image": ""});
    let (status, made) = user.post("/api/products", body).await;
    assert_eq!((status.as_u16(), &made["name"], &made["price"]), (201, &json!("Kopi"), &json!("1500.00")), "{made}");
    assert_eq!((&made["description"], &made["image"]), (&Value::Null, &Value::Null));
    let (status, changed) =
        user.send(Method::PUT, "/api/products/1", json!({"name": " Teh ", "description": " x "})).await;
    assert_eq!((status.as_u16(), &changed["name"], &changed["description"]), (200, &json!("Teh"), &json!("x")));
    let spaced = json!({"name": "S", "email": "s@test.com", "password": "  secret  "});
    assert_eq!(user.post("/api/users", spaced).await.0, 201);
    assert_eq!(user.tenant.login("s@test.com", "secret").await.0, 401, "passwords are not trimmed");
    assert_eq!(user.tenant.login("s@test.com", "  secret  ").await.0, 200);
}

async fn post(user: &User, content_type: Option<&str>, body: impl Into<reqwest::Body>) -> (StatusCode, Value) {
    let request = user.request(Method::POST, "/api/products").body(body);
    answer(match content_type {
        Some(content_type) => request.header("Content-Type", content_type),
        None => request,
    })
    .await
}

#[tokio::test]
async fn json_is_read_under_any_content_type_and_form_fields_are_too() {
    let (_server, user) = shop().await;
    let body = r#" {"name": "Kopi & Teh = enak", "price": 1} "#;
    for content_type in [
        None,
        Some("application/json"),
        Some("application/json; charset=utf-8"),
        Some("application/vnd.api+json"),
        Some("application/x-www-form-urlencoded"),
        Some("text/plain;charset=UTF-8"),
    ] {
        let (status, made) = post(&user, content_type, body).await;
        assert_eq!((status.as_u16(), &made["name"]), (201, &json!("Kopi & Teh = enak")), "{content_type:?}: {made}");
    }
    for content_type in [None, Some("application/x-www-form-urlencoded")] {
        let (status, made) = post(&user, content_type, "name=Kopi+%26+Teh&price=1500.50&stock=3&is_active=on").await;
        assert_eq!((status.as_u16(), &made["name"], &made["price"]), (201, &json!("Kopi & Teh"), &json!("1500.50")));
        assert_eq!((&made["stock"], &made["is_active"]), (&json!(3), &json!(true)));
    }
    let (status, order) = answer(
        user.request(Method::POST, "/api/orders")
            .header("Content-Type", "application/x-www-form-urlencoded")
            .body("items[0][product_id]=7&items[0][quantity]=2&items[1][product_id]=7&items[1][quantity]=1"),
    )
    .await;
    assert_eq!((status.as_u16(), &order["total"]), (201, &json!("4501.50")), "{order}");
}

#[tokio::test]
async fn other_content_types_are_a_415() {
    let (_server, user) = shop().await;
    for (content_type, body) in [
        ("application/xml", "<product><name>x</name></product>"),
        ("text/csv", "name,price"),
        ("application/octet-stream", "\u{1}\u{2}"),
        ("garbage", "x"),
    ] {
        let (status, body) = post(&user, Some(content_type), body).await;
        assert_eq!((status.as_u16(), &body["code"]), (415, &json!("unsupported_media_type")), "{content_type}: {body}");
    }
}

#[tokio::test]
async fn malformed_bodies_are_refused_and_change_nothing() {
    let (_server, user) = shop().await;
    let deep = format!("{{\"name\":{}1{}}}", "[".repeat(100_000), "]".repeat(100_000));
    let bodies: Vec<(Vec<u8>, &[u16])> = vec![
        (b"{".into(), &[400]),
        (b"{\"name\":\"x\",}".into(), &[400]),
        (b"{\"name\":\"x\"".into(), &[400]),
        (b"[1,2]".into(), &[400]),
        (b"\"text\"".into(), &[400]),
        (b"null".into(), &[400]),
        (b"true".into(), &[400]),
        (b"{} {}".into(), &[400]),
        (b"".into(), &[422]),
        (b"   ".into(), &[422]),
        (b"{}".into(), &[422]),
        (deep.into_bytes(), &[400]),
        (b"{\"name\":\"\xff\xfe\",\"price\":1}".into(), &[400]),
        (b"{\"name\":\"\\ud800\",\"price\":1}".into(), &[400]),
        (b"\xef\xbb\xbf{\"name\":\"x\"}".into(), &[422]),
        (b"{\"name\":\"a\\u0000b\",\"price\":1}".into(), &[422]),
        (b"{\"name\":\"x\",\"price\":1e400}".into(), &[422]),
        (b"{\"name\":\"x\",\"price\":1e-400}".into(), &[422]),
        (b"{\"name\":\"x\",\"price\":NaN}".into(), &[400]),
        (b"{\"name\":\"x\",\"price\":99999999999999999999999999999999}".into(), &[422]),
        (b"{\"name\":\"x\",\"price\":1,\"stock\":99999999999999999999999999}".into(), &[422]),
        (b"{\"name\":\"x\",\"price\":1,\"stock\":9223372036854775807}".into(), &[422]),
        (b"{\"name\":\"x\",\"price\":1,\"stock\":1.5}".into(), &[422]),
        (b"{\"name\":{\"a\":1},\"price\":1}".into(), &[422]),
        (b"{\"name\":[\"x\"],\"price\":1}".into(), &[422]),
        (b"{\"name\":true,\"price\":1}".into(), &[422]),
        (b"{\"name\":12,\"price\":1}".into(), &[422]),
        (b"{\"name\":\"x\",\"price\":{\"$serde_json::private::Number\":\"x\"}}".into(), &[400, 422]),
        (b"{\"name\":\"x\",\"price\":true}".into(), &[422]),
        (b"{\"name\":\"x\",\"price\":\"0x10\"}".into(), &[422]),
        (b"{\"name\":\"x\",\"price\":\"1,5\"}".into(), &[422]),
    ];
    for (body, expected) in bodies {
        let shown = String::from_utf8_lossy(&body[..body.len().min(80)]).into_owned();
        let (status, body) = post(&user, Some("application/json"), body).await;
        assert!(expected.contains(&status.as_u16()), "{shown}: {status} {body}");
        assert!(body["message"].is_string() && body["request_id"].is_string(), "{shown}: {body}");
        for inside in ["serde", "src/", "SELECT", "panick", "sqlite", "poem"] {
            assert!(!body.to_string().contains(inside), "{shown} shows {inside}: {body}");
        }
    }
    assert_eq!(user.get("/api/products").await.1["total"], 0);
}

#[tokio::test]
async fn oversized_body_is_a_413_announced_or_not() {
    let server = Server::with(|config| config.http.max_body_bytes = 2000).await;
    let user = server.tenant("Warung").await.register("john", "user").await;
    let body = |length: usize| format!("{{\"name\":\"x\",\"price\":1,\"description\":\"{}\"}}", "y".repeat(length));
    assert_eq!(post(&user, Some("application/json"), body(1000)).await.0, 201);
    let (status, refused) = post(&user, Some("application/json"), body(3000)).await;
    assert_eq!((status.as_u16(), &refused["code"]), (413, &json!("payload_too_large")));
    let total = user.get("/api/products").await.1["total"].clone();
    assert_eq!(total, 1);
}

#[tokio::test]
async fn hostile_queries_and_paths_are_refused_politely() {
    let (_server, user) = shop().await;
    user.post("/api/products", json!({"name": "Kopi", "price": 1})).await;
    for (path, status) in [
        ("/api/products?q=%00", 422),
        ("/api/products?q=%ff%fe", 422),
        ("/api/products?cache=%ff%fe", 200),
        ("/api/products?q='%20OR%201=1--", 200),
        ("/api/products?q=%22%20OR%20name:*", 200),
        ("/api/products?sort=id;DROP%20TABLE%20products", 422),
        ("/api/products?page=9223372036854775808", 422),
        ("/api/products?page=-1", 422),
        ("/api/products?per_page=1e3", 422),
        ("/api/products?page[]=1&page[]=2", 200),
        ("/api/products?=&&&%", 200),
        ("/api/products/9223372036854775808", 404),
        ("/api/products/-1", 404),
        ("/api/products/+1", 404),
        ("/api/products/01", 404),
        ("/api/products/1.0", 404),
        ("/api/products/%201", 404),
        ("/api/products/1%00", 404),
        ("/api/products/1'", 404),
        ("/api/products/%ff", 404),
        ("/api/products/1?anything=goes", 200),
    ] {
        let (got, body) = user.get(path).await;
        assert_eq!(got.as_u16(), status, "{path}: {body}");
    }
    let long = format!("/api/products?q={}", "x".repeat(256));
    assert_eq!(user.get(&long).await.0, 422);
    assert_eq!(user.get("/api/products").await.1["total"], 1);
}

#[tokio::test]
async fn texts_of_every_script_come_back_as_they_were_sent() {
    let (_server, user) = shop().await;
    for name in [
        "<script>alert(1)</script>",
        "\u{1f35c} \u{30e9}\u{30fc}\u{30e1}\u{30f3}",
        "a\"b\\c/d",
        "\u{202e}x",
        "e\u{301}",
        "'; --",
    ] {
        let (status, made) = user.post("/api/products", json!({"name": name, "price": 1})).await;
        assert_eq!((status.as_u16(), &made["name"]), (201, &json!(name)));
        let (_, shown) = user.get(&format!("/api/products/{}", made["id"])).await;
        assert_eq!(shown["name"], name);
    }
}
