//! `/api/central/tenants/{id}/export` and `/api/central/tenants/import`

use poem::Request;
use poem_openapi::{Enum, Object, OpenApi};
use serde::Serialize;
use serde_json::json;

use crate::api::Tag;
use crate::api::kit::audit;
use crate::api::kit::created::Created;
use crate::api::kit::credentials::Operator;
use crate::api::kit::db_name::DbNameIn;
use crate::api::kit::params::StrictParams;
use crate::api::kit::path::Path;
use crate::app::App;
use crate::error::Error;
use crate::id::TenantId;
use crate::tenants::ImportOptions;

use super::tenant_out::{DetailOut, WARNING, detail, location};
use super::upload::{Download, Incoming};

/// Tenants on their way from server to server.
pub struct TransferApi(pub App);

/// Whether something is taken from the archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[oai(rename_all = "snake_case")]
enum Taken {
    /// As it is in the archive.
    Keep,
    /// Made anew.
    New,
}

/// What becomes of the domains of the archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[oai(rename_all = "snake_case")]
enum Domains {
    /// They are the tenant's here too.
    Keep,
    /// They stay where they are.
    None,
}

/// What is to differ from the archive.
#[derive(Debug, Object)]
struct ImportParams {
    /// Name of the tenant.
    #[oai(validator(min_length = 1, max_length = 255))]
    name: Option<String>,
    /// Logical name of its file.
    db_name: Option<DbNameIn>,
    /// `keep` (when missing) for a tenant that moves, `new` for a second one.
    id: Option<Taken>,
    /// `keep` so that clients go on with their keys, `new` for one new key; when missing, the same
    /// as `id`.
    keys: Option<Taken>,
    /// `keep` or `none`; when missing, `none` with `id=new`, for a domain belongs to one tenant.
    domains: Option<Domains>,
}

/// A tenant that was imported, with its key when a new one was asked for.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "ImportedTenant")]
struct ImportedOut {
    /// The tenant.
    #[serde(flatten)]
    #[oai(flatten)]
    tenant: DetailOut,
    /// Its new key, shown once.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[oai(skip_serializing_if_is_none)]
    api_key: Option<String>,
}

/// A tenant that was imported.
#[derive(Debug, Object, Serialize)]
struct Imported {
    /// For people.
    message: String,
    /// The tenant.
    data: ImportedOut,
    /// What to do with a new key.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[oai(skip_serializing_if_is_none)]
    warning: Option<String>,
}

#[OpenApi(prefix_path = "/api/central", tag = "Tag::CentralTenants")]
impl TransferApi {
    /// Export a tenant
    ///
    /// One `tar.zst` with the tenant's file as of one moment, its row without secrets, and the
    /// hashes of its keys. The tenant serves meanwhile.
    #[oai(path = "/tenants/:id/export", method = "get", operation_id = "central.tenants.export")]
    async fn export(&self, _operator: Operator, request: &Request, id: Path<String>) -> Result<Download, Error> {
        let id = TenantId::from(id.0);
        let export = self.0.tenants.export(&id).await?;
        let facts = json!({"size_bytes": export.size_bytes, "sha256": export.sha256});
        audit::of_tenant(request, "tenant.exported", &id, facts);
        Ok(Download(export))
    }

    /// Import a tenant
    ///
    /// The body is an archive of `export`. It is checked from all sides before anything is
    /// changed. A tenant that was suspended there is suspended here.
    #[oai(path = "/tenants/import", method = "post", operation_id = "central.tenants.import")]
    async fn import(
        &self,
        _operator: Operator,
        request: &Request,
        params: StrictParams<ImportParams>,
        incoming: Incoming,
    ) -> Result<Created<Imported>, Error> {
        let ImportParams { name, db_name, id, keys, domains } = params.0;
        let bytes_max = self.0.config.limits.max_import_bytes;
        let mut upload = self.0.tenants.upload(bytes_max).await?;
        incoming.into(&mut upload).await?;
        let options = ImportOptions {
            name,
            db_name: db_name.map(|name| name.0),
            has_new_id: id == Some(Taken::New),
            has_new_keys: keys.or(id) == Some(Taken::New),
            leaves_domains: domains.map_or(id == Some(Taken::New), |domains| domains == Domains::None),
            bytes_max,
        };
        let (tenant, api_key) = self.0.tenants.import(upload, options).await?;
        let facts = json!({"name": tenant.name, "db_name": tenant.db_name});
        audit::of_tenant(request, "tenant.imported", &tenant.id, facts);
        let warning = api_key.is_some().then(|| WARNING.into());
        let location = location(&tenant.id);
        let (tenant, tag) = detail(&self.0, tenant).await?;
        let data = ImportedOut { tenant, api_key };
        let body = Imported { message: "Tenant imported successfully".into(), data, warning };
        Ok(Created::new(location, body).with_tag(tag))
    }
}
