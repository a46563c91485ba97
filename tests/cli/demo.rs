//! `ruko serve --demo`: the shop it makes, and what it says of it.

use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use serde_json::Value;

use crate::binary::{Home, Ran, curls};

#[test]
fn demo_prints_three_curls_that_work_when_pasted() {
    let home = Home::new();
    let text = {
        let mut server = home.serve(&["--demo"]);
        // The banner is one write; its end is the last curl.
        let mut text = server.read_until_curls(3);
        for command in curls(&text.clone()) {
            let ran = Ran::of(Command::new("sh").args(["-c", command]).output().unwrap());
            assert_eq!(ran.code, 0, "{command}: {ran:?}");
            let answer: Value = serde_json::from_str(&ran.out).unwrap_or_else(|e| panic!("{e}: {command}: {ran:?}"));
            let works = answer["token"].is_string()
                || answer["data"].as_array().is_some_and(|rows| rows.len() >= 2)
                || answer["id"].as_i64().is_some_and(|id| id > 40);
            assert!(works, "{command}: {answer}");
        }
        text.push_str(&server.stop());
        text
    };
    assert_eq!(curls(&text).len(), 3, "{text}");
    assert!(text.contains("/docs") && text.contains("/health"), "{text}");
    let keys = home.data().join("keys");
    for name in ["server.key", "master.key", "demo.json"] {
        let mode = keys.join(name).metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
    let master = std::fs::read_to_string(keys.join("master.key")).unwrap();
    assert!(master.starts_with("mk_"));
    assert!(!text.contains(master.trim()) && !home.log().contains(master.trim()), "no terminal, no key");
    assert!(home.log().contains("master.key"), "the log says where it is");
}

#[test]
fn second_start_finds_everything_as_it_was() {
    let home = Home::new();
    let first = home.serve(&["--demo"]).stop();
    let count = || {
        home.ok(&[
            "sql",
            "demo",
            "SELECT count(*) n, (SELECT count(*) FROM orders) o, (SELECT count(*) FROM users) u FROM products",
        ])
    };
    let keys = || std::fs::read(home.data().join("keys/demo.json")).unwrap();
    let (before, credentials) = (count(), keys());
    assert_eq!(before, "n\to\tu\n40\t25\t2\n");
    let second = home.serve(&["--demo"]).stop();
    assert_eq!((count(), keys()), (before, credentials));
    assert!(second.contains("demo.json") && curls(&second).is_empty(), "{second}");
    assert!(!first.is_empty() && !second.contains("master.key"), "{second}");
    let tenants = home.ok(&["sql", "central", "SELECT count(*) n FROM tenants"]);
    assert_eq!(tenants, "n\n1\n");
}

#[test]
fn demo_shop_that_is_gone_is_made_again() {
    let home = Home::new();
    home.serve(&["--demo"]).stop();
    let keys = || std::fs::read_to_string(home.data().join("keys/demo.json")).unwrap();
    let first = keys();
    let other = home.serve(&["--demo", "--set", "storage.central_file=other.db"]).stop();
    assert!(curls(&other).len() == 3 && keys() != first, "another central file, another shop: {other}");
    let again = home.serve(&["--demo"]).stop();
    assert_eq!(curls(&again).len(), 3, "the credentials of the other one are worth nothing here: {again}");

    let tenant = || serde_json::from_str::<Value>(&keys()).unwrap()["tenant_id"].as_str().unwrap().to_owned();
    home.ok(&["tenant", "delete", &tenant(), "--yes"]);
    assert_eq!(curls(&home.serve(&["--demo"]).stop()).len(), 3, "deleted");
    assert!(home.data().join("keys/demo.json.old").exists(), "it may come back");
    home.ok(&["tenant", "suspend", &tenant()]);
    let resting = home.serve(&["--demo"]).stop();
    assert!(resting.contains("the shop is suspended") && curls(&resting).is_empty(), "{resting}");
    home.ok(&["tenant", "resume", &tenant()]);
    home.ok(&["tenant", "regenerate-key", &tenant()]);
    let other_key = home.serve(&["--demo"]).stop();
    assert!(other_key.contains("its key was replaced"), "{other_key}");
}

#[test]
fn demo_orders_stand_at_different_points_of_their_lives() {
    let home = Home::new();
    home.serve(&["--demo"]).stop();
    let states = home.json(&["sql", "demo", "SELECT DISTINCT status FROM orders"]);
    assert_eq!(states.as_array().unwrap().len(), 5, "{states}");
    let odd = "SELECT count(*) n FROM orders o WHERE total_minor <> \
               (SELECT sum(unit_price_minor * quantity) FROM order_items WHERE order_id = o.id)";
    assert_eq!(home.json(&["sql", "demo", odd])[0]["n"], 0);
}

#[test]
fn demo_that_others_could_reach_is_refused() {
    let home = Home::new();
    home.run(&["serve", "--demo", "--listen", "0.0.0.0:0"]).refused(2, &["this machine only", "--listen 127.0.0.1"]);
    assert!(!home.data().exists(), "nothing was made");
}
