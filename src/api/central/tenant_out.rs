//! What the operator sees of tenants. No key and no password is ever in it.

use poem_openapi::Object;
use serde::Serialize;

use crate::api::kit::created::Created;
use crate::api::kit::etag::EntityTag;
use crate::api::kit::time::Time;
use crate::app::App;
use crate::error::Result;
use crate::id::TenantId;
use crate::tenants::{Limits, MigrationFailure, Tenant};

use super::settings::SettingsOut;

/// Silently ignoring a remote host would mislead.
const NOTES: &str = "db_host, db_port, db_username and db_password are stored as notes. ruko keeps the tenant's data \
                     in its own SQLite file and connects to no other database.";

/// What to do with a new key.
pub(super) const WARNING: &str = "Save the API Key securely! It cannot be retrieved again.";

/// What to say when `db_host` or its kin were given.
pub(super) fn notes_if(has_notes: bool) -> Option<String> {
    has_notes.then(|| NOTES.into())
}

/// A tenant in a list.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "Tenant")]
pub(super) struct TenantOut {
    /// Its id.
    id: String,
    /// Its number: the integer id of the messaging APIs.
    number: i64,
    /// Its name.
    name: String,
    /// Logical name of its file.
    database: String,
    /// `active`, `suspended`, `frozen` or `deleted`.
    state: String,
    /// Code of its plan.
    plan: String,
    /// When it was moved to the trash.
    deleted_at: Option<Time>,
    /// Created.
    created_at: Time,
    /// Last changed.
    updated_at: Time,
}

impl From<Tenant> for TenantOut {
    fn from(tenant: Tenant) -> Self {
        Self {
            id: tenant.id.to_string(),
            number: tenant.number,
            name: tenant.name,
            database: tenant.db_name,
            state: tenant.state.as_str().into(),
            plan: tenant.plan_code,
            deleted_at: tenant.deleted_at.map(Time),
            created_at: Time(tenant.created_at),
            updated_at: Time(tenant.updated_at),
        }
    }
}

/// Tenants.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "TenantList")]
pub(super) struct TenantListOut {
    /// One page of them, in the order they were made.
    pub(super) data: Vec<TenantOut>,
    /// How many there are on all pages.
    pub(super) total: i64,
}

/// The name of the file, and notes on a database elsewhere.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "TenantDatabase")]
struct DatabaseOut {
    /// Logical name of its file.
    name: String,
    /// Note on a database elsewhere, or the server's default for it.
    host: Option<String>,
    /// Note on a database elsewhere, or the server's default for it.
    port: Option<i64>,
    /// Note on a database elsewhere, or the server's default for it.
    username: Option<String>,
    /// Whether a password is stored with these notes.
    has_password: bool,
}

/// Limits in force; null is unlimited.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "Limits")]
#[allow(clippy::struct_field_names, reason = "the documented names")]
struct LimitsOut {
    /// Devices.
    max_phone_numbers: Option<i64>,
    /// Messages a day.
    max_messages_per_day: Option<i64>,
    /// Messages a month.
    max_messages_per_month: Option<i64>,
    /// Auto replies.
    max_auto_replies: Option<i64>,
    /// Scheduled messages.
    max_scheduled_messages: Option<i64>,
}

impl From<Limits> for LimitsOut {
    fn from(limits: Limits) -> Self {
        Self {
            max_phone_numbers: limits.max_phone_numbers,
            max_messages_per_day: limits.max_messages_per_day,
            max_messages_per_month: limits.max_messages_per_month,
            max_auto_replies: limits.max_auto_replies,
            max_scheduled_messages: limits.max_scheduled_messages,
        }
    }
}

/// Why a tenant's file could not be brought to the newest schema.
#[derive(Debug, Object, Serialize)]
struct MigrationErrorOut {
    /// A stable code.
    code: String,
    /// The error.
    message: String,
    /// When it was seen first.
    failed_at: Time,
}

impl From<MigrationFailure> for MigrationErrorOut {
    fn from(failure: MigrationFailure) -> Self {
        Self { code: failure.code, message: failure.text, failed_at: Time(failure.at) }
    }
}

