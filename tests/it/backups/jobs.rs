//! Backups and restores as jobs: watched, cancelled, remembered.

use std::time::{Duration, Instant};

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::{back_up, count, files, list, path, sell, shop};
use crate::support::{MASTER_KEY, Server, Tenant, answer, eventually};

/// Fills a tenant's file with so much that nobody copies it in a moment.
pub fn fatten(server: &Server, tenant: &Tenant, megabytes: u32) {
    let file = server.open_file(tenant);
    file.execute_batch("CREATE TABLE ballast (id INTEGER PRIMARY KEY, body BLOB NOT NULL) STRICT; BEGIN").unwrap();
    for _ in 0..megabytes {
        file.execute("INSERT INTO ballast (body) VALUES (randomblob(1048576))", []).unwrap();
    }
    file.execute_batch("COMMIT; PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
}

/// Asks with a preference; gives status, `Location` and body.
async fn prefer(server: &Server, preference: &str, path: &str, body: Value) -> (StatusCode, Option<String>, Value) {
    let request = server.request(Method::POST, path).header("X-Master-API-Key", MASTER_KEY);
    let response = request.header("Prefer", preference).json(&body).send().await.unwrap();
    let location = response.headers().get("location").map(|location| location.to_str().unwrap().to_owned());
    (response.status(), location, response.json().await.unwrap())
}

async fn begin(server: &Server, path: &str, body: Value) -> String {
    let (status, location, job) = prefer(server, "respond-async", path, body).await;
    assert_eq!(status, 202, "{job}");
    let location = location.unwrap();
    assert_eq!(location, format!("/api/central/jobs/{}", job["id"].as_str().unwrap()));
    location
}

async fn job(server: &Server, at: &str) -> Value {
    let (status, job) = server.central(Method::GET, at, Value::Null).await;
    assert_eq!(status, 200, "{job}");
    job
}

pub async fn ended(server: &Server, at: &str) -> Value {
    let started = Instant::now();
    loop {
        let job = job(server, at).await;
        if job["finished_at"].is_string() {
            return job;
        }
        assert!(started.elapsed() < Duration::from_secs(240), "{job}");
    }
}

/// Waits until a job has done a part of its work and not all of it.
async fn in_the_middle(server: &Server, at: &str) {
    let started = Instant::now();
    loop {
        let job = job(server, at).await;
        assert!(started.elapsed() < Duration::from_secs(120), "{job}");
        match job["state"].as_str().unwrap() {
            "queued" => {}
            "running" if job["percent"] == 0 => {}
            "running" => return assert!(job["started_at"].is_string() && job["step"].is_string(), "{job}"),
            _ => panic!("it was too quick: {job}"),
        }
    }
}

fn leftovers(server: &Server) -> usize {
    server.app.data_dir.tmp_dir().read_dir().unwrap().count()
}

#[tokio::test(flavor = "multi_thread")]
async fn backup_and_restore_go_on_as_jobs_that_end_with_the_documented_answer() {
    let server = Server::start().await;
    let (tenant, user) = shop(&server, "Warung", 3).await;
    let at = begin(&server, &path(&tenant, "backup"), json!({"compress": false})).await;
    let made = ended(&server, &at).await;
    assert_eq!(
        (&made["kind"], &made["state"], &made["percent"], &made["error"]),
        (&json!("backup"), &json!("succeeded"), &json!(100), &Value::Null),
        "{made}"
    );
    assert_eq!(made["result"]["message"], "Backup created successfully");
    assert_eq!(made["result"]["data"]["id"], list(&server, &tenant).await[0]["id"]);
    assert!(made["started_at"].is_string() && made["finished_at"].is_string(), "{made}");
    let request = server.request(Method::GET, made["result_url"].as_str().unwrap());
    let download = request.header("X-Master-API-Key", MASTER_KEY).send().await.unwrap().bytes().await.unwrap();
    assert!(download.starts_with(b"SQLite format 3\0"));

    sell(&user, "Later").await;
    let at = begin(&server, &path(&tenant, "restore"), json!({})).await;
    let restored = ended(&server, &at).await;
    assert_eq!((&restored["kind"], &restored["state"]), (&json!("restore"), &json!("succeeded")), "{restored}");
    assert!(restored["result"]["pre_restore_file"].is_string(), "{restored}");
    assert_eq!(count(&user).await, 3);
    let at = begin(&server, &path(&tenant, "restore/undo"), json!({})).await;
    assert_eq!(ended(&server, &at).await["result"]["message"], "Restore undone successfully");
    assert_eq!(count(&user).await, 4);

    let (status, jobs) = server.central(Method::GET, "/api/central/jobs?limit=2", Value::Null).await;
    let kinds = |jobs: &Value| {
        jobs["data"].as_array().unwrap().iter().map(|job| job["kind"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!((status, kinds(&jobs)), (StatusCode::OK, vec!["undo".into(), "restore".into()]), "{jobs}");
    let next = format!("/api/central/jobs?cursor={}&state=succeeded", jobs["next_cursor"].as_str().unwrap());
    let (_, jobs) = server.central(Method::GET, &next, Value::Null).await;
    assert_eq!((kinds(&jobs), &jobs["next_cursor"]), (vec!["backup".to_owned()], &Value::Null));
    let (_, none) = server.central(Method::GET, "/api/central/jobs?tenant=nobody", Value::Null).await;
    assert_eq!(none["data"], json!([]));

    eventually(async || {
        let path = format!("/api/central/audit-log?tenant={}&action=tenant.restored", tenant.id);
        let (_, audit) = server.central(Method::GET, &path, Value::Null).await;
        audit["data"].as_array().unwrap().len() == 1
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn quick_answer_is_the_documented_one_and_a_slow_one_becomes_a_job() {
    let server = Server::start().await;
    let (tenant, _) = shop(&server, "Warung", 1).await;
    let (status, location, made) = prefer(&server, "respond-async, wait=25", &path(&tenant, "backup"), json!({})).await;
    assert_eq!((status, location, &made["compressed"]), (StatusCode::OK, None, &json!(true)), "{made}");
    fatten(&server, &tenant, 32);
    // Nobody asked for the job, but for an answer in no time.
    let (status, location, job) = prefer(&server, "wait=0", &path(&tenant, "backup"), json!({})).await;
    assert_eq!(status, 202, "{job}");
    let ended = ended(&server, &location.unwrap()).await;
    assert_eq!(ended["state"], "succeeded", "{ended}");
}

#[tokio::test(flavor = "multi_thread")]
async fn backup_is_cancelled_in_the_middle_and_leaves_nothing() {
    let server = Server::start().await;
    let (tenant, user) = shop(&server, "Warung", 1).await;
    fatten(&server, &tenant, 32);
    let at = begin(&server, &path(&tenant, "backup"), json!({})).await;
    in_the_middle(&server, &at).await;
    let request = server.request(Method::POST, &format!("{at}/cancel")).header("X-Master-API-Key", MASTER_KEY);
    let (status, cancelled) = answer(request.header("Accept-Language", "id")).await;
    assert_eq!((status, &cancelled["state"]), (StatusCode::OK, &json!("cancelled")), "{cancelled}");
    assert_eq!(cancelled["error"]["code"], "cancelled");
    assert_eq!(cancelled["user_message"], "Proses dibatalkan. Tidak ada yang diubah.");
    assert!(cancelled["percent"].as_u64().unwrap() < 100 && cancelled["result"].is_null());
    assert!(files(&server).is_empty() && list(&server, &tenant).await.is_empty());
    assert_eq!(leftovers(&server), 0);
    let (_, stats) = server.central(Method::GET, "/api/central/backups/stats", Value::Null).await;
    assert_eq!(stats["data"][0]["last_status"], Value::Null, "a cancelled backup is none that failed: {stats}");

    let (status, refused) = server.central(Method::POST, &format!("{at}/cancel"), Value::Null).await;
    assert_eq!((status, &refused["code"]), (StatusCode::CONFLICT, &json!("job_ended")), "{refused}");
    sell(&user, "Afterwards").await;
    assert_eq!(back_up(&server, &tenant, Value::Null).await["compressed"], true);
}

#[tokio::test(flavor = "multi_thread")]
async fn restore_is_cancelled_before_it_replaces_anything_and_a_job_that_waits_at_once() {
    let server = Server::with(|config| config.backup.at_once = 1).await;
    let (tenant, user) = shop(&server, "Warung", 2).await;
    fatten(&server, &tenant, 32);
    back_up(&server, &tenant, Value::Null).await;
    sell(&user, "Later").await;
    let first = begin(&server, &path(&tenant, "restore"), json!({})).await;
    let second = begin(&server, &path(&tenant, "backup"), json!({})).await;
    in_the_middle(&server, &first).await;
    let waiting = job(&server, &second).await;
    assert_eq!((&waiting["state"], &waiting["started_at"]), (&json!("queued"), &Value::Null), "{waiting}");
    for at in [&second, &first] {
        let (status, cancelled) = server.central(Method::POST, &format!("{at}/cancel"), Value::Null).await;
        assert_eq!((status, &cancelled["state"]), (StatusCode::OK, &json!("cancelled")), "{cancelled}");
    }
    assert_eq!(count(&user).await, 3);
    assert_eq!((files(&server).len(), list(&server, &tenant).await.len(), leftovers(&server)), (1, 1, 0));
    sell(&user, "Writers are free again").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn job_past_its_point_of_no_return_refuses_a_cancel_and_is_done() {
    let server = Server::start().await;
    let (tenant, user) = shop(&server, "Warung", 2).await;
    back_up(&server, &tenant, Value::Null).await;
    fatten(&server, &tenant, 32);
    sell(&user, "Later").await;
    let at = begin(&server, &path(&tenant, "restore"), json!({})).await;
    // The small backup is in its place while the large file of before is packed yet.
    eventually(async || job(&server, &at).await["step"] == "putting_aside").await;
    let (status, refused) = server.central(Method::POST, &format!("{at}/cancel"), Value::Null).await;
    assert_eq!((status, &refused["code"]), (StatusCode::CONFLICT, &json!("job_committed")), "{refused}");
    let done = ended(&server, &at).await;
    assert_eq!(done["state"], "succeeded", "{done}");
    assert!(done["result"]["pre_restore_file"].is_string(), "{done}");
    assert_eq!(count(&user).await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn stop_of_the_server_fails_what_runs_and_what_waits_and_keeps_what_is_past_its_point() {
    let server = Server::with(|config| config.backup.at_once = 1).await;
    let (tenant, _) = shop(&server, "Warung", 2).await;
    fatten(&server, &tenant, 32);
    let running = begin(&server, &path(&tenant, "backup"), json!({})).await;
    let waiting = begin(&server, &path(&tenant, "backup"), json!({})).await;
    in_the_middle(&server, &running).await;
    let folder = server.stop().await;
    let server = Server::in_folder(folder, ruko::clock::Clock::system(), |_| {}).await;
    for at in [running, waiting] {
        let job = job(&server, &at).await;
        assert_eq!((&job["state"], &job["error"]["code"]), (&json!("failed"), &json!("interrupted")), "{job}");
        assert!(job["finished_at"].is_string(), "{job}");
    }
    assert!(files(&server).is_empty());
    assert_eq!(leftovers(&server), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn failed_job_says_why() {
    let server = Server::start().await;
    let (tenant, _) = shop(&server, "Warung", 1).await;
    back_up(&server, &tenant, Value::Null).await;
    let file = files(&server).remove(0);
    let mut bytes = std::fs::read(&file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&file, bytes).unwrap();
    let at = begin(&server, &path(&tenant, "restore"), json!({})).await;
    let failed = ended(&server, &at).await;
    assert_eq!((&failed["state"], &failed["error"]["code"]), (&json!("failed"), &json!("backup_damaged")), "{failed}");
    assert!(failed["error"]["message"].as_str().unwrap().contains("cannot be used"), "{failed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_of_long_ago_are_forgotten_and_open_ones_kept() {
    let clock = ruko::clock::Clock::held_at(ruko::clock::Timestamp(1_790_000_000_000));
    let folder = std::sync::Arc::new(tempfile::tempdir().unwrap());
    let server = Server::in_folder(folder, clock.clone(), |_| {}).await;
    let (tenant, _) = shop(&server, "Warung", 1).await;
    let old = ended(&server, &begin(&server, &path(&tenant, "backup"), json!({})).await).await;
    clock.advance(Duration::from_secs(31 * 86_400));
    let young = ended(&server, &begin(&server, &path(&tenant, "backup"), json!({})).await).await;
    assert_eq!(server.app.backup_jobs.prune().await.unwrap(), 1);
    let at = |job: &Value| format!("/api/central/jobs/{}", job["id"].as_str().unwrap());
    assert_eq!(server.central(Method::GET, &at(&old), Value::Null).await.0, 404);
    assert_eq!(job(&server, &at(&young)).await["state"], "succeeded");
}
