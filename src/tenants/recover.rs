//! What a start of the server finishes or undoes after a crash. Trouble with one tenant never
//! keeps the others from being served.

use crate::db::{Tx, move_closed};
use crate::error::Result;

use super::model::{Tenant, TenantState};
use super::transfer::is_leftover;
use super::{Tenants, parse_db_name, store};

impl Tenants {
    /// Finishes what a crash left half done. Call it once, before requests are served.
    ///
    /// # Errors
    /// When the central file cannot be read.
    pub async fn recover(&self) -> Result<()> {
        let read = |tx: &mut Tx<'_>| {
            tx.snapshot()?;
            let mut leaving = store::in_state(tx, TenantState::Deleting)?;
            leaving.extend(store::in_state(tx, TenantState::Detaching)?);
            Ok((store::in_state(tx, TenantState::Creating)?, leaving, store::half_renamed(tx)?))
        };
        let (creating, leaving, renaming) = self.shared.central.read(read).await?;
        for tenant in creating {
            report(&tenant, "a half made tenant was cleared away", self.undo_creation(&tenant).await);
        }
        for tenant in leaving {
            let outcome = match tenant.state {
                TenantState::Deleting => self.finish_delete(&tenant).await,
                _ => self.finish_detach(&tenant).await,
            };
            report(&tenant, "a half done removal was finished", outcome);
        }
        for (tenant, to) in renaming {
            report(&tenant, "a half done renaming of the file was finished", self.finish_moving(&tenant, &to).await);
        }
        self.sweep_leftovers();
        Ok(())
    }

    async fn undo_creation(&self, tenant: &Tenant) -> Result<()> {
        self.clear_half_made(&tenant.id, &tenant.file_name()?, tenant.origin).await
    }

    /// The file of this tenant is under its old name or under the new one, `to`.
    async fn finish_moving(&self, tenant: &Tenant, to: &str) -> Result<()> {
        let to = parse_db_name(to)?;
        let (id, now) = (tenant.id.clone(), self.shared.clock.now());
        if tenant.state == TenantState::Deleted {
            let trash_name = self.shared.central.read(move |tx| store::trash_name(tx, id.as_str())).await?;
            let trash_name = trash_name.unwrap_or_default();
            let in_trash = self.shared.data_dir.trash_dir().join(&trash_name);
            if !in_trash.exists() && self.is_own_file(tenant, &to).await {
                let id = tenant.id.clone();
                return self.shared.central.write(move |tx| store::mark_undeleted(tx, id.as_str(), now)).await;
            }
            let undeleted = self.finish_undelete(tenant, &trash_name, &to).await;
            return if undeleted.is_err() { self.unreserve(&tenant.id).await.and(undeleted) } else { undeleted };
        }
        let (old, new) = (self.file_of(&tenant.file_name()?), self.file_of(&to));
        if old.exists() {
            if let Err(error) = self.shared.engine.run(move || move_closed(&old, &new)).await {
                self.unreserve(&tenant.id).await?;
                return Err(error);
            }
        } else if !self.is_own_file(tenant, &to).await {
            // Under neither name: the old one at least is what an operator will look for.
            return self.unreserve(&tenant.id).await;
        }
        self.shared.central.write(move |tx| store::finish_rename(tx, id.as_str(), now)).await
    }

    async fn is_own_file(&self, tenant: &Tenant, name: &crate::data_dir::DbName) -> bool {
        let (path, owner, schema) = (self.file_of(name), tenant.id.to_string(), self.shared.schema.clone());
        self.shared.engine.run(move || Ok(schema.probe(&path, &owner)?)).await.is_ok()
    }

    /// Parts of archives that nobody finished, and files that never got their name.
    fn sweep_leftovers(&self) {
        let data_dir = &self.shared.data_dir;
        let entries = [data_dir.tmp_dir(), data_dir.tenants_dir()].into_iter().filter_map(|dir| dir.read_dir().ok());
        for entry in entries.flatten().flatten() {
            if is_leftover(&entry.file_name())
                && let Err(error) = std::fs::remove_file(entry.path())
            {
                tracing::warn!(file = %entry.path().display(), %error, "a leftover could not be removed");
            }
        }
    }
}

fn report(tenant: &Tenant, done: &str, outcome: Result<()>) {
    match outcome {
        Ok(()) => tracing::warn!(tenant.id = %tenant.id, "{done}"),
        Err(error) => {
            tracing::error!(tenant.id = %tenant.id, state = tenant.state.as_str(), %error, "a tenant needs attention");
        }
    }
}
