//! `kill -9` of a server under load: what was acknowledged is there afterwards, every time.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::acknowledged::{Acknowledged, check};
use crate::binary::{Home, Server};
use crate::extent::tries;

/// Connections that write at the same time.
const CONNECTIONS: usize = 8;
/// The kill comes after a moment of load between these.
const LOAD_MS: std::ops::Range<u64> = 20..300;

struct Writer {
    client: reqwest::Client,
    url: String,
    key: String,
    token: String,
}

impl Writer {
    async fn create(&self, name: &str) -> Option<Acknowledged> {
        let request = self.client.post(format!("{}/api/products", self.url)).header("X-Tenant-API-Key", &self.key);
        let request = request.bearer_auth(&self.token).json(&json!({"name": name, "price": 1500, "stock": 1}));
        let response = request.send().await.ok().filter(|response| response.status() == 201)?;
        let body: Value = response.json().await.ok()?;
        Some(Acknowledged { id: body["id"].as_i64()?, name: name.to_owned() })
    }
}

/// Writes until the server is gone; gives everything that was acknowledged.
async fn load(writer: Arc<Writer>, round: u32, written: watch::Sender<u64>) -> Vec<Acknowledged> {
    let mut connections = JoinSet::new();
    for connection in 0..CONNECTIONS {
        let (writer, written) = (writer.clone(), written.clone());
        connections.spawn(async move {
            let mut acknowledged = Vec::new();
            for number in 0.. {
                match writer.create(&format!("r{round} c{connection} n{number}")).await {
                    Some(row) => acknowledged.push(row),
                    None => break,
                }
                written.send_modify(|count| *count += 1);
            }
            acknowledged
        });
    }
    connections.join_all().await.concat()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_acknowledged_write_is_lost_by_a_kill() {
    let begin = Instant::now();
    let home = Home::begun();
    let made = home.json(&["tenant", "create", "Crash", "--db-name", "crash"]);
    let key = made["api_key"].as_str().unwrap().to_owned();
    let file = home.data().join("tenants/crash.db");
    let client = reqwest::Client::builder().timeout(Duration::from_secs(20)).build().unwrap();
    let mut token = String::new();
    let (mut all, mut last_round) = (0, Vec::<Acknowledged>::new());
    let rounds = tries(100, 10);
    for round in 0..rounds {
        let server: Server = home.serve(&[]);
        if round == 0 {
            let user = json!({"name": "Crash", "email": "crash@test.com", "password": "secret"});
            let request = client.post(format!("{}/api/register", server.url)).header("X-Tenant-API-Key", &key);
            let body: Value = request.json(&user).send().await.unwrap().json().await.unwrap();
            body["token"].as_str().unwrap().clone_into(&mut token);
        }
        check(&file, &last_round, all);
        let writer = Writer { client: client.clone(), url: server.url.clone(), key: key.clone(), token: token.clone() };
        let (written, mut seen) = watch::channel(0);
        let mut loading = JoinSet::new();
        loading.spawn(load(Arc::new(writer), round, written));
        seen.wait_for(|count| *count > 0).await.unwrap();
        tokio::time::sleep(Duration::from_millis(random_within(LOAD_MS))).await;
        server.signal(Signal::KILL);
        last_round = loading.join_all().await.concat();
        all += last_round.len();
        server.kill();
    }
    let server = home.serve(&[]);
    check(&file, &last_round, all);
    server.stop();
    eprintln!("{rounds} kills, {all} acknowledged writes, none lost, {:?}", begin.elapsed());
    assert!(all >= rounds as usize, "there was no load to speak of: {all}");
}

fn random_within(range: std::ops::Range<u64>) -> u64 {
    range.start + ruko::id::random_u64() % (range.end - range.start)
}
