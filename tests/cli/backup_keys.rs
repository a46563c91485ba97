//! The key of backups: opening a file with nothing else, and exchanging it.

use std::path::{Path, PathBuf};

use rusqlite::Connection;
use serde_json::Value;

use crate::binary::{Home, both_ways};

/// Makes a tenant with a backup.
fn begin(home: &Home) {
    home.ok(&["tenant", "create", "Alpha", "--db-name", "alpha"]);
    back_up(home);
}

/// Gives the path of the new backup's file.
fn back_up(home: &Home) -> PathBuf {
    let made = home.json(&["backup", "run", "alpha"]);
    let path = made["made"][0]["path"].as_str().unwrap();
    home.data().join(format!("{path}.enc"))
}

fn recovery_keys(home: &Home) -> Vec<String> {
    let text = std::fs::read_to_string(home.data().join("keys/backup.key")).unwrap();
    text.lines().map(str::to_owned).collect()
}

/// Backups that each key opens, the key in use first.
fn opened_by(home: &Home) -> Vec<u64> {
    let keys = home.json(&["backup", "keys"]);
    keys.as_array().unwrap().iter().map(|key| key["backups"].as_u64().unwrap()).collect()
}

#[allow(clippy::disallowed_methods, reason = "a file that no server has")]
fn connect(database: &Path) -> Connection {
    Connection::open(database).unwrap()
}

fn owner(database: &Path) -> String {
    let raw = connect(database);
    assert_eq!(raw.query_row("PRAGMA integrity_check", [], |row| row.get::<_, String>(0)).unwrap(), "ok");
    raw.query_row("SELECT value FROM meta WHERE key = 'owner'", [], |row| row.get(0)).unwrap()
}

#[test]
fn backup_opens_on_a_clean_machine_with_nothing_but_its_key() {
    let home = Home::begun();
    let id = home.json(&["tenant", "create", "Alpha", "--db-name", "alpha"])["tenant_id"].as_str().unwrap().to_owned();
    let stored = back_up(&home);
    let key = recovery_keys(&home).remove(0);

    let clean = Home::new();
    let file = clean.folder.path().join(stored.file_name().unwrap());
    std::fs::copy(&stored, &file).unwrap();
    let file = file.to_str().unwrap();
    let database = PathBuf::from(file.strip_suffix(".zst.enc").unwrap());
    let open = |more: &[&str]| clean.run(&[&["backup", "open", file], more].concat());

    open(&[]).refused(77, &["needs the key", "--recovery-key"]);
    open(&["--recovery-key", &key[..80]]).refused(77, &["backup key cannot be read"]);
    let other = clean.ok(&["key", "generate", "backup", "--show"]);
    open(&["--recovery-key", other.trim()]).refused(77, &["was made with the key", "the given one is"]);
    assert!(!database.exists());

    let info = clean.json(&["backup", "open", file, "--info", "--recovery-key", &key]);
    assert_eq!(
        (&info["tenant_id"], &info["kind"], &info["database"]),
        (&id.clone().into(), &"manual".into(), &Value::Null)
    );
    assert!(!database.exists());
    let said = open(&["--recovery-key", &key.to_uppercase().replace('-', " ")]);
    assert!(said.code == 0 && said.out.contains("whole and checked"), "{said:?}");
    assert_eq!(owner(&database), id);
    open(&["--recovery-key", &key]).refused(1, &["is there already"]);
    assert!(!clean.data().exists(), "nothing of a server was made");

    let mut piped = clean.command(&["backup", "open", file, "--output", "-", "--recovery-key", "-"]);
    let typed = clean.folder.path().join("key");
    std::fs::write(&typed, &key).unwrap();
    let piped = piped.stdin(std::fs::File::open(&typed).unwrap()).output().unwrap();
    assert_eq!(piped.stdout, std::fs::read(&database).unwrap());

    let mut bytes = std::fs::read(&stored).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(file, &bytes).unwrap();
    std::fs::remove_file(&database).unwrap();
    open(&["--recovery-key", &key]).refused(65, &["cannot be used: damaged"]);
    std::fs::write(file, "no backup").unwrap();
    open(&["--recovery-key", &key]).refused(65, &["not a backup file of ruko"]);
    assert_eq!(clean.folder.path().read_dir().unwrap().count(), 2, "nothing is left of what failed");

    // Where the key is, nobody has to name it.
    let to = home.folder.path().join("opened.db");
    home.ok(&["backup", "open", stored.to_str().unwrap(), "--output", to.to_str().unwrap()]);
    assert_eq!(owner(&to), id);
}

