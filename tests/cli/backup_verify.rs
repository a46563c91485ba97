//! `ruko backup verify`

use crate::binary::both_ways;

#[test]
fn backups_are_looked_at_and_a_damaged_one_is_named() {
    both_ways(|home| {
        home.ok(&["tenant", "create", "Alpha", "--db-name", "alpha"]);
        assert_eq!(home.ok(&["backup", "verify"]), "No backups found.\n");
        home.ok(&["backup", "run"]);
        let older = home.json(&["backup", "list", "alpha"])[0].clone();
        home.ok(&["backup", "run", "alpha"]);
        assert_eq!(home.ok(&["backup", "verify", "--deep"]).matches("  whole\n").count(), 2, "the newest of each");
        let all = home.json(&["backup", "verify", "alpha", "--all"]);
        assert_eq!((all["whole"].as_array().unwrap().len(), all["damaged"].as_array().unwrap().len()), (2, 0));
        assert!(home.json(&["backup", "list", "alpha"])[0]["proven_at"].is_string());

        let file = home.data().join(format!("{}.enc", older["path"].as_str().unwrap()));
        let mut bytes = std::fs::read(&file).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        std::fs::write(&file, bytes).unwrap();
        let name = older["filename"].as_str().unwrap();
        home.run(&["backup", "verify", "alpha", "--all"])
            .refused(65, &["1 of 2 backups are not whole", name, "damaged"]);
        home.run(&["backup", "verify", "alpha", name]).refused(65, &[name]);
        home.ok(&["backup", "verify", "alpha"]);
        home.run(&["backup", "verify", "alpha", "nothing.db"]).refused(1, &["has no backup nothing.db"]);
        home.run(&["backup", "verify", "nobody"]).refused(1, &["Tenant with ID 'nobody' not found!"]);
    });
}
