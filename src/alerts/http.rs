//! Requests to addresses that the operator has set. Redirects are not followed, and no address comes into
//! an error: whoever knows one may call it too.

use std::sync::OnceLock;
use std::time::Duration;

use hmac::{Hmac, KeyInit as _, Mac as _};
use secrecy::ExposeSecret as _;
use serde::Serialize;
use sha2::Sha256;

use crate::clock::Timestamp;
use crate::config::{self, SecretUrl};
use crate::mail::Wrong;

use super::model::{Alert, Condition, News, one_line};

/// A request takes no longer.
const REQUEST_MAX: Duration = Duration::from_secs(10);
/// Carries the time and the signature of the body.
const SIGNATURE: &str = "x-ruko-signature";
/// Alerts of one condition that a request names.
const NAMED: usize = 100;

/// What the webhook gets.
#[derive(Serialize)]
struct Body<'a> {
    event: &'static str,
    sent_at: Timestamp,
    /// How many there are, also of those that are not named.
    counts: Counts,
    begun: Vec<Item<'a>>,
    lasting: Vec<Item<'a>>,
    ended: Vec<Item<'a>>,
}

#[derive(Serialize)]
struct Counts {
    begun: usize,
    lasting: usize,
    ended: usize,
}

#[derive(Serialize)]
struct Item<'a> {
    condition: &'static str,
    tenant_id: &'a str,
    tenant_name: String,
    since: Timestamp,
    detail: String,
}

/// Calls the webhook and the heartbeat URL.
#[derive(Debug, Default)]
pub(super) struct Caller {
    /// Made at the first request: reading the machine's certificates takes a while.
    client: OnceLock<reqwest::Client>,
}

impl Caller {
    /// Tells the webhook of alerts, or that this is a test when there are none.
    pub(super) async fn post(
        &self,
        settings: &config::Alerts,
        all: &[(News, Alert)],
        now: Timestamp,
    ) -> Result<(), Wrong> {
        const SETTING: &str = "alerts.webhook_url";
        let url = settings.webhook_url.as_ref().ok_or_else(|| Wrong::new(SETTING, "it is not set".into()))?;
        let body = serde_json::to_vec(&Body::new(all, now)).map_err(|error| Wrong::new(SETTING, error.to_string()))?;
        let mut request = self.client(SETTING)?.post(url.expose()).header("content-type", "application/json");
        if let Some(secret) = &settings.webhook_secret {
            request = request.header(SIGNATURE, signature(secret.expose_secret(), &body, now));
        }
        send(SETTING, request.body(body)).await
    }

    /// Lets the heart be heard.
    pub(super) async fn beat(&self, url: &SecretUrl, is_ok: bool) -> Result<(), Wrong> {
        const SETTING: &str = "alerts.heartbeat_url";
        let url = if is_ok { url.expose().to_owned() } else { failing(url.expose()) };
        send(SETTING, self.client(SETTING)?.get(url)).await
    }

    fn client(&self, setting: &'static str) -> Result<&reqwest::Client, Wrong> {
        if let Some(client) = self.client.get() {
            return Ok(client);
        }
        let builder = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).timeout(REQUEST_MAX);
        let client = builder.user_agent(concat!("ruko/", env!("CARGO_PKG_VERSION"))).build();
        let client = client.map_err(|error| Wrong::new(setting, in_words(error)))?;
        Ok(self.client.get_or_init(|| client))
    }
}

async fn send(setting: &'static str, request: reqwest::RequestBuilder) -> Result<(), Wrong> {
    let response = request.send().await.map_err(|error| Wrong::new(setting, in_words(error)))?;
    match response.status() {
        status if status.is_success() => Ok(()),
        status if status.is_redirection() => {
            Err(Wrong::new(setting, format!("it answered {status}, and redirects are not followed")))
        }
        status => Err(Wrong::new(setting, format!("it answered {status}"))),
    }
}

fn in_words(error: reqwest::Error) -> String {
    if error.is_timeout() {
        return format!("no answer within {} s", REQUEST_MAX.as_secs());
    }
    crate::mail::in_words(&error.without_url())
}

/// The URL that says that something failed: `/fail` behind the path.
fn failing(url: &str) -> String {
    let (url, query) = url.split_once('?').map_or((url, None), |(url, query)| (url, Some(query)));
    let failing = format!("{}/fail", url.trim_end_matches('/'));
    query.map_or_else(|| failing.clone(), |query| format!("{failing}?{query}"))
}

/// `t=SECONDS,v1=HEX`: the HMAC-SHA256 of `SECONDS.BODY`.
fn signature(secret: &str, body: &[u8], now: Timestamp) -> String {
    let seconds = now.0.div_euclid(1000);
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("HMAC takes keys of any size");
    mac.update(format!("{seconds}.").as_bytes());
    mac.update(body);
    format!("t={seconds},v1={}", hex::encode(mac.finalize().into_bytes()))
}

impl<'a> Body<'a> {
    fn new(all: &'a [(News, Alert)], now: Timestamp) -> Self {
        let count = |news| all.iter().filter(|(other, _)| *other == news).count();
        Self {
            event: if all.is_empty() { "test" } else { "alerts" },
            sent_at: now,
            counts: Counts { begun: count(News::Begun), lasting: count(News::Lasting), ended: count(News::Ended) },
            begun: items(all, News::Begun),
            lasting: items(all, News::Lasting),
            ended: items(all, News::Ended),
        }
    }
}

fn items(all: &[(News, Alert)], news: News) -> Vec<Item<'_>> {
    let of =
        |condition| all.iter().filter(move |(other, alert)| *other == news && alert.condition == condition).take(NAMED);
    Condition::ALL.into_iter().flat_map(of).map(|(_, alert)| Item::new(alert)).collect()
}

impl<'a> Item<'a> {
    fn new(alert: &'a Alert) -> Self {
        Self {
            condition: alert.condition.as_str(),
            tenant_id: alert.tenant_id.as_str(),
            tenant_name: one_line(&alert.tenant_name, 80),
            since: alert.since,
            detail: one_line(&alert.detail, 300),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failing_goes_behind_the_path_and_before_the_parameters() {
        assert_eq!(failing("https://hc.example/ping/1/"), "https://hc.example/ping/1/fail");
        assert_eq!(failing("https://hc.example/ping/1?rid=2"), "https://hc.example/ping/1/fail?rid=2");
    }

    #[test]
    fn signature_is_the_one_that_openssl_makes() {
        // printf '1795755600.{}' | openssl dgst -sha256 -hmac secret
        let expected = "t=1795755600,v1=e42b2060efac21b0084a67ec8e99fd1b5a63018cba014ebd200d048f3865e149";
        assert_eq!(signature("secret", b"{}", Timestamp(1_795_755_600_000)), expected);
    }
}
