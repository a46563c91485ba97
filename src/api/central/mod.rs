//! The operator's side of the Laravel application: tenants. Errors of family L; master key.

mod checks;
mod domains;
mod from_backup;
mod keys;
mod life;
mod settings;
mod tenant_in;
mod tenant_out;
mod tenants;
mod transfer;
mod upload;

use poem_openapi::{Object, OpenApi};
use serde::Serialize;

use crate::app::App;

/// All of them.
pub fn apis(app: &App) -> impl OpenApi + 'static {
    (
        tenants::TenantsApi(app.clone()),
        life::LifeApi(app.clone()),
        keys::KeysApi(app.clone()),
        domains::DomainsApi(app.clone()),
        checks::ChecksApi(app.clone()),
        transfer::TransferApi(app.clone()),
        from_backup::FromBackupApi(app.clone()),
    )
}

/// That it is done.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "Done")]
struct Done {
    /// For people.
    message: String,
}

impl Done {
    fn new(message: &str) -> Self {
        Self { message: message.into() }
    }
}
