//! `/api/products` as its clients see it.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Server, answer};

#[tokio::test]
async fn product_goes_through_its_whole_life() {
    let server = Server::start().await;
    let user = server.tenant("Warung").await.register("john", "user").await;
    let (status, made) = user.post("/api/products", json!({"name": " Nasi Goreng ", "price": 15000})).await;
    assert_eq!(
        (status.as_u16(), &made["name"], &made["price"]),
        (201, &json!("Nasi Goreng"), &json!("15000.00")),
        "{made}"
    );
    assert_eq!((&made["stock"], &made["is_active"], &made["image"]), (&json!(0), &json!(true), &Value::Null));
    let path = format!("/api/products/{}", made["id"]);
    let (status, shown) = user.get(&path).await;
    assert_eq!((status.as_u16(), &shown), (200, &made));
    let (status, changed) = user.send(Method::PUT, &path, json!({"price": "15000.50", "description": "Pedas"})).await;
    assert_eq!(
        (status.as_u16(), &changed["price"], &changed["name"]),
        (200, &json!("15000.50"), &json!("Nasi Goreng"))
    );
    let (status, changed) = user.send(Method::PATCH, &path, json!({"description": null})).await;
    assert_eq!((status.as_u16(), &changed["description"]), (200, &Value::Null));
    let (status, _) = user.send(Method::DELETE, &path, Value::Null).await;
    assert_eq!(status, 204);
    let (status, body) = user.get(&path).await;
    let text = format!("No query results for model [App\\Models\\Product] {}", made["id"]);
    assert_eq!((status.as_u16(), &body["message"]), (404, &json!(text)));
}

#[tokio::test]
async fn all_errors_of_a_product_are_named_at_once() {
    let server = Server::start().await;
    let user = server.tenant("Warung").await.register("john", "user").await;
    let (status, body) = user.post("/api/products", json!({"price": -1, "stock": "x", "is_active": "maybe"})).await;
    assert_eq!(status, 422);
    assert_eq!(body["message"], "The name field is required. (and 3 more errors)");
    assert_eq!(body["errors"]["price"], json!(["The price field must be at least 0."]));
    assert_eq!(body["errors"]["stock"], json!(["The stock field must be an integer."]));
    assert_eq!(body["errors"]["is_active"], json!(["The is active field must be true or false."]));
    for (price, text) in [
        (json!("abc"), "must be a number."),
        (json!(0.001), "must have 0-2 decimal places."),
        (json!(100_000_000), "must not be greater than 99999999.99."),
        (json!([1]), "must be a number."),
        (json!({}), "must be a number."),
    ] {
        let (status, body) = user.post("/api/products", json!({"name": "x", "price": price})).await;
        let first = body["errors"]["price"][0].as_str().unwrap_or_default();
        assert!(status == 422 && first.ends_with(text), "{price}: {body}");
    }
}

#[tokio::test]
async fn list_is_laravels_paginator_with_search_sort_and_filters() {
    let server = Server::start().await;
    let user = server.tenant("Warung").await.register("john", "user").await;
    for (index, name) in ["Kopi Susu", "Teh Manis", "Kopi Hitam", "Es Jeruk"].iter().enumerate() {
        let body = json!({"name": name, "price": 1000 * (index + 1), "stock": index, "is_active": index != 3});
        assert_eq!(user.post("/api/products", body).await.0, 201);
    }
    let (_, page) = user.get("/api/products?per_page=3").await;
    let keys: Vec<&str> = page.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(
        keys,
        [
            "current_page",
            "data",
            "first_page_url",
            "from",
            "last_page",
            "last_page_url",
            "links",
            "next_page_url",
            "path",
            "per_page",
            "prev_page_url",
            "to",
            "total"
        ]
    );
    assert_eq!((&page["total"], &page["last_page"], &page["to"]), (&json!(4), &json!(2), &json!(3)));
    for (sent, prefix) in [
        ("", "?page="),
        ("?", "?page="),
        ("?page=1", "?page="),
        ("?&&_=1&", "?_=1&page="),
        ("?q=a%26b&page=1&sort=id", "?q=a%26b&sort=id&page="),
    ] {
        let (_, page) = user.get(&format!("/api/products{sent}")).await;
        let url = format!("{}/api/products{prefix}1", server.url);
        assert_eq!((&page["first_page_url"], &page["links"][1]["url"]), (&json!(url), &json!(url)), "{sent}");
    }
    assert_eq!(page["next_page_url"], format!("{}/api/products?per_page=3&page=2", server.url));
    let names = |page: &Value| -> Vec<String> {
        page["data"].as_array().unwrap().iter().map(|row| row["name"].as_str().unwrap().to_owned()).collect()
    };
    for (query, expected) in [
        ("q=kopi", vec!["Kopi Susu", "Kopi Hitam"]),
        ("q=KO", vec!["Kopi Susu", "Kopi Hitam"]),
        ("q=%25", vec![]),
        ("sort=-price&per_page=2", vec!["Es Jeruk", "Kopi Hitam"]),
        ("price_min=2000&price_max=3000.00", vec!["Teh Manis", "Kopi Hitam"]),
        ("is_active=0", vec!["Es Jeruk"]),
        ("stock_min=1&stock_max=1&_=17000", vec!["Teh Manis"]),
        ("page=2&per_page=3", vec!["Es Jeruk"]),
        ("page=9", vec![]),
    ] {
        let (status, page) = user.get(&format!("/api/products?{query}")).await;
        assert_eq!(
            (status.as_u16(), names(&page)),
            (200, expected.iter().map(ToString::to_string).collect()),
            "{query}"
        );
    }
    for query in ["page=0", "page=x", "per_page=101", "sort=color", "is_active=maybe", "price_min=x", "page=99999999"] {
        let (status, body) = user.get(&format!("/api/products?{query}")).await;
        assert_eq!(status, 422, "{query}: {body}");
    }
}

