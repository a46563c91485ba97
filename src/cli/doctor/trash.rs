//! The trash: deleted tenants, their files, and what lies there without a tenant. Nothing of it is
//! removed here: a deleted tenant can be brought back until the server's own job takes it.

use std::collections::HashSet;
use std::time::Duration;

use super::leftovers::files_in;
use super::repairs::listed;
use super::{Check, Patient, short};
use crate::clock::Clock;
use crate::tenants::directory::Trashed;

pub(super) fn check(patient: &Patient, trash: &[Trashed]) -> Check {
    const NAME: &str = "trash";
    let folder = patient.data_dir.trash_dir();
    let known: HashSet<&str> = trash.iter().map(|deleted| deleted.file.as_str()).collect();
    let is_strange = |name: &str| {
        let main = ["-wal", "-shm", "-journal"].iter().find_map(|suffix| name.strip_suffix(suffix)).unwrap_or(name);
        !known.contains(main)
    };
    let mut strange = files_in(&folder);
    strange.retain(|path| is_strange(&path.file_name().unwrap_or_default().to_string_lossy()));
    if !strange.is_empty() {
        let names: Vec<_> = strange.iter().map(|path| short(patient, path)).collect();
        let text = format!("no deleted tenant knows {}", listed(&names));
        return Check::warn(NAME, text).advice("move them away if nobody needs them; ruko never removes them");
    }
    let days = patient.config.storage.trash_days;
    let before = Clock::system().now().minus(Duration::from_secs(u64::from(days) * 86_400));
    let due = trash.iter().filter(|deleted| deleted.deleted_at < before).count();
    if due > 0 {
        let text = format!("{due} of {} deleted tenants are there longer than {days} days", trash.len());
        return Check::warn(NAME, text).advice("a running server removes them within an hour, `ruko schedule:run` now");
    }
    let lost = trash.iter().filter(|deleted| !folder.join(&deleted.file).exists()).count();
    match lost {
        0 => Check::ok(NAME, format!("{} deleted tenants wait in it", trash.len())),
        _ => Check::ok(NAME, format!("{} deleted tenants; {lost} without a file cannot come back", trash.len())),
    }
}
