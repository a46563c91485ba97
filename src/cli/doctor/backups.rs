//! Backups: their folder and key, whether each tenant has a new one, and whether rows and files agree.
//! Nothing of it is repaired: a file that nobody knows may be the only copy of something.

use std::collections::{HashMap, HashSet};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::files::{GIVE_BACK, forbidden};
use super::machine::{MIB, judged};
use super::repairs::listed;
use super::rows::Rows;
use super::tenants::has_file;
use super::{Check, Patient, short};
use crate::backups::keys::BackupKeys;
use crate::backups::{Backup, Kind, State, catalog};
use crate::clock::{Clock, Timestamp};
use crate::db::inspect::Look;
use crate::error::Result;
use crate::jobs;
use crate::jobs::own_schedules::{OwnTime, SeenTimes};
use crate::tenants::Tenant;

/// How long after its time the backup of a schedule may still be under way.
const GRACE: Duration = Duration::from_secs(6 * 3600);

/// What the central file says of backups.
struct Catalog {
    all: Vec<Backup>,
    /// Since when there is a schedule.
    scheduled_since: Option<Timestamp>,
    /// What is known of the times of tenants that have their own.
    own_times: SeenTimes,
}

impl Catalog {
    fn read(patient: &Patient) -> Result<Self> {
        let central = Look::open(&patient.data_dir.central_db())?;
        let mut begun = Vec::new();
        for (job, _, _) in jobs::backups::schedules(&patient.config.backup) {
            begun.extend(central.read(|tx| jobs::history::first_begun_at(tx, job))?);
        }
        let own_times = central.read(jobs::own_schedules::seen)?;
        Ok(Self { all: central.read(catalog::all)?, scheduled_since: begun.into_iter().min(), own_times })
    }

    /// Those that should be there.
    fn finished(&self) -> impl Iterator<Item = &Backup> {
        self.all.iter().filter(|backup| backup.state == State::Ok)
    }
}

pub(super) fn check(patient: &Patient, rows: &Rows, checks: &mut Vec<Check>) {
    let catalog = match Catalog::read(patient) {
        Ok(catalog) => catalog,
        Err(error) => return checks.push(Check::fail("backup_files", format!("the rows cannot be read: {error}"))),
    };
    checks.push(folder(patient, &catalog));
    checks.push(key(patient, &catalog));
    checks.push(age(patient, rows, &catalog));
    files(patient, &catalog, checks);
}

/// Can new backups be written, and where would they lie?
fn folder(patient: &Patient, catalog: &Catalog) -> Check {
    const NAME: &str = "backup_folder";
    let folder = patient.data_dir.backups_dir();
    let (Ok(found), Ok(root)) = (folder.metadata(), patient.data_dir.root().metadata()) else {
        return Check::warn(NAME, "there is no folder backups/").advice("the next start makes it");
    };
    if !found.is_dir() {
        return Check::fail(NAME, "backups is no folder").advice("move it away; the next start makes the folder");
    }
    if let Some(text) = forbidden(patient, &folder, "write", 0o200) {
        return Check::fail(NAME, text).advice(GIVE_BACK);
    }
    let disk = match rustix::fs::statvfs(&folder) {
        Ok(disk) => disk,
        Err(error) => return Check::warn(NAME, format!("the disk cannot be told: {error}")),
    };
    let at = mount_point(&folder, found.dev());
    if disk.f_flag.contains(rustix::fs::StatVfsMountFlags::RDONLY) {
        return Check::fail(NAME, format!("the file system at {} is read-only", at.display()))
            .advice("mount it for writing");
    }
    let bytes: u64 = catalog.finished().filter_map(|backup| Some(backup.content.as_ref()?.file_bytes)).sum();
    let free = disk.f_bavail.saturating_mul(disk.f_frsize);
    let sizes = format!("{} MiB of backups, {} MiB free", bytes / MIB, free / MIB);
    if found.dev() == root.dev() {
        // Its space is judged by another check.
        let text = format!("{sizes} at {}, the disk of the data: keep copies elsewhere too", at.display());
        return Check::ok(NAME, text);
    }
    judged(NAME, free, format!("{sizes} at {}, a disk of their own", at.display()))
}

/// The highest folder on the same file system.
fn mount_point(folder: &Path, dev: u64) -> PathBuf {
    let mut at = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
    while let Some(parent) = at.parent().filter(|parent| parent.metadata().is_ok_and(|found| found.dev() == dev)) {
        at = parent.to_owned();
    }
    at
}

