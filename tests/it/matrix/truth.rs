//! The document says what the server does: each operation is called with its own example, and its
//! answer is one of those that it documents.

use reqwest::Method;
use serde_json::Value;

use super::world::{Credentials, TENANT, World};
use crate::openapi::checker::Checker;
use crate::openapi::document::{Operation, operations, resolve};
use crate::openapi::published;

/// Operations whose example cannot succeed against a world made in a moment: the status that they
/// answer, and why.
const NOT_2XX: &[(&str, u16, &str)] = &[
    ("backups.download", 403, "the operator has not allowed it"),
    ("backups.undo", 409, "nothing was restored yet"),
    ("central.backups.create_tenant", 404, "there is no backup of that id"),
    ("central.backups.delete", 404, "there is no backup of that name"),
    ("central.backups.destinations.test", 409, "no bucket is set up"),
    ("central.backups.download", 400, "the name may be left out, and the example leaves out what may be"),
    ("central.backups.preview", 404, "there is no backup of that name"),
    ("central.backups.prune", 422, "the tenant of the example is none"),
    ("central.backups.restore", 404, "there is no backup of that name"),
    ("central.backups.verify", 404, "there is no backup of that id"),
    ("central.backups.undo", 409, "nothing was restored yet"),
    ("central.backups.update", 404, "there is no backup of that id"),
    ("central.jobs.cancel", 404, "nobody asked for a job"),
    ("central.jobs.show", 404, "nobody asked for a job"),
    ("central.tenants.adopt", 422, "another tenant has the file of the example by then"),
    ("central.tenants.import", 422, "the archive of the example is none"),
    ("central.tenants.undelete", 409, "the tenant is not in the trash"),
    ("jobs.cancel", 404, "nobody asked for a job"),
    ("jobs.show", 404, "nobody asked for a job"),
];

/// The user of the examples is registered before it logs in; what deletes comes last.
fn turn(operation: &Operation) -> u8 {
    match operation.id.as_str() {
        "auth.register" => 0,
        _ if operation.method == Method::DELETE => 2,
        _ => 1,
    }
}

#[tokio::test]
async fn every_operation_answers_its_example_as_documented() {
    let document = published();
    let world = World::start(&document).await;
    let checker = Checker { document: &document };
    let mut ordered = operations(&document);
    ordered.sort_by_key(turn);
    let mut surprises = Vec::new();
    for (number, operation) in ordered.into_iter().enumerate() {
        let id = &operation.id;
        let admin = world.renew(number).await;
        let needed = operation.credentials().into_iter().next().unwrap_or_default();
        let path = world.path(&operation).await;
        let answer = world.ask(&operation, &path, &Credentials::of(&needed, &admin)).await;
        let status = answer.status.as_u16();
        let expected = NOT_2XX.iter().find(|(known, ..)| known == id).map(|(_, status, _)| *status);
        if !expected.map_or(answer.status.is_success(), |expected| expected == status) {
            surprises.push(format!("{id} {path}: {status} {}", answer.body));
            continue;
        }
        assert!(operation.documents(status), "{id}: {status} is not documented");
        let documented = operation.answer(&document, status);
        for (name, _) in documented["headers"].as_object().into_iter().flatten() {
            // Without a limit there is nothing to tell of it.
            let is_there = answer.headers.contains_key(name) || name.starts_with("X-RateLimit");
            assert!(is_there, "{id}: the header {name} is documented and missing");
        }
        match documented["content"].get("application/json") {
            Some(media) => {
                let wrong = checker.check(&media["schema"], &answer.body);
                assert!(wrong.is_empty(), "{id}: {wrong:?}\n{:#}", answer.body);
            }
            None => assert_eq!(answer.body, Value::Null, "{id} answers what it does not document"),
        }
    }
    assert!(surprises.is_empty(), "{}", surprises.join("\n"));
}

#[tokio::test]
async fn errors_fit_their_documented_schema() {
    let document = published();
    let world = World::start(&document).await;
    let checker = Checker { document: &document };
    for operation in operations(&document).into_iter().filter(|operation| operation.asks_for(TENANT)) {
        let request = world.server.request(operation.method.clone(), &operation.path).header("Accept-Language", "id");
        let response = request.send().await.unwrap();
        let documented = operation.answer(&document, response.status().as_u16());
        let schema = resolve(&document, &documented["content"]["application/json"]["schema"]);
        let body: Value = response.json().await.unwrap();
        let wrong = checker.check(schema, &body);
        assert!(wrong.is_empty() && body["user_message"].is_string(), "{}: {wrong:?}\n{body:#}", operation.id);
    }
}
