//! What the fields of a body mean: left out, empty, null, unknown, written in another way.

mod reading;

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
    let server = Server::with(|config| config.http.max_body_bytes = 1024).await;
    let (tenant, admin) = shop(&server).await;
    let path = format!("/api/central/tenants/{}", tenant.id);
    let regenerate = format!("{path}/regenerate-key");
    let (status, body) = server.central(Method::POST, &regenerate, json!({"overlap": 5})).await;
    assert_eq!((status.as_u16(), texts(&body, "overlap").len()), (422, 1), "{body}");
    for (query, body, field) in [
        ("", json!({"purge": true}), "purge"),
        ("?purge=true", json!({"keep_backups": true}), "keep_backups"),
        ("?purge=true", json!([1]), "body"),
        ("?purge=true", json!("too long for any body".repeat(100)), "body"),
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

/// Names of the refused fields, in the order of the answer.
fn refused(body: &Value) -> Vec<&str> {
    body["errors"].as_object().into_iter().flatten().map(|(name, _)| name.as_str()).collect()
}

#[tokio::test]
async fn what_the_data_and_the_rules_refuse_is_told_with_everything_else() {
    let server = Server::start().await;
    let (tenant, admin) = shop(&server).await;
    let user = tenant.register("john", "user").await;
    let path = format!("/api/users/{}", user.id);
    let (email, short) = (admin.email.as_str(), "123");
    for (method, path, body, expected) in [
        (Method::POST, "/api/register", json!({"email": email, "password": short}), &["name", "email", "password"][..]),
        (
            Method::POST,
            "/api/register",
            json!({"name": "x", "email": email, "password": short}),
            &["email", "password"],
        ),
        (
            Method::POST,
            "/api/register",
            json!({"email": "x", "username": "admin"}),
            &["name", "email", "username", "password"],
        ),
        (
            Method::POST,
            "/api/users",
            json!({"email": email, "password": short, "x": 1}),
            &["name", "email", "password", "x"],
        ),
        (Method::PUT, &path, json!({"name": null, "email": email, "password": short}), &["name", "email", "password"]),
        (Method::PUT, &path, json!({"email": email, "password": short}), &["email", "password"]),
        // The own address is nobody else's.
        (Method::PUT, &path, json!({"name": null, "email": user.email}), &["name"]),
        (Method::PUT, "/api/me/password", json!({"password": short}), &["current_password", "password"]),
    ] {
        let (status, answer) = admin.send(method, path, body.clone()).await;
        assert_eq!((status.as_u16(), refused(&answer)), (422, expected.to_vec()), "{path} {body}: {answer}");
        if expected.contains(&"password") && body["password"].is_string() {
            assert_eq!(texts(&answer, "password"), ["The password field must be at least 6 characters."]);
        }
    }
    let other = server.tenant("Toko").await;
    let one = format!("/api/central/tenants/{}", other.id);
    for (method, path, body, expected) in [
        (Method::POST, "/api/central/tenants", json!({"name": "x", "plan": "nothing"}), &["db_name", "plan"][..]),
        (
            Method::POST,
            "/api/central/tenants",
            json!({"plan": "nothing", "db_port": 0}),
            &["name", "db_name", "db_port", "plan"],
        ),
        (Method::PUT, &one, json!({"plan": "nothing", "db_port": 0}), &["db_name", "db_port", "plan"]),
    ] {
        let mut body = body;
        body["db_name"] = json!(tenant.database);
        let (_, answer) = server.central(method, path, body).await;
        assert_eq!(refused(&answer), expected, "{answer}");
    }
}

#[tokio::test]
async fn unknown_parameter_of_an_operation_of_ones_own_is_refused_before_anything_happens() {
    let server = Server::start().await;
    let (tenant, admin) = shop(&server).await;
    let one = format!("/api/central/tenants/{}", tenant.id);
    for (method, path) in [
        (Method::POST, format!("{one}/freeze?foo=1")),
        (Method::GET, format!("{one}/keys?foo=1")),
        (Method::DELETE, "/api/me/tokens?foo=1".into()),
        (Method::GET, "/api/me/tokens?foo=1".into()),
        (Method::POST, "/api/orders?foo=1".into()),
    ] {
        let is_central = path.starts_with("/api/central");
        let (status, body) = if is_central {
            server.central(method, &path, Value::Null).await
        } else {
            admin.send(method, &path, Value::Null).await
        };
        assert_eq!((status.as_u16(), refused(&body)), (422, vec!["foo"]), "{path}: {body}");
    }
    // Clients of the original systems add cache busters, and who is nobody learns nothing.
    assert_eq!(admin.get("/api/products/1?_=1").await.0, 200);
    assert_eq!(admin.get("/api/me?_=1").await.0, 200);
    let (status, _) = answer(server.request(Method::GET, "/api/me/tokens?foo=1")).await;
    assert_eq!(status, 401);
}

#[tokio::test]
async fn everything_wrong_in_a_query_is_told_at_once() {
    let server = Server::start().await;
    let (_, admin) = shop(&server).await;
    for (query, expected) in [
        ("products?sort=x&per_page=101&price_min=-1&page=0", &["page", "per_page", "sort", "price_min"][..]),
        ("orders?sort=x&per_page=101&total_min=-1&foo=1", &["per_page", "sort", "total_min", "foo"]),
        ("users?role=x&per_page=101&is_active=x", &["per_page", "role", "is_active"]),
        ("activity/requests?status=x&limit=101&foo=1", &["limit", "status", "foo"]),
    ] {
        let (status, answer) = admin.get(&format!("/api/{query}")).await;
        assert_eq!((status.as_u16(), refused(&answer)), (422, expected.to_vec()), "{query}: {answer}");
    }
}

#[tokio::test]
async fn refused_choice_names_what_can_be_chosen() {
    let server = Server::start().await;
    let (_, admin) = shop(&server).await;
    let (_, body) = admin.get("/api/products?sort=cost&per_page=0").await;
    assert_eq!(texts(&body, "sort"), ["The selected sort is invalid."]);
    let sorts = body["allowed"]["sort"].as_array().unwrap();
    assert!(sorts.len() == 12 && sorts.contains(&json!("-price")), "{body}");
    assert_eq!(body["allowed"].as_object().unwrap().len(), 1, "{body}");
    let (_, body) = admin.get("/api/orders?status=lost&sort=x").await;
    assert_eq!(body["allowed"]["status"], json!(["pending", "paid", "shipped", "completed", "cancelled"]));
    assert!(body["allowed"]["sort"].as_array().unwrap().contains(&json!("total")), "{body}");
    let (_, body) = admin.send(Method::PATCH, "/api/users/1", json!({"role": "boss"})).await;
    assert_eq!(body["allowed"], json!({"role": ["admin", "user"]}));
    let (_, body) = server.central(Method::POST, "/api/central/tenants", json!({"name": "x", "plan": "gold"})).await;
    assert_eq!(texts(&body, "plan"), ["The selected plan is invalid."]);
    let plans = body["allowed"]["plan"].as_array().unwrap();
    assert!(plans.contains(&json!("starter")) && plans.contains(&json!("premium")), "{body}");
    let (_, body) = admin.get("/api/products?per_page=0").await;
    assert!(body.get("allowed").is_none(), "{body}");
}

#[tokio::test]
async fn most_rows_of_a_page_are_one_number_in_document_and_answers() {
    let server = Server::with(|config| config.limits.max_page_size = 25).await;
    let (_, admin) = shop(&server).await;
    let document: Value = server.request(Method::GET, "/openapi.json").send().await.unwrap().json().await.unwrap();
    for (path, name) in [
        ("/api/products", "per_page"),
        ("/api/orders", "per_page"),
        ("/api/users", "per_page"),
        ("/api/activity/requests", "limit"),
        ("/api/activity/audit", "limit"),
    ] {
        let parameters = document["paths"][path]["get"]["parameters"].as_array().unwrap();
        let schema = &parameters.iter().find(|parameter| parameter["name"] == name).unwrap()["schema"];
        assert_eq!(schema, &json!({"type": "integer", "format": "int64", "minimum": 1, "maximum": 25}), "{path}");
        assert_eq!(admin.get(&format!("{path}?{name}=25")).await.0, StatusCode::OK, "{path}");
        let (status, body) = admin.get(&format!("{path}?{name}=26")).await;
        let text = format!("The {} field must not be greater than 25.", name.replace('_', " "));
        assert_eq!((status.as_u16(), texts(&body, name)), (422, vec![text.as_str()]), "{path}");
    }
}

#[tokio::test]
async fn deepest_page_is_the_one_that_the_document_names() {
    let server = Server::start().await;
    let (_, admin) = shop(&server).await;
    let document: Value = server.request(Method::GET, "/openapi.json").send().await.unwrap().json().await.unwrap();
    for path in ["/api/products", "/api/orders", "/api/users", "/api/central/tenants"] {
        let parameters = document["paths"][path]["get"]["parameters"].as_array().unwrap();
        let deepest = parameters.iter().find(|one| one["name"] == "page").unwrap()["schema"]["maximum"].clone();
        let deepest = deepest.as_i64().unwrap();
        assert_eq!(deepest, 100_001, "row 100,000 is the last that a page may begin behind, with one row a page");
        let ask = async |page: i64, rows: i64| {
            let path = format!("{path}?page={page}&per_page={rows}");
            if path.starts_with("/api/central") {
                server.central(Method::GET, &path, Value::Null).await
            } else {
                admin.get(&path).await
            }
        };
        let (status, body) = ask(deepest, 1).await;
        assert_eq!((status.as_u16(), &body["data"]), (200, &json!([])), "{path}: {body}");
        for (page, rows, most) in [(deepest + 1, 1, deepest), (10_002, 10, 10_001), (i64::MAX, 1, deepest)] {
            let (status, body) = ask(page, rows).await;
            let text = format!("The page field must not be greater than {most}.");
            assert_eq!((status.as_u16(), texts(&body, "page")), (422, vec![text.as_str()]), "{path} {page} {rows}");
        }
        assert_eq!(ask(10_001, 10).await.0, StatusCode::OK, "{path}");
    }
}

#[tokio::test]
async fn name_of_a_file_is_trimmed_and_an_empty_one_refused() {
    let server = Server::start().await;
    let create = async |body: Value| server.central(Method::POST, "/api/central/tenants", body).await;
    let (status, made) = create(json!({"name": "a", "db_name": " warung\t"})).await;
    assert_eq!((status.as_u16(), &made["data"]["database"]), (201, &json!("warung")), "{made}");
    let path = format!("/api/central/tenants/{}", made["data"]["tenant_id"].as_str().unwrap());
    let (status, changed) = server.central(Method::PUT, &path, json!({"db_name": " toko "})).await;
    assert_eq!((status.as_u16(), &changed["data"]["database"]["name"]), (200, &json!("toko")), "{changed}");
    for name in ["", "  ", "a b", "a/b"] {
        let (status, body) = create(json!({"name": "a", "db_name": name})).await;
        assert_eq!((status.as_u16(), refused(&body)), (422, vec!["db_name"]), "{name:?}");
    }
}

#[tokio::test]
async fn password_of_blanks_is_none() {
    let server = Server::start().await;
    let (tenant, admin) = shop(&server).await;
    let required = ["The password field is required."];
    let blank = json!({"name": "A", "email": "a@b.id", "password": "      "});
    for path in ["/api/register", "/api/login"] {
        let (status, body) = tenant.send(Method::POST, path, blank.clone()).await;
        assert_eq!((status.as_u16(), texts(&body, "password")), (422, required.to_vec()), "{path}: {body}");
    }
    assert_eq!(texts(&admin.post("/api/users", blank).await.1, "password"), required);
    let change = json!({"current_password": "secret", "password": "\u{a0}\t    "});
    assert_eq!(texts(&admin.send(Method::PUT, "/api/me/password", change).await.1, "password"), required);
    assert_eq!(tenant.login(&admin.email, "secret").await.0, StatusCode::OK);
}

#[tokio::test]
async fn every_text_of_a_field_calls_it_by_its_words() {
    let server = Server::start().await;
    let (status, body) =
        server.central(Method::POST, "/api/central/tenants", json!({"name": "a", "db_name": "a\u{0}b"})).await;
    let text = "The db name field must not contain NUL characters.";
    assert_eq!((status.as_u16(), texts(&body, "db_name")), (422, vec![text]), "{body}");
}
