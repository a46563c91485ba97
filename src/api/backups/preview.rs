//! `/api/central/tenants/{id}/restore/preview` and `/api/backups/{id}/preview`

use poem::Request;
use poem_openapi::OpenApi;

use crate::api::Tag;
use crate::api::kit::closed::Closed;
use crate::api::kit::credentials::{Admin, Operator};
use crate::api::kit::input::Input;
use crate::api::kit::params::StrictParams;
use crate::api::kit::path::Path;
use crate::api::kit::reply::Reply;
use crate::app::App;
use crate::backups::jobs::AskedBy;
use crate::error::Error;
use crate::id::TenantId;

use super::choice::{self, OwnRestoreIn, RestoreIn};
use super::job_reply::JobReply;
use super::operator::FileParams;
use super::orders::Order;
use super::preview_out::{OwnRestorePreview, RestorePreview};

/// Previews of restores, for the operator.
pub struct PreviewsApi(pub App);

/// Previews of restores, for the admins of a tenant.
pub struct OwnPreviewsApi(pub App);

#[OpenApi(prefix_path = "/api/central", tag = "Tag::CentralBackups")]
impl PreviewsApi {
    /// Show what a restore would change
    ///
    /// Takes what a restore takes and changes nothing: for each table how many rows would come, go and
    /// change, and some of them. What a restore keeps of the present is reckoned with.
    #[oai(path = "/tenants/:id/restore/preview", method = "post", operation_id = "central.backups.preview")]
    async fn preview(
        &self,
        _operator: Operator,
        request: &Request,
        id: Path<String>,
        params: StrictParams<FileParams>,
        input: Input<Closed<RestoreIn>>,
    ) -> Result<JobReply<Reply<RestorePreview>>, Error> {
        let id = TenantId::from(id.0);
        self.0.tenants.get(&id).await?;
        let RestoreIn { file, tables, from_tenant, allow_other_tenant } = input.fields();
        let tables = choice::tables(tables)?;
        let file = file.or(params.0.file);
        let backup = choice::source(&self.0, &id, file, from_tenant, allow_other_tenant).await?;
        let tenant = id.clone();
        let shown = move |preview| RestorePreview::new(preview, &tenant);
        let order = Order { app: &self.0, request, tenant: &id, asked_by: AskedBy::Operator };
        JobReply::of(request, order.preview(backup, tables, shown).await?, Reply).await
    }
}

#[OpenApi(prefix_path = "/api", tag = "Tag::Backups")]
impl OwnPreviewsApi {
    /// Show what a restore of the tenant would change
    ///
    /// Takes what a restore takes and changes nothing: for each table how many rows would come, go and
    /// change, and some of them. What a restore keeps of the present is reckoned with.
    #[oai(path = "/backups/:id/preview", method = "post", operation_id = "backups.preview")]
    async fn preview(
        &self,
        admin: Admin,
        request: &Request,
        id: Path<String>,
        input: Input<Closed<OwnRestoreIn>>,
    ) -> Result<JobReply<Reply<OwnRestorePreview>>, Error> {
        let tenant = admin.tenant.id.clone();
        drop(admin);
        let backup = choice::own(&self.0, &tenant, &id.0).await?;
        choice::allow_restore(&self.0)?;
        let tables = choice::tables(input.fields().tables)?;
        let order = Order { app: &self.0, request, tenant: &tenant, asked_by: AskedBy::Tenant };
        JobReply::of(request, order.preview(backup, tables, OwnRestorePreview::new).await?, Reply).await
    }
}