#[test]
fn key_is_exchanged_and_older_backups_open_with_theirs_until_they_are_encrypted_anew() {
    both_ways(|home| {
        begin(home);
        let older = recovery_keys(home).remove(0);
        home.run(&["backup", "rotate-key"]).refused(2, &["--yes"]);
        assert_eq!(recovery_keys(home), std::slice::from_ref(&older));
        let shown = home.ok(&["backup", "rotate-key", "--yes"]);
        let keys = recovery_keys(home);
        assert_eq!((keys.len(), &keys[1]), (2, &older));
        assert_eq!(shown.trim(), keys[0]);
        back_up(home);
        assert_eq!(opened_by(home), [1, 1]);
        for backup in home.json(&["backup", "list", "alpha"]).as_array().unwrap() {
            home.ok(&["restore", "alpha", backup["filename"].as_str().unwrap(), "--yes"]);
        }
        let opened = opened_by(home);
        assert_eq!(opened[1], 1, "what a restore put aside has the new key: {opened:?}");

        let said = home.json(&["backup", "rotate-key", "--yes", "--rewrap"]);
        assert_eq!((said["failed"].as_array().unwrap().len(), said["rewrapped"].as_u64()), (0, Some(opened[0] + 1)));
        assert_eq!(opened_by(home), [opened[0] + 1, 0, 0]);
        let newest = recovery_keys(home).remove(0);
        assert_eq!(said["recovery_key"], newest);
        std::fs::write(home.data().join("keys/backup.key"), format!("{newest}\n")).unwrap();
        for backup in home.json(&["backup", "list", "alpha"]).as_array().unwrap() {
            let path = home.data().join(format!("{}.enc", backup["path"].as_str().unwrap()));
            let to = home.folder.path().join(backup["id"].as_str().unwrap());
            home.ok(&["backup", "open", path.to_str().unwrap(), "--output", to.to_str().unwrap()]);
        }
    });
}

#[test]
fn damaged_backup_stays_as_it_is_when_the_others_are_encrypted_anew() {
    let home = Home::begun();
    begin(&home);
    let damaged = back_up(&home);
    back_up(&home);
    let mut bytes = std::fs::read(&damaged).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&damaged, &bytes).unwrap();
    let ran = home.run(&["--json", "backup", "rotate-key", "--yes", "--rewrap"]);
    let name = damaged.file_name().unwrap().to_str().unwrap().strip_suffix(".enc").unwrap().to_owned();
    ran.refused(65, &["1 backups stay as they were", &name, "cannot be used: damaged"]);
    assert_eq!(opened_by(&home), [2, 1]);
    assert_eq!(std::fs::read(&damaged).unwrap(), bytes);
    let again = home.json(&["backup", "list", "alpha"]);
    assert_eq!(again.as_array().unwrap().len(), 3);
}

#[test]
fn key_of_the_settings_is_changed_in_the_settings() {
    let home = Home::begun();
    let key = home.ok(&["key", "generate", "backup", "--show"]);
    std::fs::write(home.folder.path().join(".env"), format!("RUKO_BACKUP_KEY={key}")).unwrap();
    begin(&home);
    home.run(&["backup", "rotate-key", "--yes"]).refused(1, &["The settings name the backup key"]);
    assert_eq!((recovery_keys(&home).len(), opened_by(&home)[0]), (1, 1), "the key of the first start is not in use");
}

#[test]
fn kill_between_an_encrypted_file_and_its_row_loses_neither() {
    for step in ["rewrap.written", "rewrap.landed"] {
        let home = Home::begun();
        begin(&home);
        let server = home.serve_with_fault(&format!("kill:{step}"), &[]);
        home.ok(&["backup", "rotate-key", "--yes"]);
        let ran = home.run(&["backup", "rotate-key", "--rewrap", "--keep"]);
        assert_ne!(ran.code, 0, "{ran:?}");
        server.wait();
        let server = home.serve(&[]);
        home.ok(&["restore", "alpha", "--yes"]);
        let said = home.json(&["backup", "rotate-key", "--rewrap", "--keep"]);
        assert_eq!((said["failed"].as_array().unwrap().len(), said["rewrapped"].as_u64()), (0, Some(1)), "{step}");
        home.ok(&["restore", "alpha", "--yes"]);
        assert_eq!(opened_by(&home)[1], 0);
        server.stop();
        let stored = home.json(&["backup", "list", "alpha"]);
        for backup in stored.as_array().unwrap() {
            let folder = home.data().join(backup["path"].as_str().unwrap());
            let there = folder.parent().unwrap().read_dir().unwrap().count();
            assert_eq!(there, stored.as_array().unwrap().len(), "{step}");
        }
    }
}

#[test]
fn dump_is_text_that_makes_the_same_database() {
    both_ways(|home| {
        home.ok(&["tenant", "create", "Alpha", "--db-name", "alpha"]);
        let text = home.ok(&["tenant", "dump", "alpha"]);
        let loaded = home.folder.path().join("loaded.db");
        connect(&loaded).execute_batch(&text).unwrap();
        assert_eq!(owner(&loaded), home.json(&["tenant", "show", "alpha"])["id"].as_str().unwrap());
        let to = home.folder.path().join("alpha.sql");
        home.ok(&["tenant:dump", "alpha", "--output", to.to_str().unwrap()]);
        assert_eq!(std::fs::read_to_string(&to).unwrap(), text);
        home.run(&["tenant", "dump", "alpha", "-o", to.to_str().unwrap()]).refused(1, &["exists already"]);
        home.run(&["tenant", "dump", "nobody"]).refused(1, &["nobody"]);
    });
}
