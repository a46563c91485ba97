//! Durable inserts per second through `Db::write`, without HTTP: clients against latency.

use std::sync::Arc;
use std::time::{Duration, Instant};

use ruko::db::{Db, Durability, Engine, EngineOptions, Schema};
use ruko::vals;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const RUN: Duration = Duration::from_secs(3);

#[tokio::main]
async fn main() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let engine = Engine::start(EngineOptions::default()).expect("database threads");
    let schema = Schema::tenant().expect("sound migrations");
    println!("{:>8} {:>12} {:>10} {:>10} {:>10}", "clients", "inserts/s", "p50 us", "p99 us", "max us");
    for clients in [1, 16, 64] {
        let path = folder.path().join(format!("{clients}.db"));
        schema.create(&path, "bench").expect("a new file");
        let (db, _) = schema.open(&engine, &path, "bench", Durability::Full).expect("an open file");
        let mut took = run(&db, clients).await;
        took.sort_unstable();
        let at = |share: usize| took[(took.len() - 1) * share / 100].as_micros();
        let per_second = took.len() as u64 / RUN.as_secs();
        println!("{clients:>8} {per_second:>12} {:>10} {:>10} {:>10}", at(50), at(99), at(100));
    }
}

async fn run(db: &Db, clients: usize) -> Vec<Duration> {
    let until = Instant::now() + RUN;
    let name: Arc<str> = "kopi susu gula aren".into();
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..clients {
        let (db, name) = (db.clone(), name.clone());
        tasks.spawn(async move {
            let mut took = Vec::new();
            while Instant::now() < until {
                let (started, name) = (Instant::now(), name.clone());
                db.write(move |tx| {
                    let sql = "INSERT INTO products (name, price_minor, stock, created_at, updated_at) \
                               VALUES (?1, ?2, ?3, ?4, ?4) RETURNING id";
                    let now = 1_700_000_000_000_i64;
                    Ok(tx.query_one(sql, vals![&*name, 1_500_000_i64, 3_i64, now], |row| row.get::<i64>(0))?)
                })
                .await
                .expect("a durable insert");
                took.push(started.elapsed());
            }
            took
        });
    }
    tasks.join_all().await.into_iter().flatten().collect()
}
