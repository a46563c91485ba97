//! Changing a tenant. A new `db_name` renames its file: first the name is reserved, then the file
//! moves, then the row changes as a whole. Where the file cannot move, nothing has changed.

use std::sync::Arc;

use crate::clock::Timestamp;
use crate::data_dir::DbName;
use crate::db::{Fenced, Tx, Val, move_closed};
use crate::error::{Error, Result, Rule};
use crate::id::TenantId;

use super::create::{db_name_rule, fields};
use super::model::{LimitsPatch, Tenant, TenantPatch, name_error};
use super::settings::OwnSettings;
use super::undo::Undo;
use super::{TenantCheck, Tenants, plans, store};

/// A patch that was read: what needs no database is checked, the password is sealed.
struct Change {
    patch: TenantPatch,
    db_name: Option<DbName>,
    #[allow(clippy::option_option, reason = "left out, removed or set, as in the patch")]
    sealed_password: Option<Option<Vec<u8>>>,
    /// What is wrong with the settings.
    settings_error: Option<(&'static str, Rule)>,
    /// Sees the tenant as it is and may refuse.
    check: Box<dyn TenantCheck>,
    now: Timestamp,
}

impl Change {
    /// # Errors
    /// What the caller's check answers; [`Error::Invalid`] on `name`, `plan`, `db_name`, `settings`.
    fn check(&self, tx: &mut Tx<'_>, id: &str) -> Result<Tenant> {
        let tenant = store::get(tx, id)?;
        (self.check)(&tenant)?;
        let plan_error = match &self.patch.plan_code {
            Some(code) => plans::error(tx, code)?,
            None => None,
        };
        let db_name = match (&self.patch.db_name, &self.db_name) {
            (Some(_), None) => Some(db_name_rule()),
            (_, Some(name)) if store::is_db_name_taken(tx, name.as_str(), id)? => Some(Rule::Taken),
            _ => None,
        };
        let errors = fields([
            self.patch.name.as_deref().and_then(name_error).map(|rule| ("name", rule)),
            db_name.map(|rule| ("db_name", rule)),
            plan_error.map(|rule| ("plan", rule)),
            self.settings_error.clone(),
        ]);
        if errors.is_empty() { Ok(tenant) } else { Err(Error::Invalid(errors)) }
    }

    fn apply(&self, tx: &mut Tx<'_>, id: &str) -> Result<()> {
        let tenant = self.check(tx, id)?;
        let patch = &self.patch;
        let columns: [(&str, Option<Val<'_>>); 6] = [
            ("name", patch.name.as_deref().map(Val::Text)),
            ("plan_code", patch.plan_code.as_deref().map(Val::Text)),
            ("db_host", patch.db_host.as_ref().map(|host| host.as_deref().into())),
            ("db_port", patch.db_port.map(Val::from)),
            ("db_username", patch.db_username.as_ref().map(|user| user.as_deref().into())),
            ("max_storage_bytes", patch.max_storage_bytes.map(Val::from)),
        ];
        let sealed = self.sealed_password.as_ref().map(|sealed| Val::from(sealed.as_deref()));
        for (column, value) in columns.into_iter().chain([("db_password_enc", sealed)]) {
            if let Some(value) = value {
                store::set(tx, id, column, value, self.now)?;
            }
        }
        if let Some(limits) = patch.limits {
            let limits = limits.map_or(LimitsPatch::default(), |newer| tenant.limits.overlaid(newer));
            store::set_json(tx, id, "limits_override", &limits, self.now)?;
        }
        if let Some(newer) = &patch.settings {
            let settings = newer.as_ref().map_or(OwnSettings::default(), |newer| tenant.settings.overlaid(newer));
            store::set_json(tx, id, "settings", &settings, self.now)?;
        }
        Ok(())
    }
}

impl Tenants {
    /// Changes a tenant; a new `db_name` renames its file.
    ///
    /// `check` sees the tenant as it is and may refuse. It may run several times.
    ///
    /// # Errors
    /// What `check` answers; [`Error::NotFound`]; [`Error::Invalid`] on `name`, `db_name`, `plan`, `settings`;
    /// [`crate::error::DbError::Timeout`] when the file is in use for too long to be renamed.
    pub async fn update(&self, id: &TenantId, patch: TenantPatch, check: impl TenantCheck) -> Result<Tenant> {
        let (id, check) = (id.clone(), Box::new(check));
        self.to_the_end(move |tenants| async move { tenants.update_now(&id, patch, check).await }).await
    }

    async fn update_now(&self, id: &TenantId, patch: TenantPatch, check: Box<dyn TenantCheck>) -> Result<Tenant> {
        let password = patch.db_password.clone();
        let sealed_password = password.map(|password| self.seal_db_password(id, password.as_ref())).transpose()?;
        let db_name = patch.db_name.as_deref().and_then(|text| text.parse().ok());
        let settings = patch.settings.as_ref().and_then(Option::as_ref);
        let settings_error = settings.and_then(|settings| settings.error(&self.shared.server_settings));
        let now = self.shared.clock.now();
        let change = Arc::new(Change { patch, db_name, sealed_password, settings_error, check, now });
        let turn = match &change.db_name {
            Some(_) => Some(self.turn(id).await),
            None => None,
        };
        let fenced = self.rename_file(id, &change).await?;
        let (tenant_id, applied, is_renamed) = (id.clone(), change.clone(), fenced.is_some());
        let work = move |tx: &mut Tx<'_>| {
            applied.apply(tx, tenant_id.as_str())?;
            if is_renamed {
                store::finish_rename(tx, tenant_id.as_str(), applied.now)?;
            }
            store::get(tx, tenant_id.as_str())
        };
        let changed = self.shared.central.write(work).await;
        if let (Err(_), Some((_, from, to))) = (&changed, &fenced) {
            self.undo(id, Undo::Renaming(Some((self.file_of(to), self.file_of(from))))).await;
        }
        self.raise_epoch(id);
        drop((fenced, turn));
        changed
    }

    /// Moves the file if the change asks for it. Gives the fence that keeps it closed, and both
    /// names.
    async fn rename_file(&self, id: &TenantId, change: &Arc<Change>) -> Result<Option<(Fenced, DbName, DbName)>> {
        let Some(to) = change.db_name.clone() else { return Ok(None) };
        let (tenant_id, checked, name) = (id.clone(), change.clone(), to.clone());
        let reserve = move |tx: &mut Tx<'_>| {
            let tenant = checked.check(tx, tenant_id.as_str())?;
            if tenant.db_name == name.as_str() {
                return Ok(None);
            }
            store::set_next_db_name(tx, tenant_id.as_str(), Some(name.as_str()))?;
            Ok(Some(tenant.file_name()?))
        };
        let Some(from) = self.shared.central.write(reserve).await? else { return Ok(None) };
        let moved = async {
            let fenced = self.fence(id).await?;
            let (old, new) = (self.file_of(&from), self.file_of(&to));
            self.shared.engine.run(move || move_closed(&old, &new)).await?;
            Ok(fenced)
        };
        match moved.await {
            Ok(fenced) => Ok(Some((fenced, from, to))),
            Err(error) => {
                self.undo(id, Undo::Renaming(None)).await;
                Err(error)
            }
        }
    }

    pub(super) async fn unreserve(&self, id: &TenantId) -> Result<()> {
        let id = id.clone();
        self.shared.central.write(move |tx| store::set_next_db_name(tx, id.as_str(), None)).await
    }
}
