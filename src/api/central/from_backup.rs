//! `/api/central/backups/{id}/tenant`: a backup becomes a new tenant.

use poem::Request;
use poem_openapi::{Object, OpenApi};
use serde_json::json;

use crate::api::Tag;
use crate::api::kit::audit;
use crate::api::kit::closed::Closed;
use crate::api::kit::created::Created;
use crate::api::kit::credentials::Operator;
use crate::api::kit::db_name::DbNameIn;
use crate::api::kit::input::Input;
use crate::api::kit::path::Path;
use crate::app::App;
use crate::error::Error;
use crate::tenants::NewTenant;

use super::tenant_out::TenantCreated;

/// Tenants made of backups.
pub struct FromBackupApi(pub App);

/// The new tenant.
#[derive(Debug, Object)]
struct FromBackupIn {
    /// Name.
    #[oai(validator(min_length = 1, max_length = 255))]
    name: String,
    /// Logical name of its file; made from the id when missing.
    db_name: Option<DbNameIn>,
}

#[OpenApi(prefix_path = "/api/central/backups", tag = "Tag::CentralBackups")]
impl FromBackupApi {
    /// Make a new tenant of a backup
    ///
    /// The tenant that the backup was made of stays as it is, and may be gone. The new one has its data and
    /// its users with their passwords, an id and a key of its own, and nothing else: all tokens are
    /// removed, and keys, domains, plan, limits and settings are those of any new tenant. The answer waits
    /// until it is done, for the key is shown this once.
    #[oai(path = "/:id/tenant", method = "post", operation_id = "central.backups.create_tenant")]
    async fn create_tenant(
        &self,
        _operator: Operator,
        request: &Request,
        id: Path<String>,
        input: Input<Closed<FromBackupIn>>,
    ) -> Result<Created<TenantCreated>, Error> {
        let backup = self.0.backups.get(&id.0).await?;
        if backup.content.is_none() {
            return Err(Error::not_found("backup", &id.0));
        }
        let FromBackupIn { name, db_name } = input.fields();
        let db_name = db_name.map(|name| name.0);
        // Before the work and not after it.
        let errors = self.0.tenants.refused_fields(db_name.as_deref(), None, "").await?;
        if !errors.is_empty() {
            return Err(Error::Invalid(errors));
        }
        let created =
            self.0.backups.restore_as_new(backup.clone(), NewTenant { name, db_name, ..NewTenant::default() }).await?;
        let tenant = &created.0;
        let facts = json!({"tenant": tenant.id.as_str(), "file": backup.file_name});
        let object = ("backup", backup.id.clone());
        audit::inside_one_of_many(request, "backup.restored_as_new", &backup.tenant_id, object, facts);
        let facts = json!({
            "name": tenant.name, "db_name": tenant.db_name, "origin": tenant.origin.as_str(),
            "from_tenant": backup.tenant_id.as_str(), "file": backup.file_name,
        });
        audit::of_tenant(request, "tenant.created", &tenant.id, facts);
        TenantCreated::answer("Tenant created successfully", &self.0, created, None).await
    }
}
