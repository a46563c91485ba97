//! What the machine gives: space, file descriptors, a clock, permissions.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use rustix::process::{Resource, getrlimit};

use super::{Check, Patient, short};
use crate::clock::{Clock, Timestamp};
use crate::db::inspect::Look;
use crate::tenants::directory;

pub(super) const MIB: u64 = 1024 * 1024;
/// Below this a busy server is full within hours, and below the second within minutes.
const SPACE_WARN_BYTES: u64 = 1024 * MIB;
const SPACE_FAIL_BYTES: u64 = 100 * MIB;
/// A few hundred open tenants beside a thousand connections.
const DESCRIPTORS_WARN: u64 = 4096;
/// 2025-01-01. A clock before it was never set, and every certificate and expiry would be wrong.
const CLOCK_EARLIEST: Timestamp = Timestamp(1_735_689_600_000);
/// What clocks may differ by without harm.
const CLOCK_SLACK_MS: i64 = 5 * 60_000;

pub(super) fn check(patient: &Patient, checks: &mut Vec<Check>) {
    checks.push(permissions(patient));
    checks.push(space(patient));
    checks.push(descriptors());
    checks.push(clock(patient));
}

/// Who may enter the folders and read the keys.
fn permissions(patient: &Patient) -> Check {
    const NAME: &str = "permissions";
    let dir = &patient.data_dir;
    // The lock may have closed the keys already, which is told too.
    let repaired: Vec<String> = dir.repairs().iter().map(ToString::to_string).collect();
    let mut open = Vec::new();
    let folders = [
        dir.root().to_owned(),
        dir.tenants_dir(),
        dir.backups_dir(),
        dir.media_dir(),
        dir.trash_dir(),
        dir.keys_dir(),
        dir.tmp_dir(),
    ];
    for folder in folders {
        open.extend(too_open(&folder, 0o700));
    }
    let keys = std::fs::read_dir(dir.keys_dir()).into_iter().flatten().flatten();
    open.extend(keys.filter_map(|entry| too_open(&entry.path(), 0o600)));
    if open.is_empty() && repaired.is_empty() {
        return Check::ok(NAME, "keys and folders are closed to others");
    }
    let names: Vec<String> =
        open.iter().map(|(path, mode, _)| format!("{} has mode {mode:04o}", short(patient, path))).collect();
    if patient.may_fix {
        let set = |(path, _, to): &(PathBuf, u32, u32)| std::fs::set_permissions(path, PermissionsExt::from_mode(*to));
        return match open.iter().try_for_each(set) {
            Ok(()) => Check::ok(NAME, [names, repaired].concat().join(", ")).fixed(),
            Err(error) => {
                Check::fail(NAME, format!("{}: {error}", names.join(", "))).advice("run it as the owner of the files")
            }
        };
    }
    let has_open_key = open.iter().any(|(path, ..)| path.starts_with(dir.keys_dir()));
    let check = if has_open_key { Check::fail(NAME, names.join(", ")) } else { Check::warn(NAME, names.join(", ")) };
    check.advice("`ruko doctor --fix` closes them; were others on this machine, make new keys")
}

/// The path when others than its owner have rights on it: with its mode, and the one it should have.
fn too_open(path: &Path, to: u32) -> Option<(PathBuf, u32, u32)> {
    let found = path.symlink_metadata().ok().filter(|found| !found.is_symlink())?;
    let mode = found.permissions().mode() & 0o7777;
    let to = if found.is_dir() { 0o700 } else { to };
    (mode & 0o077 != 0).then(|| (path.to_owned(), mode, to))
}

fn space(patient: &Patient) -> Check {
    const NAME: &str = "disk_space";
    let found = match rustix::fs::statvfs(patient.data_dir.root()) {
        Ok(found) => found,
        Err(error) => return Check::warn(NAME, format!("cannot be told: {error}")),
    };
    let free = found.f_bavail.saturating_mul(found.f_frsize);
    judged(NAME, free, format!("{} MiB free", free / MIB))
}

/// The check of a disk with this much room.
pub(super) fn judged(name: &'static str, free: u64, text: String) -> Check {
    match free {
        ..SPACE_FAIL_BYTES => Check::fail(name, text).advice("make room: writes fail when the disk is full"),
        SPACE_FAIL_BYTES..SPACE_WARN_BYTES => Check::warn(name, text).advice("make room soon"),
        _ => Check::ok(name, text),
    }
}

fn descriptors() -> Check {
    const NAME: &str = "open_files";
    // The server raises itself to the upper limit.
    let limit = getrlimit(Resource::Nofile).maximum;
    match limit {
        Some(limit) if limit < DESCRIPTORS_WARN => {
            let text = format!("at most {limit} files may be open at once");
            Check::warn(NAME, text).advice("raise it: LimitNOFILE=65536 in the unit, or `ulimit -Hn`")
        }
        Some(limit) => Check::ok(NAME, format!("{limit} files may be open at once")),
        None => Check::ok(NAME, "no limit"),
    }
}

fn clock(patient: &Patient) -> Check {
    const NAME: &str = "clock";
    let now = Clock::system().now();
    if now < CLOCK_EARLIEST {
        return Check::fail(NAME, format!("the clock says {now}"))
            .advice("set it, and let a time service keep it right");
    }
    let central = Look::open(&patient.data_dir.central_db()).ok();
    let tenants = central.and_then(|central| central.read(directory::all).ok()).unwrap_or_default();
    let newest = tenants.iter().map(|tenant| tenant.updated_at).max();
    match newest.filter(|newest| newest.0 > now.0 + CLOCK_SLACK_MS) {
        Some(newest) => {
            let text = format!("the clock says {now}, and something was written at {newest}");
            Check::warn(NAME, text).advice("the clock was set back: let a time service keep it right")
        }
        None => Check::ok(NAME, now.to_string()),
    }
}
