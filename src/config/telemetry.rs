//! `[telemetry]`: what the server tells about itself.

use super::section::{choice, section};

section! {
    /// What the server tells about itself.
    pub struct Telemetry = "telemetry" {
        /// Least important message that is logged.
        log_level: LogLevel = LogLevel::Info;
        /// How messages look. `auto` is text on a terminal and JSON elsewhere.
        log_format: LogFormat = LogFormat::Auto;
        /// Whether Prometheus metrics are served.
        metrics: bool = true;
    }
}

choice! {
    /// Importance of a log message.
    pub enum LogLevel {
        /// Something failed.
        Error = "error",
        /// Something deserves a look.
        Warn = "warn",
        /// What an operator wants to know.
        Info = "info",
        /// What a developer wants to know.
        Debug = "debug",
        /// Everything.
        Trace = "trace",
    }
}

choice! {
    /// How log messages look.
    pub enum LogFormat {
        /// Text on a terminal, JSON elsewhere.
        Auto = "auto",
        /// Lines for people.
        Text = "text",
        /// One JSON object per line.
        Json = "json",
    }
}
