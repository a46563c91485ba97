//! Counters and histograms of requests, found without building their labels at every request.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use metrics::{Counter, Histogram, Key, Label, Recorder, SharedString};
use metrics_exporter_prometheus::PrometheusRecorder;
use parking_lot::Mutex;

use super::metrics::METADATA;

/// The route of a request that no route answered. Their paths are anybody's to choose, so they
/// share one label.
pub const UNMATCHED_ROUTE: &str = "unmatched";

/// Routes that get series of their own. Far above what the router knows: it only keeps a defect that
/// hands over paths instead of patterns from filling the memory.
const ROUTES_MAX: usize = 1000;

const REQUESTS: &str = "ruko_http_requests_total";
const DURATION: &str = "ruko_http_request_duration_seconds";

/// The label of a method. Clients may invent methods, which then share one.
pub fn method_label(method: &str) -> &'static str {
    const KNOWN: [&str; 7] = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"];
    KNOWN.into_iter().find(|known| *known == method).unwrap_or("OTHER")
}

/// The handles of one route, method and status.
#[derive(Clone)]
struct Series {
    method: &'static str,
    status: u16,
    requests: Counter,
    duration: Histogram,
}

type Routes = HashMap<Arc<str>, Vec<Series>>;

/// All handles made so far. Read without a lock; a new series is added to a copy.
pub(super) struct HttpSeries {
    recorder: Arc<PrometheusRecorder>,
    routes: ArcSwap<Routes>,
    growing: Mutex<()>,
}

impl HttpSeries {
    pub(super) fn new(recorder: Arc<PrometheusRecorder>) -> Self {
        recorder.describe_counter(REQUESTS.into(), None, "Requests answered.".into());
        recorder.describe_histogram(DURATION.into(), None, "Time from a request's arrival to its answer.".into());
        Self { recorder, routes: ArcSwap::default(), growing: Mutex::new(()) }
    }

    pub(super) fn record(&self, route: &str, method: &'static str, status: u16, took: Duration) {
        {
            let routes = self.routes.load();
            if let Some(series) = find(&routes, route, method, status) {
                return series.record(took);
            }
        }
        self.add(route, method_label(method), status).record(took);
    }

    fn add(&self, route: &str, method: &'static str, status: u16) -> Series {
        let _growing = self.growing.lock();
        let routes = self.routes.load();
        let route = if routes.len() < ROUTES_MAX || routes.contains_key(route) { route } else { UNMATCHED_ROUTE };
        // Another request may have added it meanwhile.
        if let Some(series) = find(&routes, route, method, status) {
            return series.clone();
        }
        let mut grown = Routes::clone(&routes);
        let route: Arc<str> = route.into();
        let label = SharedString::from_shared(route.clone());
        let series = self.register(label, method, status);
        grown.entry(route).or_default().push(series.clone());
        self.routes.store(Arc::new(grown));
        series
    }

    fn register(&self, route: SharedString, method: &'static str, status: u16) -> Series {
        let mut labels = vec![Label::new("route", route), Label::new("method", method)];
        // Without the status: it would multiply the buckets, which are many already.
        let duration = self.recorder.register_histogram(&Key::from_parts(DURATION, labels.clone()), &METADATA);
        labels.push(Label::new("status", status.to_string()));
        let requests = self.recorder.register_counter(&Key::from_parts(REQUESTS, labels), &METADATA);
        Series { method, status, requests, duration }
    }
}

fn find<'r>(routes: &'r Routes, route: &str, method: &str, status: u16) -> Option<&'r Series> {
    routes.get(route)?.iter().find(|series| series.status == status && series.method == method)
}

impl Series {
    fn record(&self, took: Duration) {
        self.requests.increment(1);
        self.duration.record(took.as_secs_f64());
    }
}
