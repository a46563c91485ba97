//! A tenant's life after its creation: changes, suspension, the trash and back, and what a start
//! of the server finishes after a crash.

use std::path::Path;
use std::time::{Duration, Instant};

use crate::clock::Timestamp;
use crate::data_dir::DbName;
use crate::db::{Fenced, Tx, Val};
use crate::error::{DbError, Error, Result, Rule};
use crate::id::TenantId;

use super::model::{Tenant, TenantFilter, TenantPage, TenantPatch, TenantState, check_name};
use super::{Limits, Tenants, parse_db_name, store};

/// How long a change of a file waits for the requests that use it.
pub(super) const FENCE_PATIENCE: Duration = Duration::from_secs(10);

impl Tenants {
    /// A tenant's row.
    ///
    /// # Errors
    /// [`Error::NotFound`] also for a deleted one.
    pub async fn get(&self, id: &TenantId) -> Result<Tenant> {
        let id = id.clone();
        self.shared.central.read(move |tx| store::get(tx, id.as_str())).await
    }

    /// One page of tenants in the order they were made; `page` counts from 1.
    ///
    /// # Errors
    /// Storage errors.
    pub async fn list(&self, filter: TenantFilter, page: i64, per_page: i64) -> Result<TenantPage> {
        let offset = (page.max(1) - 1).saturating_mul(per_page);
        let work = move |tx: &mut Tx<'_>| store::list(tx, &filter, per_page, offset);
        let (tenants, total) = self.shared.central.read(work).await?;
        Ok(TenantPage { tenants, total })
    }

