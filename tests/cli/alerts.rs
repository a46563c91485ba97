//! `ruko alerts`: what is wrong, and whether somebody would hear of it.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;

use crate::binary::{Home, both_ways};

/// A web server that answers everybody with this status; gives its URL.
fn web(status: u16) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let _ = stream.read(&mut [0; 4096]);
            let _ = write!(stream, "HTTP/1.1 {status} Well\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        }
    });
    url
}

#[test]
fn without_a_channel_the_test_fails_and_says_what_to_set() {
    both_ways(|home| {
        home.run(&["alerts", "test"]).refused(1, &["no channel is set", "alerts.email", "alerts.webhook_url"]);
        assert_eq!(home.ok(&["alerts", "list"]), "nothing is wrong with backups\n");
        assert_eq!(home.json(&["alerts", "list"])["total"], 0);
    });
}

#[test]
fn test_tells_which_channel_delivers_and_which_setting_is_wrong() {
    let home = Home::begun();
    let (good, bad) = (format!("alerts.webhook_url={}", web(200)), format!("alerts.heartbeat_url={}", web(503)));
    let said = home.ok(&["alerts", "test", "--set", &good]);
    assert_eq!(said, "mail: off\nwebhook: delivered\nheartbeat: off\n");
    let both = home.run(&["alerts", "test", "--set", &good, "--set", &bad]);
    both.refused(1, &["heartbeat failed: alerts.heartbeat_url: it answered 503"]);
    assert!(both.out.contains("webhook: delivered") && !both.err.contains("/hook"), "{both:?}");
    let email = ["alerts", "test", "--set", "alerts.email=admin@example.com"];
    home.run(&email).refused(1, &["mail failed: mail.host: it is not set"]);
    let wrong = home.run(&["--json", "alerts", "test", "--set", "alerts.email=admin@example.com"]);
    let told: serde_json::Value = serde_json::from_str(&wrong.out).unwrap();
    assert_eq!((wrong.code, &told["data"][0]["setting"]), (1, &"mail.host".into()), "{wrong:?}");
}
