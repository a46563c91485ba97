//! Everything in one archive, and a server from one.

use std::path::PathBuf;

use serde_json::Value;

use crate::binary::Home;
use crate::shop::Shop;

fn recovery_key(home: &Home) -> String {
    let text = std::fs::read_to_string(home.data().join("keys/backup.key")).unwrap();
    text.lines().next().unwrap().to_owned()
}

/// What is beside the data directory.
fn entries(home: &Home) -> Vec<String> {
    let entries = home.folder.path().read_dir().unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

fn archive(home: &Home) -> PathBuf {
    let file = home.folder.path().join("all.tar");
    home.ok(&["instance", "export", "-o", file.to_str().unwrap()]);
    file
}

#[tokio::test]
async fn server_made_of_an_archive_serves_the_same_tenants_with_the_same_keys() {
    let home = Home::new();
    let server = home.serve(&[]);
    let (one, two) = (Shop::open(&home, &server, "one").await, Shop::open(&home, &server, "two").await);
    for name in ["kopi", "teh"] {
        assert_eq!(one.create(name).await.0, 201);
    }
    home.ok(&["tenant", "create", "Gone", "--db-name", "gone"]);
    home.ok(&["tenant", "delete", "gone", "--yes"]);
    home.ok(&["backup", "run"]);
    let file = archive(&home);
    home.run(&["instance", "export", "-o", file.to_str().unwrap()]).refused(1, &["exists already"]);
    let products = one.get("/api/products").await.1["data"].clone();
    let others = two.get("/api/products").await.1["data"].clone();
    server.stop();

    let key = recovery_key(&home);
    let new = Home::new();
    new.run(&["instance", "import", file.to_str().unwrap()]).refused(77, &["needs the key"]);
    let wrong = new.ok(&["key", "generate", "backup", "--show"]);
    new.run(&["instance", "import", file.to_str().unwrap(), "--recovery-key", wrong.trim()])
        .refused(77, &["was made with the key"]);
    assert!(entries(&new).is_empty(), "{:?}", entries(&new));
    let said = new.json(&["instance", "import", file.to_str().unwrap(), "--recovery-key", &key]);
    assert_eq!((&said["tenants"], &said["has_server_key"]), (&Value::from(2), &Value::from(true)));
    new.run(&["instance", "import", file.to_str().unwrap(), "--recovery-key", &key]).refused(1, &["is not empty"]);
    let report = new.json(&["doctor"]);
    assert_eq!(report["status"], "ok", "{report}");

    let server = new.serve(&[]);
    assert_eq!(one.at(&server).get("/api/products").await.1["data"], products);
    assert_eq!(two.at(&server).get("/api/products").await.1["data"], others);
    assert_eq!(one.at(&server).create("susu").await.0, 201);
    assert_eq!(new.json(&["tenant", "list"]).as_array().unwrap().len(), 2);
    assert!(new.ok(&["logs", "audit"]).contains("tenant.created"), "the logs came along");
    server.stop();
}

#[test]
fn archive_goes_through_a_pipe() {
    let home = Home::begun();
    home.ok(&["tenant", "create", "Alpha", "--db-name", "alpha"]);
    let archive = home.command(&["instance", "export", "-o", "-"]).output().unwrap();
    assert!(archive.status.success());
    let new = Home::new();
    let piped = new.folder.path().join("piped");
    std::fs::write(&piped, &archive.stdout).unwrap();
    let mut import = new.command(&["instance", "import", "-", "--recovery-key", &recovery_key(&home)]);
    let ran = import.stdin(std::fs::File::open(&piped).unwrap()).output().unwrap();
    assert!(ran.status.success(), "{ran:?}");
    assert_eq!(new.json(&["tenant", "list"]).as_array().unwrap().len(), 1);
}

#[test]
fn archive_that_is_cut_off_or_changed_makes_nothing() {
    let home = Home::begun();
    home.ok(&["tenant", "create", "Alpha", "--db-name", "alpha"]);
    let (file, key) = (archive(&home), recovery_key(&home));
    let whole = std::fs::read(&file).unwrap();
    let new = Home::new();
    let bad = home.folder.path().join("bad.tar");
    let refused = |bytes: &[u8], what: &str| {
        std::fs::write(&bad, bytes).unwrap();
        let ran = new.run(&["instance", "import", bad.to_str().unwrap(), "--recovery-key", &key]);
        assert!([1, 65, 77].contains(&ran.code) && !ran.err.contains("panicked"), "{what}: {ran:?}");
        assert!(entries(&new).is_empty(), "{what}: {:?}", entries(&new));
    };
    // The last two blocks are only the end mark of the tar format.
    for part in 0..20 {
        let cut = (whole.len() - 1024) * part / 20;
        refused(&whole[..cut], &format!("the first {cut} bytes"));
    }
    refused(&whole[..whole.len() - 1024 - 512], "all but the entry that ends it");
    for part in 0..20 {
        let at = (whole.len() - 1024) * part / 20 + 600;
        let mut changed = whole.clone();
        changed[at] ^= 0x10;
        std::fs::write(&bad, &changed).unwrap();
        let ran = new.run(&["instance", "import", bad.to_str().unwrap(), "--recovery-key", &key]);
        // A byte of padding or of a name's rest changes nothing; then all of it is there.
        if ran.code == 0 {
            assert_eq!(new.json(&["doctor"])["status"], "ok", "byte {at}");
            std::fs::remove_dir_all(new.data()).unwrap();
        } else {
            assert!(entries(&new).is_empty(), "byte {at}: {:?}", entries(&new));
        }
    }
    refused(b"no archive", "a text");
}

#[test]
fn tenant_that_cannot_be_copied_fails_the_archive_and_says_which() {
    let home = Home::begun();
    home.ok(&["tenant", "create", "Alpha", "--db-name", "alpha"]);
    home.ok(&["tenant", "freeze", "alpha"]);
    std::fs::write(home.data().join("tenants/alpha.db"), "no database at all, only a text of some length").unwrap();
    let file = home.folder.path().join("all.tar");
    let ran = home.run(&["instance", "export", "-o", file.to_str().unwrap()]);
    ran.refused(1, &["file could not be copied"]);
    assert!(ran.err.contains("alpha-"), "{}", ran.err);
    assert!(!file.exists() && entries(&home).iter().all(|name| !name.starts_with("all.tar")), "{:?}", entries(&home));
}