    /// The limits in force for a tenant.
    ///
    /// # Errors
    /// Storage errors.
    pub async fn limits(&self, tenant: &Tenant) -> Result<Limits> {
        let (code, overrides) = (tenant.plan_code.clone(), tenant.limits);
        let work = move |tx: &mut Tx<'_>| {
            let plan = store::find_plan(tx, &code)?.ok_or_else(|| Error::not_found("plan", &code))?;
            Ok(overrides.over(plan.limits))
        };
        self.shared.central.read(work).await
    }

    /// Changes a tenant; a new `db_name` renames its file.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Invalid`] on `name`, `db_name`, `plan`; [`DbError::Timeout`]
    /// when the file is in use for too long to be renamed.
    pub async fn update(&self, id: &TenantId, patch: TenantPatch) -> Result<Tenant> {
        if let Some(name) = &patch.name {
            check_name(name)?;
        }
        let rename_to = patch.db_name.as_deref().map(parse_db_name).transpose()?;
        let password =
            patch.db_password.clone().map(|password| self.seal_db_password(id, password.as_ref())).transpose()?;
        let now = self.shared.clock.now();
        let tenant_id = id.clone();
        let work = move |tx: &mut Tx<'_>| {
            let id = tenant_id.as_str();
            let tenant = store::get(tx, id)?;
            let texts =
                [("name", patch.name.as_deref().map(Some)), ("plan_code", patch.plan_code.as_deref().map(Some))]
                    .into_iter()
                    .chain([
                        ("db_host", patch.db_host.as_ref().map(Option::as_deref)),
                        ("db_username", patch.db_username.as_ref().map(Option::as_deref)),
                    ]);
            if patch.plan_code.as_deref().is_some_and(|code| !matches!(store::find_plan(tx, code), Ok(Some(_)))) {
                return Err(Error::field("plan", Rule::Missing));
            }
            for (column, value) in texts {
                if let Some(value) = value {
                    store::set(tx, id, column, value.into(), now)?;
                }
            }
            for (column, value) in [("db_port", patch.db_port), ("max_storage_bytes", patch.max_storage_bytes)] {
                if let Some(value) = value {
                    store::set(tx, id, column, value.into(), now)?;
                }
            }
            if let Some(sealed) = &password {
                store::set(
                    tx,
                    id,
                    "db_password_enc",
                    sealed.as_ref().map_or(Val::Null, |bytes| Val::Blob(bytes)),
                    now,
                )?;
            }
            if patch.limits != super::LimitsPatch::default() {
                store::set_limits(tx, id, tenant.limits.overlaid(patch.limits), now)?;
            }
            if let Some(db_name) = &rename_to
                && db_name.as_str() != tenant.db_name
            {
                if store::is_db_name_taken(tx, db_name.as_str(), id)? {
                    return Err(Error::field("db_name", Rule::Taken));
                }
                store::set(tx, id, "db_name_next", db_name.as_str().into(), now)?;
                return Ok(Some((parse_db_name(&tenant.db_name)?, db_name.clone())));
            }
            Ok(None)
        };
        let rename = self.shared.central.write(work).await?;
        self.raise_epoch(id);
        if let Some((from, to)) = rename {
            self.rename_file(id, &from, &to).await?;
        }
        self.get(id).await
    }

    async fn rename_file(&self, id: &TenantId, from: &DbName, to: &DbName) -> Result<()> {
        let moved = async {
            let fenced = self.fence(id).await?;
            let (from, to) = (self.file_of(from), self.file_of(to));
            self.shared.engine.run(move || move_file(&from, &to)).await?;
            Ok::<Fenced, Error>(fenced)
        };
        let (tenant_id, now) = (id.clone(), self.shared.clock.now());
        match moved.await {
            Ok(fenced) => {
                self.shared.central.write(move |tx| store::finish_rename(tx, tenant_id.as_str(), now)).await?;
                self.raise_epoch(id);
                drop(fenced);
                Ok(())
            }
            Err(error) => {
                let undo = move |tx: &mut Tx<'_>| store::set(tx, tenant_id.as_str(), "db_name_next", Val::Null, now);
                self.shared.central.write(undo).await?;
                Err(error)
            }
        }
    }

    /// All credentials of the tenant answer 403 from the next request on.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn suspend(&self, id: &TenantId) -> Result<Tenant> {
        self.change_state(id, TenantState::Suspended).await
    }

    /// A suspended or frozen tenant serves again.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn resume(&self, id: &TenantId) -> Result<Tenant> {
        self.change_state(id, TenantState::Active).await
    }

    /// Closes the tenant's file, complete, and keeps it closed until [`Tenants::resume`].
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`DbError::Timeout`] when requests hold the file for too long.
    pub async fn freeze(&self, id: &TenantId) -> Result<Tenant> {
        let tenant = self.change_state(id, TenantState::Frozen).await?;
        drop(self.fence(id).await?);
        Ok(tenant)
    }

    async fn change_state(&self, id: &TenantId, state: TenantState) -> Result<Tenant> {
        let (tenant_id, now) = (id.clone(), self.shared.clock.now());
        let work = move |tx: &mut Tx<'_>| {
            store::get(tx, tenant_id.as_str())?;
            store::set(tx, tenant_id.as_str(), "state", state.as_str().into(), now)?;
            store::get(tx, tenant_id.as_str())
        };
        let tenant = self.shared.central.write(work).await?;
        self.raise_epoch(id);
        Ok(tenant)
    }

    /// Moves a tenant to the trash: all its credentials stop, its file waits there until it is
    /// purged. With `purge` nothing is kept.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`DbError::Timeout`] when requests hold the file for too long; the
    /// deletion is then finished at the next start.
    pub async fn delete(&self, id: &TenantId, purge: bool) -> Result<()> {
        let now = self.shared.clock.now();
        let (tenant_id, trash_name) = (id.clone(), format!("{id}-{}.db", now.0));
        let work = move |tx: &mut Tx<'_>| {
            store::get(tx, tenant_id.as_str())?;
            store::mark_deleting(tx, tenant_id.as_str(), &trash_name, now)?;
            store::find(tx, tenant_id.as_str())
        };
        let Some(tenant) = self.shared.central.write(work).await? else { return Err(Error::not_found("tenant", id)) };
        self.raise_epoch(id);
        self.finish_delete(&tenant).await?;
        if purge { self.purge(id).await } else { Ok(()) }
    }

    async fn finish_delete(&self, tenant: &Tenant) -> Result<()> {
        let fenced = self.fence(&tenant.id).await?;
        let id = tenant.id.clone();
        let trash_name = self.shared.central.read(move |tx| store::trash_name(tx, id.as_str())).await?;
        let trash_name = trash_name.ok_or_else(|| Error::internal(anyhow::anyhow!("no trash name")))?;
        let (from, to) =
            (self.file_of(&parse_db_name(&tenant.db_name)?), self.shared.data_dir.trash_dir().join(trash_name));
        self.shared.engine.run(move || if from.exists() { move_file(&from, &to) } else { Ok(()) }).await?;
        let id = tenant.id.clone();
        self.shared.central.write(move |tx| store::mark_deleted(tx, id.as_str())).await?;
        drop(fenced);
        Ok(())
    }

    /// Brings a tenant back from the trash, under `db_name` or the name its file had.
    ///
    /// # Errors
    /// [`Error::NotFound`] when it is not in the trash; [`Error::Invalid`] on `db_name`.
    pub async fn undelete(&self, id: &TenantId, db_name: Option<&str>) -> Result<Tenant> {
        let tenant_id = id.clone();
        let found = self.shared.central.read(move |tx| {
            tx.snapshot()?;
            Ok((store::find(tx, tenant_id.as_str())?, store::trash_name(tx, tenant_id.as_str())?))
        });
        let (Some(tenant), Some(trash_name)) = found.await? else { return Err(Error::not_found("tenant", id)) };
        if tenant.state != TenantState::Deleted {
            return Err(Error::conflict("not_deleted", "The tenant is not in the trash."));
        }
        let db_name = parse_db_name(db_name.unwrap_or(&tenant.db_name))?;
        let (from, to) = (self.shared.data_dir.trash_dir().join(trash_name), self.file_of(&db_name));
        let (tenant_id, name, now) = (id.clone(), db_name.to_string(), self.shared.clock.now());
        let is_taken =
            self.shared.central.read(move |tx| store::is_db_name_taken(tx, &name, tenant_id.as_str())).await?;
        if is_taken || to.exists() {
            return Err(Error::field("db_name", Rule::Taken));
        }
        let _fenced = self.fence(id).await?;
        let (trashed, restored) = (from.clone(), to.clone());
        self.shared.engine.run(move || move_file(&from, &to)).await?;
        let (tenant_id, name) = (id.clone(), db_name.to_string());
        let marked =
            self.shared.central.write(move |tx| store::mark_undeleted(tx, tenant_id.as_str(), &name, now)).await;
        if let Err(error) = marked {
            self.shared.engine.run(move || move_file(&restored, &trashed)).await?;
            return Err(error);
        }
        self.raise_epoch(id);
        self.get(id).await
    }

    /// Removes a deleted tenant for good.
    ///
    /// # Errors
    /// [`Error::NotFound`] when it is not in the trash.
    pub async fn purge(&self, id: &TenantId) -> Result<()> {
        let tenant_id = id.clone();
        let work = move |tx: &mut Tx<'_>| {
            tx.snapshot()?;
            let tenant = store::find(tx, tenant_id.as_str())?.filter(|tenant| tenant.state == TenantState::Deleted);
            Ok(tenant.and(store::trash_name(tx, tenant_id.as_str())?))
        };
        let trash_name = self.shared.central.read(work).await?.ok_or_else(|| Error::not_found("tenant", id))?;
        let path = self.shared.data_dir.trash_dir().join(trash_name);
        self.shared.engine.run(move || remove_if_there(&path)).await?;
        self.forget(id).await
    }

    /// Purges what has been in the trash since before `before`; gives how many.
    ///
    /// # Errors
    /// Storage errors; what was purged stays purged.
    pub async fn purge_deleted_before(&self, before: Timestamp) -> Result<usize> {
        let due = self.shared.central.read(move |tx| store::deleted_before(tx, before)).await?;
        for id in &due {
            self.purge(id).await?;
        }
        Ok(due.len())
    }

    /// Finishes what a crash left half done. Call it once, before requests are served.
    ///
    /// # Errors
    /// Storage errors.
    pub async fn recover(&self) -> Result<()> {
        let read = self.shared.central.read(|tx| {
            tx.snapshot()?;
            let creating = store::in_state(tx, TenantState::Creating)?;
            let deleting = store::in_state(tx, TenantState::Deleting)?;
            let renaming = store::half_renamed(tx)?;
            let mut next = Vec::with_capacity(renaming.len());
            for tenant in renaming {
                let to = store::next_db_name(tx, tenant.id.as_str())?;
                next.extend(to.map(|to| (tenant, to)));
            }
            Ok((creating, deleting, next))
        });
        let (creating, deleting, renaming) = read.await?;
        for tenant in creating {
            tracing::warn!(tenant.id = %tenant.id, "half made tenant cleared away");
            self.clear_half_made(&tenant).await?;
        }
        for tenant in deleting {
            tracing::warn!(tenant.id = %tenant.id, "half done deletion finished");
            self.finish_delete(&tenant).await?;
        }
        for (tenant, to) in renaming {
            tracing::warn!(tenant.id = %tenant.id, "half done renaming of the file finished");
            let (from, to) = (parse_db_name(&tenant.db_name)?, parse_db_name(&to)?);
            let (old, new) = (self.file_of(&from), self.file_of(&to));
            if new.exists() && !old.exists() {
                let (id, now) = (tenant.id.clone(), self.shared.clock.now());
                self.shared.central.write(move |tx| store::finish_rename(tx, id.as_str(), now)).await?;
            } else {
                self.rename_file(&tenant.id, &from, &to).await?;
            }
        }
        Ok(())
    }

    /// Its file goes too, but only if it already carries this tenant's stamp and nobody's data.
    async fn clear_half_made(&self, tenant: &Tenant) -> Result<()> {
        let (path, owner, schema) =
            (self.file_of(&parse_db_name(&tenant.db_name)?), tenant.id.to_string(), self.shared.schema.clone());
        let engine = self.shared.engine.clone();
        self.shared
            .engine
            .run(move || match schema.open(&engine, &path, &owner, crate::db::Durability::Full) {
                Ok((db, _)) => {
                    drop(db);
                    remove_if_there(&path)
                }
                Err(_) => Ok(()),
            })
            .await?;
        self.forget(&tenant.id).await
    }

    async fn fence(&self, id: &TenantId) -> Result<Fenced> {
        self.shared.fleet.fence(id, Instant::now() + FENCE_PATIENCE).await
    }
}

/// Renames a closed file durably; never replaces one that is there.
fn move_file(from: &Path, to: &Path) -> Result<()> {
    let io = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => Error::field("db_name", Rule::Taken),
        _ => DbError::Io(format!("{}: {error}", from.display())).into(),
    };
    std::fs::hard_link(from, to).map_err(io)?;
    std::fs::remove_file(from).map_err(io)?;
    for folder in [from.parent(), to.parent()].into_iter().flatten() {
        std::fs::File::open(folder).and_then(|folder| folder.sync_all()).map_err(io)?;
    }
    Ok(())
}

fn remove_if_there(path: &Path) -> Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(DbError::Io(error.to_string()).into()),
        _ => Ok(()),
    }
}
