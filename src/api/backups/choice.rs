//! What a restore or a preview is asked to take: which backup, and which tables of it.

use poem_openapi::Object;

use crate::app::App;
use crate::backups::{Backup, Table, refuse_central};
use crate::error::{Error, FieldError, Place, Result, Rule};
use crate::id::TenantId;

/// Which backup, and what of it.
#[derive(Debug, Object)]
pub(super) struct RestoreIn {
    /// Name of the backup, as the list shows it; the newest that no restore has made, when missing. It
    /// may be sent as a parameter too.
    #[oai(validator(max_length = 255))]
    pub(super) file: Option<String>,
    /// Only these tables, of `users`, `products`, `orders` and `order_items`; everything when missing.
    #[oai(validator(min_items = 1, max_items = 100))]
    pub(super) tables: Option<Vec<String>>,
    /// Id of the tenant whose backup it is, when it is another's; it may be gone.
    #[oai(validator(max_length = 128))]
    pub(super) from_tenant: Option<String>,
    /// True to take the backup of another tenant. Its users come instead of today's, and all tokens go.
    pub(super) allow_other_tenant: Option<bool>,
}

/// What of the backup.
#[derive(Debug, Object)]
pub(super) struct OwnRestoreIn {
    /// Only these tables, of `users`, `products`, `orders` and `order_items`; everything when missing.
    #[oai(validator(min_items = 1, max_items = 100))]
    pub(super) tables: Option<Vec<String>>,
}

/// The backup that a tenant is to be restored from.
///
/// # Errors
/// [`Error::Conflict`] `backup_of_other_tenant` for another tenant's that is not allowed, `backup_of_central`;
/// [`Error::NotFound`].
pub(super) async fn source(
    app: &App,
    tenant: &TenantId,
    file: Option<String>,
    from_tenant: Option<String>,
    allow_other_tenant: Option<bool>,
) -> Result<Backup> {
    let owner = from_tenant.map_or_else(|| tenant.clone(), TenantId::from);
    refuse_central(&owner)?;
    if owner != *tenant && allow_other_tenant != Some(true) {
        let text = "The backup is another tenant's: its data and its users would replace those of this tenant. Send \
                    allow_other_tenant (--allow-other-tenant) if that is what you want.";
        return Err(Error::conflict("backup_of_other_tenant", text));
    }
    backup(app, &owner, file).await
}

/// The named backup of a tenant, or the newest that no restore has made.
async fn backup(app: &App, tenant: &TenantId, file: Option<String>) -> Result<Backup> {
    match file {
        Some(file) => named(app, tenant, &file).await,
        None => app.backups.find_newest(tenant).await?.ok_or_else(|| Error::not_found("backups", tenant)),
    }
}

/// The named backup of a tenant.
pub(super) async fn named(app: &App, tenant: &TenantId, file: &str) -> Result<Backup> {
    app.backups.find_file(tenant, file).await?.ok_or_else(|| Error::not_found("backup", file))
}

/// A finished backup of the tenant; others do not exist.
pub(super) async fn own(app: &App, tenant: &TenantId, id: &str) -> Result<Backup> {
    let backup = app.backups.get(id).await?;
    if backup.tenant_id == *tenant && backup.content.is_some() {
        Ok(backup)
    } else {
        Err(Error::not_found("backup", id))
    }
}

/// The named tables, each once; none stand for all that there is.
///
/// # Errors
/// [`Error::Invalid`] for what is no table, or one of the server's own.
pub(super) fn tables(names: Option<Vec<String>>) -> Result<Vec<Table>> {
    let (mut tables, mut errors) = (Vec::new(), Vec::new());
    for (index, name) in names.into_iter().flatten().enumerate() {
        match Table::find(&name) {
            Some(table) if tables.contains(&table) => {}
            Some(table) => tables.push(table),
            None => {
                let names = Table::all().iter().map(|table| table.name().to_owned()).collect();
                let path = format!("tables.{index}");
                errors.push(FieldError { path, rule: Rule::OneOf(names), place: Place::Body });
            }
        }
    }
    if errors.is_empty() { Ok(tables) } else { Err(Error::Invalid(errors)) }
}

/// Whether the operator lets admins restore.
///
/// # Errors
/// [`Error::Forbidden`].
pub(super) fn allow_restore(app: &App) -> Result<()> {
    let is_allowed = app.config.backup.tenant_restore;
    if is_allowed { Ok(()) } else { Err(Error::Forbidden("tenants may not restore backups")) }
}
