//! `/api/central/tenants` and `/api/central/tenants/{id}`

use poem::Request;
use poem_openapi::types::ParseFromJSON;
use poem_openapi::{Object, OpenApi};
use serde::Serialize;
use serde_json::json;

use crate::api::Tag;
use crate::api::kit::audit;
use crate::api::kit::created::Created;
use crate::api::kit::credentials::Operator;
use crate::api::kit::draft::Draft;
use crate::api::kit::etag::{Conditions, Tagged};
use crate::api::kit::no_body::NoBody;
use crate::api::kit::page::Paging;
use crate::api::kit::params::{Params, StrictParams};
use crate::api::kit::path::Path;
use crate::api::kit::reply::Reply;
use crate::app::App;
use crate::backups::{BackupOrder, Kind};
use crate::error::Error;
use crate::id::TenantId;
use crate::tenants::{NewTenant, Tenant, TenantFilter, TenantPatch};

use super::tenant_in::{TenantChange, TenantIn, TenantListParams};
use super::tenant_out::{DetailAnswer, TenantCreated, TenantListOut, TenantOut, detail, notes_if, version};

/// Rows of a page when nothing else is asked for, and the most that the parameter takes: the original gives all of them.
const PER_PAGE: i64 = 1000;

/// Tenants of this server.
pub struct TenantsApi(pub App);

/// How to delete.
#[derive(Debug, Object)]
struct DeleteParams {
    /// True to keep nothing, also of a tenant in the trash; else the tenant waits there and can be
    /// undeleted.
    purge: Option<bool>,
}

/// A tenant that is deleted.
#[derive(Debug, Object, Serialize)]
struct TenantDeleted {
    /// For people.
    message: String,
    /// Name of the backup that was made of it; missing where none was.
    #[oai(skip_serializing_if_is_none)]
    #[serde(skip_serializing_if = "Option::is_none")]
    final_backup: Option<String>,
    /// Code of why that could not be made.
    #[oai(skip_serializing_if_is_none)]
    #[serde(skip_serializing_if = "Option::is_none")]
    final_backup_error: Option<String>,
}

#[OpenApi(prefix_path = "/api/central", tag = "Tag::CentralTenants")]
impl TenantsApi {
    /// List tenants
    ///
    /// In the order they were made; all of them when there are no more than 1000.
    #[oai(path = "/tenants", method = "get", operation_id = "central.tenants.list")]
    async fn list(&self, _operator: Operator, params: Params<TenantListParams>) -> Result<Reply<TenantListOut>, Error> {
        let per_page = params.0.per_page.unwrap_or(PER_PAGE);
        let paging = Paging::new(params.0.page, Some(per_page))?;
        let page = self.0.tenants.list(TenantFilter::from(params.0), paging.page, paging.per_page).await?;
        let data = page.tenants.into_iter().map(TenantOut::from).collect();
        Ok(Reply(TenantListOut { data, total: page.total }))
    }

    /// Create a tenant
    ///
    /// Makes the tenant's own SQLite file and its first key, which is shown this once. A file of
    /// the name `db_name` that nobody owns is taken over instead, after a close look at it.
    #[oai(path = "/tenants", method = "post", operation_id = "central.tenants.create")]
    async fn create(
        &self,
        _operator: Operator,
        request: &Request,
        input: Draft<TenantIn>,
    ) -> Result<Created<TenantCreated>, Error> {
        let input = self.finished(input, "").await?;
        let notes = notes_if(input.has_notes());
        let created = self.0.tenants.create(NewTenant::from(input)).await?;
        let tenant = &created.0;
        let facts = json!({"name": tenant.name, "db_name": tenant.db_name, "origin": tenant.origin.as_str()});
        audit::of_tenant(request, "tenant.created", &tenant.id, facts);
        TenantCreated::answer("Tenant created successfully", &self.0, created, notes).await
    }

