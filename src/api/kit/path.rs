//! Path parameters. What is no id names nothing, so it is "not found" and not "invalid".

use poem::{Request, RequestBody, Result};
use poem_openapi::registry::{MetaParamIn, MetaSchema, MetaSchemaRef};
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions};

use crate::error::Error;

/// A parameter of a path. The `#[OpenApi]` macro knows path parameters by this type's name.
pub struct Path<T>(pub T);

/// What a path parameter can be read as.
pub trait PathValue: Send + Sized {
    /// Its schema.
    fn schema() -> MetaSchema;
    /// From the text, which the router has percent-decoded.
    fn read(text: String) -> Self;
}

/// A number that names a row.
pub struct Id {
    text: String,
}

impl PathValue for Id {
    fn schema() -> MetaSchema {
        MetaSchema { minimum: Some(1.0), ..MetaSchema::new_with_format("integer", "int64") }
    }

    fn read(text: String) -> Self {
        Self { text }
    }
}

impl PathValue for String {
    fn schema() -> MetaSchema {
        MetaSchema::new("string")
    }

    fn read(text: String) -> Self {
        text
    }
}

impl Path<Id> {
    /// The number.
    ///
    /// # Errors
    /// [`Error::NotFound`] for a `kind` with an id that no row can have.
    pub fn of(&self, kind: &'static str) -> Result<i64, Error> {
        let text = &self.0.text;
        let is_plain = text.bytes().all(|byte| byte.is_ascii_digit()) && (!text.starts_with('0') || text == "0");
        // A record has one address: `+1` and `01` are none.
        let id = if is_plain { text.parse().ok() } else { None };
        id.ok_or_else(|| Error::not_found(kind, shown(text)))
    }
}

/// What of an id may be echoed.
fn shown(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(64).collect()
}

impl<'a, T: PathValue + 'a> ApiExtractor<'a> for Path<T> {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::Parameter];
    const PARAM_IS_REQUIRED: bool = true;

    type ParamType = String;
    type ParamRawType = ();

    fn param_in() -> Option<MetaParamIn> {
        Some(MetaParamIn::Path)
    }

    fn param_schema_ref() -> Option<MetaSchemaRef> {
        Some(MetaSchemaRef::Inline(Box::new(T::schema())))
    }

    async fn from_request(
        request: &'a Request,
        _body: &mut RequestBody,
        options: ExtractParamOptions<String>,
    ) -> Result<Self> {
        let text = request.raw_path_param(options.name).unwrap_or_default();
        Ok(Self(T::read(text.to_owned())))
    }
}
