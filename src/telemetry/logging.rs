//! Log lines on standard error: text for people on a terminal, else one JSON object a line.
//!
//! Fields have dotted names (`tenant.id`, `error.code`), which both formats keep.

use std::io::{IsTerminal, Write};

use tracing::Subscriber;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::{self, MakeWriter};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::{Layer, Registry};

use crate::config::{LogFormat, LogLevel, Telemetry};

/// Keeps logging going; dropped at the end of the program, it lets the last line out.
#[derive(Debug)]
#[must_use = "dropping it ends logging"]
pub struct Logging {
    is_installed: bool,
}

impl Logging {
    /// Whether this call set logging up; false when an earlier one had done so, whose settings stay.
    pub fn is_installed(&self) -> bool {
        self.is_installed
    }
}

impl Drop for Logging {
    fn drop(&mut self) {
        // There is nobody left to tell when even this fails.
        let _ = std::io::stderr().flush();
    }
}

/// Sets logging up for the whole process. Only the first call counts.
pub fn init(settings: &Telemetry) -> Logging {
    let is_terminal = std::io::stderr().is_terminal();
    let subscriber = subscriber(settings, is_terminal, std::io::stderr);
    Logging { is_installed: tracing::subscriber::set_global_default(subscriber).is_ok() }
}

fn subscriber<W>(settings: &Telemetry, is_terminal: bool, writer: W) -> impl Subscriber + Send + Sync
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let own = level(settings.log_level);
    let is_json = match settings.log_format {
        LogFormat::Auto => !is_terminal,
        LogFormat::Text => false,
        LogFormat::Json => true,
    };
    let lines: Box<dyn Layer<_> + Send + Sync> = if is_json {
        fmt::layer().json().flatten_event(true).with_span_list(false).with_writer(writer).boxed()
    } else {
        fmt::layer().with_ansi(is_terminal).with_writer(writer).boxed()
    };
    // What dependencies have to say below a warning helps nobody who runs a server.
    let targets = Targets::new().with_default(own.min(LevelFilter::WARN)).with_target(env!("CARGO_CRATE_NAME"), own);
    Registry::default().with(lines).with(targets)
}

fn level(level: LogLevel) -> LevelFilter {
    match level {
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use parking_lot::Mutex;
    use std::sync::Arc;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn logged(settings: &Telemetry, is_terminal: bool, log: impl FnOnce()) -> String {
        let lines = Lines::default();
        let writer = lines.clone();
        let subscriber = subscriber(settings, is_terminal, move || writer.clone());
        tracing::subscriber::with_default(subscriber, log);
        let bytes = lines.0.lock().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn json_lines_keep_dotted_field_names() {
        let text = logged(&Telemetry::default(), false, || {
            tracing::info!(tenant.id = "toko-1", backup.size_bytes = 7, "backup finished");
        });
        let line: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!((&line["tenant.id"], &line["backup.size_bytes"]), (&"toko-1".into(), &7.into()));
        assert_eq!((&line["message"], &line["level"]), (&"backup finished".into(), &"INFO".into()));
    }

    #[test]
    fn terminal_gets_text_with_the_same_names() {
        let settings = Telemetry { log_format: LogFormat::Text, ..Telemetry::default() };
        let text = logged(&settings, false, || tracing::info!(tenant.id = "toko-1", "opened"));
        assert!(text.contains("opened") && text.contains("tenant.id=\"toko-1\""), "{text}");
        assert!(logged(&Telemetry::default(), true, || tracing::info!("opened")).contains('\u{1b}'), "coloured");
    }

    #[test]
    fn dependencies_are_quiet_below_a_warning_and_the_level_holds_for_ours() {
        let settings = Telemetry { log_level: LogLevel::Debug, ..Telemetry::default() };
        let text = logged(&settings, false, || {
            tracing::info!(target: "hyper::proto", "noise");
            tracing::warn!(target: "hyper::proto", "trouble");
            tracing::debug!("detail");
            tracing::trace!("more detail");
        });
        assert!(text.contains("trouble") && text.contains("\"detail\""), "{text}");
        assert!(!text.contains("noise") && !text.contains("more detail"), "{text}");
        let settings = Telemetry { log_level: LogLevel::Error, ..Telemetry::default() };
        assert_eq!(logged(&settings, false, || tracing::warn!(target: "hyper", "trouble")), "");
    }

    #[test]
    fn setting_up_twice_is_harmless() {
        drop(init(&Telemetry::default()));
        assert!(!init(&Telemetry::default()).is_installed());
    }
}
