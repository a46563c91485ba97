//! `ruko tenant`, over the local socket beside a server and in-process alone: the same everywhere.

use std::process::Stdio;

use serde_json::{Value, json};

use crate::binary::{Home, Ran, both_ways};

fn create(home: &Home, name: &str) -> String {
    let made = home.json(&["tenant", "create", name, "--db-name", name]);
    made["tenant_id"].as_str().unwrap().to_owned()
}

fn state(home: &Home, tenant: &str) -> String {
    let shown = home.json(&["tenant", "show", tenant]);
    shown["state"].as_str().unwrap_or_else(|| panic!("{shown}")).to_owned()
}

#[test]
fn tenant_is_created_with_its_key() {
    both_ways(|home| {
        let made = home.json(&["tenant", "create", "Warung Makan", "--db-name", "warung"]);
        assert!(made["api_key"].as_str().unwrap().starts_with("tk_"), "{made}");
        assert_eq!(made["database"], "warung");
        assert!(home.data().join("tenants/warung.db").exists());
        let text = home.ok(&["tenant", "create", "Toko"]);
        assert!(text.contains("api_key") && text.contains("tk_"), "{text}");
    });
}

#[test]
fn settings_in_force_are_shown() {
    both_ways(|home| {
        create(home, "one");
        let shown = home.json(&["tenant", "show", "one"]);
        let settings = json!({"password_min_length": 6, "time_zone": "Asia/Jakarta", "locale": "en"});
        assert_eq!(shown["settings"], settings, "{shown}");
        let text = home.ok(&["tenant", "show", "one"]);
        assert!(text.contains("settings") && text.contains("Asia/Jakarta"), "{text}");
    });
}

#[test]
fn refused_input_is_told_in_words() {
    both_ways(|home| {
        home.ok(&["tenant", "create", "One", "--db-name", "one"]);
        home.run(&["tenant", "create", "Two", "--db-name", "one"]).refused(1, &["db name"]);
        home.run(&["tenant", "create", "Two", "--db-name", "../x"]).refused(1, &["db name"]);
        home.run(&["tenant", "create", ""]).refused(1, &["name"]);
        home.run(&["tenant", "create", "Two", "--plan", "gold"]).refused(1, &["plan"]);
    });
}

#[test]
fn data_directory_that_is_not_there_is_refused_but_by_the_command_that_begins_one_and_says_so() {
    let home = Home::new();
    let root = home.data().display().to_string();
    std::fs::write(home.folder.path().join("one.tar.zst"), "an archive").unwrap();
    let commands: [&[&str]; 12] = [
        &["tenant", "create", "One"],
        &["tenant", "adopt", "one"],
        &["tenant", "import", "one.tar.zst"],
        &["tenant", "list"],
        &["tenant", "detach", "one", "--yes"],
        &["migrate", "one"],
        &["backup", "run"],
        &["restore", "one", "--yes"],
        &["logs", "audit"],
        &["sql", "central", "SELECT 1"],
        &["schedule:run"],
        &["doctor", "--fix"],
    ];
    for command in commands {
        let ran = home.run(command);
        let told = format!("{}{}", ran.out, ran.err);
        assert_eq!(ran.code, 1, "{command:?}: {ran:?}");
        for words in [root.as_str(), "--data-dir", "`ruko serve` or `ruko migrate`"] {
            assert!(told.contains(words), "{command:?}: {words:?} is missing: {told}");
        }
        assert!(!home.data().exists(), "{command:?} has made something");
    }
    std::fs::create_dir(home.data()).unwrap();
    home.run(&["tenant", "create", "One"]).refused(1, &["there is no central.db in", &root, "`ruko migrate`"]);
    assert_eq!(home.data().read_dir().unwrap().count(), 0, "a folder of something else stays as it is");
    std::fs::remove_dir(home.data()).unwrap();
    let begun = home.run(&["migrate"]);
    assert!(begun.code == 0 && begun.err.contains(&format!("{root} is a data directory from now on")), "{begun:?}");
    let again = home.run(&["migrate"]);
    assert!(again.code == 0 && again.err.is_empty(), "{again:?}");
    home.ok(&["tenant", "create", "One"]);
    // Where the settings name another central file, a second one must not come up beside the first.
    let other = home.run(&["--set", "storage.central_file=other.db", "tenant", "create", "Two"]);
    other.refused(1, &["there is no other.db in"]);
}

