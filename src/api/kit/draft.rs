//! A body whose fields are judged in two steps: in themselves, and by what only the data or the
//! tenant's settings know of them. One answer tells what both find.

use std::marker::PhantomData;

use poem::{Request, RequestBody, Result};
use poem_openapi::payload::Payload;
use poem_openapi::registry::{MetaRequest, Registry};
use poem_openapi::types::{ParseError, ParseFromJSON, Type};
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions};
use serde_json::Value;

use crate::error::{Error, FieldError, Place, Rule};

use super::body::{self, Content};
use super::family::Family;
use super::input::Input;
use super::operation::Operation;
use super::shape::{self, Reading, Strings};

/// The body of a request on its way to a `T`.
pub struct Draft<T> {
    fields: Value,
    errors: Vec<FieldError>,
    to: PhantomData<fn() -> T>,
}

impl<T: ParseFromJSON + 'static> Draft<T> {
    /// Reads the body.
    ///
    /// # Errors
    /// What [`body::read`] and [`body::parse`] say. Refused fields are none yet.
    pub async fn read(request: &Request, request_body: &mut RequestBody) -> Result<Self, Error> {
        let bytes = body::read(request, request_body).await?;
        let Content { fields, files, is_form } = body::parse(request.header("content-type"), bytes)?;
        let is_laravel =
            request.data::<&'static Operation>().is_some_and(|operation| operation.family == Family::Laravel);
        let strings = if is_laravel { Strings::Tidied } else { Strings::AsSent };
        let mut fields = Value::Object(fields);
        let checked = shape::of::<T>().check(&mut fields, Reading::body(strings, is_form));
        Ok(Self { fields, errors: with_files(files, checked.err().unwrap_or_default()), to: PhantomData })
    }

    /// True when nothing is wrong so far.
    pub fn is_fine(&self) -> bool {
        self.errors.is_empty()
    }

    /// The text of a field with which nothing is wrong so far.
    pub fn text(&self, field: &str) -> Option<&str> {
        let is_refused = self.errors.iter().any(|error| error.path == field);
        self.fields[field].as_str().filter(|_| !is_refused)
    }

    /// Refuses more fields.
    pub fn refuse(&mut self, errors: Vec<FieldError>) {
        self.errors.extend(errors);
    }

    /// The fields, when nothing is wrong with them.
    ///
    /// # Errors
    /// [`Error::Invalid`] with all that is wrong, in the order of the schema.
    pub fn finish(mut self) -> Result<T, Error> {
        if !self.errors.is_empty() {
            let shape = shape::of::<T>();
            let position = |error: &FieldError| {
                let field = error.path.split('.').next().unwrap_or_default();
                shape.field_names().position(|name| name == field).unwrap_or(usize::MAX)
            };
            self.errors.sort_by_key(position);
            return Err(Error::Invalid(self.errors));
        }
        T::parse_from_json(Some(self.fields)).map_err(unread)
    }
}

/// A value that the check lets through and the type does not: the two disagree, which is a defect.
pub(super) fn unread<T: Type>(error: ParseError<T>) -> Error {
    tracing::warn!(error = error.into_message(), "an input that was checked could not be read");
    Error::Malformed("its fields do not fit".into())
}

/// Adds what is wrong with files: that they are some. That such a field has no value goes without saying.
fn with_files(files: Vec<String>, mut errors: Vec<FieldError>) -> Vec<FieldError> {
    errors.retain(|error| !files.contains(&error.path));
    errors.extend(files.into_iter().map(|path| FieldError { path, rule: Rule::NoFile, place: Place::Body }));
    errors
}

/// Documented as the [`Input`] that it becomes.
impl<'a, T: ParseFromJSON + 'static> ApiExtractor<'a> for Draft<T> {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::RequestObject];

    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        <Input<T> as Payload>::register(registry);
    }

    fn request_meta() -> Option<MetaRequest> {
        <Input<T> as ApiExtractor>::request_meta()
    }

    async fn from_request(
        request: &'a Request,
        body: &mut RequestBody,
        _options: ExtractParamOptions<()>,
    ) -> Result<Self> {
        Ok(Self::read(request, body).await?)
    }
}
