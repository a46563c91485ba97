//! What a request pays for being counted and logged, and what reading the request log costs.
#![allow(missing_docs, reason = "a program, not a library")]

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use criterion::{Criterion, SamplingMode, Throughput, criterion_group, criterion_main};
use ruko::activity::{Activity, ActivityOptions, Actor, RequestEntry, RequestFilter, SentTexts};
use ruko::clock::Clock;
use ruko::db::{Engine, EngineOptions};
use ruko::id::TenantId;
use ruko::telemetry::Metrics;
use tokio::runtime::Runtime;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// What is recorded before somebody makes room again.
const CHUNK: u64 = 100_000;
/// Rows of the log that is read.
const LOGGED: u64 = 200_000;

/// Times `rounds` of `record`; `make_room` runs between chunks of them and is not timed.
fn timed(rounds: u64, mut record: impl FnMut(), make_room: impl Fn()) -> Duration {
    let mut took = Duration::ZERO;
    let mut left = rounds;
    while left > 0 {
        let chunk = left.min(CHUNK);
        let started = Instant::now();
        for _ in 0..chunk {
            record();
        }
        took += started.elapsed();
        make_room();
        left -= chunk;
    }
    took
}

fn metrics(criterion: &mut Criterion) {
    let metrics = Metrics::install();
    let routes: Vec<Arc<str>> = (0..100).map(|number| format!("/api/tenants/:tenant/things{number}").into()).collect();
    let mut next = routes.iter().cycle();
    criterion.bench_function("metrics/record_http", |bencher| {
        bencher.iter_custom(|rounds| {
            let record = || {
                let route = next.next().expect("a circle has no end");
                metrics.record_http(route, "GET", 200, Duration::from_millis(1));
            };
            timed(rounds, record, || metrics.upkeep())
        });
    });
}

fn entry(tenant: &TenantId) -> RequestEntry {
    RequestEntry {
        tenant: Some(tenant.clone()),
        actor: Actor::user(7),
        method: "GET",
        route: "/api/products/:id".into(),
        sent: SentTexts::new("/api/products/123", Some("curl/8.5.0"), Some("0190c5f8-5b7a-7d4e-8000-000000000001")),
        ip: Some([203, 0, 113, 7].into()),
        status: 200,
        took: Duration::from_micros(420),
    }
}

fn open(runtime: &Runtime, path: &Path) -> Activity {
    let engine = Engine::start(EngineOptions::default()).expect("database threads");
    let options = ActivityOptions { queue_capacity: 1 << 18, ..ActivityOptions::default() };
    runtime.block_on(Activity::start(&engine, path, Clock::system(), options)).expect("an open log")
}

fn activity(criterion: &mut Criterion) {
    let runtime = Runtime::new().expect("a runtime");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let tenant = TenantId::from("warung-makan-bu-joko-0123456789abc");
    let mut group = criterion.benchmark_group("activity");
    // Each round stays in the file, so a second more of measuring is a file of millions of rows.
    group.sample_size(10).warm_up_time(Duration::from_millis(20)).measurement_time(Duration::from_millis(200));

    let log = open(&runtime, &folder.path().join("written.db"));
    group.bench_function("record_request", |bencher| {
        bencher.iter_custom(|rounds| {
            timed(rounds, || log.record_request(entry(&tenant)), || runtime.block_on(log.flush()))
        });
    });
    group.throughput(Throughput::Elements(1000)).bench_function("record_and_write_1000", |bencher| {
        bencher.iter(|| {
            (0..1000).for_each(|_| log.record_request(entry(&tenant)));
            runtime.block_on(log.flush());
        });
    });
    assert_eq!(log.dropped(), 0, "what was dropped was not measured");

    let path = folder.path().join("read.db");
    let log = open(&runtime, &path);
    timed(LOGGED, || log.record_request(entry(&tenant)), || runtime.block_on(log.flush()));
    println!("activity: {} bytes a row in the file", std::fs::metadata(&path).map_or(0, |file| file.len() / LOGGED));
    let list = |filter: &RequestFilter| {
        runtime.block_on(log.list_requests(filter.clone(), None, 50)).expect("a page of the log")
    };
    group.throughput(Throughput::Elements(1)).measurement_time(Duration::from_secs(2));
    group.bench_function("list_50_of_200000", |bencher| bencher.iter(|| list(&RequestFilter::default())));
    group.sampling_mode(SamplingMode::Flat);
    let nowhere = RequestFilter { text: Some("nowhere".into()), ..RequestFilter::default() };
    group.bench_function("look_for_a_text_that_is_not_there", |bencher| bencher.iter(|| list(&nowhere)));
    group.finish();
}

criterion_group!(benches, metrics, activity);
criterion_main!(benches);
