//! What `ruko doctor --fix` repairs, and what it leaves alone.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::binary::Home;
use crate::doctor::{check, doctor};

/// Schema version of the newest of these migrations.
fn newest(kind: &str) -> usize {
    migrations(kind).len()
}

fn migrations(kind: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations").join(kind);
    let mut folders: Vec<PathBuf> = folder.read_dir().unwrap().map(|entry| entry.unwrap().path()).collect();
    folders.sort();
    folders
}

#[allow(clippy::disallowed_methods, reason = "another program than ruko")]
fn open(path: &Path) -> rusqlite::Connection {
    rusqlite::Connection::open(path).unwrap()
}

/// Puts a file in place as an earlier ruko made it: without the last migration.
fn make_older(path: &Path, kind: &str, owner: &str) {
    let _ = std::fs::remove_file(path);
    let file = open(path);
    let older = newest(kind) - 1;
    for folder in &migrations(kind)[..older] {
        file.execute_batch(&std::fs::read_to_string(folder.join("up.sql")).unwrap()).unwrap();
    }
    file.execute("INSERT INTO meta (key, value) VALUES ('owner', ?1)", [owner]).unwrap();
    let head = format!("PRAGMA application_id={}; PRAGMA user_version={older};", 0x5255_4B4F);
    file.execute_batch(&head).unwrap();
}

/// A change of another program that was broken off in the middle: half of it is in the file, and the
/// journal knows how it was before.
fn break_off_a_change(path: &Path) {
    let journal = PathBuf::from(format!("{}-journal", path.display()));
    let (half, half_journal) = (path.with_extension("half"), path.with_extension("half-journal"));
    let file = open(path);
    let mode: String = file.query_row("PRAGMA journal_mode=DELETE", [], |row| row.get(0)).unwrap();
    assert_eq!(mode, "delete");
    file.execute_batch("PRAGMA cache_size=5; BEGIN; UPDATE products SET name = name || hex(zeroblob(2000));").unwrap();
    std::fs::copy(path, &half).unwrap();
    std::fs::copy(&journal, &half_journal).unwrap();
    file.execute_batch("ROLLBACK").unwrap();
    drop(file);
    std::fs::rename(half, path).unwrap();
    std::fs::rename(half_journal, journal).unwrap();
}

/// A change whose log stays beside the file.
fn leave_a_log(path: &Path) {
    let file = open(path);
    file.set_db_config(rusqlite::config::DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true).unwrap();
    file.execute_batch("DELETE FROM products WHERE id = 1").unwrap();
    drop(file);
    assert!(std::fs::metadata(format!("{}-wal", path.display())).unwrap().len() > 0);
}

fn is_fixed(report: &Value, name: &str) -> bool {
    report["checks"].as_array().unwrap().iter().any(|check| check["name"] == name && check["is_fixed"] == true)
}

fn tenant_id(home: &Home, name: &str) -> String {
    home.json(&["tenant", "show", name])["id"].as_str().unwrap().to_owned()
}

#[test]
fn leftovers_of_work_that_was_cut_short_are_removed_and_nothing_else() {
    let home = Home::new();
    home.serve(&[]).stop();
    let file = |name: &str, content: &str| {
        let path = home.data().join(name);
        std::fs::write(&path, content).unwrap();
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).unwrap();
        path
    };
    let ours = [
        file("tmp/transfer-0123456789abcdef.tar.zst", "half"),
        file("tmp/transfer-0123456789abcdef.db-wal", "half"),
        file("tenants/toko.db.new", "half"),
        file("central.db.new", "half"),
        file("keys/.server.key.0123456789abcdef.tmp", "half"),
    ];
    let others = [
        file("tmp/notes.txt", "mine"),
        file("tenants/readme.txt", "mine"),
        file("keys/.only.key.0123456789abcdef.tmp", "the only copy of a key"),
        file("keys/.server.key.old", "mine"),
    ];
    let (code, report) = doctor(&home, &[]);
    assert_eq!((code, check(&report, "temporary_files").0.as_str()), (0, "warn"), "{report}");
    assert!(ours.iter().all(|path| path.exists()), "looking removes nothing");
    let (code, report) = doctor(&home, &["--fix"]);
    assert!(code == 0 && is_fixed(&report, "temporary_files"), "{report}");
    assert!(check(&report, "temporary_files").1.starts_with("removed: tmp/transfer-"), "{report}");
    assert!(!ours.iter().any(|path| path.exists()), "{report}");
    assert!(others.iter().all(|path| path.exists()), "{report}");
    let orphans = check(&report, "orphans").1;
    assert!(orphans.contains("tmp/notes.txt") && orphans.contains("tenants/readme.txt"), "{report}");
    assert_eq!(check(&doctor(&home, &[]).1, "temporary_files").0, "ok");
}

