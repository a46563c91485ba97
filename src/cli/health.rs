//! `ruko health`: asks a running server, as its clients would, whether requests may be sent to it.
//! For health checks where there is no curl. It looks at the settings only, never at the data
//! directory, and makes nothing.

mod target;

use std::time::{Duration, Instant};

use clap::Args;
use http_body_util::{BodyExt, Limited};
use serde_json::{Value, json};

use super::failure::{FAILED, Failure, Outcome};
use super::globals::Globals;
use super::output;
use target::Target;

/// What a server may answer, and more than ruko does.
const ANSWER_BYTES_MAX: usize = 64 * 1024;

/// Ask a running server whether it is healthy
#[derive(Debug, Args)]
pub struct Health {
    /// Address of the server; without a path /readyz is asked [default: http.listen of the settings]
    #[arg(long, value_name = "URL")]
    url: Option<Target>,
    /// Seconds to wait for the answer
    // Docker gives a check 5 s when the image says so.
    #[arg(long, value_name = "SECONDS", default_value_t = 4, value_parser = clap::value_parser!(u64).range(1..=300))]
    timeout_secs: u64,
}

impl Health {
    pub(super) async fn run(&self, globals: &Globals) -> Outcome {
        let target = match &self.url {
            Some(target) => target.clone(),
            None => own_server(globals)?,
        };
        let begin = Instant::now();
        let limit = Duration::from_secs(self.timeout_secs);
        let asked = tokio::time::timeout(limit, ask(&target)).await;
        let answer = asked.unwrap_or_else(|_| Err(format!("no answer within {} s", self.timeout_secs)));
        tell(&target, answer, begin.elapsed(), globals.json)
    }
}

/// The server that runs with these settings.
fn own_server(globals: &Globals) -> Outcome<Target> {
    let http = globals.load(Vec::new())?.config.http;
    if http.listen.port() == 0 {
        let what = format!("http.listen is {}, and the system chose the port", http.listen);
        return Err(Failure::usage(what).hint("name the address with --url"));
    }
    http.url_here(http.listen).parse().map_err(Failure::new)
}

/// The body of a healthy answer, or why there is none.
async fn ask(target: &Target) -> Result<Value, String> {
    let response = target.get().await?;
    let status = response.status();
    let body = Limited::new(response.into_body(), ANSWER_BYTES_MAX).collect().await;
    let body: Value = body.ok().and_then(|body| serde_json::from_slice(&body.to_bytes()).ok()).unwrap_or_default();
    // Something else may have got the port.
    match body["status"].as_str() {
        Some("healthy") if status.is_success() => Ok(body),
        Some("unhealthy") => {
            Err(format!("the server answers {status}: it cannot serve requests, and its log says why"))
        }
        _ => Err(format!("the answer is {status} and not that of a healthy ruko")),
    }
}

fn tell(target: &Target, answer: Result<Value, String>, took: Duration, is_json: bool) -> Outcome {
    let took_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
    match answer {
        Ok(body) if is_json => {
            let (version, uptime) = (&body["version"], &body["uptime"]);
            let (status, url) = ("healthy", target.to_string());
            output::json(
                &json!({"status": status, "url": url, "took_ms": took_ms, "version": version, "uptime": uptime}),
            )
        }
        Ok(body) => {
            let (version, uptime) = (output::plain(&body["version"]), output::plain(&body["uptime"]));
            let text = format!("healthy: {target}, ruko {version}, up {uptime} s, answered in {took_ms} ms");
            output::line(&output::without_controls(&text))
        }
        Err(reason) if is_json => {
            let (status, url) = ("unhealthy", target.to_string());
            output::json(&json!({"status": status, "url": url, "took_ms": took_ms, "reason": reason}))?;
            Err(Failure::silent(FAILED))
        }
        Err(reason) => Err(Failure::new(output::without_controls(&format!("unhealthy: {target}: {reason}")))),
    }
}
