//! How a body is read: JSON or a form, whatever it calls itself, and what cannot be read at all.

use super::*;

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

#[tokio::test]
async fn unreadable_body_is_told_why() {
    let server = Server::start().await;
    let (_, admin) = shop(&server).await;
    let form = "application/x-www-form-urlencoded";
    let parts = "multipart/form-data; boundary=XX";
    for (content_type, body, reason) in [
        ("application/json", "{\n  \"name\": \"a\",\n}", "it is not valid JSON: trailing comma at line 3 column 1"),
        (form, "{\"name\" \"a\"}", "it is not valid JSON: expected `:` at line 1 column 9"),
        ("application/json", "{\"name\":\"a", "it is not valid JSON: EOF while parsing a string at line 1 column 10"),
        ("application/json", "[]", "it is JSON, but not an object"),
        ("application/json", "name=a", "it is not valid JSON: expected ident at line 1 column 2"),
        (form, "a[b][c][d][e][f][g]=1", "a form field is nested too deeply"),
        (parts, "--XX\r\n", "it is no complete multipart form"),
        ("multipart/form-data", "--XX--", "its content type says no boundary"),
    ] {
        let request = admin.request(Method::POST, "/api/products").header("Content-Type", content_type).body(body);
        let (status, answer) = answer(request).await;
        let text = format!("The request body could not be read: {reason}.");
        assert_eq!((status.as_u16(), &answer["message"]), (400, &json!(text)), "{content_type} {body}");
    }
}

#[tokio::test]
async fn mark_of_utf_8_in_front_of_a_body_is_skipped() {
    let server = Server::start().await;
    let (_, admin) = shop(&server).await;
    for body in [
        "\u{feff}{\"name\":\"Teh\",\"price\":1}",
        "\u{feff} {\"name\":\"Teh\",\"price\":1}",
        "\u{feff}name=Teh&price=1",
    ] {
        let (status, made) = answer(admin.request(Method::POST, "/api/products").body(body)).await;
        assert_eq!((status.as_u16(), &made["name"]), (201, &json!("Teh")), "{body:?}: {made}");
    }
}

#[tokio::test]
async fn whole_number_may_be_written_as_a_fraction_of_nothing() {
    let server = Server::start().await;
    let (_, admin) = shop(&server).await;
    let send = async |body: &str| answer(admin.request(Method::PUT, "/api/products/1").body(body.to_owned())).await;
    for (stock, expected) in [("5.0", 5), ("1e2", 100), ("1.5E1", 15), ("0.0", 0), ("\"7\"", 7)] {
        let (status, changed) = send(&format!("{{\"stock\":{stock}}}")).await;
        assert_eq!((status.as_u16(), &changed["stock"]), (200, &json!(expected)), "{stock}: {changed}");
    }
    for stock in ["5.5", "1e-1", "1e400", "\"5.0\"", "\"1e2\"", "9223372036854775808.0"] {
        let (_, body) = send(&format!("{{\"stock\":{stock}}}")).await;
        assert_eq!(texts(&body, "stock"), ["The stock field must be an integer."], "{stock}");
    }
    for price in ["\".5\"", "\"5.\"", "\"+5\""] {
        let (_, body) = send(&format!("{{\"price\":{price}}}")).await;
        assert_eq!(texts(&body, "price").len(), 1, "{price}");
    }
    let port = json!({"name": "a", "db_port": 3306.0});
    let (status, made) = server.central(Method::POST, "/api/central/tenants", port).await;
    assert_eq!(status, StatusCode::CREATED, "{made}");
}

#[tokio::test]
async fn lists_and_objects_of_a_form_may_be_json() {
    let server = Server::start().await;
    let (_, admin) = shop(&server).await;
    // As Swagger UI sends them.
    let urlencoded = async |items: &str| {
        let form = serde_urlencoded::to_string([("items", items), ("note", "pedas")]).unwrap();
        let request = admin.request(Method::POST, "/api/orders").body(form);
        answer(request.header("Content-Type", "application/x-www-form-urlencoded")).await
    };
    let multipart = async |items: &str| {
        let part =
            |name: &str, value: &str| format!("--XX\r\nContent-Disposition: form-data; name={name}\r\n\r\n{value}\r\n");
        let body = format!("{}{}--XX--\r\n", part("items", items), part("note", "pedas"));
        let request = admin.request(Method::POST, "/api/orders").body(body);
        answer(request.header("Content-Type", "multipart/form-data; boundary=XX")).await
    };
    let item = r#"{"product_id":1,"quantity":1}"#;
    for items in [format!("[{item}]"), format!(" [\n{item}] "), item.to_owned()] {
        for (status, order) in [urlencoded(&items).await, multipart(&items).await] {
            assert_eq!(
                (status.as_u16(), &order["total"], &order["note"]),
                (201, &json!("1500.00"), &json!("pedas")),
                "{order}"
            );
            admin.send(Method::PATCH, &format!("/api/orders/{}", order["id"]), json!({"status": "cancelled"})).await;
        }
    }
    let too_many = format!("[{}{item}]", format!("{item},").repeat(120_000));
    for (items, field) in [
        ("[", "items"),
        ("[{\"product_id\":1,}]", "items"),
        ("x", "items"),
        ("[]", "items"),
        (&too_many, "items"),
        (&"[".repeat(1000), "items"),
        ("[1]", "items.0"),
        (r#"[{"product_id":1,"quantity":0}]"#, "items.0.quantity"),
        (r#"[{"product_id":1,"quantity":1,"x":1}]"#, "items.0.x"),
    ] {
        let shown: String = items.chars().take(60).collect();
        for (status, body) in [urlencoded(items).await, multipart(items).await] {
            assert_eq!((status.as_u16(), refused(&body)), (422, vec![field]), "{shown}: {body}");
        }
    }
    let text = json!({"items": format!("[{item}]")});
    assert_eq!(texts(&admin.post("/api/orders", text).await.1, "items"), ["The items field must be an array."]);
}
