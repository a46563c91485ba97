//! `/api/central/tenants`

use poem_openapi::{Object, OpenApi};
use secrecy::SecretString;
use serde::Serialize;

use crate::api::Tag;
use crate::api::kit::credentials::Operator;
use crate::api::kit::input::Input;
use crate::api::kit::reply::Created;
use crate::app::App;
use crate::error::Error;
use crate::tenants::{ConnectionNotes, NewTenant};

/// Tenants of this server.
pub struct TenantsApi(pub App);

/// A new tenant.
#[derive(Debug, Object)]
#[oai(example)]
struct TenantIn {
    /// Name.
    #[oai(validator(min_length = 1, max_length = 255))]
    name: String,
    /// Logical name of its file: letters, digits, `-`, `_`, at most 64; made from the id when missing.
    db_name: Option<String>,
    /// Note on a database elsewhere; chooses nothing.
    #[oai(validator(max_length = 255))]
    db_host: Option<String>,
    /// Note on a database elsewhere; chooses nothing.
    #[oai(validator(minimum(value = "1"), maximum(value = "65535")))]
    db_port: Option<i64>,
    /// Note on a database elsewhere; chooses nothing.
    #[oai(validator(max_length = 255))]
    db_username: Option<String>,
    /// Note on a database elsewhere; stored sealed, never shown.
    #[oai(validator(max_length = 1024))]
    db_password: Option<String>,
    /// Code of its plan; `starter` when missing.
    plan: Option<String>,
}

impl poem_openapi::types::Example for TenantIn {
    fn example() -> Self {
        Self {
            name: "Warung Makan Bu Joko".into(),
            db_name: Some("kasir_waroenk".into()),
            db_host: Some("localhost".into()),
            db_port: Some(3306),
            db_username: Some("root".into()),
            db_password: Some("root".into()),
            plan: None,
        }
    }
}

/// A tenant that was just made.
#[derive(Debug, Object, Serialize)]
struct NewTenantOut {
    /// Its id.
    tenant_id: String,
    /// Its name.
    name: String,
    /// Its key, shown once.
    api_key: String,
    /// Logical name of its file.
    database: String,
}

/// A tenant that was just made, with its key.
#[derive(Debug, Object, Serialize)]
struct TenantCreated {
    /// For people.
    message: String,
    /// The tenant.
    data: NewTenantOut,
    /// What to do with the key.
    warning: String,
    /// What the server made of `db_host` and its kin, when they were given.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[oai(skip_serializing_if_is_none)]
    notes: Option<String>,
}

/// Silently ignoring a remote host would mislead.
const NOTES: &str = "db_host, db_port, db_username and db_password are stored as notes. ruko keeps the tenant's data \
                     in its own SQLite file and connects to no other database.";

#[OpenApi(prefix_path = "/api/central", tag = "Tag::CentralTenants")]
impl TenantsApi {
    /// Create a tenant
    ///
    /// Makes the tenant's own SQLite file and its first key, which is shown this once.
    #[oai(path = "/tenants", method = "post", operation_id = "central.tenants.create")]
    async fn create(&self, _operator: Operator, input: Input<TenantIn>) -> Result<Created<TenantCreated>, Error> {
        let input = input.0;
        let password = input.db_password.map(SecretString::from);
        let has_notes =
            input.db_host.is_some() || input.db_port.is_some() || input.db_username.is_some() || password.is_some();
        let new = NewTenant {
            name: input.name,
            db_name: input.db_name,
            notes: ConnectionNotes { host: input.db_host, port: input.db_port, username: input.db_username },
            db_password: password,
            plan_code: input.plan,
        };
        let (tenant, api_key) = self.0.tenants.create(new).await?;
        let data =
            NewTenantOut { tenant_id: tenant.id.to_string(), name: tenant.name, api_key, database: tenant.db_name };
        Ok(Created(TenantCreated {
            message: "Tenant created successfully".into(),
            data,
            warning: "Save the API Key securely! It cannot be retrieved again.".into(),
            notes: has_notes.then(|| NOTES.into()),
        }))
    }
}
