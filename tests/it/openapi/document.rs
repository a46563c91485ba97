//! The document as tests walk it.

use reqwest::Method;
use serde_json::Value;

/// One operation of the document.
#[derive(Debug, Clone)]
pub struct Operation {
    pub id: String,
    pub method: Method,
    pub path: String,
    pub raw: Value,
}

/// All operations, in the document's order.
pub fn operations(document: &Value) -> Vec<Operation> {
    let paths = document["paths"].as_object().unwrap();
    let of_path = |(path, methods): (&String, &Value)| {
        let path = path.clone();
        let methods = methods.as_object().unwrap().clone();
        methods.into_iter().map(move |(method, raw)| Operation {
            id: raw["operationId"].as_str().unwrap_or_else(|| panic!("{method} {path} has no id")).to_owned(),
            method: method.to_uppercase().parse().unwrap(),
            path: path.clone(),
            raw,
        })
    };
    paths.iter().flat_map(of_path).collect()
}

/// What a `$ref` leads to, or the value itself.
pub fn resolve<'d>(document: &'d Value, value: &'d Value) -> &'d Value {
    match value["$ref"].as_str() {
        None => value,
        Some(link) => {
            let found = document.pointer(link.trim_start_matches('#'));
            resolve(document, found.unwrap_or_else(|| panic!("{link} leads nowhere")))
        }
    }
}

impl Operation {
    /// The JSON body it takes: schema and example.
    pub fn body(&self) -> Option<&Value> {
        self.raw.pointer("/requestBody/content/application~1json")
    }

    /// Its parameters, references followed.
    pub fn parameters<'d>(&'d self, document: &'d Value) -> Vec<&'d Value> {
        self.raw["parameters"].as_array().into_iter().flatten().map(|one| resolve(document, one)).collect()
    }

    /// Names of its query parameters.
    pub fn query_names(&self, document: &Value) -> Vec<String> {
        let in_query = self.parameters(document).into_iter().filter(|one| one["in"] == "query");
        in_query.map(|one| one["name"].as_str().unwrap().to_owned()).collect()
    }

    /// The alternatives of credentials: names of schemes that are needed together. Those that only add to
    /// another one are left out: what they add may come along and is not needed.
    pub fn credentials(&self) -> Vec<Vec<String>> {
        let all: Vec<Vec<String>> = self.alternatives();
        let adds = |one: &Vec<String>| {
            all.iter().any(|other| other.len() < one.len() && other.iter().all(|scheme| one.contains(scheme)))
        };
        all.iter().filter(|one| !adds(one)).cloned().collect()
    }

    /// All alternatives, as they are written.
    pub fn alternatives(&self) -> Vec<Vec<String>> {
        let alternatives = self.raw["security"].as_array().unwrap();
        alternatives.iter().map(|one| one.as_object().unwrap().keys().cloned().collect()).collect()
    }

    /// True when one of the alternatives asks for this scheme.
    pub fn asks_for(&self, scheme: &str) -> bool {
        self.credentials().iter().flatten().any(|name| name == scheme)
    }

    /// True when the document gives this status.
    pub fn documents(&self, status: u16) -> bool {
        self.raw["responses"].get(status.to_string()).is_some()
    }

    /// Its answer of this status, references followed.
    pub fn answer<'d>(&'d self, document: &'d Value, status: u16) -> &'d Value {
        resolve(document, &self.raw["responses"][status.to_string()])
    }
}
