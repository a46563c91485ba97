//! Making a tenant: its row, its file, its first key. A crash in between leaves a row in state
//! `creating`, which the next start clears away.

use secrecy::SecretString;

use crate::data_dir::DbName;
use crate::db::{TempFile, Tx, file_error, move_closed, remove_closed};
use crate::error::{DbError, Error, FieldError, Place, Result, Rule};
use crate::fault;
use crate::id::TenantId;

use super::keys::{KeyIn, fresh};
use super::model::{NewTenant, Origin, Tenant, TenantState, name_error};
use super::settings::OwnSettings;
use super::store::TenantRow;
use super::undo::Undo;
use super::{Tenants, key_store, parse_db_name, plans, store};

/// The plan of a tenant for which none was named.
const PLAN_DEFAULT: &str = "starter";

/// Sealed connection passwords are bound to their tenant by this context.
pub(super) fn db_password_context(id: &TenantId) -> String {
    format!("db_password:{id}")
}

impl Tenants {
    /// Makes a tenant; gives it and its key, which is shown this once. A file of that name that
    /// nobody owns is taken over instead of made.
    ///
    /// # Errors
    /// [`Error::Invalid`] on `name`, `db_name` (taken, malformed), `plan` or `settings`;
    /// [`Error::Conflict`] `file_not_adoptable`; storage errors. Nothing stays behind then.
    pub async fn create(&self, input: NewTenant) -> Result<(Tenant, String)> {
        self.to_the_end(move |tenants| async move { tenants.create_now(input, Found::Maybe).await }).await
    }

    /// Makes a tenant of a file that waits in the folder of tenants' files. It belongs to nobody,
    /// or to the tenant `take_over`.
    ///
    /// # Errors
    /// As [`Tenants::create`], and [`Error::Invalid`] on `db_name` when there is no such file.
    pub async fn adopt(&self, input: NewTenant, take_over: Option<String>) -> Result<(Tenant, String)> {
        self.to_the_end(move |tenants| async move { tenants.create_now(input, Found::Surely { take_over }).await })
            .await
    }

    /// Makes a tenant of a closed file that was another tenant's and was checked. Only the file is taken
    /// over: no key, no domain, no setting.
    ///
    /// # Errors
    /// As [`Tenants::create`]. The file goes then.
    pub async fn create_from(&self, input: NewTenant, file: TempFile) -> Result<(Tenant, String)> {
        self.to_the_end(move |tenants| async move { tenants.create_now(input, Found::Elsewhere(file)).await }).await
    }

