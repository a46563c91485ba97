//! How a tenant goes: into the trash and back, for good, or with its file left where it is.

use std::path::Path;

use crate::clock::Timestamp;
use crate::data_dir::DbName;
use crate::db::inspect::Look;
use crate::db::{Tx, move_closed, remove_closed};
use crate::error::{DbError, Error, FieldError, Result, Rule};
use crate::id::TenantId;

use super::model::{Tenant, TenantState};
use super::undo::Undo;
use super::{TenantCheck, Tenants, parse_db_name, store};

impl Tenants {
    /// Moves a tenant to the trash: all its credentials stop, its file waits there until it is
    /// purged. With `purge` nothing is kept, also of a tenant that is in the trash already.
    ///
    /// `check` sees the tenant as it is and may refuse.
    ///
    /// # Errors
    /// What `check` answers; [`Error::NotFound`]; [`DbError::Timeout`] when requests hold the file for
    /// too long, and then the tenant is as it was.
    pub async fn delete(&self, id: &TenantId, purge: bool, check: impl TenantCheck) -> Result<()> {
        let id = id.clone();
        self.to_the_end(move |tenants| async move {
            let _turn = tenants.turn(&id).await;
            if purge {
                match tenants.purge_now(&id, &check).await {
                    // Not in the trash yet, or nowhere at all.
                    Err(Error::NotFound { .. } | Error::Conflict { .. }) => {}
                    purged => return purged,
                }
            }
            let trash_name = format!("{id}-{}.db", tenants.shared.clock.now().0);
            let tenant = tenants.leave(&id, TenantState::Deleting, Some(trash_name), check).await?;
            if let Err(error) = tenants.finish_delete(&tenant).await {
                tenants.undo(&id, Undo::Leaving(Box::new(tenant))).await;
                return Err(error);
            }
            if purge { tenants.purge_now(&id, |_| Ok(())).await } else { Ok(()) }
        })
        .await
    }

    /// Lets a tenant's file go: it stays in its folder, complete and without an owner, to be
    /// adopted here or elsewhere. The tenant is gone. Gives the name of the file.
    ///
    /// # Errors
    /// As [`Tenants::delete`].
    pub async fn detach(&self, id: &TenantId) -> Result<DbName> {
        let id = id.clone();
        self.to_the_end(move |tenants| async move {
            let _turn = tenants.turn(&id).await;
            let tenant = tenants.leave(&id, TenantState::Detaching, None, |_| Ok(())).await?;
            let db_name = tenant.file_name()?;
            if let Err(error) = tenants.finish_detach(&tenant).await {
                tenants.undo(&id, Undo::Leaving(Box::new(tenant))).await;
                return Err(error);
            }
            Ok(db_name)
        })
        .await
    }