#[test]
fn command_waits_for_a_server_that_is_just_making_the_data_directory() {
    let home = Home::new();
    std::fs::create_dir(home.data()).unwrap();
    let lock = std::fs::File::create(home.data().join("ruko.lock")).unwrap();
    rustix::fs::flock(&lock, rustix::fs::FlockOperation::LockExclusive).unwrap();
    let mut command = home.command(&["tenant", "create", "One"]);
    let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
    let socket = std::os::unix::net::UnixListener::bind(home.data().join("ruko.sock")).unwrap();
    socket.set_nonblocking(true).unwrap();
    while socket.accept().is_err() {
        assert_eq!(child.try_wait().unwrap(), None, "it did not wait");
        std::thread::yield_now();
    }
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn only_the_server_makes_a_master_key() {
    let home = Home::begun();
    home.ok(&["tenant", "create", "First"]);
    let key = home.data().join("keys/master.key");
    assert!(!key.exists(), "the server's may stand in settings that the command does not see");
    drop(home.serve(&["--set", "auth.master_key=mk_of_the_settings"]).stop());
    home.ok(&["tenant", "list"]);
    assert!(!key.exists());
    home.serve(&[]).stop();
    assert!(key.exists() && home.log().contains("master.key"), "{}", home.log());
}

#[test]
fn commands_leave_complete_files() {
    let home = Home::begun();
    create(&home, "one");
    for name in ["central.db-wal", "tenants/one.db-wal", "logs.db-wal"] {
        let left = home.data().join(name).metadata().map_or(0, |found| found.len());
        assert_eq!(left, 0, "{name}");
    }
}

#[test]
fn placeholder_master_key_does_not_lock_the_owner_of_the_machine_out() {
    let home = Home::begun();
    let mut command = home.command(&["tenant", "create", "Mine"]);
    let ran = Ran::of(command.env("MASTER_API_KEY", "your-super-secret-master-key").output().unwrap());
    assert_eq!(ran.code, 0, "{ran:?}");
}

#[test]
fn tenants_are_listed_and_shown() {
    both_ways(|home| {
        let id = create(home, "alpha");
        create(home, "beta");
        let all = home.json(&["tenant", "list"]);
        assert_eq!(all.as_array().unwrap().len(), 2, "{all}");
        let found = home.json(&["tenant", "list", "--search", "alp"]);
        assert_eq!((found.as_array().unwrap().len(), &found[0]["id"]), (1, &json!(id)));
        let table = home.ok(&["tenant", "list"]);
        assert!(table.starts_with("Id\tName\tFile\tState\tPlan\tCreated\n") && table.lines().count() == 3, "{table}");
        assert_eq!(home.json(&["tenant", "show", "alpha"])["id"], json!(id));
        home.run(&["tenant", "show", "gamma"]).refused(1, &["tenant gamma not found", "ruko tenant list --all"]);
        home.ok(&["tenant", "delete", "beta", "--yes"]);
        let names = |args: &[&str]| {
            let rows = home.json(&[&["tenant", "list"], args].concat());
            rows.as_array().unwrap().iter().map(|row| row["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(names(&[]), ["alpha"]);
        assert_eq!(names(&["--state", "deleted"]), ["beta"]);
        assert_eq!(names(&["--all"]), ["alpha", "beta"]);
        home.run(&["tenant", "list", "--state", "gone"]).refused(2, &["active", "suspended", "frozen", "deleted"]);
    });
}

#[test]
fn more_tenants_than_a_page_are_all_listed() {
    let home = Home::new();
    let server = home.serve(&[]);
    for number in 0..103 {
        create(&home, &format!("shop{number}"));
    }
    assert_eq!(home.json(&["tenant", "list"]).as_array().unwrap().len(), 103);
    server.stop();
}

#[test]
fn tenant_is_suspended_frozen_and_brought_back() {
    both_ways(|home| {
        create(home, "one");
        for (verb, expected) in
            [("suspend", "suspended"), ("resume", "active"), ("freeze", "frozen"), ("thaw", "active")]
        {
            home.ok(&["tenant", verb, "one"]);
            assert_eq!(state(home, "one"), expected, "{verb}");
        }
    });
}

#[test]
fn frozen_tenant_can_be_changed_beside_a_server() {
    let home = Home::new();
    let server = home.serve(&[]);
    create(&home, "one");
    home.ok(&["tenant", "freeze", "one"]);
    home.ok(&[
        "sql",
        "--write",
        "--yes",
        "one",
        "INSERT INTO products (name, price_minor, created_at, updated_at) VALUES ('x', 1, 1, 1)",
    ]);
    home.ok(&["tenant", "thaw", "one"]);
    assert_eq!(home.json(&["sql", "one", "SELECT count(*) n FROM products"])[0]["n"], 1);
    server.stop();
}

#[test]
fn tenant_is_deleted_only_when_meant_and_comes_back() {
    both_ways(|home| {
        let id = create(home, "one");
        home.run(&["tenant", "delete", "one"]).refused(2, &["--yes"]);
        home.ok(&["tenant", "delete", "one", "--yes"]);
        assert!(!home.data().join("tenants/one.db").exists());
        home.ok(&["tenant", "undelete", "one"]);
        assert_eq!(home.json(&["tenant", "show", &id])["state"], "active");
        home.ok(&["tenant", "freeze", "one"]);
        home.ok(&["tenant", "delete", "one", "--yes"]);
        let told = home.ok(&["tenant", "undelete", "one"]);
        assert!(told.ends_with("is frozen, as it was before\n"), "{told}");
        home.ok(&["tenant", "thaw", "one"]);
        home.ok(&["tenant", "delete", "one", "--yes"]);
        home.ok(&["tenant", "delete", &id, "--purge", "--yes"]);
        home.run(&["tenant", "undelete", &id]).refused(1, &["not found"]);
    });
}

#[test]
fn key_is_replaced() {
    both_ways(|home| {
        let old = home.json(&["tenant", "create", "One", "--db-name", "one"])["api_key"].clone();
        let new = home.json(&["tenant", "regenerate-key", "one", "--overlap-minutes", "5"])["api_key"].clone();
        assert!(new.as_str().unwrap().starts_with("tk_") && new != old);
    });
}

#[test]
fn file_is_detached_and_adopted() {
    both_ways(|home| {
        create(home, "one");
        home.run(&["tenant", "detach", "one"]).refused(2, &["Forget one (", "leave its file?", "--yes"]);
        assert_eq!(state(home, "one"), "active");
        home.ok(&["tenant", "detach", "one", "--yes"]);
        assert!(home.data().join("tenants/one.db").exists());
        let made = home.json(&["tenant", "adopt", "one", "--name", "One again"]);
        assert!(made.is_object(), "{made}");
        assert_eq!(state(home, "one"), "active");
    });
}

#[test]
fn tenant_travels_as_an_archive() {
    both_ways(|home| {
        create(home, "one");
        let told = home.json(&["tenant", "export", "one"]);
        let archive = home.folder.path().join("one.tar.zst");
        assert_eq!(told["size_bytes"].as_u64(), Some(archive.metadata().unwrap().len()), "{told}");
        home.run(&["tenant", "export", "one"]).refused(1, &["exists already", "--output"]);
        let made: Value =
            home.json(&["tenant", "import", "one.tar.zst", "--name", "Two", "--db-name", "two", "--id", "new"]);
        assert!(made["api_key"].as_str().is_some_and(|key| key.starts_with("tk_")), "{made}");
        assert_eq!(state(home, "two"), "active");
        home.run(&["tenant", "import", "one.tar.zst"]).refused(1, &["exists on this server", "--id new"]);
        let again = ["tenant", "import", "one.tar.zst", "--id", "new", "--db-name", "three"];
        home.run(&[&again[..], &["--keys", "keep"]].concat()).refused(1, &["--keys new"]);
        home.ok(&[&again[..], &["--keys", "new", "--domains", "none"]].concat());
        home.run(&["tenant", "import", "nowhere.tar.zst"]).refused(1, &["cannot read"]);
    });
}

#[test]
fn what_is_told_of_a_tenant_is_true() {
    both_ways(|home| {
        create(home, "one");
        home.ok(&["tenant", "suspend", "one"]);
        home.ok(&["tenant", "freeze", "one"]);
        assert!(home.ok(&["tenant", "thaw", "one"]).contains("is suspended, as it was before"));
        home.ok(&["tenant", "delete", "one", "--yes"]);
        assert!(home.ok(&["tenant", "undelete", "one"]).contains("is suspended"));
        assert!(home.ok(&["tenant", "resume", "one"]).contains("serves again"));
        assert!(home.ok(&["tenant", "freeze", "one"]).contains("its file is complete"));
        let file = home.data().join("tenants/one.db");
        for spoil in [Some(&b""[..]), Some(b"something else"), None] {
            match spoil {
                Some(content) => std::fs::write(&file, content).unwrap(),
                None => std::fs::remove_file(&file).unwrap(),
            }
            let told = home.ok(&["tenant", "freeze", "one"]);
            assert!(told.contains("frozen. Its file cannot be used (tenant_") && !told.contains("complete"), "{told}");
        }
        let told = home.ok(&["tenant", "delete", "one", "--yes"]);
        assert!(told.contains("was missing") && !told.contains("brings it back"), "{told}");
    });
}

#[test]
fn size_of_a_tenants_file_is_bounded() {
    both_ways(|home| {
        create(home, "one");
        let limit = |size: &str| home.ok(&["tenant", "limit", "one", size]);
        let shown = || home.json(&["tenant", "show", "one"])["max_storage_bytes"].clone();
        assert!(limit("2G").contains("2147483648 bytes"));
        assert_eq!(shown(), 2_147_483_648_i64);
        limit("123456");
        assert_eq!(shown(), 123_456);
        assert!(limit("none").contains("no bound"));
        assert_eq!(shown(), Value::Null);
        for wrong in ["0", "-1", "1T", "much", "G", "9999999999G"] {
            home.run(&["tenant", "limit", "one", "--", wrong]).refused(2, &["500M"]);
        }
    });
}
