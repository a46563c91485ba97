//! What is seen of what a restore would change.

use poem_openapi::Object;
use poem_openapi::types::Any;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::backups::{Preview, RowChange, TableChanges};
use crate::db::inspect::Cell;
use crate::id::TenantId;

use super::out::KeptOut;

/// What a restore of a tenant would change.
#[derive(Debug, Object, Serialize)]
pub(super) struct RestorePreview {
    /// For people.
    message: String,
    /// The tenant.
    tenant_id: String,
    /// What it would be restored from.
    backup_file: String,
    /// Each table that it would replace.
    tables: Vec<TableChangesOut>,
    /// What of the present it would keep.
    kept: KeptOut,
}

/// What a restore of the tenant would change.
#[derive(Debug, Object, Serialize)]
pub(super) struct OwnRestorePreview {
    /// For people.
    message: String,
    /// What it would be restored from.
    backup_id: String,
    /// Each table that it would replace.
    tables: Vec<TableChangesOut>,
    /// What of the present it would keep.
    kept: KeptOut,
}

/// What a restore would change in one table.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "TableChanges")]
struct TableChangesOut {
    /// Its name.
    table: String,
    /// Rows that would come.
    added: u64,
    /// Rows that would go.
    removed: u64,
    /// Rows that would have other values.
    changed: u64,
    /// Five of each sort at most, the lowest ids first.
    samples: Vec<RowChangeOut>,
}

/// What a restore would change in one row.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "RowChange")]
struct RowChangeOut {
    /// `added`, `removed` or `changed`.
    change: String,
    /// Its id.
    id: i64,
    /// Some of its columns as they are; null when the row would come.
    now: Option<Any<Value>>,
    /// The same as they would be; null when the row would go.
    then: Option<Any<Value>>,
    /// Names of the columns that would change.
    columns: Vec<String>,
}

const MESSAGE: &str = "Nothing was changed";

impl RestorePreview {
    pub(super) fn new(preview: Preview, tenant: &TenantId) -> Self {
        Self {
            message: MESSAGE.into(),
            tenant_id: tenant.to_string(),
            backup_file: preview.backup.file_name,
            tables: preview.tables.into_iter().map(Into::into).collect(),
            kept: preview.carried.into(),
        }
    }
}

impl OwnRestorePreview {
    pub(super) fn new(preview: Preview) -> Self {
        Self {
            message: MESSAGE.into(),
            backup_id: preview.backup.id,
            tables: preview.tables.into_iter().map(Into::into).collect(),
            kept: preview.carried.into(),
        }
    }
}

impl From<TableChanges> for TableChangesOut {
    fn from(changes: TableChanges) -> Self {
        let TableChanges { table, added, removed, changed, samples } = changes;
        Self { table: table.into(), added, removed, changed, samples: samples.into_iter().map(Into::into).collect() }
    }
}

impl From<RowChange> for RowChangeOut {
    fn from(row: RowChange) -> Self {
        let change = match (&row.now, &row.then) {
            (None, _) => "added",
            (_, None) => "removed",
            _ => "changed",
        };
        let object = |cells: Vec<(&str, Cell)>| {
            let fields = cells.into_iter().map(|(name, cell)| (name.to_owned(), json(cell)));
            Any(Value::Object(fields.collect::<Map<_, _>>()))
        };
        Self {
            change: change.into(),
            id: row.id,
            now: row.now.map(object),
            then: row.then.map(object),
            columns: row.columns,
        }
    }
}

fn json(cell: Cell) -> Value {
    match cell {
        Cell::Null => Value::Null,
        Cell::Int(number) => number.into(),
        Cell::Real(number) => number.into(),
        Cell::Text(text) => text.into(),
        Cell::Blob(bytes) => format!("{} bytes", bytes.len()).into(),
    }
}
