//! The server's own file: backed up with the others, brought back while no server runs.

use std::path::PathBuf;

use crate::binary::{Home, both_ways};

fn stored(home: &Home) -> Vec<PathBuf> {
    let listed = home.json(&["backup", "list", "central"]);
    let paths = listed.as_array().unwrap().iter();
    paths.map(|backup| home.data().join(format!("{}.enc", backup["path"].as_str().unwrap()))).collect()
}

fn names(home: &Home) -> Vec<String> {
    let tenants = home.json(&["tenant", "list"]);
    let mut names: Vec<_> =
        tenants.as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap().to_owned()).collect();
    names.sort();
    names
}

#[test]
fn server_file_is_backed_up_with_the_tenants_or_by_its_name() {
    both_ways(|home| {
        home.ok(&["tenant", "create", "Alpha", "--db-name", "alpha"]);
        let made = home.json(&["backup", "run"]);
        let owners: Vec<_> = made["made"].as_array().unwrap().iter().map(|one| one["tenant_id"].clone()).collect();
        assert_eq!((owners.len(), &owners[1]), (2, &"central".into()));
        home.ok(&["backup", "run", "central", "--no-compress"]);
        let stored = stored(home);
        assert_eq!(stored.len(), 2);
        assert!(stored[0].starts_with(home.data().join("backups/central")) && stored[0].is_file());
        let info = home.json(&["backup", "open", stored[1].to_str().unwrap(), "--info"]);
        assert_eq!((&info["tenant_id"], &info["row_counts"]["tenants"]), (&"central".into(), &1.into()));
    });
}

#[tokio::test]
async fn lost_server_file_comes_back_with_tenants_and_keys() {
    let home = Home::begun();
    let key = home.json(&["tenant", "create", "Alpha", "--db-name", "alpha"])["api_key"].as_str().unwrap().to_owned();
    home.ok(&["backup", "run", "central"]);
    let beta = home.json(&["tenant", "create", "Beta", "--db-name", "beta"])["tenant_id"].as_str().unwrap().to_owned();

    let server = home.serve(&[]);
    home.run(&["restore", "central", "--yes"]).refused(75, &["in use"]);
    server.stop();
    home.run(&["restore", "central"]).refused(2, &["--yes"]);
    home.run(&["restore", "central", "nothing.db", "--yes"]).refused(1, &["no backup of the central file"]);
    let alpha = home.json(&["backup", "run", "alpha"])["made"][0]["path"].as_str().unwrap().to_owned();
    let alpha = home.data().join(format!("{alpha}.enc"));
    home.run(&["restore", "central", alpha.to_str().unwrap(), "--yes"]).refused(1, &["not of the central file"]);
    assert_eq!(names(&home), ["Alpha", "Beta"]);

    let central = home.data().join("central.db");
    std::fs::write(&central, "this is no database").unwrap();
    assert_ne!(home.run(&["tenant", "list"]).code, 0);
    let said = home.json(&["restore", "central", "--yes"]);
    let aside = PathBuf::from(said["aside"].as_str().unwrap());
    assert_eq!(std::fs::read(&aside).unwrap(), b"this is no database");
    assert_eq!(names(&home), ["Alpha"]);
    assert_eq!(stored(&home).len(), 1, "the backup it came from is not lost by it");
    home.ok(&["tenant", "adopt", "beta", "--take-over", &beta]);
    assert_eq!(names(&home).len(), 2);

    let server = home.serve(&[]);
    let client = reqwest::Client::new();
    let answer =
        client.get(format!("{}/api/products", server.url)).header("X-Tenant-API-Key", key).send().await.unwrap();
    assert_eq!(answer.status(), 401, "the key is known: what is missing is a log-in");
    server.stop();
}

#[test]
fn kill_in_the_middle_leaves_a_server_file_or_a_copy_of_it() {
    let home = Home::begun();
    home.ok(&["tenant", "create", "Alpha", "--db-name", "alpha"]);
    home.ok(&["backup", "run", "central"]);
    home.ok(&["tenant", "create", "Beta", "--db-name", "beta"]);
    let mut restore = home.command(&["restore", "central", "--yes"]);
    let ended = restore.env("RUKO_TEST_FAULT", "kill:central.set_aside").output().unwrap();
    assert!(!ended.status.success());
    assert_eq!(names(&home), ["Alpha", "Beta"]);
    home.ok(&["restore", "central", "--yes"]);
    assert_eq!(names(&home), ["Alpha"]);
}
