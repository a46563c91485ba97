//! What happens when a channel does not deliver.

use std::net::TcpListener;
use std::time::Duration;

use hmac::{Hmac, KeyInit as _, Mac as _};
use reqwest::Method;
use ruko::config::Config;
use serde_json::Value;
use sha2::Sha256;

use super::world::{Mood, Post, Web, all_well, fail, known, log_in_that_refuses, look, set, watched};
use crate::support::Server;

type Change = Box<dyn Fn(&mut Config) + Send>;

const TEST: &str = "/api/central/backups/alerts/test";

/// Channel and outcome, or channel and wrong setting.
async fn test(server: &Server) -> Vec<(String, String)> {
    let (status, body) = server.central(Method::POST, TEST, Value::Null).await;
    assert_eq!(status, 200, "{body}");
    let text = |row: &Value, name: &str| row[name].as_str().map(str::to_owned);
    let shown = |row| (text(row, "channel").unwrap(), text(row, "setting").or(text(row, "outcome")).unwrap());
    body["data"].as_array().unwrap().iter().map(shown).collect()
}

fn pairs(of: [(&str, &str); 3]) -> Vec<(String, String)> {
    of.map(|(one, other)| (one.to_owned(), other.to_owned())).into()
}

#[tokio::test(flavor = "multi_thread")]
async fn test_goes_out_on_every_channel_that_is_set() {
    let (post, web) = (Post::open(), Web::open());
    let (server, _) = watched(&post, &web, |_| {}).await;
    assert_eq!(test(&server).await, pairs([("mail", "delivered"), ("webhook", "delivered"), ("heartbeat", "off")]));
    assert!(post.take_one().0.contains("Subject: ruko: mail about backups arrives"));
    assert_eq!(web.take()[0].json()["event"], "test");
}

