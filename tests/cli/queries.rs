//! `ruko sql`: reads everything, changes nothing, and with `--write` all or nothing.

use std::io::Write;
use std::process::Stdio;

use crate::binary::{Home, Ran};

/// A data directory with the demo shop, and no server.
fn shop() -> Home {
    let home = Home::new();
    home.serve(&["--demo"]).stop();
    home
}

#[test]
fn tenant_is_found_by_id_number_and_file_name() {
    let home = shop();
    let id = home.json(&["sql", "central", "SELECT id FROM tenants"])[0]["id"].as_str().unwrap().to_owned();
    for name in [&id, "1", "demo", "DEMO"] {
        assert_eq!(home.json(&["sql", name, "SELECT value FROM meta"])[0]["value"], id.as_str(), "{name}");
    }
    home.run(&["sql", "nobody", "SELECT 1"]).refused(1, &["tenant nobody not found", "ruko tenant list"]);
}

#[test]
fn results_come_as_table_csv_and_json() {
    let home = shop();
    let query = "SELECT 1 AS a, 'x,\"y\"' AS b, NULL AS c, x'0aff' AS d, 1.5 AS e";
    assert_eq!(home.ok(&["sql", "demo", query]), "a\tb\tc\td\te\n1\tx,\"y\"\t\t0aff\t1.5\n");
    assert_eq!(home.ok(&["sql", "--csv", "demo", query]), "a,b,c,d,e\r\n1,\"x,\"\"y\"\"\",,0aff,1.5\r\n");
    let expected = serde_json::json!([{"a": 1, "b": "x,\"y\"", "c": null, "d": "0aff", "e": 1.5}]);
    assert_eq!(home.json(&["sql", "demo", query]), expected);
    assert_eq!(home.json(&["sql", "demo", "SELECT 1 WHERE 0"]), serde_json::json!([]));
}

#[test]
fn queries_are_read_from_a_pipe() {
    let home = shop();
    let mut child = home.command(&["sql", "demo"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(b"SELECT 1 AS a;\n-- comment; with semicolon\nSELECT ';' AS b;\n").unwrap();
    let ran = Ran::of(child.wait_with_output().unwrap());
    assert_eq!(ran.out, "a\n1\nb\n;\n");
}

#[test]
fn nothing_but_reading_is_possible_without_write() {
    let home = shop();
    let target = home.folder.path().join("copy.db");
    let files = || {
        let mut names: Vec<_> =
            std::fs::read_dir(home.data().join("tenants")).unwrap().map(|e| e.unwrap().path()).collect();
        names.sort();
        names.into_iter().map(|path| (path.clone(), std::fs::read(path).unwrap())).collect::<Vec<_>>()
    };
    let before = files();
    for query in [
        "DELETE FROM products".to_owned(),
        "UPDATE products SET stock = 0".into(),
        "CREATE TABLE t (a)".into(),
        "CREATE TEMP TABLE t (a)".into(),
        "DROP TABLE orders".into(),
        "PRAGMA user_version = 9".into(),
        "PRAGMA query_only = OFF; DELETE FROM products".into(),
        "PRAGMA journal_mode = DELETE".into(),
        "PRAGMA writable_schema = ON".into(),
        "PRAGMA wal_checkpoint(TRUNCATE)".into(),
        format!("ATTACH '{}' AS other", target.display()),
        format!("VACUUM INTO '{}'", target.display()),
        "VACUUM".into(),
        "REINDEX".into(),
        "ANALYZE".into(),
        "BEGIN IMMEDIATE; DELETE FROM products; COMMIT".into(),
        "INSERT INTO products_fts (products_fts) VALUES ('rebuild')".into(),
        "SELECT load_extension('/tmp/x')".into(),
    ] {
        let ran = home.run(&["sql", "demo", &query]);
        assert_eq!(ran.code, 1, "{query}: {ran:?}");
    }
    assert!(!target.exists());
    assert_eq!(files(), before);
    home.run(&["sql", "demo", "DELETE FROM products"]).refused(1, &["--write allows changes"]);
    home.run(&["sql", "demo", "SELEC 1"]).refused(1, &["syntax error"]);
}

#[test]
fn reading_beside_a_server_sees_what_it_has_committed() {
    let home = shop();
    let server = home.serve(&[]);
    assert_eq!(home.json(&["sql", "demo", "SELECT count(*) n FROM products"])[0]["n"], 40);
    let search = "SELECT rowid FROM products_fts WHERE products_fts MATCH 'rendang'";
    assert!(home.json(&["sql", "demo", search]).is_array(), "the search index can be read");
    home.run(&["sql", "--write", "--yes", "demo", "DELETE FROM orders"])
        .refused(75, &["in use", "freeze", "stop the server"]);
    home.run(&["sql", "--write", "--yes", "central", "DELETE FROM tenants"]).refused(75, &["stop the server"]);
    server.stop();
}

#[test]
fn reading_after_a_crash_sees_the_log_and_leaves_it() {
    let home = shop();
    let server = home.serve(&[]);
    home.ok(&["tenant", "create", "After"]);
    server.kill();
    let wal = home.data().join("central.db-wal");
    let before = std::fs::read(&wal).unwrap();
    assert!(!before.is_empty());
    assert_eq!(home.json(&["sql", "central", "SELECT count(*) n FROM tenants"])[0]["n"], 2);
    assert_eq!(std::fs::read(&wal).unwrap(), before);
}

#[test]
fn changes_are_made_all_or_none_and_only_when_meant() {
    let home = shop();
    let count = || home.json(&["sql", "demo", "SELECT count(*) n FROM orders"])[0]["n"].as_i64().unwrap();
    let delete = "DELETE FROM orders WHERE status = 'cancelled'";
    home.run(&["sql", "--write", "demo", delete]).refused(2, &["--yes"]);
    assert_eq!(count(), 25);
    home.run(&["sql", "--write", "--yes", "demo", &format!("{delete}; SELECT nonsense")]).refused(1, &["nonsense"]);
    assert_eq!(count(), 25, "half a change is none");
    home.ok(&["sql", "--write", "--yes", "demo", delete]);
    assert!(count() < 25);
}
