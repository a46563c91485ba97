//! Conditional requests (RFC 9110, section 13) on single resources. The tag is a hash of the
//! answer, so it needs no column and survives restarts and restores.

use std::borrow::Cow;

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

/// A strong entity tag, `"STATE"` or `"STATE-SHOWN"`.
///
/// The second half is for a resource that shows more than a change overwrites, such as the size of a
/// file. That makes another version for readers (`If-None-Match`), not for writers (`If-Match`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntityTag {
    state: String,
    shown: String,
}

impl EntityTag {
    /// The tag of a resource.
    ///
    /// # Errors
    /// None for what the API answers with.
    pub fn of(resource: &impl Serialize) -> Result<Self> {
        Ok(Self::of_bytes(&serde_json::to_vec(resource).map_err(Error::internal)?))
    }

    /// The tag of a JSON answer.
    pub(super) fn of_bytes(bytes: &[u8]) -> Self {
        Self { state: hex::encode(&Sha256::digest(bytes)[..12]), shown: String::new() }
    }

    /// With all that the resource shows.
    ///
    /// # Errors
    /// As [`EntityTag::of`].
    pub fn with_shown(self, resource: &impl Serialize) -> Result<Self> {
        Ok(Self { shown: format!("-{}", Self::of(resource)?.state), ..self })
    }

    fn quoted(&self) -> String {
        ["\"", &self.state, &self.shown, "\""].concat()
    }

    /// Puts it into an answer.
    pub(super) fn put(&self, response: &mut Response) {
        if let Ok(tag) = HeaderValue::try_from(self.quoted()) {
            response.headers_mut().insert(header::ETAG, tag);
        }
    }

    /// True when a client has this version. `If-None-Match` also takes the weak form of a tag.
    fn is_known(&self, list: &str) -> bool {
        let tag = self.quoted();
        is_any(list) || listed(list).any(|listed| listed.strip_prefix("W/").unwrap_or(listed) == tag)
    }

    /// True when a client means this state.
    fn is_meant(&self, list: &str) -> bool {
        let state = format!("\"{}", self.state);
        let rest = |listed: &'_ str| listed.strip_prefix(&state).is_some_and(|rest| rest.starts_with(['"', '-']));
        is_any(list) || listed(list).any(rest)
    }
}

/// `*` alone stands for any version.
fn is_any(list: &str) -> bool {
    list.trim() == "*"
}

/// The tags of a list; none of ours contains a comma.
fn listed(list: &str) -> impl Iterator<Item = &str> {
    list.split(',').map(str::trim)
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
        Ok(Self { if_match: sent(request, &header::IF_MATCH), if_none_match: sent(request, &header::IF_NONE_MATCH) })
    }
}

/// All lines of a header as one list. Bytes that are no text stay in it as something that no tag is:
/// a condition that cannot be read is not one that was not sent.
fn sent(request: &Request, name: &header::HeaderName) -> Option<String> {
    let lines = request.headers().get_all(name).iter().map(|line| String::from_utf8_lossy(line.as_bytes()));
    lines.map(Cow::into_owned).reduce(|all, line| format!("{all}, {line}"))
}

impl Conditions {
    /// Fine when `If-Match` is absent or names the resource as it is. Call it inside the write
    /// that changes the resource.
    ///
    /// # Errors
    /// [`Error::PreconditionFailed`].
    pub fn check_match(&self, resource: &impl Serialize) -> Result<()> {
        let Some(wanted) = &self.if_match else { return Ok(()) };
        if EntityTag::of(resource)?.is_meant(wanted) { Ok(()) } else { Err(Error::PreconditionFailed) }
    }
}

/// Answers with text headers, which the document describes in one place.
pub(super) fn with_headers(mut meta: MetaResponses, names: &[header::HeaderName]) -> MetaResponses {
    let schema = MetaSchemaRef::Inline(Box::new(MetaSchema::new("string")));
    for response in &mut meta.responses {
        response.headers.extend(names.iter().map(|name| {
            let (name, schema) = (name.to_string(), schema.clone());
            MetaHeader { name, description: None, required: true, deprecated: false, schema }
        }));
    }
    meta
}

/// 200 with a JSON body and its `ETag`, or 304 when the client has it already.
#[derive(Debug)]
pub struct Tagged<T> {
    resource: T,
    tag: Option<EntityTag>,
    if_none_match: Option<String>,
}

impl<T> Tagged<T> {
    /// Answers a read.
    pub fn read(resource: T, conditions: Conditions) -> Self {
        Self { resource, tag: None, if_none_match: conditions.if_none_match }
    }

    /// Answers a change: always the whole resource.
    pub fn changed(resource: T) -> Self {
        Self { resource, tag: None, if_none_match: None }
    }

    /// With another tag than that of the answer as a whole.
    #[must_use]
    pub fn with_tag(self, tag: EntityTag) -> Self {
        Self { tag: Some(tag), ..self }
    }
}

impl<T: Serialize + Send> IntoResponse for Tagged<T> {
    fn into_response(self) -> Response {
        let mut bytes = Vec::with_capacity(512);
        if let Err(error) = serde_json::to_writer(&mut bytes, &self.resource) {
            return poem::Error::from(Error::internal(error)).into_response();
        }
        let tag = self.tag.unwrap_or_else(|| EntityTag::of_bytes(&bytes));
        let is_known = self.if_none_match.is_some_and(|list| tag.is_known(&list));
        let mut response =
            if is_known { StatusCode::NOT_MODIFIED.into() } else { bytes_response(StatusCode::OK, bytes) };
        tag.put(&mut response);
        response
    }
}

impl<T: Type> ApiResponse for Tagged<T> {
    fn meta() -> MetaResponses {
        with_headers(documented::<T>(200, "Done."), &[header::ETAG])
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writers_mean_the_state_and_readers_the_whole() {
        let tag = EntityTag { state: "abc".into(), shown: "-7".into() };
        for (list, is_meant, is_known) in [
            ("\"abc-7\"", true, true),
            ("\"abc-8\"", true, false),
            ("\"x\" , \"abc-7\"", true, true),
            ("W/\"abc-7\"", false, true),
            ("*", true, true),
            (" * ", true, true),
            ("\"x, *, y\"", false, false),
            ("\"abcd\"", false, false),
            ("\"ab\"", false, false),
            ("abc-7", false, false),
            ("", false, false),
        ] {
            assert_eq!((tag.is_meant(list), tag.is_known(list)), (is_meant, is_known), "{list}");
        }
    }
}
