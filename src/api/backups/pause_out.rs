//! Why the backups of a tenant all stay.

use poem_openapi::Object;
use serde::Serialize;

use crate::api::kit::time::Time;
use crate::backups::retention::Pause;

/// A tenant that shrank so much from one backup to the next that all its backups stay until somebody
/// resumes its retention.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "RetentionPause")]
pub(super) struct PauseOut {
    /// Since when.
    since: Time,
    /// Id of the backup before it shrank.
    before_id: String,
    /// Id of the one that is smaller.
    after_id: String,
    /// Rows before.
    rows_before: i64,
    /// Rows after.
    rows_after: i64,
    /// Size of the database before.
    bytes_before: i64,
    /// Size of the database after.
    bytes_after: i64,
}

impl From<Pause> for PauseOut {
    fn from(pause: Pause) -> Self {
        Self {
            since: Time(pause.paused_at),
            before_id: pause.before_id,
            after_id: pause.after_id,
            rows_before: pause.rows.0,
            rows_after: pause.rows.1,
            bytes_before: pause.bytes.0,
            bytes_after: pause.bytes.1,
        }
    }
}
