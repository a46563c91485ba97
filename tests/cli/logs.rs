//! `ruko logs`: what happened, beside a server and alone.

use std::io::{Read, Write};
use std::net::TcpStream;

use serde_json::{Value, json};

use crate::binary::{Home, both_ways};

const MASTER: &str = "mk_logs_0123456789abcdef0123456789abcdef";

fn rows(home: &Home, args: &[&str]) -> Vec<Value> {
    home.json(&[&["logs"], args].concat()).as_array().unwrap().clone()
}

fn texts(rows: &[Value], field: &str) -> String {
    rows.iter().map(|row| row[field].as_str().unwrap()).collect::<Vec<_>>().join(" ")
}

#[test]
fn audit_log_tells_what_was_changed_and_by_whom() {
    both_ways(|home| {
        let id = home.json(&["tenant", "create", "Alpha", "--db-name", "alpha"])["tenant_id"].clone();
        home.ok(&["tenant", "create", "Beta", "--db-name", "beta"]);
        home.ok(&["tenant", "suspend", "alpha"]);
        assert_eq!(texts(&rows(home, &["audit"]), "action"), "tenant.suspended tenant.created tenant.created");
        let of_alpha = rows(home, &["audit", "--tenant", "alpha", "--action", "tenant."]);
        assert_eq!(texts(&of_alpha, "action"), "tenant.suspended tenant.created");
        assert_eq!((&of_alpha[0]["tenant_id"], &of_alpha[0]["actor"]), (&id, &json!("operator")));
        assert_eq!(of_alpha[1]["detail"]["db_name"], "alpha");
        assert_eq!(texts(&rows(home, &["audit", "--limit", "1"]), "action"), "tenant.suspended");
        assert_eq!(rows(home, &["audit", "--action", "tenant.created", "--search", "BETA"]).len(), 1);
        assert_eq!(rows(home, &["audit", "--actor", "user"]), [Value::Null; 0]);
        assert_eq!(rows(home, &["audit", "--since", "1h", "--until", "0s"]).len(), 3);
        assert_eq!(rows(home, &["audit", "--until", "1h"]).len(), 0);
        let table = home.ok(&["logs", "audit", "--tenant", "beta"]);
        assert!(table.starts_with("Time\tTenant\tActor\tAction\tObject\tId\tDetail\tAddress\n"), "{table}");
        assert!(table.lines().nth(1).unwrap().contains("\toperator\ttenant.created\ttenant\t"), "{table}");
    });
}

#[test]
fn request_log_tells_who_asked_for_what() {
    both_ways(|home| {
        home.ok(&["tenant", "create", "Alpha", "--db-name", "alpha"]);
        home.run(&["tenant", "create", "Again", "--db-name", "alpha"]).refused(1, &["db name"]);
        let refused = rows(home, &["requests", "--status", "4xx", "--route", "/api/central/tenants"]);
        assert_eq!((refused.len(), &refused[0]["status_code"]), (1, &json!(422)));
        assert_eq!((&refused[0]["method"], &refused[0]["actor"]), (&json!("POST"), &json!("operator")));
        assert_eq!(rows(home, &["requests", "--tenant", "1", "--status", "2xx"]).len(), 1);
        let table = home.ok(&["logs", "requests", "--status", "4xx"]);
        assert!(table.starts_with("Time\tTenant\tActor\tMethod\tPath\tStatus\tms\tAddress\n"), "{table}");
        assert!(table.contains("\toperator\tPOST\t/api/central/tenants\t422\t"), "{table}");
    });
}

#[test]
fn what_cannot_be_asked_is_refused_in_words() {
    both_ways(|home| {
        home.ok(&["tenant", "create", "Alpha"]);
        for (args, words) in [
            (["requests", "--since", "yesterday"], "since"),
            (["requests", "--status", "9xx"], "status"),
            (["audit", "--actor", "somebody"], "actor"),
        ] {
            home.run(&[&["logs"], &args[..]].concat()).refused(1, &[words]);
        }
        home.run(&["logs", "audit", "--limit", "0"]).refused(2, &["--limit"]);
        let gone = home.run(&["logs", "audit", "--tenant", "gone-5f0c2a9be41d7"]);
        assert_eq!((gone.code, gone.out.lines().count()), (0, 1), "{gone:?}");
        assert!(gone.err.contains("there is no tenant gone-5f0c2a9be41d7"), "{gone:?}");
    });
    let nowhere = Home::new();
    nowhere.run(&["logs", "audit"]).refused(1, &["there is no"]);
    assert!(!nowhere.data().exists(), "reading makes nothing");
}

#[test]
fn more_rows_than_a_page_come_when_they_are_asked_for() {
    let home = Home::new();
    let server = home.serve(&["--set", &format!("auth.master_key={MASTER}")]);
    let mut wire = TcpStream::connect(server.address()).unwrap();
    let ask = |rest: &str| {
        format!("GET /api/central/tenants HTTP/1.1\r\nHost: x\r\nX-Master-API-Key: {MASTER}\r\n{rest}\r\n")
    };
    wire.write_all(format!("{}{}", ask("").repeat(249), ask("Connection: close\r\n")).as_bytes()).unwrap();
    let mut answers = String::new();
    wire.read_to_string(&mut answers).unwrap();
    assert_eq!(answers.matches("200 OK").count(), 250);
    let route = ["--route", "/api/central/tenants"];
    for (limit, expected) in [("220", 220), ("1000", 250)] {
        let found = rows(&home, &[&["requests", "--limit", limit], &route[..]].concat());
        let mut ids: Vec<i64> = found.iter().map(|row| row["id"].as_i64().unwrap()).collect();
        assert_eq!(ids.len(), expected);
        ids.dedup();
        assert!(ids.len() == expected && ids.is_sorted_by(|one, other| one > other), "each once, newest first");
    }
    server.stop();
}
