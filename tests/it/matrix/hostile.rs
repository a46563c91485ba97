//! Input of people who want to break something, against everything that reads input. Nothing of it
//! may be a defect, and what is refused must be refused in the documented form.

use serde_json::{Value, json};

use super::guarded;
use super::world::{Answer, Credentials, World};
use crate::openapi::document::{Operation, resolve};
use crate::openapi::published;

/// Bodies that are no object of any operation.
fn bodies() -> Vec<Vec<u8>> {
    let mut bodies: Vec<Vec<u8>> = [
        "",
        " ",
        "{",
        "}",
        "[]",
        "[1]",
        "null",
        "1",
        "\"x\"",
        "{}",
        "{\"\":1}",
        "a=b",
        "&&&=",
        "{\"a\":1}{",
        "\u{feff}{}",
    ]
    .iter()
    .map(|text| text.as_bytes().to_vec())
    .collect();
    bodies.push("[".repeat(100_000).into_bytes());
    bodies.push("{\"a\":".repeat(50_000).into_bytes());
    bodies.push(b"{\"name\":\"\xff\xfe\"}".to_vec());
    bodies.push(b"\0\0\0\0".to_vec());
    bodies
}

/// Values that do not fit any field, or barely.
fn values() -> Vec<Value> {
    let number = |text: &str| serde_json::from_str::<Value>(text).unwrap();
    let nested = |depth: usize| (0..depth).fold(json!(1), |inner, _| json!([inner]));
    vec![
        Value::Null,
        json!(true),
        json!(""),
        json!("   "),
        json!("a\0b"),
        json!("x".repeat(300)),
        json!("é".repeat(70_000)),
        json!("'; DROP TABLE users; --"),
        json!("<script>alert(1)</script>"),
        json!("../../etc/passwd"),
        json!("\u{202e}\u{0000}\u{ffff}"),
        json!(-1),
        json!(0),
        json!(1.5),
        number("9223372036854775807"),
        number("9223372036854775808"),
        number("-9223372036854775809"),
        number("99999999999999999999999999999999"),
        number("1e400"),
        number("-1e-400"),
        json!([]),
        json!({}),
        json!([null]),
        json!([[1], {"a": 1}, "x"]),
        json!({"id": 1}),
        nested(100),
    ]
}

const TEXTS: [&str; 18] = [
    "",
    "x",
    "-1",
    "0",
    "1.5",
    "99999999999999999999",
    "-9223372036854775809",
    "1e400",
    "NaN",
    "true",
    "null",
    "%00",
    "%ff%fe",
    "%27%3B--",
    "a%20b",
    "%F0%9F%8D%9C",
    "..%2F..%2F",
    "%25",
];

fn check(operation: &Operation, sent: &str, answer: &Answer) {
    let sent: String = sent.chars().take(200).collect();
    let case = || format!("{} with {sent}: {} {}", operation.id, answer.status, answer.body);
    assert!(!answer.status.is_server_error(), "{}", case());
    // A limit of log-ins may come first, and so may a log-in itself.
    assert!(operation.documents(answer.status.as_u16()), "not documented: {}", case());
    if answer.status.is_client_error() {
        assert!(answer.body["code"].is_string(), "{}", case());
    }
}

#[tokio::test]
async fn no_body_is_a_defect() {
    let document = published();
    let world = World::start(&document).await;
    for (number, operation) in guarded(&document).into_iter().filter(|one| one.body().is_some()).enumerate() {
        let admin = world.renew(number).await;
        let needed = operation.credentials().remove(0);
        let credentials = Credentials::of(&needed, &admin);
        let path = world.path(&operation).await;
        for body in bodies() {
            let shown = String::from_utf8_lossy(&body).into_owned();
            check(&operation, &shown, &world.send(&operation, &path, &credentials, Some(body)).await);
        }
        let media = operation.body().unwrap();
        let schema = resolve(&document, &media["schema"]);
        for name in schema["properties"].as_object().into_iter().flatten().map(|(name, _)| name) {
            for value in values() {
                let mut body = media["example"].clone();
                body[name] = value;
                let body = body.to_string();
                check(&operation, &body, &world.send(&operation, &path, &credentials, Some(body.clone().into())).await);
            }
        }
    }
}

#[tokio::test]
async fn no_upload_is_a_defect() {
    let document = published();
    let world = World::start(&document).await;
    let takes_upload = |one: &Operation| one.raw.get("requestBody").is_some() && one.body().is_none();
    for operation in guarded(&document).into_iter().filter(takes_upload) {
        let credentials = world.credentials(&operation.credentials().remove(0));
        let path = world.path(&operation).await;
        let zstd_magic = b"\x28\xb5\x2f\xfd".to_vec();
        for body in bodies().into_iter().chain([zstd_magic, vec![0; 1_000_000]]) {
            let shown = String::from_utf8_lossy(&body).into_owned();
            check(&operation, &shown, &world.send(&operation, &path, &credentials, Some(body)).await);
        }
    }
}

#[tokio::test]
async fn no_query_is_a_defect() {
    let document = published();
    let world = World::start(&document).await;
    for operation in guarded(&document).into_iter().filter(|one| one.method == reqwest::Method::GET) {
        let needed = operation.credentials().remove(0);
        let credentials = world.credentials(&needed);
        let path = world.path(&operation).await;
        let mut queries: Vec<String> =
            ["?", "&", "=", "=&=", "%", "a[b][c]=1", "&&a", "_=1"].map(str::to_owned).to_vec();
        for name in operation.query_names(&document) {
            queries.extend(TEXTS.iter().map(|text| format!("{name}={text}")));
            queries.push(format!("{name}={}", "x".repeat(300)));
            queries.extend([
                format!("{name}[]=1&{name}[]=2"),
                format!("{name}[a]=1"),
                format!("{name}=1&{name}=x"),
                name,
            ]);
        }
        for query in queries {
            check(&operation, &query, &world.ask(&operation, &format!("{path}?{query}"), &credentials).await);
        }
    }
}

#[tokio::test]
async fn no_path_is_a_defect() {
    let document = published();
    let world = World::start(&document).await;
    for operation in guarded(&document).into_iter().filter(|one| one.path.contains('{')) {
        let needed = operation.credentials().remove(0);
        let credentials = world.credentials(&needed);
        for text in TEXTS.iter().filter(|text| !text.is_empty()) {
            let steps = operation.path.split('/').map(|step| if step.starts_with('{') { *text } else { step });
            let path = steps.collect::<Vec<_>>().join("/");
            let answer = world.ask(&operation, &path, &credentials).await;
            assert!(!answer.status.is_success(), "{} {path}: {answer:?}", operation.id);
            check(&operation, &path, &answer);
        }
    }
}