    /// First step: from now on nobody gets in.
    async fn leave(
        &self,
        id: &TenantId,
        state: TenantState,
        trash_name: Option<String>,
        check: impl TenantCheck,
    ) -> Result<Tenant> {
        let (tenant_id, now) = (id.clone(), self.shared.clock.now());
        let work = move |tx: &mut Tx<'_>| {
            let id = tenant_id.as_str();
            let tenant = store::get(tx, id)?;
            check(&tenant)?;
            store::set_state(tx, id, state, Some(tenant.state), now)?;
            store::set_trash(tx, id, trash_name.as_deref().map(|name| (name, now)))?;
            Ok(tenant)
        };
        let tenant = self.shared.central.write(work).await?;
        self.raise_epoch(id);
        Ok(tenant)
    }

    /// Undoes [`Tenants::leave`], and what was done to the file since.
    pub(super) async fn stay(&self, tenant: &Tenant) -> Result<()> {
        self.bring_file_back(tenant).await?;
        let (id, now) = (tenant.id.clone(), self.shared.clock.now());
        let (state, was) = (tenant.state, tenant.state_was);
        let work = move |tx: &mut Tx<'_>| {
            store::set_state(tx, id.as_str(), state, was, now)?;
            store::set_trash(tx, id.as_str(), None)
        };
        self.shared.central.write(work).await?;
        self.raise_epoch(&tenant.id);
        Ok(())
    }

    /// The file of a tenant that stays may be in the trash already, or nobody's.
    async fn bring_file_back(&self, tenant: &Tenant) -> Result<()> {
        let id = tenant.id.clone();
        let trash_name = self.shared.central.read(move |tx| store::trash_name(tx, id.as_str())).await?;
        let in_trash = trash_name.map(|name| self.shared.data_dir.trash_dir().join(name));
        let (path, owner) = (self.file_of(&tenant.file_name()?), tenant.id.to_string());
        let (schema, engine) = (self.shared.schema.clone(), self.shared.engine.clone());
        let bring = move || match in_trash {
            Some(in_trash) if in_trash.exists() => move_closed(&in_trash, &path),
            None if is_nobodys(&path) => schema.adopt(&engine, &path, &owner, None),
            _ => Ok(()),
        };
        self.shared.engine.run(bring).await
    }

    pub(super) async fn finish_delete(&self, tenant: &Tenant) -> Result<()> {
        let fenced = self.fence(&tenant.id).await?;
        let id = tenant.id.clone();
        let trash_name = self.shared.central.read(move |tx| store::trash_name(tx, id.as_str())).await?;
        let trash_name = trash_name.ok_or_else(|| Error::internal(anyhow::anyhow!("no trash name")))?;
        let (from, to) = (self.file_of(&tenant.file_name()?), self.shared.data_dir.trash_dir().join(trash_name));
        // A tenant whose file is lost can be deleted all the same.
        self.shared.engine.run(move || if from.exists() { move_closed(&from, &to) } else { Ok(()) }).await?;
        let id = tenant.id.clone();
        self.shared.central.write(move |tx| store::mark_deleted(tx, id.as_str())).await?;
        self.release(&tenant.id);
        drop(fenced);
        Ok(())
    }

    pub(super) async fn finish_detach(&self, tenant: &Tenant) -> Result<()> {
        let fenced = self.fence(&tenant.id).await?;
        let (path, owner) = (self.file_of(&tenant.file_name()?), tenant.id.to_string());
        let schema = self.shared.schema.clone();
        self.shared.engine.run(move || Ok(schema.release(&path, &owner)?)).await?;
        self.forget(&tenant.id).await?;
        drop(fenced);
        Ok(())
    }

    /// Brings a tenant back from the trash, under `db_name` or the name its file had, in the state
    /// it was in.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Conflict`] `not_deleted`, `file_lost`; [`Error::Invalid`] on
    /// `db_name`.
    pub async fn undelete(&self, id: &TenantId, db_name: Option<String>) -> Result<Tenant> {
        let id = id.clone();
        self.to_the_end(move |tenants| async move {
            let _turn = tenants.turn(&id).await;
            let (tenant, trash_name) = tenants.find_in_trash(&id).await?;
            let is_old_name = db_name.is_none();
            let db_name = parse_db_name(db_name.as_deref().unwrap_or(&tenant.db_name))?;
            let (tenant_id, name) = (id.clone(), db_name.to_string());
            let reserve = move |tx: &mut Tx<'_>| {
                if store::is_db_name_taken(tx, &name, tenant_id.as_str())? {
                    return Err(Error::field("db_name", Rule::Taken));
                }
                store::set_next_db_name(tx, tenant_id.as_str(), Some(&name))
            };
            let undeleted = async {
                tenants.shared.central.write(reserve).await?;
                if let Err(error) = tenants.finish_undelete(&tenant, &trash_name, &db_name).await {
                    tenants.undo(&id, Undo::Renaming(None)).await;
                    return Err(error);
                }
                tenants.get(&id).await
            };
            undeleted.await.map_err(|error| if is_old_name { old_name_taken(error, &db_name) } else { error })
        })
        .await
    }

    async fn find_in_trash(&self, id: &TenantId) -> Result<(Tenant, String)> {
        let tenant_id = id.clone();
        let found = self.shared.central.read(move |tx| {
            tx.snapshot()?;
            Ok((store::find(tx, tenant_id.as_str())?, store::trash_name(tx, tenant_id.as_str())?))
        });
        match found.await? {
            (Some(tenant), Some(trash_name)) if tenant.state == TenantState::Deleted => Ok((tenant, trash_name)),
            (Some(tenant), _) if tenant.state.is_visible() => {
                Err(Error::conflict("not_deleted", "The tenant is not in the trash."))
            }
            _ => Err(Error::not_found("tenant", id)),
        }
    }

    pub(super) async fn finish_undelete(&self, tenant: &Tenant, trash_name: &str, to: &DbName) -> Result<()> {
        let fenced = self.fence(&tenant.id).await?;
        let (from, to) = (self.shared.data_dir.trash_dir().join(trash_name), self.file_of(to));
        let (trashed, restored) = (from.clone(), to.clone());
        let moved = self.shared.engine.run(move || move_closed(&from, &to)).await;
        moved.map_err(|error| match error {
            Error::Db(DbError::Unavailable(_)) => {
                Error::conflict("file_lost", "The tenant's file is not in the trash any more.")
            }
            other => other,
        })?;
        let (id, now) = (tenant.id.clone(), self.shared.clock.now());
        let marked = self.shared.central.write(move |tx| store::mark_undeleted(tx, id.as_str(), now)).await;
        if let Err(error) = marked {
            self.shared.engine.run(move || move_closed(&restored, &trashed)).await?;
            return Err(error);
        }
        self.raise_epoch(&tenant.id);
        drop(fenced);
        Ok(())
    }

    /// Removes a deleted tenant for good.
    ///
    /// # Errors
    /// [`Error::NotFound`] when it is not in the trash.
    pub async fn purge(&self, id: &TenantId) -> Result<()> {
        let id = id.clone();
        self.to_the_end(move |tenants| async move {
            let _turn = tenants.turn(&id).await;
            tenants.purge_now(&id, |_| Ok(())).await
        })
        .await
    }

    async fn purge_now(&self, id: &TenantId, check: impl Fn(&Tenant) -> Result<()>) -> Result<()> {
        let (tenant, trash_name) = self.find_in_trash(id).await?;
        check(&tenant)?;
        let path = self.shared.data_dir.trash_dir().join(trash_name);
        self.shared.engine.run(move || Ok(remove_closed(&path)?)).await?;
        self.forget(id).await?;
        self.raise_epoch(id);
        Ok(())
    }

    /// Purges what has been in the trash since before `before`; gives the tenants.
    ///
    /// # Errors
    /// The first storage error, after every due tenant had its turn.
    pub async fn purge_deleted_before(&self, before: Timestamp) -> Result<Vec<TenantId>> {
        let due = self.shared.central.read(move |tx| store::deleted_before(tx, before)).await?;
        let (mut purged, mut outcome) = (Vec::new(), Ok(()));
        for id in due {
            match self.purge(&id).await {
                Ok(()) => purged.push(id),
                // Somebody brought it back a moment ago.
                Err(Error::NotFound { .. } | Error::Conflict { .. }) => {}
                Err(error) => outcome = outcome.and(Err(error)),
            }
        }
        outcome.map(|()| purged)
    }
}

fn is_nobodys(path: &Path) -> bool {
    Look::open(path).and_then(|look| look.stamp()).is_ok_and(|stamp| stamp.owner.is_none())
}

/// "Taken" said of a name that the caller has not sent, with what to do.
fn old_name_taken(error: Error, db_name: &DbName) -> Error {
    let is_taken = |errors: &[FieldError]| errors.iter().any(|error| error.rule == Rule::Taken);
    match error {
        Error::Invalid(errors) if is_taken(&errors) => {
            let text =
                format!("Its old db name {db_name} has been taken in the meantime; send another one as db_name.");
            Error::field("db_name", Rule::Other("db_name_taken", text))
        }
        other => other,
    }
}