    /// Show a tenant
    ///
    /// With its limits, the size of its file, and the notes on a database elsewhere without their
    /// password. A tenant in the trash is 404.
    #[oai(path = "/tenants/:id", method = "get", operation_id = "central.tenants.show")]
    async fn show(
        &self,
        _operator: Operator,
        id: Path<String>,
        conditions: Conditions,
    ) -> Result<Tagged<DetailAnswer>, Error> {
        let tenant = self.0.tenants.get(&TenantId::from(id.0)).await?;
        let (data, tag) = detail(&self.0, tenant).await?;
        Ok(Tagged::read(DetailAnswer { message: None, data, notes: None }, conditions).with_tag(tag))
    }

    /// Change a tenant
    ///
    /// Fields that are left out stay as they are. A new `db_name` renames the tenant's file;
    /// requests that come meanwhile wait for it.
    #[oai(path = "/tenants/:id", method = "put", operation_id = "central.tenants.update")]
    async fn update(
        &self,
        _operator: Operator,
        request: &Request,
        id: Path<String>,
        conditions: Conditions,
        input: Draft<TenantChange>,
    ) -> Result<Tagged<DetailAnswer>, Error> {
        let id = TenantId::from(id.0);
        let input = self.finished(input, id.as_str()).await?;
        let (notes, changed) = (notes_if(input.has_notes()), input.changed());
        let check = move |before: &Tenant| conditions.check_match(&version(before));
        let tenant = self.0.tenants.update(&id, TenantPatch::from(input), check).await?;
        if !changed.is_empty() {
            audit::of_tenant(request, "tenant.updated", &id, json!({"changed": changed}));
        }
        let (message, (data, tag)) = (Some("Tenant updated successfully".into()), detail(&self.0, tenant).await?);
        Ok(Tagged::changed(DetailAnswer { message, data, notes }).with_tag(tag))
    }

    /// Delete a tenant
    ///
    /// All its credentials stop at once. It is backed up once more, when that can be done. Its file waits
    /// in the trash for some days, from where `undelete` brings it back; with `purge` nothing is kept, no backup either, and a tenant in the trash goes too.
    /// Other parameters are refused, and so is a body.
    #[oai(path = "/tenants/:id", method = "delete", operation_id = "central.tenants.delete")]
    async fn delete(
        &self,
        _operator: Operator,
        request: &Request,
        id: Path<String>,
        params: StrictParams<DeleteParams>,
        conditions: Conditions,
        _body: NoBody,
    ) -> Result<Reply<TenantDeleted>, Error> {
        let (id, purge) = (TenantId::from(id.0), params.0.purge.unwrap_or(false));
        let last = if purge || !self.0.config.backup.before_delete {
            None
        } else {
            conditions.check_match(&version(&self.0.tenants.get(&id).await?))?;
            Some(self.0.backups.make_in_time(BackupOrder::new(id.clone(), Kind::Final)).await)
        };
        let check = move |before: &Tenant| conditions.check_match(&version(before));
        self.0.tenants.delete(&id, purge, check).await?;
        if purge {
            self.0.backups.forget(&id).await?;
        }
        // Its file is in the trash, so without that backup nothing is lost yet.
        let (final_backup, final_backup_error) = match last.transpose() {
            Ok(backup) => (backup.map(|backup| backup.file_name), None),
            Err(error) => (None, Some(error.code().to_owned())),
        };
        let facts = json!({"purge": purge, "final_backup": final_backup, "final_backup_error": final_backup_error});
        audit::of_tenant(request, "tenant.deleted", &id, facts);
        let message = "Tenant deleted successfully".into();
        Ok(Reply(TenantDeleted { message, final_backup, final_backup_error }))
    }
}

impl TenantsApi {
    /// The fields of a tenant, or all that the schema and central's data have against them; `own` is the
    /// id of the tenant that has them already.
    async fn finished<T: ParseFromJSON + 'static>(&self, mut input: Draft<T>, own: &str) -> Result<T, Error> {
        if !input.is_fine() {
            let errors = self.0.tenants.refused_fields(input.text("db_name"), input.text("plan"), own).await?;
            input.refuse(errors);
        }
        input.finish()
    }
}
