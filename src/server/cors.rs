//! Which web pages may call the API from a browser.
//!
//! By default all of them, without cookies: who calls has to show a key or a token, which a foreign
//! page does not have. With a list only the listed ones, and these with cookies. A `*` never goes
//! with cookies.

use std::str::FromStr;

use futures_util::FutureExt as _;
use futures_util::future::{Either, ready};
use http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS,
    ACCESS_CONTROL_REQUEST_METHOD, ORIGIN, VARY,
};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use poem::{Endpoint, IntoResponse, Middleware, Request, Response, Result};

static ANY: HeaderValue = HeaderValue::from_static("*");
static TRUE: HeaderValue = HeaderValue::from_static("true");
static METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS");
static EXPOSED: HeaderValue = HeaderValue::from_static(
    "X-Request-Id, X-RateLimit-Limit, X-RateLimit-Remaining, X-RateLimit-Reset, Retry-After, ETag, Location",
);
/// Two hours, the longest that Chromium keeps.
static MAX_AGE_SECS: HeaderValue = HeaderValue::from_static("7200");
static VARY_ORIGIN: HeaderValue = HeaderValue::from_static("Origin");
static VARY_REQUEST_HEADERS: HeaderValue = HeaderValue::from_static("Access-Control-Request-Headers");
/// No page asks for more; what is longer is not repeated.
const LONGEST_HEADER_LIST: usize = 1024;

/// The origins that may call.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum AllowedOrigins {
    /// Every page, without cookies.
    #[default]
    Any,
    /// These, as `https://app.example.com`, with cookies.
    Listed(Vec<HeaderValue>),
}

/// An entry that is no origin; holds it as written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an origin like https://app.example.com")]
pub struct NotAnOrigin(pub String);

impl AllowedOrigins {
    /// The origins of the settings, which are checked there.
    pub fn of(origins: &[crate::config::CorsOrigin]) -> Self {
        if origins.iter().any(crate::config::CorsOrigin::is_any) {
            return Self::Any;
        }
        Self::Listed(origins.iter().filter_map(|origin| HeaderValue::from_str(origin.as_str()).ok()).collect())
    }
}

impl FromStr for AllowedOrigins {
    type Err = NotAnOrigin;

    /// `*`, a comma-separated list, or a JSON list of strings.
    fn from_str(text: &str) -> Result<Self, NotAnOrigin> {
        let text = text.trim();
        let entries: Vec<String> = if text.starts_with('[') {
            serde_json::from_str(text).map_err(|_| NotAnOrigin(text.to_owned()))?
        } else {
            text.split(',').map(str::to_owned).collect()
        };
        let entries = || entries.iter().map(|entry| entry.trim()).filter(|entry| !entry.is_empty());
        if entries().any(|entry| entry == "*") {
            return Ok(Self::Any);
        }
        entries().map(origin).collect::<Result<_, _>>().map(Self::Listed)
    }
}

/// As browsers write it: lower case, no slash at the end.
fn origin(entry: &str) -> Result<HeaderValue, NotAnOrigin> {
    let wrong = || NotAnOrigin(entry.to_owned());
    let bare = entry.trim_end_matches('/').to_ascii_lowercase();
    let (scheme, host) = bare.split_once("://").ok_or_else(wrong)?;
    if scheme.is_empty() || host.is_empty() || host.contains(['/', ' ', '*']) {
        return Err(wrong());
    }
    HeaderValue::from_str(&bare).map_err(|_| wrong())
}

/// On an answer that no page of another origin may read, whatever the settings say.
#[derive(Debug, Clone, Copy)]
pub struct SameOriginOnly;

/// Answers preflights, for every path, and marks all other answers.
#[derive(Debug, Clone, Default)]
pub struct Cors {
    /// Who may call.
    pub origins: AllowedOrigins,
}

impl<E: Endpoint> Middleware<E> for Cors {
    type Output = CorsEndpoint<E>;

    fn transform(&self, inner: E) -> Self::Output {
        CorsEndpoint { inner, origins: self.origins.clone() }
    }
}

