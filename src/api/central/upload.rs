//! A file as the body of a request or of an answer, streamed either way.

use futures_util::StreamExt as _;
use http::{HeaderValue, StatusCode, header};
use poem::{Body, IntoResponse, Request, RequestBody, Response, Result};
use poem_openapi::registry::{
    MetaHeader, MetaMediaType, MetaRequest, MetaResponse, MetaResponses, MetaSchema, MetaSchemaRef, Registry,
};
use poem_openapi::{ApiExtractor, ApiExtractorType, ApiResponse, ExtractParamOptions};
use tokio_util::io::ReaderStream;

use crate::api::kit::body::{BROKE_OFF, BodyLimits};
use crate::error::Error;
use crate::tenants::{Export, Upload};

const CONTENT_TYPE: &str = "application/zstd";
const CHECKSUM: &str = "x-ruko-checksum";
/// What is read from the disk at once.
const CHUNK_BYTES: usize = 128 * 1024;

fn binary() -> MetaMediaType {
    let schema = MetaSchemaRef::Inline(Box::new(MetaSchema::new_with_format("string", "binary")));
    MetaMediaType { content_type: CONTENT_TYPE, schema }
}

/// The body as it comes, whatever its content type says: `curl --data-binary` calls it a form.
pub(super) struct Incoming {
    body: Body,
    announced: Option<u64>,
    limits: BodyLimits,
}

impl Incoming {
    /// Passes the body on.
    ///
    /// # Errors
    /// [`Error::RequestTimeout`] when no bytes come for the time a whole small body may take;
    /// [`Error::Malformed`] when it breaks off; what `upload` says.
    pub(super) async fn into(self, upload: &mut Upload) -> Result<(), Error> {
        upload.expect(self.announced.unwrap_or(0))?;
        let mut stream = self.body.into_bytes_stream();
        loop {
            let next = tokio::time::timeout(self.limits.timeout, stream.next());
            match next.await.map_err(|_| Error::RequestTimeout)? {
                None => return Ok(()),
                Some(Ok(bytes)) => upload.push(&bytes).await?,
                Some(Err(_)) => return Err(Error::Malformed(BROKE_OFF.into())),
            }
        }
    }
}

impl<'a> ApiExtractor<'a> for Incoming {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::RequestObject];

    type ParamType = ();
    type ParamRawType = ();

    fn request_meta() -> Option<MetaRequest> {
        Some(MetaRequest { description: Some("The archive."), content: vec![binary()], required: true })
    }

    async fn from_request(request: &'a Request, body: &mut RequestBody, _: ExtractParamOptions<()>) -> Result<Self> {
        let announced = request.header("content-length").and_then(|text| text.parse().ok());
        let limits = BodyLimits::of(request);
        Ok(Self { body: body.take().unwrap_or_default(), announced, limits })
    }
}

/// 200 with an archive.
pub(super) struct Download(pub(super) Export);

impl IntoResponse for Download {
    fn into_response(self) -> Response {
        let Export { file, size_bytes, sha256, file_name } = self.0;
        let stream = ReaderStream::with_capacity(tokio::fs::File::from_std(file), CHUNK_BYTES);
        let mut response = Response::from(StatusCode::OK);
        response.set_body(Body::from_bytes_stream(stream));
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(CONTENT_TYPE));
        headers.insert(header::CONTENT_LENGTH, size_bytes.into());
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        let disposition = format!("attachment; filename=\"{file_name}\"");
        for (name, value) in [(CHECKSUM, sha256), ("content-disposition", disposition)] {
            if let Ok(value) = HeaderValue::from_str(&value) {
                headers.insert(name, value);
            }
        }
        response
    }
}

impl ApiResponse for Download {
    fn meta() -> MetaResponses {
        let checksum = MetaHeader {
            name: "X-Ruko-Checksum".into(),
            description: Some("SHA-256 of the archive, in hex.".into()),
            required: true,
            deprecated: false,
            schema: MetaSchemaRef::Inline(Box::new(MetaSchema::new("string"))),
        };
        MetaResponses {
            responses: vec![MetaResponse {
                description: "The archive.",
                status: Some(200),
                status_range: None,
                content: vec![binary()],
                headers: vec![checksum],
            }],
        }
    }

    fn register(_registry: &mut Registry) {}
}
