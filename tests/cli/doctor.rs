//! `ruko doctor`

use std::os::unix::fs::PermissionsExt;

use serde_json::Value;

use crate::binary::{Home, Ran};

pub fn doctor(home: &Home, args: &[&str]) -> (i32, Value) {
    let ran = home.run(&[&["--json", "doctor"], args].concat());
    (ran.code, serde_json::from_str(&ran.out).unwrap_or_else(|error| panic!("{error}: {ran:?}")))
}

/// Status and detail of a check.
pub fn check(report: &Value, name: &str) -> (String, String) {
    let found = report["checks"].as_array().unwrap().iter().find(|check| check["name"] == name);
    let found = found.unwrap_or_else(|| panic!("{name}: {report}"));
    (found["status"].as_str().unwrap().to_owned(), found["detail"].as_str().unwrap().to_owned())
}

#[test]
fn healthy_directory_passes_every_check_beside_a_server_and_alone() {
    let home = Home::new();
    let server = home.serve(&["--demo"]);
    let (code, report) = doctor(&home, &[]);
    assert_eq!((code, check(&report, "lock").1.as_str()), (0, "a server runs and takes commands"), "{report}");
    server.stop();
    let (code, report) = doctor(&home, &["--deep"]);
    assert_eq!(code, 0, "{report}");
    for name in [
        "configuration",
        "data_dir",
        "lock",
        "permissions",
        "server_key",
        "placeholders",
        "central",
        "logs",
        "unfinished",
        "hot_journals",
        "leftover_logs",
        "tenants",
        "tenant_schemas",
        "temporary_files",
        "stray_logs",
        "orphans",
        "trash",
        "backup_folder",
        "backup_key",
        "backup_age",
        "backup_files",
        "backup_orphans",
        "clock",
        "disk_space",
        "open_files",
    ] {
        let status = check(&report, name).0;
        let may_warn = matches!(name, "disk_space" | "open_files");
        assert!(status == "ok" || may_warn, "{name}: {report}");
    }
    let table = home.ok(&["doctor"]);
    assert!(table.starts_with("Check\tStatus\tDetail\n"), "{table}");
}

#[test]
fn missing_directory_is_one_clear_failure() {
    let (code, report) = doctor(&Home::new(), &[]);
    assert_eq!((code, check(&report, "data_dir").0.as_str()), (1, "fail"), "{report}");
}

#[test]
fn open_keys_and_leftover_logs_are_found_and_repaired() {
    let home = Home::new();
    let server = home.serve(&["--demo"]);
    server.kill();
    let key = home.data().join("keys/server.key");
    std::fs::set_permissions(&key, PermissionsExt::from_mode(0o644)).unwrap();
    let (code, report) = doctor(&home, &[]);
    assert_eq!((code, check(&report, "permissions").0.as_str()), (1, "fail"), "{report}");
    assert_eq!(check(&report, "leftover_logs").0, "warn", "{report}");
    let (code, report) = doctor(&home, &["--fix"]);
    assert_eq!(code, 0, "{report}");
    assert_eq!(key.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    let (code, report) = doctor(&home, &[]);
    assert_eq!((code, check(&report, "leftover_logs").0.as_str()), (0, "ok"), "{report}");
    assert_eq!(home.json(&["sql", "demo", "SELECT count(*) n FROM orders"])[0]["n"], 25);
}

#[test]
fn every_kind_of_broken_tenant_file_is_named() {
    let home = Home::new();
    home.serve(&["--demo"]).stop();
    for name in ["gone", "garbage", "foreign", "torn", "stray"] {
        home.ok(&["tenant", "create", name, "--db-name", name]);
    }
    let file = |name: &str| home.data().join(format!("tenants/{name}.db"));
    std::fs::remove_file(file("gone")).unwrap();
    std::fs::write(file("garbage"), "this is no database at all, only a text").unwrap();
    std::fs::copy(file("demo"), file("foreign")).unwrap();
    std::fs::rename(file("stray"), file("unknown")).unwrap();
    // A page in the middle of the file loses its content.
    let mut bytes = std::fs::read(file("torn")).unwrap();
    bytes[4096 * 5..4096 * 7].fill(0xab);
    std::fs::write(file("torn"), bytes).unwrap();
    let (code, report) = doctor(&home, &["--deep"]);
    assert_eq!(code, 1);
    let text = report.to_string();
    let names = |name: &str| {
        let checks = report["checks"].as_array().unwrap().iter().filter(|check| check["name"] == name);
        checks.map(|check| check["detail"].as_str().unwrap()).collect::<Vec<_>>().join(" ")
    };
    for (name, words) in [
        ("tenant_missing", "(gone.db): the file is missing"),
        ("tenant_corrupt", "(garbage.db): "),
        ("tenant_foreign", "(foreign.db): the file carries the stamp of"),
        ("tenant_corrupt", "(torn.db): "),
        ("tenant_missing", "(stray.db): the file is missing"),
        ("orphans", "tenants/unknown.db"),
    ] {
        assert!(names(name).contains(words), "{words}: {report}");
    }
    assert!(!text.contains("(demo.db)"), "{text}");
    assert!(check(&report, "tenants").1.starts_with("1 files"), "{report}");
    let all = || ["garbage", "foreign", "torn", "unknown"].map(|name| std::fs::read(file(name)).unwrap());
    let before = all();
    assert_eq!(doctor(&home, &["--fix"]).0, 1, "problems remain");
    assert!(all() == before && !file("gone").exists(), "nothing of it is repaired by guessing");
}

#[test]
fn file_that_the_service_cannot_write_and_newer_one_get_advice_of_their_own() {
    let home = Home::new();
    home.serve(&[]).stop();
    for name in ["closed", "newer"] {
        home.ok(&["tenant", "create", name, "--db-name", name]);
    }
    home.belongs_to_a_service();
    let file = |name: &str| home.data().join(format!("tenants/{name}.db"));
    std::fs::set_permissions(file("closed"), PermissionsExt::from_mode(0o444)).unwrap();
    let mut newer = std::fs::read(file("newer")).unwrap();
    newer[60..64].copy_from_slice(&9999_u32.to_be_bytes());
    std::fs::write(file("newer"), newer).unwrap();
    let (code, report) = doctor(&home, &[]);
    assert_eq!(code, 1, "{report}");
    let advice = |name: &str| {
        let mut checks = report["checks"].as_array().unwrap().iter();
        let found = checks.find(|check| check["detail"].as_str().unwrap().contains(&format!("({name}.db)")));
        found.unwrap_or_else(|| panic!("{name}: {report}"))["advice"].as_str().unwrap().to_owned()
    };
    assert!(advice("closed").contains("chmod u+rw"), "{report}");
    assert!(advice("newer").contains("newer ruko") && !advice("newer").contains("restore"), "{report}");
}

#[test]
fn damaged_central_file_and_wrong_key_are_failures() {
    let home = Home::new();
    home.serve(&[]).stop();
    let other = home.ok(&["key", "generate", "--show"]);
    let ran = Ran::of(home.command(&["--json", "doctor"]).env("APP_KEY", other.trim()).output().unwrap());
    let report: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!((ran.code, check(&report, "server_key").0.as_str()), (1, "fail"), "{report}");
    std::fs::write(home.data().join("central.db"), "nonsense that is long enough to be read as a header").unwrap();
    let (code, report) = doctor(&home, &[]);
    assert_eq!((code, check(&report, "central").0.as_str()), (1, "fail"), "{report}");
}