/// See [`Cors`].
pub struct CorsEndpoint<E> {
    inner: E,
    origins: AllowedOrigins,
}

impl<E: Endpoint> Endpoint for CorsEndpoint<E> {
    type Output = Response;

    fn call(&self, request: Request) -> impl Future<Output = Result<Response>> + Send {
        let headers = request.headers();
        let grant = self.origins.grant(headers.get(ORIGIN));
        let is_preflight = request.method() == Method::OPTIONS
            && headers.contains_key(ORIGIN)
            && headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD);
        if is_preflight {
            let mut response = Response::from(StatusCode::NO_CONTENT);
            grant.answer_preflight(headers.get(ACCESS_CONTROL_REQUEST_HEADERS), response.headers_mut());
            return Either::Left(ready(Ok(response)));
        }
        Either::Right(self.inner.call(request).map(move |result| {
            let mut response = result?.into_response();
            if response.data::<SameOriginOnly>().is_none() {
                grant.mark(response.headers_mut());
            }
            Ok(response)
        }))
    }
}

enum Grant {
    Any,
    Origin(HeaderValue),
    Refused,
}

impl AllowedOrigins {
    fn grant(&self, sent: Option<&HeaderValue>) -> Grant {
        match (self, sent) {
            (Self::Any, _) => Grant::Any,
            (Self::Listed(origins), Some(sent)) if origins.contains(sent) => Grant::Origin(sent.clone()),
            (Self::Listed(_), _) => Grant::Refused,
        }
    }
}

impl Grant {
    fn mark(self, headers: &mut HeaderMap) {
        if self.name_origin(headers) {
            headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED.clone());
        }
    }

    fn answer_preflight(self, wanted: Option<&HeaderValue>, headers: &mut HeaderMap) {
        headers.append(VARY, VARY_REQUEST_HEADERS.clone());
        if !self.name_origin(headers) {
            return;
        }
        headers.insert(ACCESS_CONTROL_ALLOW_METHODS, METHODS.clone());
        headers.insert(ACCESS_CONTROL_MAX_AGE, MAX_AGE_SECS.clone());
        // Repeated, since `*` would not cover `Authorization`.
        if let Some(wanted) = wanted.filter(|wanted| is_header_list(wanted.as_bytes())) {
            headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, wanted.clone());
        }
    }

    /// Whether the caller was let in.
    fn name_origin(self, headers: &mut HeaderMap) -> bool {
        let origin = match self {
            Self::Any => {
                headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, ANY.clone());
                return true;
            }
            Self::Origin(origin) => Some(origin),
            Self::Refused => None,
        };
        // Also on the refusal: a cache must not hand it to a page that is let in.
        headers.append(VARY, VARY_ORIGIN.clone());
        let Some(origin) = origin else { return false };
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, TRUE.clone());
        true
    }
}

fn is_header_list(bytes: &[u8]) -> bool {
    bytes.len() <= LONGEST_HEADER_LIST && bytes.iter().all(|c| c.is_ascii_alphanumeric() || b"-_, ".contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_may_be_written_with_commas_or_as_json() {
        let listed = AllowedOrigins::Listed(vec![
            HeaderValue::from_static("https://app.example.com"),
            HeaderValue::from_static("http://localhost:3000"),
        ]);
        for text in [
            "https://App.example.com/, http://localhost:3000",
            r#"["https://app.example.com", "http://localhost:3000/"]"#,
        ] {
            assert_eq!(text.parse(), Ok(listed.clone()), "{text}");
        }
    }

    #[test]
    fn a_star_anywhere_means_any_origin() {
        for text in ["*", " * ", r#"["*"]"#, "https://app.example.com,*"] {
            assert_eq!(text.parse(), Ok(AllowedOrigins::Any), "{text}");
        }
    }

    #[test]
    fn what_is_no_origin_is_refused() {
        for text in ["app.example.com", "https://", "https://a.example/path", "https://*.example.com", "[1]"] {
            assert!(text.parse::<AllowedOrigins>().is_err(), "{text}");
        }
    }
}
