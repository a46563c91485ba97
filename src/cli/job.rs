//! Long work as jobs: watched by their percent, cancelled by Ctrl-C. What is quick is over before
//! there is anything to watch.

use std::time::Duration;

use http::{Method, StatusCode};
use indicatif::ProgressBar;
use serde_json::Value;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::client::Client;
use super::failure::{CANCELLED, Failure, Outcome};
use super::output::plain;
use super::progress;

/// Answer with what came of it when that takes a second at most, else with the job.
const PREFER: &str = "respond-async, wait=1";
const PAUSE: Duration = Duration::from_millis(200);

/// Watches jobs, one after the other.
pub struct Watch {
    bar: ProgressBar,
    ended: u64,
    count: u64,
    interrupts: Signal,
    is_interrupted: bool,
}

impl Watch {
    /// From now on Ctrl-C cancels a job and does not end the process.
    pub fn over(count: u64) -> Outcome<Self> {
        let interrupts = signal(SignalKind::interrupt())?;
        Ok(Self { bar: progress::over_jobs(count), ended: 0, count, interrupts, is_interrupted: false })
    }

    /// Asks for work at `path` and waits for it; gives the answer of those who wait. `what` names it for
    /// people.
    pub async fn run(&mut self, client: &Client, what: &str, path: &str, body: Option<&Value>) -> Outcome<Value> {
        if self.is_interrupted {
            return Err(cancelled());
        }
        self.show(what, &Value::Null);
        let outcome = self.begin_and_follow(client, what, path, body).await;
        self.ended += 1;
        outcome
    }

    async fn begin_and_follow(
        &mut self,
        client: &Client,
        what: &str,
        path: &str,
        body: Option<&Value>,
    ) -> Outcome<Value> {
        let mut begun = Box::pin(client.post_preferring(PREFER, path, body));
        let (status, mut answer) = loop {
            tokio::select! {
                begun = &mut begun => break begun?,
                _ = self.interrupts.recv() => self.is_interrupted = true,
            }
        };
        if status != StatusCode::ACCEPTED {
            return Ok(answer);
        }
        let job = format!("/api/central/jobs/{}", plain(&answer["id"]));
        let mut is_asked = false;
        loop {
            match answer["state"].as_str() {
                Some("succeeded") => return Ok(answer["result"].take()),
                Some("cancelled") => return Err(cancelled()),
                Some("queued" | "running") => self.show(what, &answer),
                _ => return Err(Failure::new(plain(&answer["error"]["message"]))),
            }
            if self.is_interrupted && !is_asked {
                is_asked = true;
                if let Err(refusal) = client.call(Method::POST, &format!("{job}/cancel"), None).await {
                    self.bar.suspend(|| eprintln!("note: {refusal}"));
                }
            } else {
                tokio::select! {
                    () = tokio::time::sleep(PAUSE) => {}
                    _ = self.interrupts.recv() => self.is_interrupted = true,
                }
            }
            answer = client.call(Method::GET, &job, None).await?;
        }
    }

    fn show(&self, what: &str, job: &Value) {
        let percent = job["percent"].as_u64().unwrap_or(0).min(100);
        let step = job["step"].as_str().or(job["state"].as_str()).unwrap_or_default().replace('_', " ");
        self.bar.set_position(self.ended * 100 + percent);
        self.bar.set_message(format!("{}/{} {what}: {step} {percent} %", self.ended + 1, self.count));
    }

    /// Takes the bar away.
    pub fn end(self) {
        self.bar.finish_and_clear();
    }
}

fn cancelled() -> Failure {
    Failure::new("cancelled; nothing was changed").with_code(CANCELLED)
}