#[test]
fn logs_without_their_file_go_only_when_they_hold_nothing() {
    let home = Home::new();
    home.serve(&[]).stop();
    for name in ["gone", "cold"] {
        home.ok(&["tenant", "create", name, "--db-name", name]);
    }
    home.ok(&["tenant", "freeze", "cold"]);
    let path = |name: &str| home.data().join("tenants").join(name);
    std::fs::remove_file(path("gone.db")).unwrap();
    std::fs::remove_file(path("cold.db")).unwrap();
    let empty = ["gone.db-wal", "gone.db-shm", "unknown.db-journal"];
    let kept = ["other.db-wal", "other.db-shm", "cold.db-wal"];
    for (name, content) in empty.iter().zip(["", "an index", ""]).chain(kept.iter().zip(["changes", "an index", ""])) {
        std::fs::write(path(name), content).unwrap();
    }
    let (_, report) = doctor(&home, &[]);
    assert_eq!(check(&report, "stray_logs").0, "warn", "{report}");
    let (_, report) = doctor(&home, &["--fix"]);
    let (status, detail) = check(&report, "stray_logs");
    assert!(status == "warn" && detail.contains("removed: ") && detail.contains("it holds changes"), "{report}");
    assert!(!empty.iter().any(|name| path(name).exists()) && kept.iter().all(|name| path(name).exists()), "{report}");
    assert_eq!(check(&report, "orphans").0, "ok", "{report}");
}

#[test]
fn broken_off_change_is_rolled_back_only_when_asked_and_never_of_a_frozen_tenant() {
    let home = Home::new();
    home.serve(&["--demo"]).stop();
    let file = home.data().join("tenants/demo.db");
    let bytes = || (std::fs::read(&file).unwrap(), std::fs::read(home.data().join("tenants/demo.db-journal")).ok());
    break_off_a_change(&file);
    let broken = bytes();
    let (_, report) = doctor(&home, &["--deep"]);
    assert_eq!(check(&report, "hot_journals"), ("warn".into(), "beside tenants/demo.db".into()), "{report}");
    home.run(&["sql", "demo", "SELECT 1"]).refused(1, &["to open it is to roll that back"]);
    assert!(bytes() == broken, "looking changes nothing");

    let central = open(&home.data().join("central.db"));
    let set_state = |state: &str| central.execute("UPDATE tenants SET state = ?1", [state]).unwrap();
    set_state("frozen");
    let (_, report) = doctor(&home, &["--fix"]);
    assert!(check(&report, "hot_journals").1.contains("tenants/demo.db (frozen)"), "{report}");
    assert!(bytes() == broken, "{report}");
    set_state("active");
    let (code, report) = doctor(&home, &["--fix"]);
    assert!(code == 0 && is_fixed(&report, "hot_journals"), "{report}");
    let longest = home.json(&["sql", "demo", "SELECT max(length(name)) n, count(*) c FROM products"]);
    assert!(longest[0]["n"].as_i64().unwrap() < 100 && longest[0]["c"] == 40, "{longest}");
    let (code, report) = doctor(&home, &["--deep"]);
    assert_eq!((code, check(&report, "hot_journals").0.as_str()), (0, "ok"), "{report}");
}

#[test]
fn journal_beside_a_strange_file_is_left_alone() {
    let home = Home::new();
    home.serve(&["--demo"]).stop();
    let file = home.data().join("tenants/demo.db");
    open(&file).execute("UPDATE meta SET value = 'somebody else' WHERE key = 'owner'", []).unwrap();
    break_off_a_change(&file);
    let (before, journal) = (std::fs::read(&file).unwrap(), home.data().join("tenants/demo.db-journal"));
    let (_, report) = doctor(&home, &["--fix"]);
    assert!(check(&report, "hot_journals").1.contains("does not carry this tenant's stamp"), "{report}");
    assert!(std::fs::read(&file).unwrap() == before && journal.exists(), "{report}");
}

