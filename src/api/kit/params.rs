//! The query string as one typed struct, with all its errors at once. In the document each field
//! stands as a parameter of its own (see `openapi`).

use std::ops::Deref;

use poem::{Request, RequestBody, Result};
use poem_openapi::registry::{MetaParamIn, MetaSchemaRef, Registry};
use poem_openapi::types::{ParseFromJSON, Type};
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions};
use serde_json::{Map, Value};

use crate::error::{Error, FieldError, Place, Rule};

use super::draft::unread;
use super::form;
use super::per_page;
use super::shape::{self, Reading, Shape, Strings};

/// Name under which the struct is registered, before the document's clean-up spreads it out.
pub const SPREAD: &str = "params";

/// Query parameters; unknown names are ignored, as clients of the original systems add some.
#[derive(Debug, Clone)]
pub struct Params<T>(pub T);

/// Query parameters of ruko's own operations; an unknown name is refused.
#[derive(Debug, Clone)]
pub struct StrictParams<T>(pub T);

impl<T> Deref for Params<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T> Deref for StrictParams<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

fn read<T: ParseFromJSON + 'static>(request: &Request, is_strict: bool) -> Result<T> {
    let shape = shape::of::<T>();
    let (fields, mut errors) = fields(request.uri().query().unwrap_or_default(), &shape);
    let mut value = Value::Object(fields);
    let per_page_max = per_page::max(request);
    let reading = Reading { strings: Strings::Tidied, place: Place::Query, per_page_max, is_form: false };
    errors.extend(shape.check(&mut value, reading).err().unwrap_or_default());
    if is_strict && let Value::Object(fields) = &value {
        let unknown = fields.keys().filter(|name| !shape.field_names().any(|known| known == name.as_str()));
        errors.extend(unknown.map(|name| FieldError { path: name.clone(), rule: Rule::Unknown, place: Place::Query }));
    }
    if !errors.is_empty() {
        return Err(Error::Invalid(errors).into());
    }
    T::parse_from_json(Some(value)).map_err(|error| unread(error).into())
}

/// The last value of each name; all of them for a list. Bytes that are no text are an error where a
/// value is asked for, and a name that nobody knows.
fn fields(query: &str, shape: &Shape) -> (Map<String, Value>, Vec<FieldError>) {
    let (mut fields, mut errors) = (Map::new(), Vec::new());
    for (name, value) in form::pairs(query) {
        let name = name.unwrap_or_else(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        let name = name.strip_suffix("[]").map_or(name.clone(), str::to_owned);
        let Ok(value) = value else {
            if shape.field_names().any(|known| known == name) {
                errors.push(FieldError { path: name, rule: Rule::String, place: Place::Query });
            }
            continue;
        };
        if shape.is_list(&name) {
            let list = fields.entry(name).or_insert_with(|| Value::Array(Vec::new()));
            if let Value::Array(items) = list {
                items.push(value.into());
            }
        } else {
            fields.insert(name, value.into());
        }
    }
    (fields, errors)
}

macro_rules! query_extractor {
    ($name:ident, $is_strict:expr) => {
        impl<'a, T: ParseFromJSON + 'static> ApiExtractor<'a> for $name<T> {
            const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::Parameter];

            type ParamType = T;
            type ParamRawType = ();

            fn register(registry: &mut Registry) {
                T::register(registry);
            }

            fn param_in() -> Option<MetaParamIn> {
                Some(MetaParamIn::Query)
            }

            fn param_schema_ref() -> Option<MetaSchemaRef> {
                Some(<T as Type>::schema_ref())
            }

            async fn from_request(
                request: &'a Request,
                _body: &mut RequestBody,
                _options: ExtractParamOptions<T>,
            ) -> Result<Self> {
                read(request, $is_strict).map(Self)
            }
        }
    };
}
query_extractor!(Params, false);
query_extractor!(StrictParams, true);