#[tokio::test]
async fn picture_is_a_web_address_or_a_path() {
    let server = Server::start().await;
    let user = server.tenant("Warung").await.register("john", "user").await;
    let body = |image: &str| json!({"name": "Kopi", "price": 1, "image": image});
    for fine in ["https://example.com/kopi.jpg", "/gambar/kopi.jpg", "kopi tubruk.jpg"] {
        let (status, made) = user.post("/api/products", body(fine)).await;
        assert_eq!((status.as_u16(), &made["image"]), (201, &json!(fine)), "{made}");
    }
    let text = json!(["The image field must be an http or https URL, or a path."]);
    for bad in ["javascript:alert(1)", "data:text/html,x", "java\nscript:alert(1)"] {
        for (method, path) in [(Method::POST, "/api/products"), (Method::PATCH, "/api/products/1")] {
            let (status, refused) = user.send(method, path, body(bad)).await;
            assert_eq!((status.as_u16(), &refused["errors"]["image"]), (422, &text), "{bad}");
        }
    }
}

#[tokio::test]
async fn search_sees_indexed_and_waiting_rows_alike() {
    let server = Server::start().await;
    let user = server.tenant("Warung").await.register("john", "user").await;
    let (_, first) = user.post("/api/products", json!({"name": "Kopi Susu", "price": 1})).await;
    ruko::jobs::index_search(&server.app).await.unwrap();
    user.post("/api/products", json!({"name": "Kopi Hitam", "price": 1})).await;
    let total = async |q: &str| user.get(&format!("/api/products?q={q}")).await.1["total"].as_i64().unwrap();
    assert_eq!(total("kopi").await, 2);
    let path = format!("/api/products/{}", first["id"]);
    user.send(Method::PUT, &path, json!({"name": "Teh Tarik"})).await;
    assert_eq!((total("kopi").await, total("tarik").await), (1, 1), "a changed row leaves its old words");
    ruko::jobs::index_search(&server.app).await.unwrap();
    assert_eq!((total("kopi").await, total("tarik").await, total("susu").await), (1, 1, 0));
    user.send(Method::DELETE, &path, Value::Null).await;
    assert_eq!(total("tarik").await, 0);
}

#[tokio::test]
async fn conditional_requests_protect_against_lost_updates() {
    let server = Server::start().await;
    let user = server.tenant("Warung").await.register("john", "user").await;
    let (_, made) = user.post("/api/products", json!({"name": "Kopi", "price": 1})).await;
    let path = format!("/api/products/{}", made["id"]);
    let response = user.request(Method::GET, &path).send().await.unwrap();
    let tag = response.headers()["etag"].to_str().unwrap().to_owned();
    let again = user.request(Method::GET, &path).header("If-None-Match", &tag).send().await.unwrap();
    assert_eq!(again.status(), 304);
    let put = |tag: &str| user.request(Method::PUT, &path).header("If-Match", tag).json(&json!({"price": 2}));
    assert_eq!(answer(put(&tag)).await.0, 200);
    let (status, body) = answer(put(&tag)).await;
    assert_eq!((status.as_u16(), &body["code"]), (412, &json!("precondition_failed")));
    assert_eq!(answer(put("*")).await.0, 200);
}
