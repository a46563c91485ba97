//! Making a tenant: its row, its file, its first key. A crash in between leaves a row in state
//! `creating`, which the next start clears away together with its file.

use secrecy::SecretString;

use crate::data_dir::DbName;
use crate::db::Adoption;
use crate::error::{Error, Result, Rule};
use crate::id::TenantId;

use super::keys::{KeyIn, fresh};
use super::model::{NewTenant, Tenant, TenantState, check_name};
use super::store::TenantRow;
use super::{Tenants, parse_db_name, store};

/// Sealed connection passwords are bound to their tenant by this context.
pub(super) fn db_password_context(id: &TenantId) -> String {
    format!("db_password:{id}")
}

impl Tenants {
    /// Makes a tenant; gives it and its key, which is shown this once. A file of that name that
    /// nobody owns is taken over instead of made.
    ///
    /// # Errors
    /// [`Error::Invalid`] on `name`, `db_name` (taken, malformed) or `plan`; storage errors, in
    /// which case nothing stays behind.
    pub async fn create(&self, input: NewTenant) -> Result<(Tenant, String)> {
        check_name(&input.name)?;
        let id = TenantId::for_name(&input.name);
        let db_name = match &input.db_name {
            Some(text) => parse_db_name(text)?,
            None => parse_db_name(&format!("tenant_{id}").chars().take(64).collect::<String>())?,
        };
        let now = self.shared.clock.now();
        let row = TenantRow {
            db_name: db_name.to_string(),
            db_password_enc: self.seal_db_password(&id, input.db_password.as_ref())?,
            plan_code: input.plan_code.unwrap_or_else(|| "starter".into()),
            state: TenantState::Creating,
            id: id.clone(),
            name: input.name,
            notes: input.notes,
            now,
        };
        let work = move |tx: &mut crate::db::Tx<'_>| {
            if store::find_plan(tx, &row.plan_code)?.is_none() {
                return Err(Error::field("plan", Rule::Missing));
            }
            if store::is_db_name_taken(tx, &row.db_name, row.id.as_str())? {
                return Err(Error::field("db_name", Rule::Taken));
            }
            store::insert(tx, &row)
        };
        self.shared.central.write(work).await?;
        if let Err(error) = self.make_file(&id, &db_name).await {
            self.forget(&id).await?;
            return Err(error);
        }
        let (key, key_row) = fresh(&KeyIn { name: "default".into(), expires_at: None }, now);
        let (tenant_id, version) = (id.clone(), self.shared.schema.latest());
        let work = move |tx: &mut crate::db::Tx<'_>| {
            let id = tenant_id.as_str();
            store::set(tx, id, "state", TenantState::Active.as_str().into(), now)?;
            store::set(tx, id, "schema_version", version.into(), now)?;
            store::insert_key(tx, id, &key_row)?;
            store::get(tx, id)
        };
        let tenant = self.shared.central.write(work).await?;
        Ok((tenant, key))
    }

    /// Makes the file, or adopts one that waits there.
    async fn make_file(&self, id: &TenantId, db_name: &DbName) -> Result<()> {
        let (path, owner, schema) = (self.file_of(db_name), id.to_string(), self.shared.schema.clone());
        let engine = self.shared.engine.clone();
        let outcome = self.shared.engine.run(move || schema.create_or_adopt(&engine, &path, &owner)).await?;
        if outcome == Adoption::Adopted {
            tracing::info!(tenant.id = %id, tenant.db_name = %db_name, "existing file adopted");
        }
        Ok(())
    }

    pub(super) async fn forget(&self, id: &TenantId) -> Result<()> {
        let id = id.clone();
        self.shared.central.write(move |tx| store::remove(tx, id.as_str())).await
    }

    pub(super) fn seal_db_password(&self, id: &TenantId, password: Option<&SecretString>) -> Result<Option<Vec<u8>>> {
        password.map(|password| self.shared.keyring.seal(&db_password_context(id), password)).transpose()
    }
}
