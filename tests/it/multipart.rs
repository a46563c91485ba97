//! Bodies as `curl -F` and browsers' forms send them.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::net::TcpStream;

use crate::support::{MASTER_KEY, Server, User, answer};
use crate::wire::Client;

const TYPE: &str = "multipart/form-data; boundary=------------------------d74496d66958873e";
const BOUNDARY: &str = "--------------------------d74496d66958873e";

/// The body that `curl -F name=value ...` sends.
fn form(fields: &[(&str, &str)]) -> String {
    let part = |(name, value): &(&str, &str)| {
        format!("{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
    };
    format!("{}{BOUNDARY}--\r\n", fields.iter().map(part).collect::<String>())
}

/// As [`form`], with a file in front.
fn form_with_file(name: &str, fields: &[(&str, &str)]) -> String {
    let disposition = format!("Content-Disposition: form-data; name=\"{name}\"; filename=\"kopi.jpg\"");
    format!("{BOUNDARY}\r\n{disposition}\r\nContent-Type: image/jpeg\r\n\r\n\u{1}\u{2}\r\n{}", form(fields))
}

async fn send(user: &User, method: Method, path: &str, body: impl Into<reqwest::Body>) -> (StatusCode, Value) {
    answer(user.request(method, path).header("Content-Type", TYPE).body(body)).await
}

async fn shop() -> (Server, User) {
    let server = Server::start().await;
    let user = server.tenant("Warung").await.register("john", "admin").await;
    (server, user)
}

#[tokio::test]
async fn fields_of_a_multipart_form_are_read_like_any_others() {
    let server = Server::start().await;
    let create = server.request(Method::POST, "/api/central/tenants").header("X-Master-API-Key", MASTER_KEY);
    let (status, made) = answer(create.header("Content-Type", TYPE).body(form(&[("name", "Warung")]))).await;
    assert_eq!(status, 201, "{made}");
    let key = made["data"]["api_key"].as_str().unwrap();
    let fields = [("name", "John"), ("email", "john@test.com"), ("password", "  secret "), ("role", "admin")];
    let register = server.request(Method::POST, "/api/register").header("X-Tenant-API-Key", key);
    let (status, made) = answer(register.header("Content-Type", TYPE).body(form(&fields))).await;
    assert_eq!((status.as_u16(), &made["user"]["role"]), (201, &json!("admin")), "{made}");
    let login = server.request(Method::POST, "/api/login").header("X-Tenant-API-Key", key);
    let (status, _) = answer(login.json(&json!({"email": "john@test.com", "password": "  secret "}))).await;
    assert_eq!(status, 200, "the password came as it was sent");

    let (_server, user) = shop().await;
    let fields = [("name", " Kopi & \"Teh\"\r\n= enak "), ("price", "1500.50"), ("stock", "9"), ("is_active", "on")];
    let (status, made) = send(&user, Method::POST, "/api/products", form(&fields)).await;
    assert_eq!((status.as_u16(), &made["name"]), (201, &json!("Kopi & \"Teh\"\r\n= enak")), "{made}");
    assert_eq!((&made["price"], &made["stock"], &made["is_active"]), (&json!("1500.50"), &json!(9), &json!(true)));
    let (status, changed) = send(&user, Method::PUT, "/api/products/1", form(&[("description", "")])).await;
    assert_eq!((status.as_u16(), &changed["description"]), (200, &Value::Null));
    let fields = [("items[0][product_id]", "1"), ("items[0][quantity]", "2"), ("note", "tanpa gula")];
    let (status, order) = send(&user, Method::POST, "/api/orders", form(&fields)).await;
    assert_eq!((status.as_u16(), &order["total"]), (201, &json!("3001.00")), "{order}");
}

#[tokio::test]
async fn a_file_is_refused_by_its_field_together_with_everything_else() {
    let (_server, user) = shop().await;
    let body = form_with_file("image", &[("price", "x")]);
    let request = user.request(Method::POST, "/api/products").header("Content-Type", TYPE);
    let (status, body) = answer(request.header("Accept-Language", "id").body(body)).await;
    assert_eq!((status.as_u16(), &body["code"]), (422, &json!("validation_failed")));
    assert_eq!(body["errors"]["image"], json!(["The image field must be a text, not a file."]), "{body}");
    assert!(body["errors"]["name"].is_array() && body["errors"]["price"].is_array(), "{body}");
    assert!(body["user_message"].as_str().unwrap().contains("Gambar harus berupa teks, bukan berkas."), "{body}");
    let (_, body) = send(&user, Method::POST, "/api/products", form_with_file("name", &[("price", "1")])).await;
    assert_eq!(body["errors"], json!({"name": ["The name field must be a text, not a file."]}), "once");
    let (status, body) =
        send(&user, Method::POST, "/api/products", form_with_file("scan", &[("name", "Kopi"), ("price", "1")])).await;
    assert_eq!((status.as_u16(), body["errors"]["scan"].is_array()), (422, true), "nobody takes it: {body}");
    assert_eq!(user.get("/api/products").await.1["total"], 0);
}

#[tokio::test]
async fn broken_forms_are_refused_and_change_nothing() {
    let (_server, user) = shop().await;
    let good = form(&[("name", "Kopi"), ("price", "1")]);
    let post = async |content_type: &str, body: Vec<u8>| {
        answer(user.request(Method::POST, "/api/products").header("Content-Type", content_type).body(body)).await
    };
    let mut cases: Vec<(&str, Vec<u8>)> = vec![
        ("multipart/form-data", good.clone().into()),
        ("multipart/form-data; boundary=", good.clone().into()),
        ("multipart/form-data; boundary=other", good.clone().into()),
        (TYPE, good[..good.len() - 30].into()),
        (TYPE, good.replace("name=\"price\"", "").into()),
        (TYPE, good.replace("Content-Disposition", &format!("X: {}\r\nY", "y".repeat(1_000_000))).into()),
        (TYPE, form(&vec![("name", "Kopi"); 5000]).into()),
        (TYPE, form(&[("name[a][b][c][d][e][f][g]", "Kopi")]).into()),
        (TYPE, "x".repeat(1_000_000).into()),
    ];
    let mut bytes = good.clone().into_bytes();
    let at = good.find("Kopi").unwrap();
    bytes[at] = 0xff;
    cases.push((TYPE, bytes));
    for (content_type, body) in cases {
        let shown = String::from_utf8_lossy(&body[..body.len().min(120)]).into_owned();
        let (status, body) = post(content_type, body).await;
        assert_eq!((status.as_u16(), &body["code"]), (400, &json!("malformed_body")), "{content_type} {shown}: {body}");
        assert!(!body.to_string().contains("multer"), "{body}");
    }
    assert_eq!(user.get("/api/products").await.1["total"], 0);
    assert_eq!(post(TYPE, good.into()).await.0, 201);
}

#[tokio::test]
async fn a_form_without_end_is_cut_off_at_the_limit_of_bodies() {
    let server = Server::with(|config| config.http.max_body_bytes = 2000).await;
    let user = server.tenant("Warung").await.register("john", "user").await;
    let head = format!(
        "POST /api/products HTTP/1.1\r\nHost: test\r\nX-Tenant-API-Key: {}\r\nAuthorization: Bearer {}\r\n\
         Content-Type: {TYPE}\r\nTransfer-Encoding: chunked\r\n\r\n",
        user.tenant.key, user.token
    );
    let begin = format!("{BOUNDARY}\r\nContent-Disposition: form-data; name=\"name\"\r\n\r\n{}", "x".repeat(2000));
    let address = server.url.strip_prefix("http://").unwrap();
    let mut client = Client::new(TcpStream::connect(address).await.unwrap());
    let answer = client.ask(&format!("{head}{:x}\r\n{begin}\r\n", begin.len())).await;
    assert_eq!(answer.status(), 413, "{}", answer.body);
    assert!(answer.body.contains("payload_too_large"), "{}", answer.body);
}
