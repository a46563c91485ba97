//! `ruko backup` and `ruko restore`, beside a server and alone, in our spelling and in artisan's.

use serde_json::Value;

use crate::binary::{Home, both_ways};

/// The backups of tenants.
fn listed(home: &Home) -> Vec<Value> {
    let mut listed = home.json(&["backup", "list"]).as_array().unwrap().clone();
    listed.retain(|backup| backup["tenant_id"] != "central");
    listed
}

#[test]
fn tenants_are_backed_up_listed_and_restored() {
    both_ways(|home| {
        assert_eq!(home.run(&["backup", "list"]).code, 0);
        let id =
            home.json(&["tenant", "create", "Alpha", "--db-name", "alpha"])["tenant_id"].as_str().unwrap().to_owned();
        home.ok(&["tenant", "create", "Beta", "--db-name", "beta"]);
        assert_eq!(home.ok(&["backup", "list"]), "No backups found.\n");

        let made = home.json(&["backup", "run"]);
        assert_eq!((made["made"].as_array().unwrap().len(), made["failed"].as_array().unwrap().len()), (3, 0));
        home.ok(&["backup", "run", "alpha", "--no-compress"]);
        let backups = listed(home);
        assert_eq!(backups.len(), 3);
        let plain = backups.iter().find(|backup| backup["compressed"] == false).unwrap();
        assert_eq!(plain["tenant_id"], *id);
        let table = home.ok(&["backup", "list", "alpha"]);
        assert!(table.starts_with("Tenant\tFile\tDate\tAge\tSize\tKind\tWhere\n"), "{table}");
        assert_eq!(table.lines().count(), 3);

        home.run(&["restore", "alpha"]).refused(2, &["--yes"]);
        let said = home.ok(&["restore", "alpha", "--yes"]);
        assert!(said.starts_with("Using latest backup: ") && said.contains("--undo brings it back"), "{said}");
        home.ok(&["restore", "alpha", plain["path"].as_str().unwrap(), "--yes"]);
        let undone = home.ok(&["restore", "alpha", "--undo", "--yes"]);
        assert!(undone.contains("Restore undone successfully"), "{undone}");
        home.run(&["restore", "alpha", "nothing.db", "--yes"]).refused(1, &["not found"]);
        assert!(home.ok(&["doctor"]).contains("2 files are there and theirs"));
    });
}

#[test]
fn single_tables_are_previewed_and_restored() {
    both_ways(|home| {
        home.ok(&["tenant", "create", "Alpha", "--db-name", "alpha"]);
        home.ok(&["backup", "run"]);
        let sell = "INSERT INTO products (name, price_minor, created_at, updated_at) VALUES ('Teh\u{1b}[2J', 5, 1, 1)";
        open(home).execute(sell, []).unwrap();
        let shown = home.ok(&["restore", "alpha", "--preview", "--tables", "products,orders"]);
        assert!(shown.contains("Table\tAdded\tRemoved\tChanged\nproducts\t0\t1\t0\norders\t0\t0\t0\n"), "{shown}");
        assert!(shown.contains("removed \"products\" 1: {") && shown.ends_with("Nothing was changed.\n"), "{shown}");
        assert!(!shown.contains('\u{1b}'), "{shown}");
        assert_eq!(products(home), 1);
        assert_eq!(home.json(&["restore", "alpha", "--preview"])["tables"].as_array().unwrap().len(), 4);

        home.run(&["restore", "alpha", "--tables", "meta", "--yes"]).refused(1, &["tables.0"]);
        home.run(&["restore", "alpha", "--tables=products"]).refused(2, &["--yes"]);
        assert_eq!(products(home), 1);
        let restored = home.json(&["tenant:restore", "alpha", "--tables=products,users", "--force"]);
        assert_eq!((&restored["tables"], products(home)), (&serde_json::json!(["products", "users"]), 0));
        home.ok(&["restore", "alpha", "--undo", "--yes"]);
        assert_eq!(products(home), 1);
        home.run(&["restore", "alpha", "--undo", "--tables", "users", "--yes"]).refused(2, &["cannot be used with"]);
    });
}

#[allow(clippy::disallowed_methods, reason = "the file is looked at from outside")]
fn open(home: &Home) -> rusqlite::Connection {
    rusqlite::Connection::open(home.data().join("tenants/alpha.db")).unwrap()
}

fn products(home: &Home) -> i64 {
    open(home).query_row("SELECT count(*) FROM products", [], |row| row.get(0)).unwrap()
}

#[test]
fn backup_that_fails_says_why_and_stops_no_other() {
    both_ways(|home| {
        home.ok(&["tenant", "create", "Alpha", "--db-name", "alpha"]);
        let id =
            home.json(&["tenant", "create", "Beta", "--db-name", "beta"])["tenant_id"].as_str().unwrap().to_owned();
        home.ok(&["tenant", "freeze", "beta"]);
        std::fs::write(home.data().join("tenants/beta.db"), "this is no database at all, only a text").unwrap();
        let ran = home.run(&["--json", "backup", "run"]);
        let cause = "tenant_corrupt: the database file is damaged: file is not a database";
        ran.refused(1, &["1 of 3 backups failed", &format!("{id}: {cause}"), "ruko doctor"]);
        let report: Value = serde_json::from_str(&ran.out).unwrap();
        assert_eq!((report["made"].as_array().unwrap().len(), &report["failed"][0]["error"]), (2, &cause.into()));
        home.run(&["backup", "run", "beta"]).refused(1, &[cause]);
    });
}

