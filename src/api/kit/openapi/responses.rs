//! Answers: their headers, an example of each success and of each error.

use serde_json::{Value, json};

use super::operation::{Facts, family_of};
use super::{Components, Object, error_examples, examples};

/// Headers that answers refer to.
pub fn headers() -> Object {
    let header = |description: &str, ty: &str, example: Value| json!({"description": description, "schema": {"type": ty}, "example": example});
    let limit = "Requests of this caller that are allowed in a minute. At the 429 of a log-in: failures that are allowed \
                 within `auth.login_window_secs` seconds.";
    let remaining = "Requests that are left at this moment.";
    let mut headers = Object::new();
    let id = "Id of the request, to be found in the server's log; the one that was sent, when it was well-formed.";
    headers.insert("X-Request-Id".into(), header(id, "string", error_examples::REQUEST_ID.into()));
    headers.insert("X-RateLimit-Limit".into(), header(limit, "integer", 60.into()));
    headers.insert("X-RateLimit-Remaining".into(), header(remaining, "integer", 59.into()));
    let reset = "When the next try can succeed, in seconds since 1970 (UTC).";
    headers.insert("X-RateLimit-Reset".into(), header(reset, "integer", 1_761_833_172.into()));
    headers.insert("Retry-After".into(), header("Seconds to wait before the next try.", "integer", 42.into()));
    let tag = "Version of the record, for `If-Match` and `If-None-Match`.";
    headers.insert("ETag".into(), header(tag, "string", "\"5f2a9c1e7b3d4860a1b2c3d4\"".into()));
    headers.insert("Location".into(), header("Path of the new record.", "string", "/api/products/1".into()));
    headers.insert("WWW-Authenticate".into(), header("How to authenticate.", "string", "Bearer".into()));
    headers
}

/// All answers of an operation, by status.
pub fn finish(mut raw: Value, facts: &Facts, has_304: bool, components: &mut Components) -> Object {
    let mut finished: Vec<(String, Value)> = Vec::new();
    for (status, response) in super::take_object(&mut raw) {
        let schema = response["content"].as_object().and_then(|content| content.values().next());
        let family = schema.and_then(|media| family_of(&media["schema"]));
        let response = match family {
            Some(family) => error_examples::response(&status, response, family, facts, components),
            None => success(&status, response, facts, components),
        };
        finished.push((status, response));
    }
    if has_304 {
        let headers = linked(["X-Request-Id", "ETag"]);
        let text = "Not modified: you have this version already.";
        finished.push(("304".into(), json!({"description": text, "headers": headers})));
    }
    finished.sort_by(|one, other| one.0.cmp(&other.0));
    finished.into_iter().collect()
}

fn success(status: &str, mut response: Value, facts: &Facts, components: &Components) -> Value {
    let mut names = vec!["X-Request-Id"];
    if !facts.schemes.is_empty() && status.starts_with('2') {
        names.extend(["X-RateLimit-Limit", "X-RateLimit-Remaining"]);
    }
    let mut headers = linked(names);
    for (name, mut header) in super::take_object(&mut response["headers"]) {
        if let Some(known) = components.headers.keys().find(|known| known.eq_ignore_ascii_case(&name)) {
            headers.extend(linked([known.as_str()]));
            continue;
        }
        if let Some(header) = header.as_object_mut() {
            header.retain(|_, value| *value != false);
        }
        headers.insert(name, header);
    }
    let mut content = without_charset(super::take_object(&mut response["content"]));
    for (content_type, media) in &mut content {
        if content_type.ends_with("json") {
            let example = examples::response(&media["schema"], status, facts, components);
            media.as_object_mut().into_iter().for_each(|media| {
                media.insert("example".into(), example.clone());
            });
        }
    }
    let mut finished = json!({"description": response["description"], "headers": headers});
    if !content.is_empty() {
        finished["content"] = content.into();
    }
    finished
}

/// References to headers.
pub fn linked<'n>(names: impl IntoIterator<Item = &'n str>) -> Object {
    let link = |name: &str| (name.to_owned(), json!({"$ref": format!("#/components/headers/{name}")}));
    names.into_iter().map(link).collect()
}

/// JSON has no charset to choose, and tools look for the plain name.
pub fn without_charset(content: Object) -> Object {
    let plain = |(name, media): (String, Value)| match name.split_once(';') {
        Some((essence, _)) if essence.trim().ends_with("json") => (essence.trim().to_owned(), media),
        _ => (name, media),
    };
    content.into_iter().map(plain).collect()
}
