//! The published document: complete, true, and the same in every build.

pub mod checker;
pub mod document;

use std::collections::BTreeSet;

use insta::assert_snapshot;
use reqwest::Method;
use ruko::api;
use ruko::config::{Config, Sources};
use serde_json::{Value, json};

use crate::support::Server;
use checker::Checker;
use document::{Operation, operations, resolve};

/// Operations that anybody may call. Whatever joins this list is seen in review.
const PUBLIC: [&str; 4] = ["health", "health.backups", "health.live", "health.ready"];

pub fn published() -> Value {
    api::document(&Config::default())
}

#[test]
fn whole_document_is_the_reviewed_one() {
    let document = published();
    let text = serde_json::to_string_pretty(&document).unwrap();
    if let Ok(path) = std::env::var("RUKO_OPENAPI_OUT") {
        std::fs::write(path, &text).unwrap();
    }
    // Else every release would change the snapshot.
    let version = concat!("\"", env!("CARGO_PKG_VERSION"), "\"");
    assert_snapshot!("document", text.replace(version, "\"VERSION\""));
}

#[test]
fn document_is_the_same_at_every_start() {
    assert_eq!(published().to_string(), published().to_string());
}

#[test]
fn every_operation_says_what_it_is_and_who_may_call_it() {
    let document = published();
    let tags: BTreeSet<&str> =
        document["tags"].as_array().unwrap().iter().map(|tag| tag["name"].as_str().unwrap()).collect();
    let mut ids = BTreeSet::new();
    let mut public = BTreeSet::new();
    for operation in operations(&document) {
        let Operation { id, raw, .. } = &operation;
        assert!(ids.insert(id.clone()), "two operations are called {id}");
        assert!(id.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "._".contains(c)), "{id}");
        let summary = raw["summary"].as_str().unwrap_or_else(|| panic!("{id} has no summary"));
        assert!(!summary.is_empty() && !summary.ends_with('.'), "{id}: {summary}");
        let description = raw["description"].as_str().unwrap_or_else(|| panic!("{id} has no description"));
        assert!(description.ends_with('.') && description != summary, "{id}: {description}");
        let own = raw["tags"].as_array().unwrap_or_else(|| panic!("{id} has no tag"));
        assert!(own.iter().all(|tag| tags.contains(tag.as_str().unwrap())), "{id} has a tag without description");
        if raw["security"].as_array().unwrap_or_else(|| panic!("{id} does not say who may call it")).is_empty() {
            public.insert(id.clone());
        }
    }
    assert!(tags.iter().all(|tag| operations(&document).iter().any(|op| op.raw["tags"][0] == *tag)));
    assert_eq!(public, PUBLIC.iter().map(ToString::to_string).collect());
    let tags = document["tags"].as_array().unwrap();
    assert!(tags.iter().all(|tag| tag["description"].as_str().is_some_and(|text| !text.is_empty())));
}

#[test]
fn registration_shows_what_may_vouch_for_an_admin() {
    let document = published();
    let register = operations(&document).into_iter().find(|operation| operation.id == "auth.register").unwrap();
    let alternatives = [vec!["TenantKey"], vec!["TenantKey", "UserToken"], vec!["TenantKey", "MasterKey"]];
    assert_eq!(register.alternatives(), alternatives);
    let codes = |status: u16| {
        let examples = register.answer(&document, status)["content"]["application/json"]["examples"].clone();
        examples.as_object().unwrap().keys().cloned().collect::<Vec<_>>()
    };
    assert_eq!(codes(401), ["tenant_key_required", "token_invalid"], "a token that is not sent is no error");
    assert!(codes(403).contains(&"master_key_invalid".to_owned()), "{:?}", codes(403));
}

#[test]
fn every_body_has_examples_and_all_of_them_fit_their_schemas() {
    let document = published();
    let checker = Checker { document: &document };
    for operation in operations(&document) {
        let id = &operation.id;
        if let Some(body) = operation.body() {
            let wrong = checker.check(&body["schema"], &body["example"]);
            assert!(!body["example"].is_null() && wrong.is_empty(), "{id}: request: {wrong:?}\n{}", body["example"]);
        }
        for (status, response) in operation.raw["responses"].as_object().unwrap() {
            let response = resolve(&document, response);
            assert!(response["description"].as_str().is_some_and(|text| !text.is_empty()), "{id} {status}");
            let Some(content) = response["content"].as_object() else {
                assert!(["204", "304"].contains(&status.as_str()), "{id}: {status} has no body");
                continue;
            };
            let Some(media) = content.get("application/json") else { continue };
            let mut examples: Vec<&Value> = media.get("example").into_iter().collect();
            examples.extend(media["examples"].as_object().into_iter().flatten().map(|(_, example)| &example["value"]));
            assert!(!examples.is_empty(), "{id}: {status} has no example");
            for example in examples {
                let wrong = checker.check(&media["schema"], example);
                assert!(wrong.is_empty(), "{id}: {status}: {wrong:?}\n{example:#}");
            }
        }
    }
}

#[test]
fn no_form_is_filled_with_filters_that_nobody_asked_for() {
    let document = published();
    for operation in operations(&document) {
        for parameter in operation.raw["parameters"].as_array().into_iter().flatten() {
            let parameter = resolve(&document, parameter);
            if parameter["in"] == "query" && parameter["required"] != true {
                let schema = resolve(&document, &parameter["schema"]);
                let filled = [parameter, schema].into_iter().any(|part| !part["example"].is_null());
                assert!(!filled, "{}: {parameter}", operation.id);
            }
        }
    }
}