#[test]
fn log_of_a_frozen_tenant_is_left_alone() {
    let home = Home::new();
    home.serve(&["--demo"]).stop();
    home.ok(&["tenant", "freeze", "demo"]);
    let file = home.data().join("tenants/demo.db");
    leave_a_log(&file);
    let bytes = || (std::fs::read(&file).unwrap(), std::fs::read(home.data().join("tenants/demo.db-wal")).unwrap());
    let before = bytes();
    let (_, report) = doctor(&home, &["--fix"]);
    assert!(check(&report, "leftover_logs").1.contains("tenants/demo.db (frozen)"), "{report}");
    assert!(bytes() == before, "{report}");
    home.ok(&["tenant", "thaw", "demo"]);
    let (_, report) = doctor(&home, &["--fix"]);
    assert_eq!(check(&report, "leftover_logs").0, "ok", "{report}");
    assert_eq!(home.json(&["sql", "demo", "SELECT count(*) n FROM products"])[0]["n"], 39);
}

#[test]
fn beside_a_server_nothing_is_repaired() {
    let home = Home::new();
    let server = home.serve(&["--demo"]);
    let key = home.data().join("keys/server.key");
    std::fs::set_permissions(&key, PermissionsExt::from_mode(0o644)).unwrap();
    let half = home.data().join("tmp/transfer-0123456789abcdef.tar.zst");
    std::fs::write(&half, "being written").unwrap();
    let (code, report) = doctor(&home, &["--fix"]);
    assert_eq!(code, 1, "the key is open still: {report}");
    assert!(check(&report, "lock").1.ends_with("so nothing is repaired"), "{report}");
    assert_eq!(key.metadata().unwrap().permissions().mode() & 0o777, 0o644);
    assert!(half.exists());
    server.stop();
}

#[test]
fn directory_of_somebody_else_is_not_taken_over() {
    let home = Home::new();
    std::fs::create_dir(home.data()).unwrap();
    std::fs::set_permissions(home.data(), PermissionsExt::from_mode(0o755)).unwrap();
    std::fs::write(home.data().join("letter.txt"), "mine").unwrap();
    let (_, report) = doctor(&home, &["--fix"]);
    assert!(check(&report, "lock").1.contains("without a central file"), "{report}");
    assert_eq!(home.data().read_dir().unwrap().count(), 1, "{report}");
    assert_eq!(home.data().metadata().unwrap().permissions().mode() & 0o777, 0o755);
}

#[test]
fn trash_is_looked_at_and_never_emptied() {
    let home = Home::new();
    home.serve(&[]).stop();
    for name in ["one", "two"] {
        home.ok(&["tenant", "create", name, "--db-name", name]);
    }
    home.ok(&["tenant", "delete", "one", "--yes"]);
    let (_, report) = doctor(&home, &[]);
    assert_eq!(check(&report, "trash"), ("ok".into(), "1 deleted tenants wait in it".into()), "{report}");
    let (_, report) = doctor(&home, &["--fix", "--set", "storage.trash_days=0"]);
    let (status, detail) = check(&report, "trash");
    assert!(status == "warn" && detail.starts_with("1 of 1 deleted tenants"), "{report}");
    std::fs::write(home.data().join("trash/strange.db"), "mine").unwrap();
    let (_, report) = doctor(&home, &["--fix"]);
    assert_eq!(check(&report, "trash").0, "warn", "{report}");
    assert!(check(&report, "trash").1.contains("trash/strange.db") && home.data().join("trash/strange.db").exists());
    home.ok(&["tenant", "undelete", "one"]);
}

#[test]
fn what_a_crash_left_half_done_is_finished() {
    let home = Home::new();
    home.serve(&[]).stop();
    for name in ["made", "moved"] {
        home.ok(&["tenant", "create", name, "--db-name", name]);
    }
    let ids = ["made", "moved"].map(|name| tenant_id(&home, name));
    let central = open(&home.data().join("central.db"));
    central.execute("UPDATE tenants SET state = 'creating' WHERE id = ?1", [&ids[0]]).unwrap();
    central.execute("UPDATE tenants SET db_name_next = 'new' WHERE id = ?1", [&ids[1]]).unwrap();
    drop(central);
    let file = |name: &str| home.data().join(format!("tenants/{name}.db"));
    std::fs::rename(file("moved"), file("new")).unwrap();
    let (code, report) = doctor(&home, &[]);
    let (status, detail) = check(&report, "unfinished");
    assert!(code == 0 && status == "warn" && ids.iter().all(|id| detail.contains(id.as_str())), "{report}");
    assert_eq!(check(&report, "orphans").0, "ok", "a file on its way belongs to its tenant: {report}");
    let (code, report) = doctor(&home, &["--fix"]);
    assert!(code == 0 && is_fixed(&report, "unfinished"), "{report}");
    assert!(!file("made").exists() && file("new").exists(), "{report}");
    assert_eq!(tenant_id(&home, "new"), ids[1]);
    assert_eq!(check(&doctor(&home, &[]).1, "unfinished").0, "ok");
}

