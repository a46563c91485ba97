//! One operation of the document.

use serde_json::{Value, json};

use crate::api::kit::credentials::{ADMIN_ROLE, TENANT_KEY, USER_TOKEN, optional_scheme};
use crate::api::kit::family::Family;

use super::{Components, Object, examples, parameters, ref_name, responses};

/// Which role an operation asks for, for programs that read the document.
const ROLE: &str = "x-ruko-role";

/// What of an operation its examples depend on.
pub struct Facts {
    /// Operation id.
    pub id: String,
    /// Path with `{parameters}`.
    pub path: String,
    /// Names of the security schemes it asks for.
    pub schemes: Vec<String>,
    /// Names of those that may come along.
    pub optional_schemes: Vec<&'static str>,
    /// Whether only admins may call it.
    pub is_admin_only: bool,
    /// Schema of its body, or of its query parameters when it has no body.
    pub input: Value,
    /// Whether that schema is the one of the body.
    pub is_body: bool,
}

impl Facts {
    /// Names of the security schemes that it takes.
    pub fn all_schemes(&self) -> impl Iterator<Item = &str> {
        self.schemes.iter().map(String::as_str).chain(self.optional_schemes.iter().copied())
    }

    /// Singular name of what the path's last parameter names: `product` for `/products/{id}`.
    pub fn kind(&self) -> String {
        let steps: Vec<&str> = self.path.split('/').collect();
        let last = steps.iter().rposition(|step| step.starts_with('{')).unwrap_or_default();
        let collection = steps.get(last.saturating_sub(1)).copied().unwrap_or_default().replace(['_', '-'], " ");
        match collection.strip_suffix("ies") {
            Some(stem) => format!("{stem}y"),
            None => collection.strip_suffix('s').unwrap_or(&collection).to_owned(),
        }
    }
}

/// The operation, cleaned and completed.
pub fn finish(mut operation: Object, path: &str, method: &str, components: &mut Components) -> Object {
    let is_job = operation.get("responses").is_some_and(|responses| responses["202"].is_object());
    let mut take = |name: &str| operation.remove(name).unwrap_or_default();
    let Requirements { alternatives: security, schemes, optional_schemes, is_admin_only } =
        requirements(&take("security"));
    let raw_parameters = take("parameters").as_array().cloned().unwrap_or_default();
    let has_conditions = raw_parameters.iter().any(parameters::is_conditions);
    let parameters = parameters::finish(raw_parameters, method, is_job, components);
    let body = request_body(take("requestBody"), components);
    let input = match &body {
        Some(body) => resolved(&body["content"]["application/json"]["schema"], components),
        None => query_schema(&parameters),
    };
    let facts = Facts {
        id: operation.get("operationId").and_then(Value::as_str).unwrap_or_default().to_owned(),
        path: path.to_owned(),
        schemes,
        optional_schemes,
        is_admin_only,
        input,
        is_body: body.is_some(),
    };
    let has_304 = has_conditions && method == "get";
    let responses = operation.remove("responses").unwrap_or_default();
    let responses = responses::finish(responses, &facts, has_304, components);
    let mut finished = Object::new();
    for name in ["operationId", "tags", "summary", "description"] {
        finished.extend(operation.remove_entry(name));
    }
    if is_admin_only {
        finished.insert(ROLE.into(), "admin".into());
        let text = finished.get("description").and_then(Value::as_str).map(|text| format!("{text}\n\n"));
        let text = format!("{}Admins of the tenant only.", text.unwrap_or_default());
        finished.insert("description".into(), text.into());
    }
    finished.append(&mut operation);
    // An empty list says "public"; a missing one would only say that nobody thought of it.
    finished.insert("security".into(), security.into_iter().map(Value::from).collect());
    finished.insert("parameters".into(), parameters.into());
    finished.extend(body.map(|body| ("requestBody".to_owned(), body)));
    finished.insert("responses".into(), responses.into());
    finished
}

/// Who may call.
struct Requirements {
    /// Any of these will do.
    alternatives: Vec<Object>,
    /// See [`Facts::schemes`].
    schemes: Vec<String>,
    /// See [`Facts::optional_schemes`].
    optional_schemes: Vec<&'static str>,
    /// Whether the caller has to be an admin.
    is_admin_only: bool,
}