/// A tenant with everything known of it.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "TenantDetail")]
pub(super) struct DetailOut {
    /// Its id.
    id: String,
    /// Its number: the integer id of the messaging APIs.
    number: i64,
    /// Its name.
    name: String,
    /// Its file.
    database: DatabaseOut,
    /// `active`, `suspended` or `frozen`.
    state: String,
    /// Where its file came from: `made`, `adopted` or `imported`.
    origin: String,
    /// Code of its plan.
    plan: String,
    /// Limits in force.
    limits: LimitsOut,
    /// Largest size of its file; null is unlimited.
    max_storage_bytes: Option<i64>,
    /// Settings in force.
    settings: SettingsOut,
    /// Size of its file; null when there is none.
    size_bytes: Option<u64>,
    /// Schema version its file was last seen with.
    schema_version: i64,
    /// Why it could not be brought to the newest one; null when nothing failed.
    migration_error: Option<MigrationErrorOut>,
    /// Created.
    created_at: Time,
    /// Last changed.
    updated_at: Time,
}

/// Where a tenant is.
pub(super) fn location(id: &TenantId) -> String {
    format!("/api/central/tenants/{id}")
}

/// What of a tenant a change overwrites, for its tag: the size of its file is not part of it.
pub(super) fn version(tenant: &Tenant) -> impl Serialize {
    let Tenant { name, db_name, notes, has_db_password, plan_code, limits, max_storage_bytes, .. } = tenant;
    let notes = (&notes.host, notes.port, &notes.username, has_db_password);
    let limits = (plan_code, limits, max_storage_bytes);
    let state = (&tenant.settings, tenant.state.as_str(), tenant.updated_at);
    serde_json::json!([tenant.id, name, db_name, notes, limits, state])
}

/// The detail of a tenant, gathered, and its tag.
pub(super) async fn detail(app: &App, tenant: Tenant) -> Result<(DetailOut, EntityTag)> {
    let limits = app.tenants.limits(&tenant).await?;
    let size_bytes = app.tenants.size_bytes(&tenant).await?;
    let settings = app.tenants.settings(&tenant).into();
    let tag = EntityTag::of(&version(&tenant))?;
    let shown = &app.config.tenant_db;
    let detail = DetailOut {
        id: tenant.id.to_string(),
        number: tenant.number,
        name: tenant.name,
        database: DatabaseOut {
            name: tenant.db_name,
            host: tenant.notes.host.or_else(|| shown.host.clone()),
            port: tenant.notes.port.or(shown.port.map(i64::from)),
            username: tenant.notes.username.or_else(|| shown.username.clone()),
            has_password: tenant.has_db_password,
        },
        state: tenant.state.as_str().into(),
        origin: tenant.origin.as_str().into(),
        plan: tenant.plan_code,
        limits: limits.into(),
        max_storage_bytes: tenant.max_storage_bytes,
        settings,
        size_bytes,
        schema_version: tenant.schema_version,
        migration_error: tenant.migration_failure.map(Into::into),
        created_at: Time(tenant.created_at),
        updated_at: Time(tenant.updated_at),
    };
    let tag = tag.with_shown(&detail)?;
    Ok((detail, tag))
}

/// A tenant.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "TenantDetailAnswer")]
pub(super) struct DetailAnswer {
    /// For people.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[oai(skip_serializing_if_is_none)]
    pub(super) message: Option<String>,
    /// The tenant.
    pub(super) data: DetailOut,
    /// What the server made of `db_host` and its kin, when they were given.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[oai(skip_serializing_if_is_none)]
    pub(super) notes: Option<String>,
}

/// A tenant whose state changed.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "TenantAnswer")]
pub(super) struct TenantAnswer {
    /// For people.
    pub(super) message: String,
    /// The tenant.
    pub(super) data: TenantOut,
    /// What is wrong with its file, when something is.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[oai(skip_serializing_if_is_none)]
    pub(super) notes: Option<String>,
}

/// A tenant that was just made.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "NewTenant")]
struct NewTenantOut {
    /// Its id.
    tenant_id: String,
    /// Its name.
    name: String,
    /// Its key, shown once.
    api_key: String,
    /// Logical name of its file.
    database: String,
    /// Settings in force.
    settings: SettingsOut,
}

/// A tenant that was just made, with its key.
#[derive(Debug, Object, Serialize)]
pub(super) struct TenantCreated {
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

impl TenantCreated {
    /// The answer about a tenant that was just made.
    pub(super) async fn answer(
        message: &str,
        app: &App,
        (tenant, api_key): (Tenant, String),
        notes: Option<String>,
    ) -> Result<Created<Self>> {
        let data = NewTenantOut {
            tenant_id: tenant.id.to_string(),
            name: tenant.name.clone(),
            api_key,
            database: tenant.db_name.clone(),
            settings: app.tenants.settings(&tenant).into(),
        };
        let (location, (_, tag)) = (location(&tenant.id), detail(app, tenant).await?);
        let body = Self { message: message.into(), data, warning: WARNING.into(), notes };
        Ok(Created::new(location, body).with_tag(tag))
    }
}
