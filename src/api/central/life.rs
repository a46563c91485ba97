//! What can be done to a tenant as a whole: suspend, freeze, bring back, let go, take over.

use poem::Request;
use poem_openapi::{Object, OpenApi};
use serde::Serialize;
use serde_json::json;

use crate::api::Tag;
use crate::api::kit::audit;
use crate::api::kit::closed::Closed;
use crate::api::kit::created::Created;
use crate::api::kit::credentials::Operator;
use crate::api::kit::db_name::DbNameIn;
use crate::api::kit::input::Input;
use crate::api::kit::path::Path;
use crate::api::kit::reply::Reply;
use crate::app::App;
use crate::db::{MigrationOutcome, advice};
use crate::error::Error;
use crate::id::TenantId;
use crate::tenants::{NewTenant, Tenant};

use super::tenant_out::{TenantAnswer, TenantCreated};

/// States of tenants.
pub struct LifeApi(pub App);

/// Where a tenant comes back to.
#[derive(Debug, Object)]
struct UndeleteIn {
    /// Logical name of its file; the one it had when missing.
    db_name: Option<DbNameIn>,
}

/// A file that becomes a tenant.
#[derive(Debug, Object)]
struct AdoptIn {
    /// Name of the tenant.
    #[oai(validator(min_length = 1, max_length = 255))]
    name: String,
    /// Logical name of the file, which lies in the folder of tenants' files already.
    db_name: DbNameIn,
    /// Id of the tenant that the file says it belongs to, when it should not any more.
    #[oai(validator(max_length = 128))]
    take_over: Option<String>,
}

/// What is left of a tenant that was let go.
#[derive(Debug, Object, Serialize)]
struct DetachedOut {
    /// The id it had.
    tenant_id: String,
    /// Name of its file, which stays in the folder of tenants' files.
    db_name: String,
}

/// A tenant that was let go.
#[derive(Debug, Object, Serialize)]
struct Detached {
    /// For people.
    message: String,
    /// What is left of it.
    data: DetachedOut,
}

/// Schema versions of a tenant's file.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "TenantMigration")]
struct MigratedOut {
    /// Its tenant.
    tenant_id: String,
    /// The one it had.
    from: i64,
    /// The one it has.
    to: i64,
}

/// A tenant whose file has the newest schema.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "TenantMigrated")]
struct Migrated {
    /// For people.
    message: String,
    /// The versions; the same when there was nothing to do.
    data: MigratedOut,
}

#[OpenApi(prefix_path = "/api/central", tag = "Tag::CentralTenants")]
impl LifeApi {
    /// Suspend a tenant
    ///
    /// All its credentials answer 403 from the next request on.
    #[oai(path = "/tenants/:id/suspend", method = "post", operation_id = "central.tenants.suspend")]
    async fn suspend(
        &self,
        _operator: Operator,
        request: &Request,
        id: Path<String>,
    ) -> Result<Reply<TenantAnswer>, Error> {
        let tenant = self.0.tenants.suspend(&TenantId::from(id.0)).await?;
        Ok(answer(request, "tenant.suspended", "Tenant suspended successfully", tenant))
    }

    /// Resume a tenant
    ///
    /// A suspended tenant serves again.
    #[oai(path = "/tenants/:id/resume", method = "post", operation_id = "central.tenants.resume")]
    async fn resume(
        &self,
        _operator: Operator,
        request: &Request,
        id: Path<String>,
    ) -> Result<Reply<TenantAnswer>, Error> {
        let tenant = self.0.tenants.resume(&TenantId::from(id.0)).await?;
        Ok(answer(request, "tenant.resumed", "Tenant resumed successfully", tenant))
    }

    /// Freeze a tenant
    ///
    /// Closes its file, complete, so that it can be copied. Requests answer 403 until `thaw`. Of a
    /// file that is missing or damaged `notes` says so.
    #[oai(path = "/tenants/:id/freeze", method = "post", operation_id = "central.tenants.freeze")]
    async fn freeze(
        &self,
        _operator: Operator,
        request: &Request,
        id: Path<String>,
    ) -> Result<Reply<TenantAnswer>, Error> {
        let (tenant, trouble) = self.0.tenants.freeze(&TenantId::from(id.0)).await?;
        let mut reply = answer(request, "tenant.frozen", "Tenant frozen successfully", tenant);
        reply.0.notes = trouble.map(|error| format!("Its file cannot be used ({}): {}.", error.code(), advice(&error)));
        Ok(reply)
    }