/// poem-openapi writes what one extractor needs as alternatives; a user's token is worth nothing without
/// the tenant's key, so these two are one requirement. What may come along makes an alternative of each
/// other one.
fn requirements(raw: &Value) -> Requirements {
    let raw: Vec<Object> = raw.as_array().into_iter().flatten().filter_map(Value::as_object).cloned().collect();
    let optional_schemes: Vec<_> = raw.iter().flat_map(Object::keys).filter_map(|name| optional_scheme(name)).collect();
    let has = |name: &str| raw.iter().any(|one| one.contains_key(name));
    let (is_pair, is_admin_only) = (has(TENANT_KEY) && has(USER_TOKEN), has(ADMIN_ROLE));
    let mut alternatives: Vec<Object> = Vec::new();
    for requirement in raw {
        if requirement.keys().any(|name| name == ADMIN_ROLE || optional_scheme(name).is_some()) {
            continue;
        }
        let tenant = alternatives.iter_mut().find(|earlier| is_pair && earlier.contains_key(TENANT_KEY));
        match tenant {
            Some(tenant) if requirement.contains_key(USER_TOKEN) => tenant.extend(requirement),
            _ => alternatives.push(requirement),
        }
    }
    let needed = alternatives.clone();
    let schemes = needed.iter().flat_map(Object::keys).cloned().collect();
    for scheme in &optional_schemes {
        alternatives.extend(needed.iter().cloned().map(|mut with| {
            with.insert((*scheme).to_owned(), json!([]));
            with
        }));
    }
    Requirements { alternatives, schemes, optional_schemes, is_admin_only }
}

fn request_body(body: Value, components: &Components) -> Option<Value> {
    let Value::Object(mut body) = body else { return None };
    let content = body.remove("content").unwrap_or_default().as_object().cloned().unwrap_or_default();
    let mut content = responses::without_charset(content);
    for (_, media) in content.iter_mut().filter(|(content_type, _)| content_type.ends_with("json")) {
        let example = examples::request(&media["schema"], components);
        if let Some(media) = media.as_object_mut() {
            media.insert("example".into(), example);
        }
    }
    if let Some(media) = content.get("application/json").filter(|_| content.len() == 1) {
        // Where every field may be left out, so may all of them.
        let is_required =
            resolved(&media["schema"], components)["required"].as_array().is_some_and(|all| !all.is_empty());
        body.insert("required".into(), is_required.into());
        // The server reads form fields of both kinds just as well.
        let form = media.clone();
        content.insert("application/x-www-form-urlencoded".into(), form.clone());
        content.insert("multipart/form-data".into(), form);
    }
    body.insert("content".into(), content.into());
    Some(body.into())
}

fn resolved(schema: &Value, components: &Components) -> Value {
    ref_name(schema).and_then(|name| components.schemas.get(name)).unwrap_or(schema).clone()
}

/// The query parameters as the properties of one schema.
fn query_schema(parameters: &[Value]) -> Value {
    let in_query = parameters.iter().filter(|parameter| parameter["in"] == "query");
    let name = |parameter: &Value| parameter["name"].as_str().unwrap_or_default().to_owned();
    let required: Vec<String> = in_query.clone().filter(|parameter| parameter["required"] == true).map(name).collect();
    let properties: Object = in_query.map(|parameter| (name(parameter), parameter["schema"].clone())).collect();
    json!({"required": required, "properties": properties})
}

/// The family whose errors have this schema.
pub fn family_of(schema: &Value) -> Option<Family> {
    match ref_name(schema)? {
        "ErrorL" => Some(Family::Laravel),
        "ErrorE" => Some(Family::Express),
        "ErrorF" => Some(Family::FastApi),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn key_and_token_are_one_requirement_and_other_credentials_alternatives() {
        let raw = json!([{"TenantKey": []}, {"UserToken": []}, {"AdminRole": []}]);
        let found = requirements(&raw);
        assert_eq!(
            (json!(found.alternatives), found.is_admin_only),
            (json!([{"TenantKey": [], "UserToken": []}]), true)
        );
        let found = requirements(&json!([{"MasterKey": []}, {"AccountToken": []}]));
        assert_eq!(
            (json!(found.alternatives), found.is_admin_only),
            (json!([{"MasterKey": []}, {"AccountToken": []}]), false)
        );
        assert!(requirements(&Value::Null).alternatives.is_empty());
    }

    #[test]
    fn credential_that_may_come_along_makes_an_alternative() {
        let found = requirements(&json!([{"TenantKey": []}, {"OptionalUserToken": []}, {"OptionalMasterKey": []}]));
        let expected =
            json!([{"TenantKey": []}, {"TenantKey": [], "UserToken": []}, {"TenantKey": [], "MasterKey": []}]);
        assert_eq!((json!(found.alternatives), found.optional_schemes), (expected, vec!["UserToken", "MasterKey"]));
    }

    #[test]
    fn kinds_are_read_from_the_path() {
        let kind = |path: &str| {
            let (schemes, optional_schemes) = Default::default();
            let (id, input) = (String::new(), Value::Null);
            let path = path.into();
            Facts { id, path, schemes, optional_schemes, is_admin_only: false, input, is_body: false }.kind()
        };
        assert_eq!(kind("/api/products/{id}"), "product");
        assert_eq!(kind("/api/orders/{id}/cancel"), "order");
        assert_eq!(kind("/api/auto-replies/{id}"), "auto reply");
    }
}