#[test]
fn older_central_file_is_brought_up_to_date() {
    let home = Home::new();
    home.serve(&[]).stop();
    make_older(&home.data().join("central.db"), "central", "central");
    let (code, report) = doctor(&home, &[]);
    let (status, detail) = check(&report, "central");
    assert!(code == 0 && status == "warn", "{report}");
    assert!(detail.starts_with(&format!("version {}", newest("central") - 1)), "{report}");
    assert_eq!(check(&report, "tenants").1, "not looked at: the central file is of an older ruko");
    let (code, report) = doctor(&home, &["--fix"]);
    assert!(code == 0 && is_fixed(&report, "central") && check(&report, "tenants").0 == "ok", "{report}");
    assert_eq!(check(&doctor(&home, &[]).1, "central").0, "ok");
}

#[test]
fn older_files_are_named_and_brought_up_to_date_but_for_frozen_ones() {
    let home = Home::new();
    home.serve(&[]).stop();
    for name in ["one", "two", "cold"] {
        home.ok(&["tenant", "create", name, "--db-name", name]);
    }
    home.ok(&["tenant", "freeze", "cold"]);
    let file = |name: &str| home.data().join(format!("tenants/{name}.db"));
    for name in ["one", "two", "cold"] {
        make_older(&file(name), "tenant", &tenant_id(&home, name));
    }
    let version = |name: &str| {
        let found = open(&file(name)).query_row("PRAGMA user_version", [], |row| row.get::<_, i64>(0));
        usize::try_from(found.unwrap()).unwrap()
    };
    let newest = newest("tenant");
    let server = home.serve(&[]);
    let (code, report) = doctor(&home, &["--fix"]);
    let (status, detail) = check(&report, "tenant_schemas");
    assert_eq!((code, status.as_str()), (0, "warn"), "{report}");
    assert!(["one.db", "two.db", "cold.db"].iter().all(|name| detail.contains(name)), "{report}");
    assert_eq!(["one", "two", "cold"].map(version), [newest - 1; 3], "beside a server nothing is repaired");
    server.stop();

    let cold = std::fs::read(file("cold")).unwrap();
    let (code, report) = doctor(&home, &["--fix"]);
    let done = format!("brought to version {newest}: one.db, two.db; left as it is: cold.db (frozen)");
    assert_eq!((code, check(&report, "tenant_schemas")), (0, ("warn".into(), done)), "{report}");
    assert_eq!(["one", "two"].map(version), [newest; 2]);
    assert!(std::fs::read(file("cold")).unwrap() == cold, "a frozen file stays as it is");
    home.ok(&["tenant", "thaw", "cold"]);
    let (code, report) = doctor(&home, &["--fix"]);
    assert!(code == 0 && is_fixed(&report, "tenant_schemas"), "{report}");
    assert_eq!((version("cold"), check(&doctor(&home, &[]).1, "tenant_schemas").0.as_str()), (newest, "ok"));
}

#[test]
fn tenant_whose_migration_failed_is_named_and_tried_again() {
    let home = Home::new();
    home.serve(&[]).stop();
    for name in ["one", "bad"] {
        home.ok(&["tenant", "create", name, "--db-name", name]);
    }
    let file = |name: &str| home.data().join(format!("tenants/{name}.db"));
    let newest = newest("tenant");
    make_older(&file("one"), "tenant", &tenant_id(&home, "one"));
    // What the last migration makes is there already, so it cannot succeed.
    open(&file("bad")).execute_batch(&format!("PRAGMA user_version={}", newest - 1)).unwrap();
    let note = "UPDATE tenants SET migration_error_code = 'x', migration_error = 'no luck', migration_failed_at = 1 \
                WHERE db_name = 'one'";
    open(&home.data().join("central.db")).execute(note, []).unwrap();
    let (code, report) = doctor(&home, &[]);
    let (status, detail) = check(&report, "tenant_migration_failed");
    assert!(code == 1 && status == "fail" && detail.contains("(one.db): ") && detail.ends_with("no luck"), "{report}");
    let (code, report) = doctor(&home, &["--fix"]);
    let (status, detail) = check(&report, "tenant_schemas");
    assert_eq!((code, status.as_str()), (1, "fail"), "{report}");
    let done = format!("brought to version {newest}: one.db; left as it is: bad.db (");
    assert!(detail.starts_with(&done), "{report}");
    let (code, report) = doctor(&home, &[]);
    assert!(code == 1 && check(&report, "tenant_migration_failed").1.contains("(bad.db): "), "{report}");
}
