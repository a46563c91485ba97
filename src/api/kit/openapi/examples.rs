//! Examples of bodies: the type's own where it has one, else built from its schema with values
//! that look like life.

use serde_json::{Value, json};

use super::operation::Facts;
use super::{Components, Object, ref_name};

/// No documented type nests deeper; one that refers to itself ends here.
const DEPTH_MAX: usize = 8;
/// Host of the absolute URLs in examples.
const HOST: &str = "http://localhost:8000";

/// What fields hold, by type and name; the first that matches counts, and an empty type matches
/// every type.
const BY_NAME: &[(&str, &str, &str)] = &[
    ("Product", "name", "Nasi Goreng"),
    ("ProductPatch", "name", "Nasi Goreng"),
    ("Product", "description", "Nasi goreng spesial"),
    ("ProductPatch", "description", "Nasi goreng spesial"),
    ("NewTenantOut", "name", "Warung Makan Bu Joko"),
    ("TenantInfo", "name", "Warung Makan Bu Joko"),
    ("TenantInfo", "id", "warung-makan-bu-joko-4f3a9c1e7b2d4"),
    ("PageLink", "label", "1"),
    ("", "tenant_name", "Warung Makan Bu Joko"),
    ("", "tenant_id", "warung-makan-bu-joko-4f3a9c1e7b2d4"),
    ("", "database", "kasir_waroenk"),
    ("", "db_name", "kasir_waroenk"),
    ("", "api_key", "tk_3b1f6a0c9d8e7f5a4b2c1d0e9f8a7b6c5d4e3f2a1b0c9d8e7f6a5b4c3d2e1f0a"),
    ("", "warning", "Save the API Key securely! It cannot be retrieved again."),
    ("", "token", "11|Zk3vQ8sXw2LmN5pRtY7uIoP9aSdFgHjK1lZxCvBn0e4d2c1b"),
    ("", "access_token", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl"),
    ("", "name", "John Doe"),
    ("", "username", "johndoe"),
    ("", "email", "john@example.com"),
    ("", "phone", "6281234567890"),
    ("", "password", "password123"),
    ("", "password_confirmation", "password123"),
    ("", "note", "Tanpa sambal"),
    ("", "notes", "db_host, db_port, db_username and db_password are stored as notes."),
    ("", "uuid", "0199e2a4-7c11-7d3e-9a55-3f0c2b1d4e6f"),
    ("", "status", "active"),
    ("", "version", env!("CARGO_PKG_VERSION")),
    ("", "image", "https://example.com/nasi-goreng.jpg"),
    ("", "avatar_url", "https://example.com/john.jpg"),
    ("", "message", "Done"),
];

/// Single values of the answers of one operation, by its id and a JSON pointer.
const BY_OPERATION: &[(&str, &str, &str)] = &[
    ("central.tenants.create", "/message", "Tenant created successfully"),
    ("auth.register", "/message", "User registered successfully"),
    ("auth.login", "/message", "Login successful"),
    ("auth.logout", "/message", "Logout successful"),
    ("health", "/status", "healthy"),
    ("health.live", "/status", "healthy"),
    ("health.ready", "/status", "healthy"),
];

/// The example of a request body: without nulls, which mean "not given".
pub fn request(schema: &Value, components: &Components) -> Value {
    let mut example = Builder { components, path: "" }.of(schema, "", "", 0);
    remove_nulls(&mut example);
    example
}

/// The example of an answer.
pub fn response(schema: &Value, status: &str, facts: &Facts, components: &Components) -> Value {
    let mut example = Builder { components, path: &facts.path }.of(schema, "", "", 0);
    for (_, pointer, text) in BY_OPERATION.iter().filter(|(id, ..)| *id == facts.id) {
        if let Some(value) = example.pointer_mut(pointer) {
            *value = (*text).into();
        }
    }
    if status == "503"
        && let Some(state) = example.get_mut("status")
    {
        *state = "unhealthy".into();
    }
    example
}

struct Builder<'a> {
    components: &'a Components,
    path: &'a str,
}

impl Builder<'_> {
    fn of(&self, schema: &Value, type_name: &str, field: &str, depth: usize) -> Value {
        if depth > DEPTH_MAX {
            return Value::Null;
        }
        if let Some(name) = ref_name(schema) {
            let named = self.components.schemas.get(name);
            return named.map_or(Value::Null, |named| self.of(named, name, field, depth + 1));
        }
        for key in ["example", "default"] {
            if !schema[key].is_null() {
                return schema[key].clone();
            }
        }
        if schema["format"] == "decimal" {
            return "15000.00".into();
        }
        for key in ["allOf", "oneOf", "anyOf"] {
            if !schema[key][0].is_null() {
                return self.of(&schema[key][0], type_name, field, depth + 1);
            }
        }
        if !schema["enum"][0].is_null() {
            return schema["enum"][0].clone();
        }
        match schema["type"].as_str() {
            Some("object") => self.object(schema, type_name, depth),
            Some("array") => json!([self.of(&schema["items"], type_name, field, depth + 1)]),
            Some("integer") => integer(schema, field),
            Some("number") => json!(1.5),
            Some("boolean") => true.into(),
            Some("string") => self.text(schema, type_name, field),
            _ => json!({}),
        }
    }

    fn object(&self, schema: &Value, type_name: &str, depth: usize) -> Value {
        let mut object = Object::new();
        for (name, property) in schema["properties"].as_object().into_iter().flatten() {
            object.insert(name.clone(), self.of(property, type_name, name, depth + 1));
        }
        if object.is_empty() && schema["additionalProperties"].is_object() {
            object.insert("name".into(), self.of(&schema["additionalProperties"], type_name, "name", depth + 1));
        }
        object.into()
    }

    fn text(&self, schema: &Value, type_name: &str, field: &str) -> Value {
        let known = BY_NAME.iter().find(|(ty, name, _)| *name == field && (ty.is_empty() || *ty == type_name));
        match (schema["format"].as_str(), known) {
            (Some("date-time"), _) => "2025-10-30T14:05:30.000000Z".into(),
            (Some("date"), _) => "2025-10-30".into(),
            (Some("email"), _) => "john@example.com".into(),
            (Some("uuid"), _) => "0199e2a4-7c11-7d3e-9a55-3f0c2b1d4e6f".into(),
            (_, Some((_, _, text))) => (*text).into(),
            (Some("uri" | "url"), _) => format!("{HOST}/").into(),
            // Of a list's only page, none is next or before.
            _ if matches!(field, "next_page_url" | "prev_page_url") => Value::Null,
            _ if field == "path" => format!("{HOST}{}", self.path).into(),
            _ if field.ends_with("page_url") || field == "url" => format!("{HOST}{}?page=1", self.path).into(),
            _ => field.replace('_', " ").into(),
        }
    }
}

fn integer(schema: &Value, field: &str) -> Value {
    let min = schema["minimum"].as_f64().unwrap_or_default();
    match field {
        "per_page" => 10.into(),
        "stock" => 20.into(),
        "uptime" => 3600.into(),
        #[allow(clippy::cast_possible_truncation, reason = "bounds are written in source as whole numbers")]
        _ => (min as i64).max(1).into(),
    }
}

fn remove_nulls(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|_, field| !field.is_null());
            fields.values_mut().for_each(remove_nulls);
        }
        Value::Array(items) => items.iter_mut().for_each(remove_nulls),
        _ => {}
    }
}