    /// Thaw a tenant
    ///
    /// A frozen tenant goes on as before it was frozen.
    #[oai(path = "/tenants/:id/thaw", method = "post", operation_id = "central.tenants.thaw")]
    async fn thaw(
        &self,
        _operator: Operator,
        request: &Request,
        id: Path<String>,
    ) -> Result<Reply<TenantAnswer>, Error> {
        let tenant = self.0.tenants.thaw(&TenantId::from(id.0)).await?;
        Ok(answer(request, "tenant.thawed", "Tenant thawed successfully", tenant))
    }

    /// Migrate a tenant
    ///
    /// Brings its file to the newest schema, which a job does as well, and its first use. Needed only
    /// for a tenant whose migration has failed, after what `migration_error` names was mended.
    #[oai(path = "/tenants/:id/migrate", method = "post", operation_id = "central.tenants.migrate")]
    async fn migrate(
        &self,
        _operator: Operator,
        request: &Request,
        id: Path<String>,
    ) -> Result<Reply<Migrated>, Error> {
        let id = TenantId::from(id.0);
        let MigrationOutcome { from, to } = self.0.tenants.migrate(&id).await?;
        if from < to {
            audit::of_tenant(request, "tenant.migrated", &id, json!({"from": from, "to": to}));
        }
        let data = MigratedOut { tenant_id: id.to_string(), from, to };
        Ok(Reply(Migrated { message: "Tenant is up to date".into(), data }))
    }

    /// Undelete a tenant
    ///
    /// Brings it back from the trash with its keys, in the state it was in.
    #[oai(path = "/tenants/:id/undelete", method = "post", operation_id = "central.tenants.undelete")]
    async fn undelete(
        &self,
        _operator: Operator,
        request: &Request,
        id: Path<String>,
        input: Input<Closed<UndeleteIn>>,
    ) -> Result<Reply<TenantAnswer>, Error> {
        let db_name = input.fields().db_name.map(|name| name.0);
        let tenant = self.0.tenants.undelete(&TenantId::from(id.0), db_name).await?;
        Ok(answer(request, "tenant.undeleted", "Tenant restored successfully", tenant))
    }

    /// Detach a tenant
    ///
    /// The tenant is gone; its file stays in the folder of tenants' files, complete and without an
    /// owner, to be adopted here or elsewhere.
    #[oai(path = "/tenants/:id/detach", method = "post", operation_id = "central.tenants.detach")]
    async fn detach(&self, _operator: Operator, request: &Request, id: Path<String>) -> Result<Reply<Detached>, Error> {
        let id = TenantId::from(id.0);
        let db_name = self.0.tenants.detach(&id).await?.to_string();
        audit::of_tenant(request, "tenant.detached", &id, json!({"db_name": db_name}));
        let data = DetachedOut { tenant_id: id.to_string(), db_name };
        Ok(Reply(Detached { message: "Tenant detached successfully".into(), data }))
    }

    /// Adopt a file
    ///
    /// Makes a tenant of a file that lies in the folder of tenants' files. It is taken only when
    /// it is whole, holds nothing but what ruko knows, and belongs to nobody, or to the tenant
    /// that `take_over` names.
    #[oai(path = "/tenants/adopt", method = "post", operation_id = "central.tenants.adopt")]
    async fn adopt(
        &self,
        _operator: Operator,
        request: &Request,
        input: Input<Closed<AdoptIn>>,
    ) -> Result<Created<TenantCreated>, Error> {
        let AdoptIn { name, db_name, take_over } = input.fields();
        let facts = json!({"db_name": db_name.0, "take_over": take_over});
        let new = NewTenant { name, db_name: Some(db_name.0), ..NewTenant::default() };
        let adopted = self.0.tenants.adopt(new, take_over).await?;
        audit::of_tenant(request, "tenant.adopted", &adopted.0.id, facts);
        TenantCreated::answer("Tenant adopted successfully", &self.0, adopted, None).await
    }
}

fn answer(request: &Request, action: &'static str, message: &str, tenant: Tenant) -> Reply<TenantAnswer> {
    audit::of_tenant(request, action, &tenant.id, json!({"state": tenant.state.as_str()}));
    Reply(TenantAnswer { message: message.into(), data: tenant.into(), notes: None })
}
