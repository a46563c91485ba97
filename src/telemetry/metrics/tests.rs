//! What a scrape shows.

use std::collections::HashSet;
use std::sync::atomic::{AtomicU64, Ordering};

use super::*;
use crate::telemetry::{UNMATCHED_ROUTE, method_label};

const MS: Duration = Duration::from_millis(1);

fn value(text: &str, series: &str) -> Option<f64> {
    let line = text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '))?;
    Some(line.parse().unwrap())
}

#[test]
fn requests_are_counted_and_timed_by_route_method_and_status() {
    let metrics = Metrics::install();
    let route: Arc<str> = "/api/products/:id".into();
    for (status, took) in [(200, MS), (200, 3 * MS), (404, MS)] {
        metrics.record_http(&route, "GET", status, took);
    }
    let text = metrics.render();
    let labels = "route=\"/api/products/:id\",method=\"GET\"";
    assert_eq!(value(&text, &format!("ruko_http_requests_total{{{labels},status=\"200\"}}")), Some(2.0), "{text}");
    assert_eq!(value(&text, &format!("ruko_http_requests_total{{{labels},status=\"404\"}}")), Some(1.0), "{text}");
    let bucket = |le: &str| value(&text, &format!("ruko_http_request_duration_seconds_bucket{{{labels},le=\"{le}\"}}"));
    assert_eq!(
        (bucket("0.0005"), bucket("0.001"), bucket("0.005"), bucket("+Inf")),
        (Some(0.0), Some(2.0), Some(3.0), Some(3.0))
    );
    assert!(
        (value(&text, &format!("ruko_http_request_duration_seconds_sum{{{labels}}}")).unwrap() - 0.005).abs() < 1e-9
    );
}

#[test]
fn every_metric_has_help_type_and_a_proper_name() {
    let metrics = Metrics::install();
    metrics.record_http("/health", "GET", 200, MS);
    metrics.counter("ruko_things_total", "Things.").increment(1);
    let text = metrics.render();
    let told = |what: &str| -> HashSet<String> {
        text.lines().filter_map(|line| Some(line.strip_prefix(what)?.split(' ').next()?.to_owned())).collect()
    };
    let typed = told("# TYPE ");
    assert_eq!(told("# HELP "), typed);
    for name in ["ruko_build_info", "process_resident_memory_bytes", "process_open_fds", "process_start_time_seconds"] {
        assert!(typed.contains(name), "{name} is missing in {text}");
    }
    for line in text.lines().filter(|line| !line.starts_with('#') && !line.is_empty()) {
        let name = line.split(['{', ' ']).next().unwrap();
        let base = ["_bucket", "_sum", "_count"].iter().find_map(|suffix| name.strip_suffix(suffix));
        assert!(typed.contains(name) || base.is_some_and(|base| typed.contains(base)), "{line}");
        assert!(name.starts_with("ruko_") || name.starts_with("process_"), "{line}");
    }
    assert!(
        text.contains("# TYPE process_cpu_seconds_total counter") && text.contains("# TYPE ruko_things_total counter")
    );
    assert_eq!(value(&text, &format!("ruko_build_info{{version=\"{}\"}}", env!("CARGO_PKG_VERSION"))), Some(1.0));
}

#[test]
fn servers_in_one_process_count_apart() {
    let (one, other) = (Metrics::install(), Metrics::install());
    one.record_http("/health", "GET", 200, MS);
    assert!(one.render().contains("route=\"/health\"") && !other.render().contains("route=\"/health\""));
}

#[test]
fn invented_methods_and_a_flood_of_routes_make_no_flood_of_series() {
    let metrics = Metrics::install();
    for number in 0..3000 {
        metrics.record_http(&format!("/never/{number}"), method_label("BREW"), 404, MS);
    }
    let text = metrics.render();
    let series = text.lines().filter(|line| line.starts_with("ruko_http_requests_total{")).count();
    assert!(series <= 1001, "{series}");
    let rest = format!("ruko_http_requests_total{{route=\"{UNMATCHED_ROUTE}\",method=\"OTHER\",status=\"404\"}}");
    assert_eq!(value(&text, &rest), Some(2000.0));
}

#[test]
fn numbers_kept_elsewhere_are_read_at_each_scrape() {
    let metrics = Metrics::install();
    let (kept, open) = (Arc::new(AtomicU64::new(3)), metrics.counter("ruko_kept_total", "Kept."));
    let source = kept.clone();
    metrics.at_scrape(move || open.absolute(source.load(Ordering::Relaxed)));
    assert_eq!(value(&metrics.render(), "ruko_kept_total"), Some(3.0));
    kept.store(8, Ordering::Relaxed);
    assert_eq!(value(&metrics.render(), "ruko_kept_total"), Some(8.0));
}

#[test]
fn upkeep_keeps_the_counts() {
    let metrics = Metrics::install();
    for _ in 0..10 {
        metrics.record_http("/health", "GET", 200, MS);
        metrics.upkeep();
    }
    let count = "ruko_http_request_duration_seconds_count{route=\"/health\",method=\"GET\"}";
    assert_eq!(value(&metrics.render(), count), Some(10.0));
}
