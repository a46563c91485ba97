//! Every operation of the document against every way of not being allowed to call it. A new
//! operation joins by being documented.

mod hostile;
mod truth;
mod world;

use serde_json::Value;

use crate::openapi::document::{Operation, operations};
use crate::openapi::published;
use world::{Credentials, MASTER, TENANT, USER, World};

/// Operations without credentials that are tried with none only.
fn guarded(document: &Value) -> Vec<Operation> {
    operations(document).into_iter().filter(|operation| !operation.credentials().is_empty()).collect()
}

/// Sets of credentials that must not open an operation which asks for `needed`.
fn insufficient(world: &World, operation: &Operation, needed: &[String]) -> Vec<(String, Credentials)> {
    let valid = world.credentials(needed);
    let mut attempts = vec![("nothing".to_owned(), Credentials::default())];
    for scheme in needed {
        attempts.push((format!("all but {scheme}"), valid.without(scheme)));
        for (name, value) in world.wrong(scheme) {
            attempts.push((format!("{name} as {scheme}"), valid.with(scheme, &value)));
        }
    }
    if needed.iter().any(|scheme| scheme == USER) {
        // Good in itself, and not beside this tenant's token.
        attempts.push(("another tenant's key".into(), valid.with(TENANT, world.stranger_key())));
    }
    if needed.iter().any(|scheme| scheme == TENANT) {
        attempts.push(("those of a suspended tenant".into(), world.suspended(needed)));
    }
    if operation.raw["x-ruko-role"] == "admin" {
        attempts.push(("a user who is no admin".into(), valid.with(USER, &world.user.token)));
    }
    attempts
}

#[tokio::test]
async fn no_operation_opens_to_wrong_credentials() {
    let document = published();
    let world = World::start(&document).await;
    let mut tried = 0;
    for operation in guarded(&document) {
        let path = world.path(&operation).await;
        for needed in operation.credentials() {
            for (name, credentials) in insufficient(&world, &operation, &needed) {
                let answer = world.ask(&operation, &path, &credentials).await;
                let case = format!("{} with {name}", operation.id);
                assert!(answer.status.is_client_error(), "{case}: {answer:?}");
                assert!([401, 403].contains(&answer.status.as_u16()), "{case}: {answer:?}");
                assert_eq!(answer.content_type, "application/json", "{case}");
                assert!(answer.body["code"].is_string() && answer.body["request_id"].is_string(), "{case}: {answer:?}");
                assert!(operation.documents(answer.status.as_u16()), "{case}: {} is not documented", answer.status);
                tried += 1;
            }
        }
    }
    assert!(tried > 100, "{tried}");
}

#[tokio::test]
async fn no_tenant_reaches_the_records_of_another() {
    let document = published();
    let world = World::start(&document).await;
    for operation in guarded(&document).into_iter().filter(|one| one.path.contains('{') && one.asks_for(TENANT)) {
        let path = world.path(&operation).await;
        for needed in operation.credentials() {
            let answer = world.ask(&operation, &path, &world.stranger(&needed)).await;
            let case = format!("{} {path} of a stranger", operation.id);
            assert_eq!(answer.status, 404, "{case}: {answer:?}");
            assert!(answer.body["code"].is_string(), "{case}: {answer:?}");
        }
    }
}

#[tokio::test]
async fn public_operations_ask_for_nothing() {
    let document = published();
    let world = World::start(&document).await;
    for operation in operations(&document).into_iter().filter(|one| one.credentials().is_empty()) {
        let answer = world.ask(&operation, &operation.path, &Credentials::default()).await;
        assert!(operation.documents(answer.status.as_u16()) && !answer.status.is_server_error(), "{answer:?}");
    }
}

#[tokio::test]
async fn every_kind_of_credential_is_known_to_these_tests() {
    let document = published();
    let world = World::start(&document).await;
    let schemes = document["components"]["securitySchemes"].as_object().unwrap();
    for scheme in schemes.keys() {
        assert!(!world.wrong(scheme).is_empty(), "add {scheme} to the matrix's world");
    }
    assert!([MASTER, TENANT, USER].iter().all(|known| schemes.contains_key(*known)));
}
