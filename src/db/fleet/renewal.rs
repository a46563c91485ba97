//! A file that could not be written, and can be again. What was opened meanwhile stays as it was opened:
//! SQLite gives a log and an index beside a read-only file the same mode, and shares the index among all
//! connections of the process. So all of them are closed, and the next request opens the file anew.

use std::time::{Duration, Instant};

use crate::id::TenantId;

use super::{Berth, Db, Draining, Fleet};
use crate::db::closed::{expect_writable, share_mode};

/// How long requests under way get to let go of the file. Those that come meanwhile wait.
const PATIENCE: Duration = Duration::from_secs(2);

impl Fleet {
    /// Closes the file when the reason is gone why a write was refused; gives it back when it is not.
    pub(super) async fn renew(&self, id: &TenantId, db: Db) -> Option<Db> {
        let path = db.path().to_owned();
        let looked_at = path.clone();
        if self.shared.engine.run(move || Ok(expect_writable(&looked_at)?)).await.is_err() {
            return Some(db);
        }
        // Whoever asks holds it too.
        drop(db);
        let draining = self.take_refusing(id)?;
        // Somebody may hold it for long; then the next write that is refused asks again.
        let _closed = self.close(draining, Instant::now() + PATIENCE).await.ok()?;
        match self.shared.engine.run(move || Ok(share_mode(&path)?)).await {
            Ok(()) => tracing::info!(tenant.id = %id, "tenant file can be written again and is opened anew"),
            Err(error) => {
                tracing::warn!(tenant.id = %id, %error, "what lies beside a tenant file may still be read-only");
            }
        }
        None
    }

    /// Takes the berth, and with it the right to close the file: one of those who ask.
    fn take_refusing(&self, id: &TenantId) -> Option<Draining> {
        let mut berths = self.shared.berths.lock();
        let is_refusing = matches!(berths.get(id), Some(Berth::Open(ship)) if ship.db.take_refusal());
        let taken = if is_refusing { berths.remove(id) } else { None };
        let Some(Berth::Open(ship)) = taken else { return None };
        let occupied = self.occupy(&mut berths, id);
        Some(Draining { db: Some(ship.db), occupied })
    }
}
