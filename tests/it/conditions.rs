//! Versions of records: `ETag`, `If-Match`, `If-None-Match`, and where a new record is.

use reqwest::header::HeaderValue;
use reqwest::{Method, RequestBuilder, Response};
use serde_json::{Value, json};

use crate::support::{MASTER_KEY, Server, User, answer};

fn header(response: &Response, name: &str) -> String {
    response.headers()[name].to_str().unwrap().to_owned()
}

async fn tag(request: RequestBuilder) -> String {
    let response = request.send().await.unwrap();
    assert_eq!(response.status(), 200);
    header(&response, "etag")
}

async fn status(request: RequestBuilder) -> u16 {
    answer(request).await.0.as_u16()
}

impl Server {
    fn operator(&self, method: Method, path: &str) -> RequestBuilder {
        self.request(method, path).header("X-Master-API-Key", MASTER_KEY)
    }
}

async fn shop(server: &Server) -> (User, String) {
    let user = server.tenant("Warung").await.register("john", "admin").await;
    let (status, product) = user.post("/api/products", json!({"name": "Kopi", "price": 5})).await;
    assert_eq!(status, 201, "{product}");
    (user, format!("/api/products/{}", product["id"]))
}

#[tokio::test]
async fn tenant_is_changed_and_deleted_only_as_it_was_read() {
    let server = Server::start().await;
    let path = format!("/api/central/tenants/{}", server.tenant("Warung").await.id);
    let read = tag(server.operator(Method::GET, &path)).await;
    let put = |tag: &str, body: Value| server.operator(Method::PUT, &path).header("If-Match", tag).json(&body);
    assert_eq!(status(put("\"other\"", json!({"name": "Wrong"}))).await, 412);
    assert_eq!(status(put("\"other\"", json!({"db_name": "wrong"}))).await, 412);
    let known = server.operator(Method::GET, &path).header("If-None-Match", &read);
    assert_eq!(status(known).await, 304, "the refused changes have changed nothing");

    let changed = tag(put(&read, json!({"name": "Warung Baru"}))).await;
    assert_ne!(changed, read);
    assert_eq!(tag(server.operator(Method::GET, &path)).await, changed);
    assert_eq!(status(put(&read, json!({"name": "Lost update"}))).await, 412);
    let (_, shown) = answer(server.operator(Method::GET, &path)).await;
    assert_eq!(shown["data"]["name"], "Warung Baru");

    let delete = |tag: &str| server.operator(Method::DELETE, &path).header("If-Match", tag);
    assert_eq!(status(delete(&read)).await, 412);
    assert_eq!(status(server.operator(Method::GET, &path)).await, 200);
    assert_eq!(status(delete(&changed)).await, 200);
}

#[tokio::test]
async fn caller_and_tenant_are_not_sent_twice() {
    let server = Server::start().await;
    let (user, _) = shop(&server).await;
    for path in ["/api/me", "/api/info"] {
        let read = tag(user.request(Method::GET, path)).await;
        let again = user.request(Method::GET, path).header("If-None-Match", &read).send().await.unwrap();
        assert_eq!((again.status().as_u16(), header(&again, "etag")), (304, read), "{path}");
    }
}

#[tokio::test]
async fn condition_that_cannot_be_read_is_not_met() {
    let server = Server::start().await;
    let (user, path) = shop(&server).await;
    for value in [&b"\"\xe9\""[..], b"", b"\"x, *, y\""] {
        let request = user.request(Method::PUT, &path).header("If-Match", HeaderValue::from_bytes(value).unwrap());
        assert_eq!(status(request.json(&json!({"name": "Teh"}))).await, 412, "{value:?}");
    }
    assert_eq!(user.get(&path).await.1["name"], "Kopi");
    let unread = HeaderValue::from_bytes(b"\"\xe9\"").unwrap();
    assert_eq!(status(user.request(Method::GET, &path).header("If-None-Match", unread)).await, 200);
}

#[tokio::test]
async fn tags_may_come_in_several_lines() {
    let server = Server::start().await;
    let (user, path) = shop(&server).await;
    let read = tag(user.request(Method::GET, &path)).await;
    let known = user.request(Method::GET, &path).header("If-None-Match", "\"a\"").header("If-None-Match", &read);
    assert_eq!(status(known).await, 304);
    let change = user.request(Method::PUT, &path).header("If-Match", "\"a\", \"b\"").header("If-Match", &read);
    assert_eq!(status(change.json(&json!({"name": "Teh"}))).await, 200);
}

#[tokio::test]
async fn new_records_say_where_they_are_and_which_version() {
    let server = Server::start().await;
    let (user, product) = shop(&server).await;
    user.send(Method::PUT, &product, json!({"stock": 5})).await;
    let tenant = &user.tenant;
    let person = |name: &str| json!({"name": name, "email": format!("{name}@x.id"), "password": "secret"});
    let tenants = "/api/central/tenants";
    std::fs::write(server.app.data_dir.tenants_dir().join("kosong.db"), b"").unwrap();
    for (request, body) in [
        (user.request(Method::POST, "/api/products"), json!({"name": "Teh", "price": 1})),
        (user.request(Method::POST, "/api/orders"), json!({"items": [{"product_id": 1, "quantity": 1}]})),
        (user.request(Method::POST, "/api/users"), person("siti")),
        (tenant.request(Method::POST, "/api/register"), person("budi")),
        (server.operator(Method::POST, tenants), json!({"name": "Toko"})),
        (server.operator(Method::POST, &format!("{tenants}/adopt")), json!({"name": "Kios", "db_name": "kosong"})),
    ] {
        let made = request.json(&body).send().await.unwrap();
        assert_eq!(made.status(), 201, "{body}");
        let (location, made_tag) = (header(&made, "location"), header(&made, "etag"));
        let read = if location.starts_with(tenants) {
            server.operator(Method::GET, &location)
        } else {
            user.request(Method::GET, &location)
        };
        assert_eq!(tag(read).await, made_tag, "{location}");
    }
    for (list, body) in [("keys", json!({"name": "till 2"})), ("domains", json!({"domain": "toko.example"}))] {
        let list = format!("{tenants}/{}/{list}", tenant.id);
        let made = server.operator(Method::POST, &list).json(&body).send().await.unwrap();
        assert_eq!(made.status(), 201, "{list}");
        let location = header(&made, "location");
        assert!(location.starts_with(&format!("{list}/")), "{location}");
        assert_eq!(status(server.operator(Method::DELETE, &location)).await, 200, "{location}");
    }
}
