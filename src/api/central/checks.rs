//! `/api/central/tenants/{id}/health` and `test-connection`

use http::StatusCode;
use poem::{IntoResponse, Response};
use poem_openapi::registry::{MetaResponses, Registry};
use poem_openapi::types::Type;
use poem_openapi::{ApiResponse, Object, OpenApi};
use serde::Serialize;

use crate::api::Tag;
use crate::api::kit::credentials::Operator;
use crate::api::kit::path::Path;
use crate::api::kit::reply::{documented, json_response};
use crate::api::kit::time::Time;
use crate::app::App;
use crate::db::advice;
use crate::error::{DbError, Error};
use crate::id::TenantId;

/// Checks of tenants' files.
pub struct ChecksApi(pub App);

/// A file that can be used.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "TenantHealthy")]
struct Healthy {
    /// `healthy`.
    status: String,
    /// Its tenant.
    tenant_id: String,
    /// Logical name of the file.
    database: String,
    /// When it was looked at.
    timestamp: Time,
}

/// A file that cannot be used.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "TenantUnhealthy")]
struct Unhealthy {
    /// `unhealthy`.
    status: String,
    /// Its tenant.
    tenant_id: String,
    /// A stable code, and what to do.
    error: String,
}

/// A file that was opened and read.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "TenantConnected")]
struct Connected {
    /// `success`.
    status: String,
    /// For people.
    message: String,
    /// Logical name of the file.
    database: String,
    /// Its tenant.
    tenant_id: String,
    /// The tenant's name.
    tenant_name: String,
}

/// A file that could not be opened or read.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "TenantNotConnected")]
struct NotConnected {
    /// `error`.
    status: String,
    /// For people.
    message: String,
    /// Its tenant.
    tenant_id: String,
    /// A stable code, and what to do.
    error: String,
}

/// 200 when it went well, 500 when it did not, as the original answers.
enum Outcome<T, F> {
    Well(T),
    Badly(F),
}

impl<T: Serialize + Send, F: Serialize + Send> IntoResponse for Outcome<T, F> {
    fn into_response(self) -> Response {
        match self {
            Self::Well(body) => json_response(StatusCode::OK, &body),
            Self::Badly(body) => json_response(StatusCode::INTERNAL_SERVER_ERROR, &body),
        }
    }
}

impl<T: Type, F: Type> ApiResponse for Outcome<T, F> {
    fn meta() -> MetaResponses {
        let mut meta = documented::<T>(200, "The file can be used.");
        meta.responses.extend(documented::<F>(500, "The file cannot be used.").responses);
        meta
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
        F::register(registry);
    }
}

/// The cause stands in the log; it may name paths.
fn explained(error: &DbError) -> String {
    format!("{}: {}", error.code(), advice(error))
}

#[OpenApi(prefix_path = "/api/central", tag = "Tag::CentralTenants")]
impl ChecksApi {
    /// Is a tenant healthy
    ///
    /// Opens the tenant's file anew, reads from every table of it, and asks whether it may be
    /// written.
    #[oai(path = "/tenants/:id/health", method = "get", operation_id = "central.tenants.health")]
    async fn health(&self, _operator: Operator, id: Path<String>) -> Result<Outcome<Healthy, Unhealthy>, Error> {
        let (tenant, outcome) = self.0.tenants.check(&TenantId::from(id.0)).await?;
        let tenant_id = tenant.id.to_string();
        Ok(match outcome {
            Ok(()) => Outcome::Well(Healthy {
                status: "healthy".into(),
                tenant_id,
                database: tenant.db_name,
                timestamp: Time(self.0.clock.now()),
            }),
            Err(error) => Outcome::Badly(Unhealthy { status: "unhealthy".into(), tenant_id, error: explained(&error) }),
        })
    }

    /// Test the connection to a tenant's database
    ///
    /// The same check as `health`.
    #[oai(path = "/tenants/:id/test-connection", method = "post", operation_id = "central.tenants.test_connection")]
    async fn test(&self, _operator: Operator, id: Path<String>) -> Result<Outcome<Connected, NotConnected>, Error> {
        let (tenant, outcome) = self.0.tenants.check(&TenantId::from(id.0)).await?;
        let tenant_id = tenant.id.to_string();
        Ok(match outcome {
            Ok(()) => Outcome::Well(Connected {
                status: "success".into(),
                message: "Connection successful".into(),
                database: tenant.db_name,
                tenant_id,
                tenant_name: tenant.name,
            }),
            Err(error) => Outcome::Badly(NotConnected {
                status: "error".into(),
                message: "Connection failed".into(),
                tenant_id,
                error: explained(&error),
            }),
        })
    }
}
