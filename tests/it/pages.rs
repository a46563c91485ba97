//! The pages that the server itself serves.

use reqwest::{Method, Response};

use crate::support::{MASTER_KEY, Server};

const BROWSER: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";

async fn open(server: &Server, path: &str) -> (Response, String) {
    let response = server.request(Method::GET, path).header("Accept", BROWSER).send().await.unwrap();
    assert_eq!(response.status(), 200, "{path}");
    assert_eq!(response.headers()["content-type"], "text/html; charset=utf-8");
    let again = server.request(Method::GET, path).header("Accept", BROWSER).send().await.unwrap();
    (response, again.text().await.unwrap())
}

/// Values of `src` and `href` attributes.
fn links(html: &str) -> Vec<&str> {
    html.split(['<', '>'])
        .flat_map(|tag| [" src=\"", " href=\""].map(|attribute| tag.split_once(attribute)))
        .flatten()
        .filter_map(|(_, rest)| rest.split_once('"'))
        .map(|(link, _)| link)
        .collect()
}

#[tokio::test]
async fn pages_load_everything_from_this_server() {
    let server = Server::start().await;
    for path in ["/", "/docs", "/redoc"] {
        let (response, html) = open(&server, path).await;
        let policy = response.headers()["content-security-policy"].to_str().unwrap().to_owned();
        assert!(policy.starts_with("default-src 'none';") && !policy.contains("http"), "{policy}");
        assert!(!policy.contains("unsafe"), "{policy}");
        assert!(!html.contains("//"), "{path} names another host");
        let links: Vec<&str> = links(&html).into_iter().filter(|link| *link != "data:,").collect();
        assert!(links.len() > 2, "{links:?}");
        for link in links {
            let file = server.request(Method::GET, &format!("/{link}")).send().await.unwrap();
            assert_eq!(file.status(), 200, "{path} links to {link}");
            assert!(file.content_length().unwrap_or(1) > 0, "{link} is empty");
        }
    }
}

#[tokio::test]
async fn start_page_is_for_people_and_a_message_for_programs() {
    let server = Server::start().await;
    let response = server.request(Method::GET, "/").send().await.unwrap();
    assert_eq!(response.headers()["content-type"], "application/json");
    assert_eq!(response.text().await.unwrap(), r#"{"message":"Welcome to the Multi-Tenant Backend API"}"#);
    let program = server.request(Method::GET, "/").header("Accept", "application/json, text/html;q=0");
    assert_eq!(program.send().await.unwrap().headers()["content-type"], "application/json");
    let person = server.request(Method::GET, "/").header("Accept", "TEXT/HTML");
    assert_eq!(person.send().await.unwrap().headers()["content-type"], "text/html; charset=utf-8");
    let (_, english) = open(&server, "/").await;
    assert!(english.contains("<html lang=\"en\">") && english.contains("Try it out"));
    let request =
        server.request(Method::GET, "/").header("Accept", BROWSER).header("Accept-Language", "id-ID,en;q=0.5");
    let indonesian = request.send().await.unwrap().text().await.unwrap();
    assert!(indonesian.contains("<html lang=\"id\">") && indonesian.contains("Coba langsung"));
}

#[tokio::test]
async fn pages_know_their_methods_and_their_files() {
    let server = Server::start().await;
    for (method, path, status) in [
        (Method::HEAD, "/docs", 200),
        (Method::POST, "/docs", 405),
        (Method::OPTIONS, "/", 204),
        (Method::GET, "/docs/nothing.js", 404),
        (Method::GET, "/docs/..%2f..%2fCargo.toml", 404),
        (Method::GET, "/redoc/start.js", 200),
    ] {
        let response = server.request(method.clone(), path).send().await.unwrap();
        assert_eq!(response.status(), status, "{method} {path}");
    }
    let response = server.request(Method::GET, "/docs/").send().await.unwrap();
    assert_eq!((response.status().as_u16(), response.url().path()), (200, "/docs"));
}

#[tokio::test]
async fn metrics_are_for_this_machine_and_the_operator() {
    let server = Server::start().await;
    let here = server.request(Method::GET, "/metrics").send().await.unwrap();
    assert_eq!(here.headers()["content-type"], "text/plain; version=0.0.4; charset=utf-8");
    assert!(here.text().await.unwrap().contains("ruko_build_info"));
    let forwarded = || server.request(Method::GET, "/metrics").header("X-Forwarded-For", "1.2.3.4");
    assert_eq!(forwarded().send().await.unwrap().status(), 401);
    let wrong = forwarded().header("X-Master-API-Key", "mk_wrong").send().await.unwrap();
    assert_eq!(wrong.status(), 403);
    let operator = forwarded().header("X-Master-API-Key", MASTER_KEY).send().await.unwrap();
    assert_eq!(operator.status(), 200);
    let text = operator.text().await.unwrap();
    assert!(text.contains("route=\"/metrics\""), "pages are counted under their own name");
}

#[tokio::test]
async fn no_key_that_is_tried_out_stays_in_the_browser() {
    let server = Server::start().await;
    let start = server.request(Method::GET, "/docs/start.js").send().await.unwrap().text().await.unwrap();
    assert!(start.contains("persistAuthorization: false"), "{start}");
}

#[tokio::test]
async fn metrics_are_for_no_page_of_another_origin() {
    let server = Server::start().await;
    let request = server.request(Method::GET, "/metrics").header("Origin", "https://elsewhere.example");
    let response = request.send().await.unwrap();
    assert_eq!(response.status(), 200);
    let header = response.headers().keys().find(|name| name.as_str().starts_with("access-control-"));
    assert!(header.is_none(), "{header:?}");
    let text = response.text().await.unwrap();
    assert!(text.contains("\nruko_db_connections_open 0\n"), "{text}");
    let health = server.request(Method::GET, "/livez").header("Origin", "https://elsewhere.example").send().await;
    assert_eq!(health.unwrap().headers()["access-control-allow-origin"], "*");
}
