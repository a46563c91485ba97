//! Conditional requests (RFC 9110, section 13) on single resources. The tag is a hash of the
//! answer, so it needs no column and survives restarts and restores.

use http::{HeaderValue, StatusCode, header};
use poem::{IntoResponse, Request, Response};
use poem_openapi::registry::{
    MetaHeader, MetaOperationParam, MetaParamIn, MetaResponses, MetaSchema, MetaSchemaRef, Registry,
};
use poem_openapi::types::Type;
use poem_openapi::{ApiExtractor, ApiExtractorType, ApiResponse, ExtractParamOptions};
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::error::{Error, Result};

use super::reply::{bytes_response, documented};

/// The strong entity tag of a JSON answer.
fn tag_of(bytes: &[u8]) -> String {
    format!("\"{}\"", hex::encode(&Sha256::digest(bytes)[..12]))
}

/// Headers of a conditional request; taken in front of the work.
#[derive(Debug, Clone, Default)]
pub struct Conditions {
    if_match: Option<String>,
    if_none_match: Option<String>,
}

/// Marks the parameter that stands for the conditional headers until the document's clean-up puts
/// the one there that the operation's method reads.
pub const MARK: &str = "conditions";

/// True for that parameter.
pub fn is_stand_in(parameter: &MetaOperationParam) -> bool {
    matches!(&parameter.schema, MetaSchemaRef::Inline(schema) if schema.format == Some(MARK))
}

impl<'a> ApiExtractor<'a> for Conditions {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::Parameter];

    type ParamType = String;
    type ParamRawType = ();

    fn param_in() -> Option<MetaParamIn> {
        Some(MetaParamIn::Header)
    }

    fn param_schema_ref() -> Option<MetaSchemaRef> {
        Some(MetaSchemaRef::Inline(Box::new(MetaSchema::new_with_format("string", MARK))))
    }

    async fn from_request(
        request: &'a Request,
        _body: &mut poem::RequestBody,
        _options: ExtractParamOptions<String>,
    ) -> poem::Result<Self> {
        let header = |name: header::HeaderName| request.headers().get(name)?.to_str().ok().map(str::to_owned);
        Ok(Self { if_match: header(header::IF_MATCH), if_none_match: header(header::IF_NONE_MATCH) })
    }
}

impl Conditions {
    /// Fine when `If-Match` is absent or names the resource as it is. Call it inside the write
    /// that changes the resource.
    ///
    /// # Errors
    /// [`Error::PreconditionFailed`].
    pub fn check_match(&self, resource: &impl Serialize) -> Result<()> {
        let Some(wanted) = &self.if_match else { return Ok(()) };
        let bytes = serde_json::to_vec(resource).map_err(Error::internal)?;
        if is_listed(wanted, &tag_of(&bytes), false) { Ok(()) } else { Err(Error::PreconditionFailed) }
    }
}

/// True when a list of tags holds this one. `If-None-Match` also takes the weak form of it.
fn is_listed(list: &str, tag: &str, is_weak_fine: bool) -> bool {
    list.split(',').map(str::trim).any(|listed| {
        let listed = if is_weak_fine { listed.strip_prefix("W/").unwrap_or(listed) } else { listed };
        listed == "*" || listed == tag
    })
}

/// 200 with a JSON body and its `ETag`, or 304 when the client has it already.
#[derive(Debug)]
pub struct Tagged<T> {
    resource: T,
    if_none_match: Option<String>,
}

impl<T> Tagged<T> {
    /// Answers a read.
    pub fn read(resource: T, conditions: Conditions) -> Self {
        Self { resource, if_none_match: conditions.if_none_match }
    }

    /// Answers a change: always the whole resource.
    pub fn changed(resource: T) -> Self {
        Self { resource, if_none_match: None }
    }
}

impl<T: Serialize + Send> IntoResponse for Tagged<T> {
    fn into_response(self) -> Response {
        let mut bytes = Vec::with_capacity(512);
        if let Err(error) = serde_json::to_writer(&mut bytes, &self.resource) {
            return poem::Error::from(Error::internal(error)).into_response();
        }
        let tag = tag_of(&bytes);
        let is_known = self.if_none_match.is_some_and(|listed| is_listed(&listed, &tag, true));
        let mut response =
            if is_known { StatusCode::NOT_MODIFIED.into() } else { bytes_response(StatusCode::OK, bytes) };
        if let Ok(tag) = HeaderValue::from_str(&tag) {
            response.headers_mut().insert(header::ETAG, tag);
        }
        response
    }
}

impl<T: Type> ApiResponse for Tagged<T> {
    fn meta() -> MetaResponses {
        let mut meta = documented::<T>(200, "Done.");
        let schema = MetaSchemaRef::Inline(Box::new(MetaSchema::new("string")));
        for response in &mut meta.responses {
            let (name, schema) = (header::ETAG.to_string(), schema.clone());
            response.headers.push(MetaHeader { name, description: None, required: true, deprecated: false, schema });
        }
        meta
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
    }
}
