//! 201: the answer to what made something, with where that is.

use http::{HeaderValue, StatusCode, header};
use poem::{IntoResponse, Response};
use poem_openapi::ApiResponse;
use poem_openapi::registry::{MetaResponses, Registry};
use poem_openapi::types::Type;
use serde::Serialize;

use super::etag::{EntityTag, with_headers};
use super::reply::{bytes_response, documented, json_response};

const DESCRIPTION: &str = "Created.";

/// 201 with a JSON body, the path of the new resource and the `ETag` that reading it gives.
#[derive(Debug)]
pub struct Created<T> {
    location: String,
    body: T,
    tag: Option<EntityTag>,
}

impl<T> Created<T> {
    /// The new resource is at `location`, and `body` is what reading it gives.
    pub fn new(location: impl Into<String>, body: T) -> Self {
        Self { location: location.into(), body, tag: None }
    }

    /// Reading the resource gives another body, with this tag.
    #[must_use]
    pub fn with_tag(self, tag: EntityTag) -> Self {
        Self { tag: Some(tag), ..self }
    }
}

/// 201 with a JSON body and the path of something new that is only read in a list.
#[derive(Debug)]
pub struct Added<T> {
    location: String,
    body: T,
}

impl<T> Added<T> {
    /// It is at `location`.
    pub fn new(location: impl Into<String>, body: T) -> Self {
        Self { location: location.into(), body }
    }
}

/// Says where something is.
pub fn put_location(location: &str, response: &mut Response) {
    if let Ok(location) = HeaderValue::from_str(location) {
        response.headers_mut().insert(header::LOCATION, location);
    }
}

/// The documented answer of one status with a JSON body and its `Location`.
pub fn documented_with_location<T: Type>(status: u16, description: &'static str) -> MetaResponses {
    with_headers(documented::<T>(status, description), &[header::LOCATION])
}

impl<T: Serialize + Send> IntoResponse for Created<T> {
    fn into_response(self) -> Response {
        let bytes = match serde_json::to_vec(&self.body) {
            Ok(bytes) => bytes,
            Err(error) => return poem::Error::from(crate::error::Error::internal(error)).into_response(),
        };
        let tag = self.tag.unwrap_or_else(|| EntityTag::of_bytes(&bytes));
        let mut response = bytes_response(StatusCode::CREATED, bytes);
        put_location(&self.location, &mut response);
        tag.put(&mut response);
        response
    }
}

impl<T: Serialize + Send> IntoResponse for Added<T> {
    fn into_response(self) -> Response {
        let mut response = json_response(StatusCode::CREATED, &self.body);
        put_location(&self.location, &mut response);
        response
    }
}

impl<T: Type> ApiResponse for Created<T> {
    fn meta() -> MetaResponses {
        with_headers(documented::<T>(201, DESCRIPTION), &[header::LOCATION, header::ETAG])
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
    }
}

impl<T: Type> ApiResponse for Added<T> {
    fn meta() -> MetaResponses {
        documented_with_location::<T>(201, DESCRIPTION)
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
    }
}