#[test]
fn every_way_to_be_refused_is_documented() {
    let document = published();
    for operation in operations(&document) {
        let id = &operation.id;
        let has_credentials = !operation.credentials().is_empty();
        let has_body = operation.body().is_some();
        for (is_possible, statuses) in [
            (has_credentials, &[401, 403, 429][..]),
            (has_body, &[400, 408, 413, 415]),
            (operation.path.contains('{'), &[404]),
            (true, &[500]),
        ] {
            for status in statuses.iter().filter(|_| is_possible) {
                assert!(operation.documents(*status), "{id} does not tell of {status}");
            }
        }
        let takes_input = has_body || !operation.query_names(&document).is_empty();
        assert!(!takes_input || operation.documents(422) || operation.documents(400), "{id}");
    }
}

#[test]
fn parameters_are_single_and_described() {
    let document = published();
    for operation in operations(&document) {
        for parameter in operation.parameters(&document) {
            let (id, name) = (&operation.id, &parameter["name"]);
            let schema = resolve(&document, &parameter["schema"]);
            assert!(schema["properties"].is_null(), "{id}: {name} is a struct");
            if parameter["in"] != "path" {
                assert!(parameter["description"].as_str().is_some_and(|text| !text.is_empty()), "{id}: {name}");
            }
        }
    }
}

#[test]
fn errors_are_documented_as_the_server_answers_them() {
    let document = published();
    let create = operations(&document).into_iter().find(|operation| operation.id == "products.create").unwrap();
    let example = |status: &str, code: &str| {
        let response = resolve(&document, &create.raw["responses"][status]);
        response["content"]["application/json"]["examples"][code]["value"].clone()
    };
    assert_eq!(example("401", "unauthenticated")["message"], "Unauthenticated.");
    assert_eq!(example("422", "validation_failed")["message"], "The name field is required. (and 1 more error)");
    assert_eq!(example("403", "tenant_key_invalid")["error"], "Invalid Tenant API Key");
}

#[tokio::test]
async fn document_is_served_where_people_and_machines_look_for_it() {
    let server = Server::start().await;
    for path in ["/openapi.json", "/api/v1/openapi.json"] {
        let response = server.request(Method::GET, path).send().await.unwrap();
        assert_eq!(
            (response.status().as_u16(), &response.headers()["content-type"]),
            (200, &"application/json".parse().unwrap())
        );
        let tag = response.headers()["etag"].clone();
        assert_eq!(response.json::<Value>().await.unwrap(), published());
        let again = server.request(Method::GET, path).header("If-None-Match", tag).send().await.unwrap();
        assert_eq!(again.status(), 304);
        let packed = server.request(Method::GET, path).header("Accept-Encoding", "gzip, zstd").send().await.unwrap();
        assert_eq!(packed.headers()["content-encoding"], "zstd");
        let bytes = zstd::decode_all(&packed.bytes().await.unwrap()[..]).unwrap();
        assert_eq!(serde_json::from_slice::<Value>(&bytes).unwrap(), published());
    }
}

#[test]
fn public_address_of_the_server_is_one_of_its_servers() {
    let flags = vec![("http.public_url".to_owned(), "https://api.example.com/ruko".to_owned())];
    let loaded = Config::load(Sources { flags, ..Sources::default() }).unwrap();
    let document = api::document(&loaded.config);
    let urls: Vec<&Value> = document["servers"].as_array().unwrap().iter().map(|server| &server["url"]).collect();
    assert_eq!(urls, [&json!("/"), &json!("https://api.example.com/ruko")]);
}

#[tokio::test]
async fn address_of_a_laravel_template_is_for_the_document_and_not_for_links() {
    let environment = [("APP_URL".to_owned(), "http://localhost".to_owned())].into();
    let loaded = Config::load(Sources { environment, ..Sources::default() }).unwrap();
    assert_eq!(api::document(&loaded.config)["servers"][1]["url"], "http://localhost");
    let server = Server::with(|config| config.http.document_url = loaded.config.http.document_url.clone()).await;
    let user = server.tenant("Warung").await.register("john", "user").await;
    let (_, page) = user.get("/api/products").await;
    assert_eq!(page["first_page_url"], format!("{}/api/products?page=1", server.url));
    let server = Server::with(|config| {
        let flags = vec![("http.public_url".to_owned(), "https://api.example.com".to_owned())];
        config.http = Config::load(Sources { flags, ..Sources::default() }).unwrap().config.http;
    })
    .await;
    let user = server.tenant("Warung").await.register("john", "user").await;
    assert_eq!(user.get("/api/products").await.1["first_page_url"], "https://api.example.com/api/products?page=1");
}

#[test]
fn only_what_may_be_empty_is_documented_as_nullable() {
    let document = published();
    let schemas = &document["components"]["schemas"];
    for (schema, nullable, not_null) in [
        ("ProductPatch", &["description", "image"][..], &["name", "price", "stock", "is_active"][..]),
        ("UserPatch", &["avatar_url"], &["name", "email", "username", "role", "is_active", "password"]),
        ("TenantPatch", &["db_host", "limits"], &["name", "db_name", "plan"]),
        ("RegisterIn", &["username", "role"], &["name", "email", "password"]),
    ] {
        let says_null = |field: &str| schemas[schema]["properties"][field].to_string().contains("\"nullable\":true");
        assert!(nullable.iter().all(|field| says_null(field)), "{schema}: {:#}", schemas[schema]);
        assert!(!not_null.iter().any(|field| says_null(field)), "{schema}: {:#}", schemas[schema]);
    }
    assert!(!document.to_string().contains("not null"), "a mark was left behind");
}
