//! Backups and restores as jobs that end up in the audit log, whoever asked for them.

use poem::Request;
use serde::Serialize;
use serde_json::{Value, json};

use crate::api::kit::audit::Auditor;
use crate::api::kit::request::note_tenant;
use crate::app::App;
use crate::backups::jobs::{self, AskedBy, Begun, NewJob};
use crate::backups::{Backup, BackupOrder, Kind, Preview, RestoreOrder, Restored, Table};
use crate::error::{Error, Result};
use crate::id::TenantId;
use crate::jobs::retention::REMOVED;

/// Who asks for what is to be done with which tenant.
pub(super) struct Order<'a> {
    pub(super) app: &'a App,
    pub(super) request: &'a Request,
    pub(super) tenant: &'a TenantId,
    pub(super) asked_by: AskedBy,
}

/// What the backup is to be like.
pub(super) struct Wish {
    pub(super) is_compressed: bool,
    pub(super) kind: Kind,
    /// As the settings say of its kind, when missing.
    pub(super) keep_days: Option<u32>,
}

impl Order<'_> {
    /// Begins to make a backup; `shown` is the answer.
    pub(super) async fn back_up<T: Serialize + Send + 'static>(
        self,
        wish: Wish,
        shown: impl FnOnce(Backup, &App) -> Result<T> + Send + 'static,
    ) -> Result<Begun<T>> {
        let is_own = self.asked_by == AskedBy::Tenant;
        if is_own {
            self.app.backups.check_room(self.tenant).await?;
        }
        let (app, auditor) = (self.app.clone(), self.auditor());
        let Wish { is_compressed, kind, keep_days } = wish;
        let (tenant, asked_by) = (self.tenant.clone(), Some(self.asked_by));
        let order = BackupOrder { tenant, kind, is_compressed, keep_days, asked_by };
        let work = move |progress| async move {
            let backup = app.backups.make(order, progress).await?;
            let gone = if is_own { make_room(&app, &backup.tenant_id).await } else { Vec::new() };
            if let Some(auditor) = auditor {
                for old in gone {
                    let facts = json!({"file": old.file_name, "kind": old.kind.as_str(), "reason": "too_many"});
                    auditor.clone().record(REMOVED, ("backup", old.id), facts);
                }
                let facts = json!({"file": backup.file_name, "kind": backup.kind.as_str()});
                auditor.record("backup.created", ("backup", backup.id.clone()), facts);
            }
            shown(backup, &app)
        };
        self.app.backup_jobs.begin(self.job(jobs::Kind::Backup), work).await
    }

    /// Begins to put a backup into its tenant, or some tables of it.
    pub(super) async fn restore<T: Serialize + Send + 'static>(
        self,
        backup: Backup,
        tables: Vec<Table>,
        shown: impl FnOnce(Restored) -> T + Send + 'static,
    ) -> Result<Begun<T>> {
        self.put_back(backup, tables, jobs::Kind::Restore, "tenant.restored", shown).await
    }

    /// Begins to take the last restore back: `backup` is what was there before it.
    pub(super) async fn undo<T: Serialize + Send + 'static>(
        self,
        backup: Option<Backup>,
        shown: impl FnOnce(Restored) -> T + Send + 'static,
    ) -> Result<Begun<T>> {
        let Some(backup) = backup else {
            let why = match self.asked_by {
                AskedBy::Operator => self.app.backups.why_no_undo(self.tenant).await?,
                AskedBy::Tenant => None,
            };
            return Err(nothing_to_undo(why));
        };
        self.put_back(backup, Vec::new(), jobs::Kind::Undo, "tenant.restore_undone", shown).await
    }

    /// Begins to find out what a restore would change.
    pub(super) async fn preview<T: Serialize + Send + 'static>(
        self,
        backup: Backup,
        tables: Vec<Table>,
        shown: impl FnOnce(Preview) -> T + Send + 'static,
    ) -> Result<Begun<T>> {
        let (app, auditor) = (self.app.clone(), self.auditor());
        let tenant = self.tenant.clone();
        let order = RestoreOrder { tenant: tenant.clone(), backup, tables };
        let work = move |progress| async move {
            let preview = app.backups.preview(order, progress).await?;
            if let Some(auditor) = auditor {
                // It shows rows of the tenant.
                let tables: Vec<_> = preview.tables.iter().map(|changes| changes.table).collect();
                let mut facts = json!({"file": preview.backup.file_name, "tables": tables});
                note_source(&auditor, &preview.backup, &tenant, "backup.previewed_elsewhere", &mut facts);
                auditor.record("tenant.restore_previewed", ("backup", preview.backup.id.clone()), facts);
            }
            Ok(shown(preview))
        };
        self.app.backup_jobs.begin(self.job(jobs::Kind::Preview), work).await
    }

    async fn put_back<T: Serialize + Send + 'static>(
        self,
        backup: Backup,
        tables: Vec<Table>,
        kind: jobs::Kind,
        action: &'static str,
        shown: impl FnOnce(Restored) -> T + Send + 'static,
    ) -> Result<Begun<T>> {
        let (app, auditor) = (self.app.clone(), self.auditor());
        let tenant = self.tenant.clone();
        let order = RestoreOrder { tenant: tenant.clone(), backup, tables };
        let work = move |progress| async move {
            let restored = app.backups.restore(order, progress).await?;
            if let Some(auditor) = auditor {
                let before = restored.before.as_ref().map(|before| &before.file_name);
                let mut facts = json!({"file": restored.backup.file_name, "before": before});
                if !restored.tables.is_empty() {
                    facts["tables"] = restored.tables.iter().map(|table| table.name()).collect();
                }
                note_source(&auditor, &restored.backup, &tenant, "backup.restored_elsewhere", &mut facts);
                auditor.record(action, ("backup", restored.backup.id.clone()), facts);
            }
            Ok(shown(restored))
        };
        self.app.backup_jobs.begin(self.job(kind), work).await
    }

    fn job(&self, kind: jobs::Kind) -> NewJob {
        NewJob { kind, tenant: self.tenant.clone(), asked_by: self.asked_by }
    }

    fn auditor(&self) -> Option<Auditor> {
        note_tenant(self.request, self.tenant);
        Auditor::of(self.request)
    }
}

/// Removes what a new backup of a tenant's admins has made too many. The backup is made all the same.
async fn make_room(app: &App, tenant: &TenantId) -> Vec<Backup> {
    app.backups.make_room(tenant).await.unwrap_or_else(|error| {
        tracing::error!(tenant.id = %tenant, %error, "an old backup could not be removed; the next one tries again");
        Vec::new()
    })
}

/// What was done with another tenant's backup stands in the audit log of both.
fn note_source(auditor: &Auditor, backup: &Backup, tenant: &TenantId, action: &'static str, facts: &mut Value) {
    if backup.tenant_id == *tenant {
        return;
    }
    facts["from_tenant"] = backup.tenant_id.as_str().into();
    let there = json!({"file": backup.file_name, "tenant": tenant.as_str()});
    auditor.clone().about(&backup.tenant_id).record(action, ("backup", backup.id.clone()), there);
}

fn nothing_to_undo(why: Option<String>) -> Error {
    let text = why.map_or_else(
        || "There is no restore to undo: none was made, or the backup of what was there before is gone.".into(),
        |why| format!("The last restore cannot be undone: {why}."),
    );
    Error::conflict("nothing_to_undo", text)
}
