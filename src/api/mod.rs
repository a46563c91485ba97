//! The wire, and nothing but the wire: types of requests and answers, credentials, status codes.
//! No SQL and no rules.

pub mod backups;
pub mod central;
pub mod health;
pub mod kit;
pub mod logs;
pub mod tenant;

use poem_openapi::Tags;
use serde_json::Value;

use crate::app::App;
use crate::config::Config;

use kit::family::Laravel;
use kit::operation::In;
use kit::route_table::Spoken;

/// Sections of the document.
#[derive(Debug, Clone, Copy, Tags)]
pub enum Tag {
    /// Tenants of this server: made, changed, suspended, deleted. Needs the master key.
    #[oai(rename = "Central: tenants")]
    CentralTenants,
    /// Backups of tenants, and the jobs that make and restore them. Needs the master key.
    #[oai(rename = "Central: backups")]
    CentralBackups,
    /// What happened on this server. Needs the master key.
    #[oai(rename = "Central: logs")]
    CentralLogs,
    /// Registration and log-in of a tenant's users. Needs the tenant key.
    Auth,
    /// Users of a tenant, their passwords and tokens.
    Users,
    /// Products of a tenant.
    Products,
    /// Orders of a tenant.
    Orders,
    /// Backups of a tenant, for its admins.
    Backups,
    /// What happened in a tenant, for its admins.
    Activity,
    /// State of the server.
    Health,
}

/// THE list of Apis: what is not here does not exist.
pub fn all(app: &App) -> impl Spoken + 'static {
    (
        In::<Laravel, _>::new(central::apis(app)),
        In::<Laravel, _>::new(backups::apis(app)),
        In::<Laravel, _>::new(logs::CentralLogsApi(app.clone())),
        In::<Laravel, _>::new(tenant::AuthApi(app.clone())),
        In::<Laravel, _>::new(tenant::MeApi(app.clone())),
        In::<Laravel, _>::new(tenant::UsersApi(app.clone())),
        In::<Laravel, _>::new(tenant::ProductsApi(app.clone())),
        In::<Laravel, _>::new(tenant::OrdersApi(app.clone())),
        In::<Laravel, _>::new(logs::TenantLogsApi(app.clone())),
        In::<Laravel, _>::new(health::HealthApi::new(app.clone())),
    )
}

/// The published document.
pub fn document(config: &Config) -> Value {
    kit::openapi::build(all, config)
}