/// Is there a key, and does it open what there is?
fn key(patient: &Patient, catalog: &Catalog) -> Check {
    const NAME: &str = "backup_key";
    let put_back = "put the copy you kept of keys/backup.key back, or set backup.key";
    let path = patient.data_dir.backup_key_file();
    if let Some(text) = forbidden(patient, &path, "read", 0o400) {
        return Check::fail(NAME, text).advice(GIVE_BACK);
    }
    let count = catalog.finished().count();
    let keys = match BackupKeys::read(&path, patient.config.backup.key.as_ref()) {
        Ok(Some(keys)) => keys,
        Ok(None) if count == 0 => return Check::ok(NAME, "none yet; the first start makes it"),
        Ok(None) => {
            let text = format!("it is missing: {count} backups open with nothing else, and no server starts");
            return Check::fail(NAME, text).advice(put_back);
        }
        Err(error) => return Check::fail(NAME, error.to_string()).advice(put_back),
    };
    let mut strange: Vec<&str> =
        catalog.finished().filter_map(|backup| Some(&*backup.content.as_ref()?.key_id)).collect();
    strange.retain(|id| keys.find(id).is_none());
    if strange.is_empty() {
        return Check::ok(NAME, format!("{}; opens all of {count} backups", keys.current().id()));
    }
    let locked = strange.len();
    strange.sort_unstable();
    strange.dedup();
    let ids: Vec<_> = strange.into_iter().map(str::to_owned).collect();
    Check::warn(NAME, format!("{locked} of {count} backups were made with keys that are not here: {}", listed(&ids)))
        .advice("add the old keys as lines of keys/backup.key; until then these backups cannot be restored")
}

/// Does every tenant have a backup of the last time that one was due?
fn age(patient: &Patient, rows: &Rows, catalog: &Catalog) -> Check {
    const NAME: &str = "backup_age";
    let (zone, now) = (patient.config.locale.time_zone.rules(), Clock::system().now());
    let schedules = jobs::backups::schedules(&patient.config.backup).map(|(_, _, schedule)| schedule);
    let due = schedules.iter().filter_map(|schedule| schedule.last_due(zone, now.minus(GRACE))).max();
    if let Some(due) = due
        && catalog.scheduled_since.is_none_or(|since| since > due)
    {
        let next = schedules.iter().filter_map(|schedule| schedule.next_due(zone, now)).min();
        let next = next
            .map_or_else(String::new, |next| format!("; the next time is {}", next.in_zone(zone).strftime("%F %R")));
        return Check::ok(NAME, format!("none is due yet{next}"));
    }
    let mut newest: HashMap<&str, &Backup> = HashMap::new();
    for backup in catalog.finished().filter(|backup| is_of_the_present(backup.kind)) {
        newest.insert(backup.tenant_id.as_str(), backup);
    }
    let is_settled = |tenant: &&Tenant| has_file(tenant) && !rows.is_unfinished(&tenant.id);
    let mut late = Vec::new();
    let mut count = 0;
    for tenant in rows.all.iter().filter(is_settled) {
        count += 1;
        let newest = newest.get(tenant.id.as_str()).map(|backup| backup.created_at);
        let own = OwnTime::of(&patient.config, &tenant.id, &tenant.settings);
        let due = if own.is_empty() {
            due
        } else {
            // One that is backed up by no schedule is never late.
            let Some(due) = own_due(patient, &own, catalog, now.minus(GRACE)) else { continue };
            Some(due)
        };
        let is_late = match due {
            Some(due) => tenant.created_at < due && newest.is_none_or(|newest| newest < due),
            None => newest.is_none(),
        };
        if is_late {
            let newest =
                newest.map_or_else(|| "none".into(), |at| format!("last {}", at.in_zone(zone).strftime("%F %R")));
            late.push(format!("{} ({newest}{})", tenant.id, last_failure(catalog, tenant)));
        }
    }
    let Some(due) = due else {
        let text = "backup.daily and backup.weekly are off";
        return match late.as_slice() {
            [] => Check::ok(NAME, format!("{text}; each of {count} tenants has a backup")),
            late => Check::warn(NAME, format!("{text}; without a backup: {}", listed(late)))
                .advice("`ruko backup run` makes one of each"),
        };
    };
    let since = due.in_zone(zone).strftime("%F %R");
    match late.as_slice() {
        [] => Check::ok(NAME, format!("all of {count} tenants have one since {since}, or are newer")),
        late => {
            let text = format!("no backup since {since}: {}", listed(late));
            // Without a server nobody could make any.
            let check = if patient.is_in_use { Check::fail(NAME, text) } else { Check::warn(NAME, text) };
            check.advice("`ruko backup run TENANT` makes one, or says why not")
        }
    }
}

