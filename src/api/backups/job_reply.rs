//! The answer to what may take long: what came of it when that is quick, else 202 with the job.

use std::time::Duration;

use http::{HeaderValue, StatusCode, header};
use poem::{IntoResponse, Request, Response};
use poem_openapi::ApiResponse;
use poem_openapi::registry::{MetaResponses, Registry};
use poem_openapi::types::Type;

use crate::api::kit::created::{documented_with_location, put_location};
use crate::api::kit::credentials::app;
use crate::api::kit::reply::json_response;
use crate::backups::jobs::{AskedBy, Begun};
use crate::error::Result;

use super::job_out::JobOut;

/// How long an answer takes at most when nothing else is asked for.
const PATIENCE: Duration = Duration::from_secs(30);
const RESPOND_ASYNC: &str = "respond-async";

/// `R`, or 202 with the job that goes on.
pub(super) enum JobReply<R> {
    /// It is done.
    Done(R),
    /// It goes on.
    Accepted {
        /// The job.
        job: Box<JobOut>,
        /// Where it can be watched.
        location: String,
        /// Whether the client asked for this form of answer.
        is_preferred: bool,
    },
}

impl<R> JobReply<R> {
    /// Waits for a job as long as the request wants.
    ///
    /// # Errors
    /// Those of the work.
    pub(super) async fn of<T>(request: &Request, begun: Begun<T>, answer: impl FnOnce(T) -> R) -> Result<Self> {
        let Wish { patience, is_async } = Wish::of(request);
        let (id, asked_by) = (begun.job.id.clone(), begun.job.asked_by);
        if let Some(done) = begun.within(patience).await? {
            return Ok(Self::Done(answer(done)));
        }
        let job = Box::new(JobOut::new(app(request)?.backup_jobs.get(&id).await?, request, asked_by));
        let location = match asked_by {
            AskedBy::Operator => format!("/api/central/jobs/{}", job.id()),
            AskedBy::Tenant => format!("/api/jobs/{}", job.id()),
        };
        Ok(Self::Accepted { job, location, is_preferred: is_async })
    }
}

/// What a request says about waiting (RFC 7240).
#[derive(Debug, PartialEq, Eq)]
struct Wish {
    patience: Duration,
    is_async: bool,
}

impl Wish {
    fn of(request: &Request) -> Self {
        let texts = request.headers().get_all("prefer").iter().filter_map(|text| text.to_str().ok());
        Self::read(texts)
    }

    /// `respond-async` asks for the job at once, `wait=5` for an answer after five seconds at most. What
    /// is not known is passed over, as the standard wants it.
    fn read<'t>(texts: impl Iterator<Item = &'t str>) -> Self {
        let preferences: Vec<&str> = texts.flat_map(|text| text.split([',', ';'])).map(str::trim).collect();
        let is_async = preferences.iter().any(|one| one.eq_ignore_ascii_case(RESPOND_ASYNC));
        let wait = preferences.iter().find_map(|one| {
            let (name, value) = one.split_once('=')?;
            let secs = value.trim().trim_matches('"').parse().ok()?;
            name.trim().eq_ignore_ascii_case("wait").then_some(Duration::from_secs(secs))
        });
        let patience = wait.unwrap_or(if is_async { Duration::ZERO } else { PATIENCE }).min(PATIENCE);
        Self { patience, is_async }
    }
}

impl<R: IntoResponse> IntoResponse for JobReply<R> {
    fn into_response(self) -> Response {
        match self {
            Self::Done(done) => done.into_response(),
            Self::Accepted { job, location, is_preferred } => {
                let mut response = json_response(StatusCode::ACCEPTED, &job);
                put_location(&location, &mut response);
                if is_preferred {
                    let applied = HeaderValue::from_static(RESPOND_ASYNC);
                    response.headers_mut().insert(header::HeaderName::from_static("preference-applied"), applied);
                }
                response
            }
        }
    }
}

impl<R: ApiResponse> ApiResponse for JobReply<R> {
    fn meta() -> MetaResponses {
        let text = "It goes on as a job: `Prefer: respond-async` was sent, or it takes longer than 30 s.";
        let mut meta = R::meta();
        meta.responses.extend(documented_with_location::<JobOut>(202, text).responses);
        meta
    }

    fn register(registry: &mut Registry) {
        R::register(registry);
        JobOut::register(registry);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn preferences_are_read_as_the_standard_says() {
        let secs = Duration::from_secs;
        for (texts, patience, is_async) in [
            (&[][..], secs(30), false),
            (&["respond-async"], secs(0), true),
            (&["Respond-Async, wait=10"], secs(10), true),
            (&["return=minimal", "wait=2"], secs(2), false),
            (&["respond-async; foo=bar", "wait=\"3\""], secs(3), true),
            (&["wait=99999"], secs(30), false),
            (&["wait=soon, respond-asynchronously"], secs(30), false),
            (&["wait=-1"], secs(30), false),
        ] {
            assert_eq!(Wish::read(texts.iter().copied()), Wish { patience, is_async }, "{texts:?}");
        }
    }
}