    async fn create_now(&self, input: NewTenant, found: Found) -> Result<(Tenant, String)> {
        // One of them may hold the very name that is asked for again.
        self.undo_waiting().await;
        let id = TenantId::for_name(&input.name);
        let db_name = input.db_name.clone().unwrap_or_else(|| format!("tenant_{id}"));
        let errors = [
            name_error(&input.name).map(|rule| ("name", rule)),
            db_name.parse::<DbName>().is_err().then(|| ("db_name", db_name_rule())),
            input.settings.error(&self.shared.server_settings),
        ];
        let mut errors = fields(errors);
        let plan_code = input.plan_code.clone().unwrap_or_else(|| PLAN_DEFAULT.into());
        let (asked_plan, asked_name, new_id) = (plan_code.clone(), db_name.clone(), id.clone());
        let look = move |tx: &mut Tx<'_>| {
            let is_taken = store::is_db_name_taken(tx, &asked_name, new_id.as_str())?;
            let db_name = is_taken.then_some(("db_name", Rule::Taken));
            Ok(fields([db_name, plans::error(tx, &asked_plan)?.map(|rule| ("plan", rule))]))
        };
        errors.extend(self.shared.central.read(look).await?);
        if !errors.is_empty() {
            return Err(Error::Invalid(errors));
        }
        let db_name = parse_db_name(&db_name)?;
        let origin = self.origin_of(&db_name, &found).await?;
        let now = self.shared.clock.now();
        let row = TenantRow {
            db_name: db_name.to_string(),
            db_password_enc: self.seal_db_password(&id, input.db_password.as_ref())?,
            plan_code,
            limits: input.limits,
            max_storage_bytes: input.max_storage_bytes,
            settings: OwnSettings::default().overlaid(&input.settings),
            id: id.clone(),
            name: input.name,
            notes: input.notes,
            origin,
            created_at: now,
            now,
        };
        self.reserve(row).await?;
        if let Err(error) = self.make_file(&id, &db_name, origin, found).await {
            // A file from elsewhere may have its place already when the flush fails.
            let placed = (origin == Origin::Imported).then_some((db_name, origin));
            self.undo(&id, Undo::Creation(placed)).await;
            return Err(error);
        }
        let (key, key_row) = fresh(&KeyIn { name: "default".into(), expires_at: None }, now);
        let (tenant_id, version) = (id.clone(), self.shared.schema.latest());
        let work = move |tx: &mut Tx<'_>| {
            let id = tenant_id.as_str();
            store::set_state(tx, id, TenantState::Active, None, now)?;
            store::set(tx, id, "schema_version", version.into(), now)?;
            key_store::insert(tx, id, &key_row)?;
            store::get(tx, id)
        };
        match self.shared.central.write(work).await {
            Ok(tenant) => Ok((tenant, key)),
            Err(error) => {
                self.undo(&id, Undo::Creation(Some((db_name, origin)))).await;
                Err(error)
            }
        }
    }

    /// What central's data has against these fields of a tenant, as far as they are given; `own` is the
    /// id of the tenant that has them already.
    ///
    /// # Errors
    /// Storage errors.
    pub async fn refused_fields(
        &self,
        db_name: Option<&str>,
        plan: Option<&str>,
        own: &str,
    ) -> Result<Vec<FieldError>> {
        let (db_name, plan, own) = (db_name.map(str::to_owned), plan.map(str::to_owned), own.to_owned());
        let look = move |tx: &mut Tx<'_>| {
            tx.snapshot()?;
            let is_taken = db_name.as_deref().map(|name| store::is_db_name_taken(tx, name, &own)).transpose()?;
            let db_name = is_taken.unwrap_or(false).then_some(("db_name", Rule::Taken));
            let plan = plan.as_deref().map(|code| plans::error(tx, code)).transpose()?.flatten();
            Ok(fields([db_name, plan.map(|rule| ("plan", rule))]))
        };
        self.shared.central.read(look).await
    }

    /// Whether the file is there already.
    async fn origin_of(&self, db_name: &DbName, found: &Found) -> Result<Origin> {
        if matches!(found, Found::Elsewhere(_)) {
            return Ok(Origin::Imported);
        }
        let path = self.file_of(db_name);
        let exists = self.shared.engine.run(move || Ok(path.symlink_metadata().is_ok())).await?;
        match (exists, found) {
            (true, _) => Ok(Origin::Adopted),
            (false, Found::Maybe | Found::Elsewhere(_)) => Ok(Origin::Made),
            (false, Found::Surely { .. }) => {
                let text = "There is no file of that name in the folder of tenants' files.";
                Err(Error::field("db_name", Rule::Other("no_file", text.into())))
            }
        }
    }

    /// Writes the row, in state `creating`, which reserves its names.
    pub(super) async fn reserve(&self, row: TenantRow) -> Result<()> {
        let work = move |tx: &mut Tx<'_>| {
            if store::is_db_name_taken(tx, &row.db_name, row.id.as_str())? {
                return Err(Error::field("db_name", Rule::Taken));
            }
            store::insert(tx, &row)
        };
        self.shared.central.write(work).await
    }

    async fn make_file(&self, id: &TenantId, db_name: &DbName, origin: Origin, found: Found) -> Result<()> {
        let (path, owner, schema) = (self.file_of(db_name), id.to_string(), self.shared.schema.clone());
        let engine = self.shared.engine.clone();
        let make = move || match (found, origin) {
            (Found::Elsewhere(file), _) => {
                schema.hand_over(&engine, file.path(), &owner)?;
                move_closed(file.path(), &path)?;
                fault::point("tenant.placed").map_err(file_error)
            }
            (Found::Surely { take_over }, Origin::Adopted) => {
                schema.adopt(&engine, &path, &owner, take_over.as_deref())
            }
            (Found::Maybe, Origin::Adopted) => schema.adopt(&engine, &path, &owner, None),
            (_, Origin::Made | Origin::Imported) => schema.create_beside_nothing(&path, &owner),
        };
        self.shared.engine.run(make).await
    }

    /// Undoes a creation: an adopted file is let go, for it holds what somebody brought; any other
    /// one is removed, if it carries this tenant's stamp.
    pub(super) async fn clear_half_made(&self, id: &TenantId, db_name: &DbName, origin: Origin) -> Result<()> {
        let (path, owner, schema) = (self.file_of(db_name), id.to_string(), self.shared.schema.clone());
        let clear = move || {
            match schema.probe(&path, &owner) {
                // Not there, or somebody else's: nothing of ours to undo.
                Err(DbError::Corrupt(_) | DbError::Newer { .. }) => return Ok(()),
                Err(DbError::Unavailable(_)) if !path.exists() => return Ok(()),
                looked => looked?,
            }
            match origin {
                Origin::Adopted => Ok(schema.release(&path, &owner)?),
                Origin::Made | Origin::Imported => Ok(remove_closed(&path)?),
            }
        };
        self.shared.engine.run(clear).await?;
        self.forget(id).await
    }

    pub(super) async fn forget(&self, id: &TenantId) -> Result<()> {
        self.release(id);
        let id = id.clone();
        self.shared.central.write(move |tx| store::remove(tx, id.as_str())).await
    }

    pub(super) fn seal_db_password(&self, id: &TenantId, password: Option<&SecretString>) -> Result<Option<Vec<u8>>> {
        password.map(|password| self.shared.keyring.seal(&db_password_context(id), password)).transpose()
    }
}

/// Where the file comes from.
enum Found {
    /// It is taken over when it is there.
    Maybe,
    /// It has to be there.
    Surely {
        /// The tenant it may belong to.
        take_over: Option<String>,
    },
    /// It is brought from another place, and nothing may wait under the name.
    Elsewhere(TempFile),
}

/// What a name that cannot be a file's is answered.
pub(super) fn db_name_rule() -> Rule {
    let text = "The db name may only contain letters, digits, dashes and underscores, 1 to 64 of them.";
    Rule::Other("db_name", text.into())
}

/// Field errors of those that are one.
pub(super) fn fields<const N: usize>(errors: [Option<(&str, Rule)>; N]) -> Vec<FieldError> {
    let found = errors.into_iter().flatten();
    found.map(|(path, rule)| FieldError { path: path.into(), rule, place: Place::Body }).collect()
}
