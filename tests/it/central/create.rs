//! New tenants.

use super::*;

#[tokio::test]
async fn documented_body_makes_a_tenant() {
    let server = Server::start().await;
    let body = json!({
        "name": "Warung Makan Bu Joko", "db_name": "kasir_waroenk", "db_host": "localhost", "db_port": 3306,
        "db_username": "root", "db_password": "root",
    });
    let (status, made) = post(&server, TENANTS, body).await;
    assert_eq!(status, 201, "{made}");
    assert_eq!(made["message"], "Tenant created successfully");
    assert_eq!(made["warning"], "Save the API Key securely! It cannot be retrieved again.");
    assert!(made["notes"].as_str().unwrap().contains("connects to no other database"), "{made}");
    let data = &made["data"];
    assert_eq!((&data["name"], &data["database"]), (&json!("Warung Makan Bu Joko"), &json!("kasir_waroenk")));
    let (slug, suffix) = data["tenant_id"].as_str().unwrap().rsplit_once('-').unwrap();
    assert_eq!(slug, "warung-makan-bu-joko");
    assert!(suffix.bytes().all(|c| c.is_ascii_digit() || c.is_ascii_lowercase()), "{suffix}");
    let key = data["api_key"].as_str().unwrap();
    assert!(key.len() == 67 && key.starts_with("tk_") && key[3..].bytes().all(|c| c.is_ascii_hexdigit()), "{key}");
    assert!(file(&server, "kasir_waroenk").exists());
}

#[tokio::test]
async fn documented_curl_without_content_type_works() {
    let server = Server::start().await;
    let request = server.request(Method::POST, TENANTS).header("X-Master-API-Key", MASTER_KEY);
    let request = request.header("Content-Type", "application/x-www-form-urlencoded");
    let (status, made) = answer(request.body(r#"{"name":"Test Tenant","db_name":"test_db"}"#)).await;
    assert_eq!((status.as_u16(), &made["data"]["database"]), (201, &json!("test_db")), "{made}");
    assert!(made.get("notes").is_none(), "nothing was said about a database elsewhere");
    let request = server.request(Method::POST, TENANTS).header("X-Master-API-Key", MASTER_KEY);
    let (status, made) = answer(request.form(&[("name", "Form"), ("db_name", "form"), ("db_port", "3306")])).await;
    assert_eq!((status.as_u16(), &made["data"]["database"]), (201, &json!("form")), "{made}");
}

#[tokio::test]
async fn everything_wrong_with_a_new_tenant_is_named_at_once() {
    let server = Server::start().await;
    let body = json!({"db_name": "../x", "db_host": 1, "db_port": 0, "db_username": "u".repeat(256), "db_password": 7});
    let (status, body) = post(&server, TENANTS, body).await;
    assert_eq!(status, 422);
    let fields: Vec<&str> = body["errors"].as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(fields, ["name", "db_name", "db_host", "db_port", "db_username", "db_password"]);
    assert_eq!(body["message"], "The name field is required. (and 5 more errors)");
    let (status, body) = post(&server, TENANTS, json!({"name": "n".repeat(256)})).await;
    let text = "The name field must not be greater than 255 characters.";
    assert_eq!((status.as_u16(), &body["errors"]["name"]), (422, &json!([text])));
    let (status, body) = post(&server, TENANTS, json!({"name": "x", "plan": "nothing"})).await;
    assert_eq!((status.as_u16(), &body["errors"]["plan"]), (422, &json!(["The selected plan is invalid."])));
    let (_, list) = get(&server, TENANTS).await;
    assert_eq!(list["total"], 0);
}

#[tokio::test]
async fn hostile_db_names_are_refused_and_leave_no_file() {
    let server = Server::start().await;
    let tenant = server.tenant("Warung").await;
    let long = "x".repeat(65);
    let before = (names(&server.app.data_dir.tenants_dir()), names(server.folder.path()));
    for name in [
        "",
        " ",
        "../x",
        "..",
        ".",
        "/etc/passwd",
        "a/b",
        "a\\b",
        "a\0b",
        "a b",
        "a.db",
        "a\nb",
        "ä",
        "%2e",
        "a;b",
        &long,
    ] {
        let (status, body) = post(&server, TENANTS, json!({"name": "x", "db_name": name})).await;
        assert!(status == 422 && body["errors"]["db_name"].is_array(), "{name:?}: {body}");
        let (status, body) = put(&server, &format!("{TENANTS}/{}", tenant.id), json!({"db_name": name})).await;
        assert!(status == 422 && body["errors"]["db_name"].is_array(), "{name:?}: {body}");
    }
    for name in [json!(1), json!(true), json!([]), json!({})] {
        assert_eq!(post(&server, TENANTS, json!({"name": "x", "db_name": name})).await.0, 422, "{name}");
    }
    assert_eq!((names(&server.app.data_dir.tenants_dir()), names(server.folder.path())), before);
}

#[tokio::test]
async fn db_name_is_made_from_the_id_and_never_shared() {
    let server = Server::start().await;
    let tenant = server.tenant(&"Warung Makan Yang Namanya Panjang Sekali ".repeat(5)).await;
    assert_eq!(tenant.database, format!("tenant_{}", tenant.id));
    let (status, made) = post(&server, TENANTS, json!({"name": "x", "db_name": null})).await;
    assert_eq!(status, 201, "{made}");
    for name in [tenant.database.clone(), tenant.database.to_uppercase()] {
        let (status, body) = post(&server, TENANTS, json!({"name": "x", "db_name": name})).await;
        let text = "The db name has already been taken.";
        assert_eq!((status.as_u16(), &body["errors"]["db_name"]), (422, &json!([text])));
    }
}

#[tokio::test]
async fn one_name_asked_for_at_once_is_given_once() {
    let server = Server::start().await;
    let ask = || post(&server, TENANTS, json!({"name": "x", "db_name": "same"}));
    let answers = tokio::join!(ask(), ask(), ask(), ask());
    let mut codes = [answers.0.0, answers.1.0, answers.2.0, answers.3.0].map(|status| status.as_u16());
    codes.sort_unstable();
    assert_eq!(codes, [201, 422, 422, 422]);
    assert_eq!(get(&server, TENANTS).await.1["total"], 1);
}
