//! `/api/central/instance/export`: everything in one archive.

use http::{HeaderValue, StatusCode, header};
use poem::{Body, IntoResponse, Request, Response};
use poem_openapi::registry::{MetaMediaType, MetaResponse, MetaResponses, MetaSchema, MetaSchemaRef, Registry};
use poem_openapi::{ApiResponse, OpenApi};
use serde_json::json;

use crate::api::Tag;
use crate::api::kit::audit;
use crate::api::kit::credentials::Operator;
use crate::app::App;
use crate::clock::Timestamp;
use crate::error::Error;

use super::pieces::body;

const CONTENT_TYPE: &str = "application/x-tar";

/// The whole instance.
pub struct InstanceApi(pub App);

/// 200 with the archive.
struct InstanceArchive {
    content: Body,
    made_at: Timestamp,
}

#[OpenApi(prefix_path = "/api/central/instance", tag = "Tag::CentralBackups")]
impl InstanceApi {
    /// Export everything
    ///
    /// The central file, the logs and every tenant's file as one archive, made while it is sent. What is in it
    /// is encrypted with the backup key; the server key comes along unless the settings have it.
    /// `ruko instance import` makes a data directory of it. An archive that is cut off is refused there.
    #[oai(path = "/export", method = "get", operation_id = "central.instance.export")]
    async fn export(&self, _operator: Operator, request: &Request) -> Result<InstanceArchive, Error> {
        let pieces = self.0.backups.export_instance().await?;
        audit::record(request, "instance.exported", ("instance", String::new()), json!({}));
        Ok(InstanceArchive { content: body(pieces), made_at: self.0.clock.now() })
    }
}

impl IntoResponse for InstanceArchive {
    fn into_response(self) -> Response {
        let mut response = Response::from(StatusCode::OK);
        response.set_body(self.content);
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(CONTENT_TYPE));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        let day = self.made_at.in_zone(&jiff::tz::TimeZone::UTC).strftime("%Y-%m-%d").to_string();
        let disposition = format!("attachment; filename=\"ruko-instance-{day}.tar\"");
        if let Ok(disposition) = HeaderValue::from_str(&disposition) {
            headers.insert(header::CONTENT_DISPOSITION, disposition);
        }
        response
    }
}

impl ApiResponse for InstanceArchive {
    fn meta() -> MetaResponses {
        let schema = MetaSchemaRef::Inline(Box::new(MetaSchema::new_with_format("string", "binary")));
        MetaResponses {
            responses: vec![MetaResponse {
                description: "The archive.",
                status: Some(200),
                status_range: None,
                content: vec![MetaMediaType { content_type: CONTENT_TYPE, schema }],
                headers: vec![],
            }],
        }
    }

    fn register(_registry: &mut Registry) {}
}
