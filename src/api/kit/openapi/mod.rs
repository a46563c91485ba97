//! The published document: what poem-openapi writes of the Apis, cleaned and completed. It is made
//! from types alone, so it needs no running application.

mod error_examples;
mod example_values;
mod examples;
mod operation;
mod parameters;
mod responses;
mod schemas;

use std::collections::HashMap;
use std::marker::PhantomData;

use http::Method;
use poem::endpoint::BoxEndpoint;
use poem_openapi::registry::{MetaApi, Registry};
use poem_openapi::{LicenseObject, OpenApi, OpenApiService};
use serde_json::{Map, Value, json};

use crate::app::App;
use crate::config::{BaseUrl, Config};

/// The older tools that people point at a document read 3.0 better than 3.1. The patch release is
/// the one that says what `nullable` means.
const OPENAPI: &str = "3.0.3";
const TITLE: &str = "ruko";
const DESCRIPTION: &str = include_str!("description.md");
/// Operations of a path, in the order people look for them.
const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];

type Object = Map<String, Value>;

/// The document of the Apis that the function makes; the function is named for its type and never
/// called. Of the settings the address that clients use stands in it, and the bounds of pages.
pub fn build<'a, T: OpenApi + 'static>(_apis: fn(&'a App) -> T, config: &Config) -> Value {
    let license = LicenseObject::new("MIT").url("https://opensource.org/license/mit");
    let service = OpenApiService::new(Described::<T>(PhantomData), TITLE, env!("CARGO_PKG_VERSION"))
        .description(DESCRIPTION)
        .license(license);
    // Read back what was written a moment ago; that it is JSON is certain.
    let raw = serde_json::from_str(&service.spec()).unwrap_or_default();
    finished(raw, config)
}

/// The Apis without their handlers.
struct Described<T>(PhantomData<fn() -> T>);

impl<T: OpenApi> OpenApi for Described<T> {
    fn meta() -> Vec<MetaApi> {
        T::meta()
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
    }

    fn add_routes(self, _routes: &mut HashMap<String, HashMap<Method, BoxEndpoint<'static>>>) {}
}

/// What operations share while they are finished.
struct Components {
    schemas: Object,
    headers: Object,
    parameters: Object,
    responses: Object,
}

fn finished(mut raw: Value, config: &Config) -> Value {
    schemas::tidy(&mut raw);
    schemas::bound_pages(&mut raw, config.limits.max_page_size);
    let mut components = Components {
        schemas: take_object(&mut raw["components"]["schemas"]),
        headers: responses::headers(),
        parameters: parameters::shared(),
        responses: Object::new(),
    };
    schemas::allow_null(&mut components.schemas);
    let mut paths: Vec<(String, Value)> = take_object(&mut raw["paths"]).into_iter().collect();
    paths.sort_by(|one, other| one.0.cmp(&other.0));
    let mut used_tags = Vec::new();
    let mut done = Object::new();
    for (path, mut operations) in paths {
        let mut ordered = Object::new();
        for method in METHODS {
            if let Value::Object(operation) = operations[method].take() {
                used_tags.extend(operation.get("tags").and_then(Value::as_array).cloned().unwrap_or_default());
                ordered.insert(method.into(), operation::finish(operation, &path, method, &mut components).into());
            }
        }
        done.insert(path, ordered.into());
    }
    let mut tags = raw["tags"].take();
    if let Value::Array(tags) = &mut tags {
        tags.retain(|tag| used_tags.contains(&tag["name"]));
    }
    components.schemas.values_mut().filter_map(Value::as_object_mut).for_each(|schema| {
        // Each place of use shows its example.
        schema.remove("example");
    });
    let mut document = json!({
        "openapi": OPENAPI,
        "info": raw["info"].take(),
        "servers": servers(config.http.documented_url().map(BaseUrl::as_str)),
        "tags": tags,
        "paths": done,
        "components": {
            "schemas": sorted(components.schemas),
            "parameters": components.parameters,
            "headers": components.headers,
            "responses": sorted(components.responses),
            "securitySchemes": raw["components"]["securitySchemes"].take(),
        },
    });
    schemas::remove_unused(&mut document);
    document
}

/// The server that the document was read from is the one to ask; its public address comes second.
fn servers(public_url: Option<&str>) -> Value {
    let mut servers = vec![json!({"url": "/", "description": "The server that gave you this document"})];
    servers.extend(public_url.map(|url| json!({"url": url, "description": "Public address"})));
    servers.into()
}

fn sorted(object: Object) -> Object {
    let mut entries: Vec<_> = object.into_iter().collect();
    entries.sort_by(|one, other| one.0.cmp(&other.0));
    entries.into_iter().collect()
}

fn take_object(value: &mut Value) -> Object {
    match value.take() {
        Value::Object(object) => object,
        _ => Object::new(),
    }
}

/// The last step of a `$ref`.
fn ref_name(schema: &Value) -> Option<&str> {
    schema["$ref"].as_str()?.rsplit('/').next()
}
