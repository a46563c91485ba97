//! `/health`, `/livez`, `/readyz`

use std::sync::LazyLock;
use std::time::Instant;

use http::StatusCode;
use poem::{IntoResponse, Response};
use poem_openapi::registry::{MetaResponses, Registry};
use poem_openapi::{ApiResponse, Object, OpenApi};
use serde::Serialize;

use crate::api::Tag;
use crate::api::kit::reply::{documented, json_response};
use crate::api::kit::time::Time;
use crate::app::App;
use crate::id::CENTRAL;

/// State of the server, for load balancers and people.
pub struct HealthApi(pub App);

static STARTED: LazyLock<Instant> = LazyLock::new(Instant::now);

/// State of the server.
#[derive(Debug, Object, Serialize)]
struct Health {
    /// `healthy` or `unhealthy`.
    status: String,
    /// Now.
    timestamp: Time,
    /// Seconds since the start.
    uptime: u64,
    /// Version of ruko.
    version: String,
}

/// 200 when healthy, 503 when not.
struct HealthAnswer(StatusCode, Health);

impl IntoResponse for HealthAnswer {
    fn into_response(self) -> Response {
        json_response(self.0, &self.1)
    }
}

impl ApiResponse for HealthAnswer {
    fn meta() -> MetaResponses {
        let mut meta = documented::<Health>(200, "The server works.");
        meta.responses.extend(documented::<Health>(503, "The server cannot answer requests.").responses);
        meta
    }

    fn register(registry: &mut Registry) {
        use poem_openapi::types::Type as _;
        Health::register(registry);
    }
}

impl HealthApi {
    /// Starts the count of `uptime` with the server, not with the first question.
    pub fn new(app: App) -> Self {
        LazyLock::force(&STARTED);
        Self(app)
    }

    fn answer(&self, is_healthy: bool) -> HealthAnswer {
        let status = if is_healthy { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
        let health = Health {
            status: if is_healthy { "healthy" } else { "unhealthy" }.into(),
            timestamp: Time(self.0.clock.now()),
            uptime: STARTED.elapsed().as_secs(),
            version: env!("CARGO_PKG_VERSION").into(),
        };
        HealthAnswer(status, health)
    }

    async fn is_ready(&self) -> bool {
        // The one as requests read it, the other as it lies on the disk.
        let row = "SELECT EXISTS (SELECT 1 FROM settings)";
        let central = &self.0.central;
        central.read(move |tx| Ok(tx.query_one(row, &[], |row| row.get::<bool>(0))?)).await.is_ok()
            && central.probe(CENTRAL).await.is_ok()
    }
}

#[OpenApi(tag = "Tag::Health")]
impl HealthApi {
    /// Is the server healthy
    ///
    /// 503 when the central file cannot be read.
    #[oai(path = "/health", method = "get", operation_id = "health")]
    async fn health(&self) -> HealthAnswer {
        self.answer(self.is_ready().await)
    }

    /// Is the process alive
    ///
    /// Looks at nothing else: 200 while the process answers at all.
    #[oai(path = "/livez", method = "get", operation_id = "health.live")]
    async fn live(&self) -> HealthAnswer {
        self.answer(true)
    }

    /// May requests be sent here
    ///
    /// 503 when the central file cannot be read.
    #[oai(path = "/readyz", method = "get", operation_id = "health.ready")]
    async fn ready(&self) -> HealthAnswer {
        self.answer(self.is_ready().await)
    }
}
