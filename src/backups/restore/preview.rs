//! What a restore would change: everything that it does up to the point of no return, on copies, and then a
//! comparison. So the answer is what would really come of it, with what is kept of the present.

use std::sync::Arc;

use crate::db::inspect::Cell;
use crate::db::{Durability, Pair, TempFile};
use crate::error::{Error, Result};
use crate::tenants::TenantState;
use crate::users::CarriedOver;

use super::super::Backups;
use super::super::make::{TEMP_PREFIX, in_background};
use super::super::model::Backup;
use super::super::progress::{Progress, Step};
use super::tables::Table;
use super::{RestoreOrder, UNPACKED, become_of, copy_aside};

/// Rows of each sort of change that are shown of a table.
const SAMPLES: usize = 5;
/// No file with this mark becomes a live one.
const MARK: &str = "preview";

/// What a restore would do.
#[derive(Debug, Clone)]
pub struct Preview {
    /// From what.
    pub backup: Backup,
    /// The tables that it would replace.
    pub tables: Vec<TableChanges>,
    /// What it would keep of the present.
    pub carried: CarriedOver,
}

/// What it would do to one table.
#[derive(Debug, Clone)]
pub struct TableChanges {
    /// Its name.
    pub table: &'static str,
    /// Rows that would come.
    pub added: u64,
    /// Rows that would go.
    pub removed: u64,
    /// Rows that would have other values.
    pub changed: u64,
    /// Some of each.
    pub samples: Vec<RowChange>,
}

/// What it would do to one row.
#[derive(Debug, Clone)]
pub struct RowChange {
    /// Its id.
    pub id: i64,
    /// Some of its columns as they are, when it is there.
    pub now: Option<Vec<(&'static str, Cell)>>,
    /// The same as they would be, when it would be there.
    pub then: Option<Vec<(&'static str, Cell)>>,
    /// Names of the columns that would change.
    pub columns: Vec<String>,
}

impl Backups {
    /// Shows what [`Backups::restore`] would change. Nothing is written but files that go again.
    ///
    /// # Errors
    /// As [`Backups::restore`].
    pub async fn preview(&self, order: RestoreOrder, progress: Arc<Progress>) -> Result<Preview> {
        self.to_the_end(move |backups| async move { backups.preview_now(order, progress).await }).await
    }

    async fn preview_now(&self, order: RestoreOrder, progress: Arc<Progress>) -> Result<Preview> {
        let still = progress.unless_ended(self.shared.tenants.still(&order.tenant)).await??;
        let permit = self.turn(&progress).await?;
        progress.enter(Step::Unpacking)?;
        if still.tenant.state == TenantState::Frozen {
            return Err(Error::conflict("tenant_frozen", "The tenant is frozen; thaw it first."));
        }
        let restored = self.unpack(&order.backup, &order.tenant, &progress).await?;
        progress.enter(Step::Comparing)?;
        let shared = self.shared.clone();
        in_background(move || {
            let _held = permit;
            let tmp = shared.data_dir.tmp_dir();
            let now = TempFile::new(tmp.join(format!("{TEMP_PREFIX}{}.now.db", crate::id::random_hex(8))));
            copy_aside(&still.path, now.path(), &progress)?;
            // A live file that nobody has opened yet may be of an older schema.
            let owner = order.tenant.as_str();
            drop(shared.schema.open(&shared.engine, now.path(), owner, Durability::Normal)?);
            crate::db::complete(now.path())?;
            let (then, carried) = become_of(now.path(), restored, &order, MARK, &progress)?;
            let tables = if order.tables.is_empty() { Table::all() } else { &order.tables };
            let tables = compare(&now, &then, tables, &progress)?;
            Ok(Preview { backup: order.backup, tables, carried })
        })
        .await
    }
}

fn compare(now: &TempFile, then: &TempFile, tables: &[Table], progress: &Arc<Progress>) -> Result<Vec<TableChanges>> {
    let watched = progress.clone();
    let pair = Pair::open(now.path(), then.path(), move || watched.check().is_err())?;
    let mut found = Vec::with_capacity(tables.len());
    for (number, table) in (1..).zip(tables) {
        let diff = pair.compare(table.name, table.shown, SAMPLES);
        progress.check()?;
        let diff = diff?;
        let named = |cells: Vec<Cell>| table.shown.iter().copied().zip(cells).collect();
        let samples = diff.samples.into_iter().map(|row| RowChange {
            id: row.id,
            now: row.now.map(named),
            then: row.then.map(named),
            columns: row.columns,
        });
        found.push(TableChanges {
            table: table.name,
            added: diff.added,
            removed: diff.removed,
            changed: diff.changed,
            samples: samples.collect(),
        });
        progress.advance((UNPACKED, 100), number, tables.len() as u64);
    }
    Ok(found)
}
