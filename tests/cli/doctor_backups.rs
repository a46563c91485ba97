//! What `ruko doctor` finds about backups.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use crate::binary::Home;
use crate::doctor::{check, doctor};
use crate::small_disk::{Disk, with_own_mounts};

const DAYS_MS: i64 = 86_400_000;

fn with_backups(names: &[&str]) -> Home {
    let home = Home::begun();
    for name in names {
        home.ok(&["tenant", "create", name, "--db-name", name]);
    }
    home.ok(&["backup", "run"]);
    home
}

/// The file of a tenant's backup.
fn file_of(home: &Home, tenant: &str) -> PathBuf {
    let listed = home.json(&["backup", "list", tenant]);
    home.data().join(format!("{}.enc", listed[0]["path"].as_str().unwrap()))
}

fn central(home: &Home, sql: &str) {
    #[allow(clippy::disallowed_methods, reason = "days cannot be waited for")]
    let central = rusqlite::Connection::open(home.data().join("central.db")).unwrap();
    central.execute_batch(sql).unwrap();
}

#[test]
fn files_without_a_row_and_rows_without_their_file_are_named() {
    let home = with_backups(&["fine", "gone", "torn"]);
    let (code, report) = doctor(&home, &[]);
    assert_eq!((code, check(&report, "backup_files").1.as_str()), (0, "all of 4 are there"), "{report}");
    let (gone, torn) = (file_of(&home, "gone"), file_of(&home, "torn"));
    std::fs::remove_file(&gone).unwrap();
    std::fs::File::options().write(true).open(&torn).unwrap().set_len(100).unwrap();
    let strange = home.data().join("backups/strange/deep.db");
    std::fs::create_dir_all(strange.parent().unwrap()).unwrap();
    std::fs::write(&strange, "somebody's").unwrap();
    let look = || {
        let (code, report) = doctor(&home, &["--fix"]);
        let (status, detail) = check(&report, "backup_files");
        assert_eq!((code, status.as_str()), (1, "fail"), "{report}");
        let name = |path: &PathBuf| path.file_name().unwrap().to_str().unwrap().to_owned();
        assert!(detail.contains(&format!("{} (missing)", name(&gone))), "{report}");
        assert!(detail.contains(&format!("{} (100 bytes of ", name(&torn))), "{report}");
        assert!(!detail.contains("fine"), "{report}");
        let orphans = check(&report, "backup_orphans");
        assert_eq!(orphans, ("warn".to_owned(), "backups/strange/deep.db".to_owned()), "{report}");
        assert!(strange.exists() && torn.exists(), "nothing is repaired by guessing");
    };
    look();
    let server = home.serve(&[]);
    look();
    server.stop();
}

#[test]
fn tenant_without_a_backup_of_the_last_time_is_named_and_a_server_is_to_blame() {
    let home = with_backups(&["old", "fresh", "new"]);
    home.ok(&["schedule:run"]);
    let (_, report) = doctor(&home, &[]);
    assert!(check(&report, "backup_age").1.starts_with("none is due yet; the next time is 2"), "{report}");
    central(
        &home,
        &format!(
            "UPDATE job_runs SET started_at = started_at - 30 * {DAYS_MS};
             UPDATE tenants SET created_at = created_at - 20 * {DAYS_MS} WHERE db_name <> 'new';
             UPDATE backups SET created_at = created_at - 10 * {DAYS_MS}
             WHERE tenant_id IN (SELECT id FROM tenants WHERE db_name = 'old');
             DELETE FROM backups WHERE tenant_id IN (SELECT id FROM tenants WHERE db_name = 'new');"
        ),
    );
    let (code, report) = doctor(&home, &[]);
    let (status, detail) = check(&report, "backup_age");
    assert_eq!((code, status.as_str()), (0, "warn"), "no server could make any: {report}");
    assert!(
        detail.starts_with("no backup since 2") && detail.contains(": old-") && detail.contains("(last 2"),
        "{report}"
    );
    assert!(!detail.contains("fresh-") && !detail.contains("new-"), "{report}");
    // With schedules of its own, which the doctor does not know.
    let server = home.serve(&["--set", "backup.daily=off", "--set", "backup.weekly=off"]);
    let (code, report) = doctor(&home, &[]);
    assert_eq!((code, check(&report, "backup_age").0.as_str()), (1, "fail"), "{report}");
    server.stop();
    std::fs::write(home.data().join("tenants/old.db"), "this is no database at all").unwrap();
    assert_eq!(home.run(&["backup", "run", "old"]).code, 1);
    let (_, report) = doctor(&home, &[]);
    assert!(check(&report, "backup_age").1.contains("the last try failed: tenant_corrupt"), "{report}");
    let off = ["--set", "backup.daily=off", "--set", "backup.weekly=off"];
    let (_, report) = doctor(&home, &off);
    let (status, detail) = check(&report, "backup_age");
    assert!(status == "warn" && detail.contains("are off; without a backup: new-"), "{report}");
}