/// When a tenant with times of its own should last have been backed up.
fn own_due(patient: &Patient, own: &[OwnTime], catalog: &Catalog, now: Timestamp) -> Option<Timestamp> {
    let zone = patient.config.locale.time_zone.rules();
    let of_server = jobs::backups::schedules(&patient.config.backup).into_iter();
    let of_server = of_server.filter(|(_, kind, _)| own.iter().all(|time| time.kind != *kind));
    let of_server = of_server.filter_map(|(_, _, schedule)| schedule.last_due(zone, now));
    own.iter().filter_map(|time| time.last_due(&catalog.own_times, now)).chain(of_server).max()
}

/// The others hold what a tenant was before something else came.
fn is_of_the_present(kind: Kind) -> bool {
    matches!(kind, Kind::Manual | Kind::Daily | Kind::Weekly)
}

fn last_failure(catalog: &Catalog, tenant: &Tenant) -> String {
    let last = catalog.all.iter().rfind(|backup| backup.tenant_id == tenant.id);
    let failure = last.filter(|last| last.state == State::Failed).and_then(|last| last.error.as_ref());
    failure.map_or_else(String::new, |(code, _)| format!(", the last try failed: {code}"))
}

/// Rows and files, each without the other.
fn files(patient: &Patient, catalog: &Catalog, checks: &mut Vec<Check>) {
    let (mut lost, mut strange) = match disagreements(patient, catalog) {
        Ok(found) => found,
        Err(error) => {
            let text = format!("the folder cannot be looked at: {error}");
            return checks.push(Check::warn("backup_files", text).advice("run it as the owner of the files"));
        }
    };
    if patient.is_in_use && !(lost.is_empty() && strange.is_empty()) {
        // A server may be making or removing one: what is really so is so for longer than a moment.
        let again = Catalog::read(patient).ok().and_then(|catalog| disagreements(patient, &catalog).ok());
        let (lost_still, strange_still) = again.unwrap_or_default();
        lost.retain(|one| lost_still.contains(one));
        strange.retain(|one| strange_still.contains(one));
    }
    checks.push(if lost.is_empty() {
        Check::ok("backup_files", format!("all of {} are there", catalog.finished().count()))
    } else {
        let advice = "put them back from a copy; what is gone for good is deleted with \
                      `DELETE /api/central/tenants/{id}/backups?file=NAME`";
        Check::fail("backup_files", listed(&lost)).advice(advice)
    });
    checks.push(if strange.is_empty() {
        Check::ok("backup_orphans", "every file in backups/ belongs to a backup")
    } else {
        let advice =
            "move them away if nobody needs them; ruko neither lists nor removes them, and BACKUP-FORMAT.md opens them";
        Check::warn("backup_orphans", listed(&strange)).advice(advice)
    });
}

/// Backups whose file is missing or of another size, and files that are no backup's.
fn disagreements(patient: &Patient, catalog: &Catalog) -> std::io::Result<(Vec<String>, Vec<String>)> {
    let root = patient.data_dir.backups_dir();
    let there = if root.exists() { walk(&root)? } else { HashMap::new() };
    let mut lost = Vec::new();
    for backup in catalog.finished() {
        let expected = backup.content.as_ref().map_or(0, |content| content.file_bytes);
        match there.get(&root.join(backup.stored_path())) {
            Some(bytes) if *bytes == expected => {}
            Some(bytes) => lost.push(format!("{} ({bytes} bytes of {expected})", backup.stored_path())),
            None => lost.push(format!("{} (missing)", backup.stored_path())),
        }
    }
    let is_known = |backup: &&Backup| backup.state != State::Failed;
    let known: HashSet<PathBuf> =
        catalog.all.iter().filter(is_known).map(|backup| root.join(backup.stored_path())).collect();
    // While a server has the directory, half a backup may be one that it is making.
    let is_part = |path: &Path| patient.is_in_use && path.extension().is_some_and(|ending| ending == "part");
    let mut strange: Vec<&PathBuf> = there.keys().filter(|path| !known.contains(*path) && !is_part(path)).collect();
    strange.sort_unstable();
    Ok((lost, strange.into_iter().map(|path| short(patient, path)).collect()))
}

/// Every file below a folder with its size. Links are not followed.
fn walk(root: &Path) -> std::io::Result<HashMap<PathBuf, u64>> {
    let (mut files, mut folders) = (HashMap::new(), vec![root.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in folder.read_dir()? {
            let entry = entry?;
            let found = entry.metadata()?;
            if found.is_dir() {
                folders.push(entry.path());
            } else {
                files.insert(entry.path(), found.len());
            }
        }
    }
    Ok(files)
}
