//! For operations that do something final and read no body: one that comes along was meant to say
//! something, so it is refused and not passed over.

use poem::{FromRequest, Request, RequestBody, Result};

use crate::error::{Error, FieldError, Place, Rule};

use super::body::{self, Content};

/// That no body was sent, or an empty one.
#[derive(Debug, Clone, Copy)]
pub struct NoBody;

impl<'a> FromRequest<'a> for NoBody {
    async fn from_request(request: &'a Request, request_body: &mut RequestBody) -> Result<Self> {
        // One that is too long or never complete cannot be sent here either.
        let bytes = body::read(request, request_body).await;
        let refuse = |path: String, rule| FieldError { path, rule, place: Place::Body };
        let errors: Vec<FieldError> = match bytes.and_then(|bytes| body::parse(request.header("content-type"), bytes)) {
            Ok(Content { fields, files, .. }) => {
                let names = fields.into_iter().map(|(name, _)| name).chain(files);
                names.take(body::NAMES_TOLD_MAX).map(|name| refuse(name, Rule::Unknown)).collect()
            }
            Err(_) => vec![refuse("body".into(), Rule::Other("no_body", "No body can be sent here.".into()))],
        };
        if errors.is_empty() { Ok(Self) } else { Err(Error::Invalid(errors).into()) }
    }
}
