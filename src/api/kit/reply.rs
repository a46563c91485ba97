//! Answers: documented by the type's schema, written straight from serde into bytes. The detour
//! through a tree of JSON values that poem-openapi offers costs more than the database does.

use http::{HeaderMap, HeaderValue, StatusCode, header};
use poem::{IntoResponse, Response};
use poem_openapi::ApiResponse;
use poem_openapi::registry::{MetaMediaType, MetaResponse, MetaResponses, Registry};
use poem_openapi::types::Type;
use serde::Serialize;

const JSON: &str = "application/json";
/// Room for the headers of an answer, so that their table is made once and does not grow.
const HEADERS: usize = 12;

/// 200 with a JSON body.
#[derive(Debug)]
pub struct Reply<T>(pub T);

/// 204 without a body.
#[derive(Debug)]
pub struct NoContent;

/// The response of a serialisable body.
pub fn json_response(status: StatusCode, body: &impl Serialize) -> Response {
    match super::json::to_vec(body) {
        Ok(bytes) => bytes_response(status, bytes),
        Err(error) => poem::Error::from(crate::error::Error::internal(error)).into_response(),
    }
}

/// The response of a body that is JSON already.
pub fn bytes_response(status: StatusCode, bytes: Vec<u8>) -> Response {
    let mut response = Response::from(status);
    *response.headers_mut() = HeaderMap::with_capacity(HEADERS);
    response.set_body(bytes);
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(JSON));
    response
}

/// The documented answer of one status with a JSON body.
pub fn documented<T: Type>(status: u16, description: &'static str) -> MetaResponses {
    let content = vec![MetaMediaType { content_type: JSON, schema: T::schema_ref() }];
    MetaResponses {
        responses: vec![MetaResponse {
            description,
            status: Some(status),
            status_range: None,
            content,
            headers: vec![],
        }],
    }
}

impl<T: Serialize + Send> IntoResponse for Reply<T> {
    fn into_response(self) -> Response {
        json_response(StatusCode::OK, &self.0)
    }
}

impl<T: Type> ApiResponse for Reply<T> {
    fn meta() -> MetaResponses {
        documented::<T>(200, "Done.")
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
    }
}

impl IntoResponse for NoContent {
    fn into_response(self) -> Response {
        StatusCode::NO_CONTENT.into()
    }
}

impl ApiResponse for NoContent {
    fn meta() -> MetaResponses {
        let response = MetaResponse {
            description: "Done.",
            status: Some(204),
            status_range: None,
            content: vec![],
            headers: vec![],
        };
        MetaResponses { responses: vec![response] }
    }

    fn register(_registry: &mut Registry) {}
}