#[test]
fn key_that_is_missing_unreadable_or_another_is_told() {
    let home = with_backups(&["one"]);
    let path = home.data().join("keys/backup.key");
    let key = std::fs::read_to_string(&path).unwrap();
    let found = || {
        let (_, report) = doctor(&home, &[]);
        check(&report, "backup_key")
    };
    assert!(found().0 == "ok" && found().1.ends_with("; opens all of 2 backups"), "{:?}", found());
    let another = home.ok(&["key", "generate", "backup", "--show"]);
    std::fs::write(&path, &another).unwrap();
    assert!(found().0 == "warn" && found().1.starts_with("2 of 2 backups were made with keys that are not here: "));
    std::fs::write(&path, format!("{another}{key}")).unwrap();
    assert_eq!(found().0, "ok", "older keys open what they made");
    std::fs::write(&path, "rbk1-1\n").unwrap();
    assert!(found().0 == "fail" && found().1.contains("backup.key, line 1: "), "{:?}", found());
    std::fs::remove_file(&path).unwrap();
    assert!(found().0 == "fail" && found().1.starts_with("it is missing: 2 backups"), "{:?}", found());
    assert!(!path.exists(), "looking makes no key");
    std::fs::write(&path, key).unwrap();
    home.belongs_to_a_service();
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o200)).unwrap();
    assert!(found().0 == "fail" && found().1.contains("cannot read keys/backup.key"), "{:?}", found());
}

#[test]
fn folder_that_the_service_cannot_write_is_told_and_its_disk_is_named() {
    let home = with_backups(&["one"]);
    let found = || {
        let (_, report) = doctor(&home, &[]);
        check(&report, "backup_folder")
    };
    let (status, detail) = found();
    assert!(status == "ok" && detail.contains(" MiB free at /") && detail.contains("the disk of the data"), "{detail}");
    home.belongs_to_a_service();
    let folder = home.data().join("backups");
    std::fs::set_permissions(&folder, PermissionsExt::from_mode(0o500)).unwrap();
    assert!(found().0 == "fail" && found().1.contains("cannot write backups"), "{:?}", found());
    std::fs::set_permissions(&folder, PermissionsExt::from_mode(0o700)).unwrap();
    std::fs::rename(&folder, home.folder.path().join("aside")).unwrap();
    assert_eq!(found(), ("warn".to_owned(), "there is no folder backups/".to_owned()));
    std::fs::write(&folder, "").unwrap();
    assert_eq!(found(), ("fail".to_owned(), "backups is no folder".to_owned()));
}

#[test]
fn backups_on_a_disk_of_their_own_are_judged_by_it() {
    with_own_mounts("doctor_backups::backups_on_a_disk_of_their_own_are_judged_by_it", async {
        let home = with_backups(&["one"]);
        let folder = home.data().join("backups");
        let disk = Disk::mount(&folder, 16);
        let found = || {
            let (_, report) = doctor(&home, &[]);
            check(&report, "backup_folder")
        };
        let place = format!(" MiB free at {}, a disk of their own", folder.canonicalize().unwrap().display());
        assert!(found().0 == "fail" && found().1.ends_with(&place), "16 MiB are not enough: {:?}", found());
        disk.make_read_only();
        assert!(found().0 == "fail" && found().1.ends_with(" is read-only"), "{:?}", found());
    });
}