#[test]
fn artisan_spellings_work() {
    both_ways(|home| {
        let id = home.json(&["tenant", "create", "Alpha"])["tenant_id"].as_str().unwrap().to_owned();
        home.run(&["tenant:backup", "nobody"]).refused(1, &["Tenant with ID 'nobody' not found!"]);
        home.run(&["tenant:restore", "nobody", "--force"]).refused(1, &["Tenant with ID 'nobody' not found!"]);
        home.ok(&["tenant:backup", &id]);
        home.ok(&["tenant:backup", "--compress"]);
        home.ok(&["backup:run"]);
        let compressed: Vec<_> = listed(home).iter().map(|backup| backup["compressed"] == true).collect();
        assert_eq!(compressed.iter().filter(|is| **is).count(), 1, "{compressed:?}");
        assert!(home.ok(&["tenant:backups", &id]).contains(".db.zst\t"));
        home.ok(&["tenant:restore", &id, "--force"]);
    });
}

#[test]
fn backing_nobody_up_is_no_failure_and_purging_leaves_no_backup() {
    let home = Home::begun();
    home.ok(&["tenant", "create", "Alpha", "--db-name", "alpha"]);
    home.ok(&["backup", "run"]);
    let files = |home: &Home| {
        let mut found = Vec::new();
        let mut folders = vec![home.data().join("backups")];
        while let Some(folder) = folders.pop() {
            for entry in folder.read_dir().unwrap().map(Result::unwrap) {
                if entry.path().is_dir() { folders.push(entry.path()) } else { found.push(entry.path()) }
            }
        }
        found.len()
    };
    assert_eq!(files(&home), 2);
    home.ok(&["tenant", "delete", "alpha", "--purge", "--yes"]);
    assert_eq!(files(&home), 1, "that of the server's own file");
    let nobody = home.run(&["backup", "run"]);
    assert!(nobody.code == 0 && nobody.err.contains("only the server's own file is backed up"), "{nobody:?}");
}

#[test]
fn backup_becomes_a_new_tenant_or_goes_into_another_when_that_is_meant() {
    both_ways(|home| {
        home.ok(&["tenant", "create", "Alpha", "--db-name", "alpha"]);
        home.ok(&["tenant", "create", "Beta", "--db-name", "beta"]);
        open(home).execute("INSERT INTO meta (key, value) VALUES ('whose', 'alpha')", []).unwrap();
        home.run(&["restore", "alpha", "--as-new", "Gamma"]).refused(1, &["there is no backup of this tenant"]);
        home.ok(&["backup", "run", "alpha"]);
        let file = listed(home)[0]["filename"].as_str().unwrap().to_owned();
        home.run(&["restore", "alpha", "nothing.db", "--as-new", "Gamma"]).refused(1, &["no backup nothing.db"]);
        home.run(&["restore", "beta", &file, "--as-new", "Gamma"]).refused(1, &["no backup", &file]);
        home.run(&["restore", "alpha", "--as-new", "Gamma", "--db-name", "beta"]).refused(1, &["db name"]);
        home.run(&["restore", "alpha", "--db-name", "gamma", "--yes"]).refused(2, &["--as-new"]);
        let made = home.json(&["restore", "alpha", &file, "--as-new", "Gamma", "--db-name", "gamma"]);
        assert!(made["api_key"].is_string() && made["database"] == "gamma", "{made}");
        assert_eq!(whose(home, "gamma").as_deref(), Some("alpha"));
        home.ok(&["backup", "run", "gamma"]);
        home.ok(&["tenant", "delete", "alpha", "--yes"]);
        let shown = home.run(&["restore", "alpha", "--as-new", "Delta"]);
        assert!(
            shown.code == 0 && shown.err.contains("Using latest backup: alpha-") && shown.out.contains("api_key"),
            "{shown:?}"
        );

        let from = ["restore", "beta", "--from-tenant", "gamma", "--yes"];
        home.run(&from).refused(1, &["another tenant's", "--allow-other-tenant"]);
        assert_eq!(whose(home, "beta"), None);
        home.run(&["restore", "beta", "--allow-other-tenant", "--yes"]).refused(2, &["--from-tenant"]);
        let restored = home.json(&[&from[..], &["--allow-other-tenant"]].concat());
        assert_eq!(restored["from_tenant"], made["tenant_id"], "{restored}");
        assert_eq!(whose(home, "beta").as_deref(), Some("alpha"));
        home.ok(&["restore", "beta", "--undo", "--yes"]);
        assert_eq!(whose(home, "beta"), None);
    });
}

/// A mark that a test has put into one tenant's file.
#[allow(clippy::disallowed_methods, reason = "the file is looked at from outside")]
fn whose(home: &Home, file: &str) -> Option<String> {
    let file = rusqlite::Connection::open(home.data().join(format!("tenants/{file}.db"))).unwrap();
    file.query_row("SELECT value FROM meta WHERE key = 'whose'", [], |row| row.get(0)).ok()
}
