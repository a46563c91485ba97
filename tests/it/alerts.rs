//! Alerts about backups: what is told, how often, to whom, and what a monitor sees.

mod channels;
mod conditions;
mod heartbeat;
mod world;

use reqwest::Method;
use ruko::config::Language;
use serde_json::Value;

use crate::support::{MASTER_KEY, Server};
use world::{DAY, HOUR, Post, Web, all_well, central, fail, known, look, tell_to, watched};

async fn health(server: &Server) -> (u16, Value) {
    let response = server.request(Method::GET, "/health/backups").send().await.unwrap();
    (response.status().as_u16(), response.json().await.unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn condition_is_told_once_then_daily_and_its_end_once() {
    let (post, web) = (Post::open(), Web::open());
    let (server, clock) = watched(&post, &web, |_| {}).await;
    let tenant = server.tenant("Warung").await;
    all_well(&server).await;
    look(&server).await;
    assert!(post.take().is_empty() && web.take().is_empty(), "all is well");
    fail(&server, &tenant.id, "the disk is full").await;
    for _ in 0..3 {
        look(&server).await;
    }
    let (headers, body) = post.take_one();
    assert!(headers.contains("Subject: ruko: backups need attention (1 new)"), "{headers}");
    assert!(
        headers.contains("To: admin@example.com") && headers.contains("From: ruko <ruko@example.com>"),
        "{headers}"
    );
    let line = format!("- Warung ({}), since 2026-11-27 12:00: the disk is full", tenant.id);
    assert!(body.contains("The last backup failed") && body.contains(&line), "{body}");
    let told: Vec<Value> = web.take().iter().map(world::Asked::json).collect();
    assert_eq!(told.len(), 1);
    assert_eq!((&told[0]["event"], &told[0]["counts"]["begun"]), (&"alerts".into(), &1.into()), "{told:?}");
    let begun = &told[0]["begun"][0];
    assert_eq!((&begun["condition"], &begun["tenant_id"]), (&"backup_failed".into(), &tenant.id.as_str().into()));
    for (hours, more) in [(23, 23), (24, 1), (25, 1), (47, 22), (48, 1)] {
        clock.advance(HOUR * more);
        // Nothing else may become late meanwhile.
        central(&server, &format!("UPDATE backups SET created_at = {} WHERE state = 'ok'", clock.now().0 - 3_600_000))
            .await;
        central(&server, &format!("UPDATE backups SET created_at = {} WHERE state = 'failed'", clock.now().0)).await;
        look(&server).await;
        let letters = post.take();
        assert_eq!(letters.len(), usize::from(hours % 24 == 0), "after {hours} hours: {letters:?}");
        if let Some(letter) = letters.first() {
            assert!(letter.contains("backups still need attention (1)") && letter.contains("STILL SO"), "{letter}");
        }
    }
    all_well(&server).await;
    central(&server, "DELETE FROM backups WHERE state = 'failed'").await;
    for _ in 0..3 {
        look(&server).await;
    }
    let (headers, body) = post.take_one();
    assert!(
        headers.contains("Subject: ruko: backups are well again (1)") && body.contains("OVER"),
        "{headers}\n{body}"
    );
    let last = web.take().pop().unwrap().json();
    assert_eq!((&last["counts"]["ended"], &last["ended"][0]["condition"]), (&1.into(), &"backup_failed".into()));
    assert_eq!(known(&server).await, 0, "nothing of it stays");
}

#[tokio::test(flavor = "multi_thread")]
async fn thousand_tenants_that_fail_are_one_mail() {
    let (post, web) = (Post::open(), Web::open());
    let (server, _) = watched(&post, &web, |_| {}).await;
    let many = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000) \
                INSERT INTO tenants (id, name, created_at, updated_at) SELECT 'shop-' || i, 'Shop ' || i, 0, 0 FROM n";
    central(&server, many).await;
    all_well(&server).await;
    fail(&server, "shop-%", "the disk is full").await;
    look(&server).await;
    look(&server).await;
    let (headers, body) = post.take_one();
    assert!(headers.contains("(1000 new)") && body.contains("- and 950 more"), "{headers}\n{body}");
    assert_eq!(body.matches("the disk is full").count(), 100, "50 in each part");
    let [told] = <[world::Asked; 1]>::try_from(web.take()).unwrap();
    let told = told.json();
    assert_eq!((&told["counts"]["begun"], told["begun"].as_array().unwrap().len()), (&1000.into(), 100));
    all_well(&server).await;
    central(&server, "DELETE FROM backups WHERE state = 'failed'").await;
    look(&server).await;
    assert!(post.take_one().0.contains("backups are well again (1000)"));
    assert_eq!(server.app.tenants.fleet().open_files().len(), 0, "no tenant's file was opened");
}

#[tokio::test(flavor = "multi_thread")]
async fn name_from_outside_changes_neither_headers_nor_page() {
    let (post, web) = (Post::open(), Web::open());
    let (server, _) = watched(&post, &web, |_| {}).await;
    let tenant = server.tenant("Warung").await;
    let name = "'Sari' || char(13) || char(10) || 'Bcc: evil@example.com' || char(13, 10, 13, 10) || '<img src=x>&'";
    central(&server, &format!("UPDATE tenants SET name = {name}")).await;
    all_well(&server).await;
    fail(&server, &tenant.id, "<script>alert(1)</script>\r\n.\r\nQUIT").await;
    look(&server).await;
    let (headers, body) = post.take_one();
    assert!(!headers.contains("Bcc") && !headers.contains("evil"), "{headers}");
    let (text, html) = body.split_once("text/html").unwrap();
    assert!(text.contains("- Sari Bcc: evil@example.com <img src=x>& ("), "{text}");
    assert!(!html.contains("<img") && !html.contains("<script") && html.contains("&#60;img src=x&#62;&#38;"), "{html}");
    let told = web.take().pop().unwrap().json();
    assert_eq!(told["begun"][0]["tenant_name"], "Sari Bcc: evil@example.com <img src=x>&");
}

#[tokio::test(flavor = "multi_thread")]
async fn restart_tells_nothing_twice_and_forgets_nothing() {
    let (post, web) = (Post::open(), Web::open());
    let (server, clock) = watched(&post, &web, |_| {}).await;
    let (first, second) = (server.tenant("Warung").await, server.tenant("Toko").await);
    all_well(&server).await;
    fail(&server, &first.id, "the disk is full").await;
    look(&server).await;
    assert_eq!((post.take().len(), web.take().len()), (1, 1));
    post.be(world::Mood::NoMailbox);
    fail(&server, &second.id, "the key is gone").await;
    look(&server).await;
    assert_eq!((post.take().len(), web.take().len()), (0, 1));
    let folder = server.stop().await;
    post.be(world::Mood::Kind);
    let server = Server::in_folder(folder, clock.clone(), |config| tell_to(config, &post, &web, |_| {})).await;
    look(&server).await;
    let (_, body) = post.take_one();
    assert!(body.contains("the key is gone") && !body.contains("the disk is full"), "{body}");
    assert!(web.take().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn mail_comes_in_the_language_that_is_set() {
    let (post, web) = (Post::open(), Web::open());
    let (server, clock) = watched(&post, &web, |config| config.alerts.language = Some(Language::Indonesian)).await;
    let tenant = server.tenant("Warung").await;
    all_well(&server).await;
    clock.advance(DAY * 2);
    look(&server).await;
    let (headers, body) = post.take_one();
    assert!(headers.contains("Subject: ruko: cadangan perlu perhatian (2 baru)"), "{headers}");
    let line = format!("- Warung ({}), sejak 2026-11-29 12:00: cadangan terakhir 2026-11-27 12:00", tenant.id);
    assert!(body.contains("Sudah terlalu lama tanpa cadangan") && body.contains(&line), "{body}");
    all_well(&server).await;
    look(&server).await;
    let (headers, body) = post.take_one();
    assert!(
        headers.contains("cadangan sudah baik kembali (2)") && body.contains("<h2>Selesai</h2>"),
        "{headers}\n{body}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn monitor_sees_numbers_and_the_operator_names() {
    let (post, web) = (Post::open(), Web::open());
    let (server, clock) = watched(&post, &web, |_| {}).await;
    let tenant = server.tenant("Warung").await;
    all_well(&server).await;
    let (status, body) = health(&server).await;
    assert_eq!((status, &body["status"], &body["overdue"]), (200, &"healthy".into(), &0.into()), "{body}");
    assert_eq!(body["next_run_at"], "2026-11-27T19:00:00.000000Z", "{body}");
    clock.advance(DAY * 2);
    fail(&server, &tenant.id, "the disk is full").await;
    let (status, body) = health(&server).await;
    assert_eq!((status, &body["status"]), (503, &"unhealthy".into()));
    assert_eq!((&body["overdue"], &body["failed"], &body["unproven"]), (&2.into(), &1.into(), &0.into()), "{body}");
    assert!(!body.to_string().contains("Warung") && body["tenants"].is_null(), "{body}");
    let asked = server.central(Method::GET, "/health/backups", Value::Null).await;
    let named: Vec<_> = asked.1["tenants"].as_array().unwrap().iter().map(|one| one["tenant_id"].clone()).collect();
    assert_eq!((asked.0.as_u16(), named.len()), (503, 3), "{named:?}");
    assert!(named.contains(&tenant.id.as_str().into()) && named.contains(&"central".into()));
    let wrong = server.request(Method::GET, "/health/backups").header("X-Master-API-Key", "mk_wrong").send().await;
    assert_eq!(wrong.unwrap().status(), 403, "a wrong key is no missing one");
    let metrics = server.request(Method::GET, "/metrics").header("X-Master-API-Key", MASTER_KEY).send().await.unwrap();
    let text = metrics.text().await.unwrap();
    for line in [
        "ruko_backup_tenants{condition=\"overdue\"} 2",
        "ruko_backup_tenants{condition=\"backup_failed\"} 1",
        "ruko_backup_tenants{condition=\"unproven\"} 0",
        "ruko_backup_last_success_timestamp_seconds 1795755600",
        "ruko_alerts_undelivered 0",
    ] {
        assert!(text.lines().any(|other| other == line), "{line} is missing in {text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn backups_that_are_made_and_that_fail_are_counted() {
    let server = Server::start().await;
    let tenant = server.tenant("Warung").await;
    let path = format!("/api/central/tenants/{}/backup", tenant.id);
    assert_eq!(server.central(Method::POST, &path, Value::Null).await.0, 200);
    let freeze = format!("/api/central/tenants/{}/freeze", tenant.id);
    server.central(Method::POST, &freeze, Value::Null).await;
    std::fs::write(server.file(&tenant), vec![0xEE; 8192]).unwrap();
    assert!(server.central(Method::POST, &path, Value::Null).await.0.is_server_error());
    let tallied = server.app.backups.tallied();
    assert_eq!((tallied.made, tallied.failed), (1, 1), "{tallied:?}");
    assert!(tallied.bytes > 1000, "{tallied:?}");
    let text = server.request(Method::GET, "/metrics").send().await.unwrap().text().await.unwrap();
    assert!(
        text.contains("\nruko_backups_made_total 1\n") && text.contains("\nruko_backups_failed_total 1\n"),
        "{text}"
    );
}
