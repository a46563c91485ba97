//! The heart that a monitor elsewhere listens to.

use ruko::jobs::backups::run_due;

use super::world::{HOUR, Post, Web, look, set, watched};

fn lines(web: &Web) -> Vec<String> {
    web.take().into_iter().map(|asked| asked.line).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn heart_is_heard_once_after_each_run_and_says_when_one_failed() {
    let (post, web) = (Post::open(), Web::open());
    let (server, clock) = watched(&post, &web, |config| {
        let url = format!("RUKO_ALERTS_HEARTBEAT_URL={}/ping/1?rid=7", web.url);
        config.alerts = set(&url).alerts;
    })
    .await;
    let tenant = server.tenant("Warung").await;
    run_due(&server.app).await.unwrap();
    look(&server).await;
    assert!(lines(&web).is_empty(), "the begin of a schedule is no run");
    clock.advance(HOUR * 15);
    run_due(&server.app).await.unwrap();
    look(&server).await;
    look(&server).await;
    assert_eq!(lines(&web), ["GET /ping/1?rid=7"]);
    let freeze = format!("/api/central/tenants/{}/freeze", tenant.id);
    server.central(reqwest::Method::POST, &freeze, serde_json::Value::Null).await;
    std::fs::write(server.file(&tenant), vec![0xEE; 8192]).unwrap();
    clock.advance(HOUR * 24);
    run_due(&server.app).await.unwrap();
    web.answer_with(500);
    look(&server).await;
    look(&server).await;
    assert_eq!(lines(&web), ["GET /ping/1/fail?rid=7"], "one that was not heard comes after a pause");
    web.answer_with(200);
    clock.advance(HOUR);
    look(&server).await;
    assert_eq!(lines(&web), ["GET /ping/1/fail?rid=7"]);
    clock.advance(HOUR);
    look(&server).await;
    assert_eq!(lines(&web), Vec::<String>::new());
}
