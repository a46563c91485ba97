//! Prometheus metrics of one server.
//!
//! Each [`Metrics`] has a recorder of its own, so that several servers in one process (the tests)
//! count apart. The first one is the process's recorder too: in the real server, which has only
//! one, what a dependency reports through the `metrics` macros shows up as well.

use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;

use metrics::{Counter, Gauge, Key, Label, Level, Metadata, Recorder};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle, PrometheusRecorder};
use parking_lot::Mutex;

use super::http_series::HttpSeries;
use super::process;

pub(super) static METADATA: Metadata<'static> = Metadata::new("ruko", Level::INFO, None);

/// Seconds. A point read takes a tenth of a millisecond, a bulk import some seconds.
const DURATION_BUCKETS: [f64; 16] =
    [0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

type Scrape = Arc<dyn Fn() + Send + Sync>;

/// The metrics of one server. Cheap to clone.
#[derive(Clone)]
pub struct Metrics {
    shared: Arc<Shared>,
}

struct Shared {
    recorder: Arc<PrometheusRecorder>,
    handle: PrometheusHandle,
    http: HttpSeries,
    at_scrape: Mutex<Vec<Scrape>>,
}

impl Metrics {
    /// The content type of [`Metrics::render`].
    pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

    /// New metrics, all at zero.
    pub fn install() -> Self {
        // The builder refuses an empty list of buckets only.
        let builder = PrometheusBuilder::new().set_buckets(&DURATION_BUCKETS).unwrap_or_default();
        let recorder = Arc::new(builder.build_recorder());
        // An error says that this process has one already, which is then the one of the process.
        let _ = metrics::set_global_recorder(recorder.clone());
        let (handle, http) = (recorder.handle(), HttpSeries::new(recorder.clone()));
        let metrics = Self { shared: Arc::new(Shared { recorder, handle, http, at_scrape: Mutex::default() }) };
        metrics
            .labelled_gauge(
                "ruko_build_info",
                "Always 1; the version is in the label.",
                &[("version", env!("CARGO_PKG_VERSION"))],
            )
            .set(1.0);
        metrics
    }

    /// Counts an answered request. `route` is the pattern of the route, or [`super::UNMATCHED_ROUTE`];
    /// `method` is best one of [`super::method_label`].
    pub fn record_http(&self, route: &str, method: &'static str, status: u16, took: Duration) {
        self.shared.http.record(route, method, status, took);
    }

    /// A number that goes up and down. Keep the handle: asking for it again costs a look-up.
    pub fn gauge(&self, name: &'static str, help: &'static str) -> Gauge {
        self.labelled_gauge(name, help, &[])
    }

    /// As [`Metrics::gauge`], with labels that take few values.
    pub fn labelled_gauge(
        &self,
        name: &'static str,
        help: &'static str,
        labels: &[(&'static str, &'static str)],
    ) -> Gauge {
        self.shared.recorder.describe_gauge(name.into(), None, help.into());
        self.shared.recorder.register_gauge(&key(name, labels), &METADATA)
    }

    /// A number that only grows; its name ends in `_total`. Keep the handle, see [`Metrics::gauge`].
    pub fn counter(&self, name: &'static str, help: &'static str) -> Counter {
        self.labelled_counter(name, help, &[])
    }

    /// As [`Metrics::counter`], with labels that take few values.
    pub fn labelled_counter(
        &self,
        name: &'static str,
        help: &'static str,
        labels: &[(&'static str, &'static str)],
    ) -> Counter {
        self.shared.recorder.describe_counter(name.into(), None, help.into());
        self.shared.recorder.register_counter(&key(name, labels), &METADATA)
    }

    /// Runs `measure` before each rendering, for numbers that somebody else keeps. It must be quick,
    /// and must not hold these metrics themselves, or neither is ever freed: hold the handles.
    pub fn at_scrape(&self, measure: impl Fn() + Send + Sync + 'static) {
        self.shared.at_scrape.lock().push(Arc::new(measure));
    }

    /// Everything in Prometheus' text format.
    pub fn render(&self) -> String {
        // Run outside of the lock, so that one of them may register another.
        let measures = self.shared.at_scrape.lock().clone();
        for measure in &measures {
            measure();
        }
        let mut text = self.shared.handle.render();
        process::render(&mut text);
        text
    }

    /// Folds what was timed since the last call into the histograms' buckets. Until then every
    /// timing is kept, so call it every few seconds where nobody scrapes.
    pub fn upkeep(&self) {
        self.shared.handle.run_upkeep();
    }
}

impl std::fmt::Debug for Metrics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Metrics")
    }
}

pub(super) fn key(name: &'static str, labels: &[(&'static str, &'static str)]) -> Key {
    Key::from_parts(name, labels.iter().map(|(name, value)| Label::new(*name, *value)).collect::<Vec<_>>())
}

/// Appends one metric without labels.
pub(super) fn append(text: &mut String, name: &str, kind: &str, help: &str, value: impl std::fmt::Display) {
    // Writing to a String cannot fail.
    let _ = write!(text, "# HELP {name} {help}\n# TYPE {name} {kind}\n{name} {value}\n\n");
}

#[cfg(test)]
mod tests;
