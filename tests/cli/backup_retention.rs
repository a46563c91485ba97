//! Which backups stay, by the command line: `--keep-days`, `prune`, `pin`, `resume`.

use rusqlite::Connection;
use serde_json::{Value, json};

use crate::binary::{Home, both_ways};

/// Makes every backup there is look older.
fn age(home: &Home, days: i64) {
    let ms = days * 86_400_000;
    let sql = "UPDATE backups SET created_at = created_at - ?1, expires_at = expires_at - ?1";
    open(home, "central").execute(sql, [ms]).unwrap();
}

fn open(home: &Home, name: &str) -> Connection {
    #[allow(clippy::disallowed_methods, reason = "stands for the time that passes")]
    let file = Connection::open(home.data().join(format!("{name}.db"))).unwrap();
    file.busy_timeout(std::time::Duration::from_secs(5)).unwrap();
    file
}

fn listed(home: &Home, tenant: &str) -> Vec<Value> {
    home.json(&["backup", "list", tenant]).as_array().unwrap().clone()
}

#[test]
fn keep_days_removes_older_ones_of_the_kind_of_the_run() {
    both_ways(|home| {
        home.ok(&["tenant", "create", "Alpha", "--db-name", "alpha"]);
        for _ in 0..3 {
            home.ok(&["backup", "run", "alpha", "--kind", "daily"]);
        }
        home.ok(&["backup", "run", "alpha", "--kind", "weekly"]);
        age(home, 10);
        for _ in 0..3 {
            home.ok(&["backup", "run", "alpha"]);
        }
        let made = home.json(&["backup", "run", "--all", "--kind", "daily", "--keep-days", "5"]);
        assert_eq!((&made["removed"]["deleted"], &made["made"][0]["kind"]), (&json!(3), &json!("daily")), "{made}");
        let kinds: Vec<_> = listed(home, "alpha").iter().map(|one| one["kind"].as_str().unwrap().to_owned()).collect();
        assert_eq!(kinds, ["daily", "manual", "manual", "manual", "weekly"]);
        let said = home.ok(&["tenant:backup", "--compress", "--keep-days=60"]);
        assert!(said.ends_with("0 older backups removed, 0 B freed\n"), "{said}");
        home.run(&["backup", "run", "alpha", "--all"]).refused(2, &["cannot be used with"]);
        home.run(&["backup", "run", "--keep-days", "0"]).refused(2, &["1..=36500"]);
        home.run(&["backup", "run", "--kind", "final"]).refused(2, &["manual, daily, weekly"]);
    });
}

#[test]
fn run_that_fails_removes_nothing() {
    let home = Home::begun();
    home.ok(&["tenant", "create", "Alpha", "--db-name", "alpha"]);
    for _ in 0..5 {
        home.ok(&["backup", "run", "alpha"]);
    }
    age(&home, 10);
    home.ok(&["tenant", "freeze", "alpha"]);
    std::fs::write(home.data().join("tenants/alpha.db"), "this is no database at all, only a text").unwrap();
    home.run(&["backup", "run", "--keep-days", "1"]).refused(1, &["1 of 2 backups failed"]);
    assert_eq!(listed(&home, "alpha").len(), 5);
    let dry = home.json(&["backup", "prune", "alpha", "--dry-run", "--keep-days", "1"]);
    assert_eq!((&dry["deleted"], &dry["backups"][1]["reason"]), (&json!(0), &json!("last_run_failed")), "{dry}");
}

#[test]
fn prune_says_what_goes_and_why_and_pins_are_kept() {
    both_ways(|home| {
        home.ok(&["tenant", "create", "Alpha", "--db-name", "alpha"]);
        for _ in 0..5 {
            home.ok(&["backup", "run", "alpha"]);
        }
        // A server whose last backup is so old was off for long: then nothing goes at once.
        home.ok(&["backup", "resume"]);
        age(home, 31);
        let oldest = listed(home, "alpha").pop().unwrap()["path"].as_str().unwrap().to_owned();
        let said = home.ok(&["backup", "pin", "alpha", &format!("{oldest}.enc")]);
        assert!(said.contains("Backup pinned successfully"), "{said}");
        assert_eq!(home.ok(&["backup", "list", "alpha"]).matches("manual (pinned)").count(), 1);
        home.run(&["backup", "pin", "alpha", "nothing.db"]).refused(1, &["no backup nothing.db", "ruko backup list"]);

        let dry = home.ok(&["backup", "prune", "--dry-run"]);
        let count = |words: &str| dry.matches(words).count();
        assert!(dry.starts_with("Tenant\tFile\tKind\tWhat\tWhy\n"), "{dry}");
        let counts = ["stays\tit is one of the newest", "would go\tits time is over", "stays\tit is pinned"].map(count);
        assert_eq!(counts, [3, 1, 1], "{dry}");
        assert!(dry.contains("1 backups would be removed, ") && dry.ends_with("4 stay\n"), "{dry}");
        assert_eq!(listed(home, "alpha").len(), 5);

        let said = home.ok(&["backup", "prune", "alpha"]);
        assert!(said.contains("removed\tits time is over\n1 backups removed, "), "{said}");
        home.ok(&["backup", "unpin", "alpha", &oldest]);
        let pruned = home.json(&["backup", "prune"]);
        assert_eq!((&pruned["deleted"], &pruned["kept"]), (&json!(1), &json!(3)), "{pruned}");
        assert!(home.ok(&["doctor"]).contains("all of 3 are there"));
        home.run(&["backup", "prune", "--kind", "daily"]).refused(2, &["--keep-days"]);
    });
}

#[test]
fn guard_is_told_of_and_resumed() {
    both_ways(|home| {
        home.ok(&["tenant", "create", "Alpha", "--db-name", "alpha"]);
        let fill = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100) \
                    INSERT INTO login_networks_test SELECT i FROM n";
        let file = open(home, "tenants/alpha");
        file.execute_batch(&format!("CREATE TABLE login_networks_test (i); {fill}")).unwrap();
        home.ok(&["backup", "run"]);
        file.execute_batch("DELETE FROM login_networks_test").unwrap();
        drop(file);
        home.ok(&["backup", "run"]);
        let told = home.run(&["backup", "list", "alpha"]);
        assert!(told.err.contains("shrank") && told.err.contains("ruko backup resume"), "{told:?}");
        assert_eq!(home.ok(&["backup", "resume", "alpha"]), "Retention resumed successfully\n");
        assert_eq!(home.ok(&["backup", "resume", "alpha"]), "Its retention was not paused\n");
        assert_eq!(home.ok(&["backup", "resume"]), "Retention was not waiting\n");
    });
}
