//! What the person in front of the screen reads when something is refused.

use std::collections::BTreeSet;

use reqwest::Method;
use ruko::api::kit::errors::field_label;
use ruko::config::Language;
use serde_json::{Value, json};

use crate::support::{Server, User, answer};

async fn shop(server: &Server) -> User {
    let user = server.tenant("Warung").await.register("john", "admin").await;
    let (status, body) = user.post("/api/products", json!({"name": "Nasi", "price": 5, "stock": 5})).await;
    assert_eq!(status, 201, "{body}");
    user
}

async fn said(user: &User, languages: &str, method: Method, path: &str, body: Value) -> String {
    let request = user.request(method, path).header("Accept-Language", languages).json(&body);
    let (status, body) = answer(request).await;
    assert!(status.is_client_error(), "{status} {body}");
    body["user_message"].as_str().unwrap_or_else(|| panic!("{body}")).to_owned()
}

#[tokio::test]
async fn refused_fields_are_told_in_the_words_of_people() {
    let server = Server::start().await;
    let user = shop(&server).await;
    let password = json!({"current_password": "wrong!", "password": "new-secret"});
    let order = json!({"items": [{"product_id": 1, "quantity": 6}, {"product_id": 9, "quantity": 1}]});
    for (languages, password_said, order_said, price_said) in [
        ("en", "The current password is wrong.", "Only 5 of Nasi left. Product of item 2 does not exist.", "Price"),
        ("id, en", "Kata sandi saat ini salah.", "Stok Nasi tinggal 5. Produk barang ke-2 tidak ditemukan.", "Harga"),
    ] {
        let text = said(&user, languages, Method::PUT, "/api/me/password", password.clone()).await;
        assert_eq!(text, password_said);
        assert_eq!(said(&user, languages, Method::POST, "/api/orders", order.clone()).await, order_said);
        let text = said(&user, languages, Method::PUT, "/api/products/1", json!({"price": -1})).await;
        assert!(text.starts_with(price_said) && text.ends_with(" 0."), "{text}");
    }
}

#[tokio::test]
async fn what_trying_again_does_not_help_says_what_does() {
    let server = Server::start().await;
    let user = shop(&server).await;
    let text = said(&user, "id", Method::DELETE, "/api/users/1", Value::Null).await;
    assert_eq!(text, "Toko harus memiliki sedikitnya satu admin aktif. Tambahkan admin lain dahulu.");
}

/// Names of the properties of a schema, and of what it refers to.
fn properties(document: &Value, schema: &Value, names: &mut BTreeSet<String>) {
    if let Some(name) = schema["$ref"].as_str() {
        let name = name.rsplit('/').next().unwrap();
        return properties(document, &document["components"]["schemas"][name], names);
    }
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        names.insert(name.clone());
        properties(document, property, names);
    }
    for part in ["allOf", "oneOf", "anyOf"].into_iter().filter_map(|word| schema[word].as_array()).flatten() {
        properties(document, part, names);
    }
    if schema["items"].is_object() {
        properties(document, &schema["items"], names);
    }
}

#[tokio::test]
async fn every_field_of_an_input_has_a_name_for_people() {
    let server = Server::start().await;
    let (_, document) = answer(server.request(Method::GET, "/openapi.json")).await;
    let mut names = BTreeSet::new();
    let paths = document["paths"].as_object().unwrap().values().filter_map(Value::as_object);
    for operation in paths.flat_map(|path| path.values()) {
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            let parameter = match parameter["$ref"].as_str() {
                Some(name) => &document["components"]["parameters"][name.rsplit('/').next().unwrap()],
                None => parameter,
            };
            if parameter["in"] == "query" {
                names.insert(parameter["name"].as_str().unwrap().to_owned());
            }
        }
        for media in operation["requestBody"]["content"].as_object().into_iter().flat_map(|content| content.values()) {
            properties(&document, &media["schema"], &mut names);
        }
    }
    assert!(names.len() > 40, "{names:?}");
    let unnamed: Vec<_> = names.iter().filter(|name| field_label(name, Language::Indonesian).is_none()).collect();
    assert!(unnamed.is_empty(), "give them labels in api/kit/errors/field_labels.rs: {unnamed:?}");
}