#[tokio::test(flavor = "multi_thread")]
async fn setting_that_is_wrong_is_named() {
    let (post, web) = (Post::open(), Web::open());
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let (refusing, shy) = (log_in_that_refuses(), Post::with_log_in().port);
    let cases: Vec<(&str, Mood, Change)> = vec![
        ("mail.port", Mood::Kind, Box::new(move |config| config.mail.port = Some(closed))),
        ("mail.host", Mood::Kind, Box::new(|config| config.mail.host = None)),
        ("mail.from_address", Mood::Kind, Box::new(|config| config.mail.from_address = None)),
        ("mail.encryption", Mood::Kind, Box::new(|config| config.mail.encryption = ruko::config::Encryption::Tls)),
        ("mail.username", Mood::Locked, Box::new(|_| {})),
        ("mail.from_address or alerts.email", Mood::NoMailbox, Box::new(|_| {})),
        (
            "mail.password",
            Mood::Kind,
            Box::new(move |config| {
                config.mail.port = Some(refusing);
                config.mail.username = Some("ruko".into());
                config.mail.password = Some("open sesame".into());
            }),
        ),
    ];
    let log_in_in_clear: Change = Box::new(move |config| {
        config.mail.port = Some(shy);
        config.mail.username = Some("ruko".into());
    });
    let cases = cases.into_iter().chain([("mail.encryption", Mood::Kind, log_in_in_clear)]);
    for (setting, mood, change) in cases {
        post.be(mood);
        let (server, _) = watched(&post, &web, |config| change(config)).await;
        let (_, body) = server.central(Method::POST, TEST, Value::Null).await;
        assert_eq!(
            (&body["data"][0]["outcome"], &body["data"][0]["setting"]),
            (&"failed".into(), &setting.into()),
            "{body}"
        );
        assert!(
            !body["data"][0]["error"].as_str().unwrap().is_empty() && !body.to_string().contains("sesame"),
            "{body}"
        );
    }
    for status in [302, 500] {
        web.answer_with(status);
        let (server, _) = watched(&post, &web, |config| config.alerts.email.clear()).await;
        let (_, body) = server.central(Method::POST, TEST, Value::Null).await;
        assert_eq!(body["data"][1]["setting"], "alerts.webhook_url", "{body}");
        assert!(body["data"][1]["error"].as_str().unwrap().contains(&status.to_string()), "{body}");
        assert!(!body.to_string().contains("/hook"), "the address is as good as a password: {body}");
        let asked = web.take();
        assert!(asked.iter().all(|asked| asked.line == "POST /hook"), "no redirect is followed: {asked:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_delivered_is_shown_and_comes_later() {
    let (post, web) = (Post::open(), Web::open());
    let (server, clock) = watched(&post, &web, |_| {}).await;
    let tenant = server.tenant("Warung").await;
    all_well(&server).await;
    post.be(Mood::NoMailbox);
    fail(&server, &tenant.id, "full").await;
    look(&server).await;
    assert_eq!((post.take().len(), web.take().len()), (0, 1), "the other channel does not wait");
    let (_, body) = super::health(&server).await;
    assert_eq!((&body["alerts_undelivered"], &body["undelivered"]), (&1.into(), &Value::Null), "{body}");
    let (_, body) = server.central(Method::GET, "/api/central/backups/alerts", Value::Null).await;
    assert_eq!((&body["total"], &body["data"][0]["condition"]), (&1.into(), &"backup_failed".into()), "{body}");
    let silent = &body["undelivered"][0];
    assert_eq!((&silent["channel"], &silent["waiting"]), (&"mail".into(), &1.into()), "{body}");
    assert!(silent["error"].as_str().unwrap().contains("Mailbox unavailable"), "{body}");
    let text = server.request(Method::GET, "/metrics").send().await.unwrap().text().await.unwrap();
    assert!(text.contains("\nruko_alerts_undelivered 1\n"), "{text}");
    post.be(Mood::Kind);
    look(&server).await;
    assert!(post.take().is_empty(), "there is a pause first");
    clock.advance(Duration::from_secs(60));
    look(&server).await;
    assert_eq!((post.take().len(), web.take().len()), (1, 0));
    assert!(server.app.alerts.undelivered().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn mail_server_that_hangs_holds_no_backup_up() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let (mut post, web) = (Post::open(), Web::open());
    post.port = silent.local_addr().unwrap().port();
    let (server, _) = watched(&post, &web, |_| {}).await;
    let tenant = server.tenant("Warung").await;
    all_well(&server).await;
    fail(&server, &tenant.id, "full").await;
    let telling = tokio::spawn({
        let app = server.app.clone();
        async move { ruko::jobs::alerts::run(&app).await }
    });
    // It has come as far as the mail server.
    let (_held, _) = tokio::task::spawn_blocking(move || silent.accept()).await.unwrap().unwrap();
    let path = format!("/api/central/tenants/{}/backup", tenant.id);
    let (status, body) = server.central(Method::POST, &path, Value::Null).await;
    assert_eq!(status, 200, "{body}");
    assert!(!telling.is_finished());
    telling.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn webhook_can_check_who_calls_it() {
    let (post, web) = (Post::open(), Web::open());
    let (server, _) = watched(&post, &web, |config| {
        config.alerts.webhook_secret = set("RUKO_ALERTS_WEBHOOK_SECRET=open sesame").alerts.webhook_secret;
    })
    .await;
    test(&server).await;
    let asked = &web.take()[0];
    let (time, signature) = asked.header("x-ruko-signature").unwrap().trim().split_once(",v1=").unwrap();
    let time = time.strip_prefix("t=").unwrap();
    assert_eq!(time, (super::world::NOON.0 / 1000).to_string());
    let mut mac = Hmac::<Sha256>::new_from_slice(b"open sesame").unwrap();
    mac.update(format!("{time}.{}", asked.body).as_bytes());
    assert_eq!(hex::encode(mac.finalize().into_bytes()), signature);
    assert_eq!(asked.header("content-type").map(str::trim), Some("application/json"));
}

#[tokio::test(flavor = "multi_thread")]
async fn channel_that_is_taken_away_leaves_nothing_that_waits_for_it() {
    let (post, web) = (Post::open(), Web::open());
    let (server, clock) = watched(&post, &web, |_| {}).await;
    let tenant = server.tenant("Warung").await;
    all_well(&server).await;
    fail(&server, &tenant.id, "full").await;
    look(&server).await;
    let folder = server.stop().await;
    let server = Server::in_folder(folder, clock, |_| {}).await;
    super::central(&server, "DELETE FROM backups WHERE state = 'failed'").await;
    look(&server).await;
    look(&server).await;
    assert_eq!((known(&server).await, post.take().len(), web.take().len()), (0, 1, 1));
}
