//! `ruko migrate`, and what a start does by itself.

use std::time::{Duration, Instant};

use rusqlite::Connection;
use serde_json::{Value, json};

use crate::binary::Home;

fn open(home: &Home, name: &str) -> Connection {
    #[allow(clippy::disallowed_methods, reason = "stands for another program")]
    Connection::open(home.data().join(format!("tenants/{name}.db"))).unwrap()
}

fn version(home: &Home, name: &str) -> i64 {
    open(home, name).query_row("PRAGMA user_version", [], |row| row.get(0)).unwrap()
}

/// Makes tenants whose closed files are of the first release.
fn old(home: &Home, names: &[&str]) {
    for name in names {
        home.ok(&["tenant", "create", name, "--db-name", name]);
        open(home, name).execute_batch("DROP TABLE login_networks; PRAGMA user_version = 1;").unwrap();
        #[allow(clippy::disallowed_methods, reason = "stands for an older ruko")]
        let central = Connection::open(home.data().join("central.db")).unwrap();
        central.execute("UPDATE tenants SET schema_version = 1 WHERE db_name = ?1", [name]).unwrap();
    }
}

#[test]
fn migrate_brings_all_files_up_to_date_and_goes_on_past_a_broken_one() {
    let home = Home::new();
    assert_eq!(home.json(&["migrate"]), serde_json::json!({"migrated": 0, "current": 0, "failed": []}), "from nothing");
    for name in ["a", "b", "c"] {
        home.ok(&["tenant", "create", name, "--db-name", name]);
    }
    assert_eq!(home.json(&["tenants:migrate"])["current"], 3);
    assert_eq!(home.json(&["tenants:migrate", "--tenants=b"])["current"], 1);
    std::fs::write(home.data().join("tenants/b.db"), "this is no database at all").unwrap();
    let ran = home.run(&["--json", "migrate"]);
    ran.refused(1, &["could not be migrated", "ruko doctor"]);
    let report: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!((&report["current"], report["failed"].as_array().unwrap().len()), (&2.into(), 1), "{report}");
}

#[test]
fn migrate_beside_a_server_goes_through_it() {
    let home = Home::new();
    let server = home.serve(&["--demo"]);
    let text = home.ok(&["migrate", "--force"]);
    assert!(text.contains("0 migrated, 1 up to date"), "{text}");
    server.stop();
}

#[test]
fn file_that_cannot_be_migrated_is_named_until_it_is_mended() {
    const ERROR: &str = "from schema version 1 to 2: table login_networks already exists";
    let home = Home::begun();
    old(&home, &["good", "bad"]);
    open(&home, "bad").execute_batch("CREATE TABLE login_networks (mine TEXT)").unwrap();
    let ran = home.run(&["--json", "migrate"]);
    ran.refused(1, &["(bad.db): ", ERROR, "ruko doctor"]);
    let report: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!((&report["migrated"], &report["current"]), (&json!(1), &json!(0)), "{report}");
    assert_eq!((version(&home, "good"), version(&home, "bad")), (2, 1));
    let report = home.run(&["doctor"]);
    let is_named =
        ["(bad.db): version 1; since ", ERROR, "`ruko migrate TENANT`"].iter().all(|words| report.out.contains(words));
    assert!(report.code == 1 && is_named && !report.out.contains("(good.db)"), "{report:?}");

    let server = home.serve(&[]);
    home.run(&["migrate"]).refused(1, &["(bad.db): ", ERROR]);
    home.run(&["migrate", "bad"]).refused(1, &[ERROR]);
    let detail = home.json(&["tenant", "show", "bad"]);
    assert_eq!(
        (&detail["schema_version"], &detail["migration_error"]["code"]),
        (&json!(1), &json!("tenant_migration_failed"))
    );
    assert_eq!(home.log().matches("tenant is parked").count(), 1, "{}", home.log());
    open(&home, "bad").execute_batch("DROP TABLE login_networks").unwrap();
    assert_eq!(home.json(&["migrate", "bad"]), json!({"migrated": 1, "current": 0, "failed": []}));
    assert_eq!(home.json(&["tenant", "show", "bad"])["migration_error"], Value::Null);
    server.stop();
    assert_eq!(home.json(&["migrate"])["current"], 2);
    home.ok(&["doctor"]);
}

#[test]
fn doctor_can_look_before_the_first_start_of_a_newer_ruko() {
    let home = Home::begun();
    old(&home, &["a"]);
    let central = home.data().join("central.db");
    #[allow(clippy::disallowed_methods, reason = "stands for an older ruko")]
    let older = Connection::open(&central).unwrap();
    older
        .execute_batch(
            "DROP TABLE alerts; DROP TABLE backup_copies; DROP TABLE retention_pauses; DROP TABLE tenant_schedules; DROP INDEX tenants_scheduled; DROP TABLE jobs; DROP TABLE backups; DROP TABLE restores; DROP INDEX tenants_by_schema; PRAGMA user_version = 2;",
        )
        .unwrap();
    for column in ["migration_error_code", "migration_error", "migration_failed_at"] {
        older.execute_batch(&format!("ALTER TABLE tenants DROP COLUMN {column}")).unwrap();
    }
    drop(older);
    let report = home.ok(&["doctor"]);
    assert!(report.contains("not looked at: the central file is of an older ruko"), "{report}");
    assert_eq!(home.json(&["migrate"])["migrated"], 1);
    assert!(home.ok(&["doctor"]).contains("1 files are there and theirs"));
}

#[test]
fn start_migrates_all_files_in_the_background() {
    let home = Home::begun();
    let names = ["a", "b", "c"];
    old(&home, &names);
    let server = home.serve(&[]);
    let begun = Instant::now();
    while !home.log().contains("tenant files were migrated") {
        assert!(begun.elapsed() < Duration::from_secs(20), "it never happened: {}", home.log());
        std::thread::yield_now();
    }
    assert_eq!(names.map(|name| version(&home, name)), [2; 3]);
    server.stop();
}
