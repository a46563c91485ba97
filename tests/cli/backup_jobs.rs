//! Backups beside a server are its jobs: Ctrl-C cancels them, and a kill fails them.

use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use reqwest::{Client, Method};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::binary::{Home, Ran, Server};

const MASTER_KEY: &str = "mk_test_0123456789abcdef0123456789abcdef";
const MASTER: &[&str] = &["--set", "auth.master_key=mk_test_0123456789abcdef0123456789abcdef"];

/// A tenant whose file nobody copies in a moment; gives its id.
fn large_tenant(home: &Home) -> String {
    let made = home.json(&["tenant", "create", "Alpha", "--db-name", "alpha"]);
    #[allow(clippy::disallowed_methods, reason = "stands for another program")]
    let file = rusqlite::Connection::open(home.data().join("tenants/alpha.db")).unwrap();
    file.execute_batch("CREATE TABLE ballast (id INTEGER PRIMARY KEY, body BLOB NOT NULL) STRICT; BEGIN").unwrap();
    for _ in 0..40 {
        file.execute("INSERT INTO ballast (body) VALUES (randomblob(1048576))", []).unwrap();
    }
    file.execute_batch("COMMIT; PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
    made["tenant_id"].as_str().unwrap().to_owned()
}

async fn newest_job(client: &Client, server: &Server) -> Value {
    let request = client.get(format!("{}/api/central/jobs?limit=1", server.url)).header("X-Master-API-Key", MASTER_KEY);
    let body: Value = request.send().await.unwrap().json().await.unwrap();
    body["data"][0].clone()
}

/// Waits until the newest job has done a part of its work.
async fn in_the_middle(client: &Client, server: &Server) {
    let started = Instant::now();
    loop {
        let job = newest_job(client, server).await;
        if job["state"] == "running" && job["percent"].as_u64().unwrap() > 0 {
            return;
        }
        assert!(started.elapsed() < Duration::from_secs(30), "{job}");
    }
}

fn begin(home: &Home, args: &[&str]) -> Child {
    home.command(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn ctrl_c_cancels_the_job_of_the_server() {
    let (home, client) = (Home::new(), Client::new());
    let server = home.serve(MASTER);
    large_tenant(&home);
    let running = begin(&home, &["backup", "run", "alpha"]);
    in_the_middle(&client, &server).await;
    kill_process(Pid::from_child(&running), Signal::INT).unwrap();
    Ran::of(running.wait_with_output().unwrap()).refused(130, &["cancelled; nothing was changed"]);
    assert_eq!(newest_job(&client, &server).await["state"], "cancelled");
    assert_eq!(home.json(&["backup", "list"]), json!([]));

    // What takes longer than a moment is waited for, and is told as what is quick.
    let made = home.json(&["backup", "run", "alpha"]);
    assert_eq!(made["made"][0]["kind"], "manual", "{made}");
    let said = home.ok(&["restore", "alpha", "--yes"]);
    assert!(said.starts_with("Using latest backup: ") && said.contains("Database restored successfully"), "{said}");
    let newest = newest_job(&client, &server).await;
    assert_eq!((&newest["kind"], &newest["state"]), (&json!("restore"), &json!("succeeded")));
    server.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn job_that_a_kill_cut_short_is_failed_after_the_next_start() {
    let (home, client) = (Home::new(), Client::new());
    let server = home.serve(MASTER);
    let id = large_tenant(&home);
    let request = client.request(Method::POST, format!("{}/api/central/tenants/{id}/backup", server.url));
    let request = request.header("X-Master-API-Key", MASTER_KEY).header("Prefer", "respond-async");
    assert_eq!(request.send().await.unwrap().status(), 202);
    in_the_middle(&client, &server).await;
    server.kill();
    let server = home.serve(MASTER);
    let job = newest_job(&client, &server).await;
    assert_eq!((&job["state"], &job["error"]["code"]), (&json!("failed"), &json!("interrupted")), "{job}");
    assert!(job["finished_at"].is_string(), "{job}");
    assert_eq!(home.json(&["backup", "list"]), json!([]));
    server.stop();
}
