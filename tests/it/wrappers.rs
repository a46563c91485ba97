//! What every request passes on its way to its handler.

use poem::endpoint::{make, make_sync};
use poem::{Endpoint, EndpointExt, Request, Response};
use ruko::api::kit::panic::CatchPanics;
use ruko::api::kit::request::RequestId;
use ruko::api::kit::request::{ClientAddr, RequestScheme};
use ruko::server::client_address::{ClientAddress, ForwardHeader, is_from_this_machine};
use ruko::server::cors::{AllowedOrigins, Cors};
use ruko::server::host::OneHost;
use ruko::server::request_id::RequestIds;
use ruko::server::security_headers::SecurityHeaders;
use ruko::server::trusted_proxies::TrustedProxies;

use crate::support::Log;
use crate::wire::{Answer, CALM, GET, Server};

fn get(headers: &str) -> String {
    format!("GET / HTTP/1.1\r\nHost: test\r\n{headers}\r\n")
}

fn address_and_scheme(request: &Request) -> String {
    let (address, scheme) = (request.data::<ClientAddr>().unwrap(), request.data::<RequestScheme>().unwrap());
    format!("{} {}", address.0, scheme.as_str())
}

fn behind(trusted: &[&str], header: ForwardHeader) -> Server {
    let trusted = TrustedProxies::of(trusted.iter().map(|text| text.parse().unwrap()).collect());
    let endpoint = make_sync(|request| Response::from(address_and_scheme(&request)));
    Server::start(endpoint.with(ClientAddress { trusted, header }), CALM)
}

#[tokio::test]
async fn forwarding_headers_of_strangers_are_not_believed() {
    let server = behind(&["10.0.0.0/8"], ForwardHeader::XForwarded);
    let sent = get("X-Forwarded-For: 198.51.100.1\r\nX-Forwarded-Proto: https\r\nForwarded: for=198.51.100.1\r\n");
    assert_eq!(server.ask(&sent).await.body, "127.0.0.1 http");
}

#[tokio::test]
async fn behind_trusted_proxies_the_right_most_stranger_is_the_client() {
    let server = behind(&["127.0.0.1", "10.0.0.0/8"], ForwardHeader::XForwarded);
    for (headers, client) in [
        ("", "127.0.0.1 http"),
        ("X-Forwarded-For: 198.51.100.1\r\n", "198.51.100.1 http"),
        ("X-Forwarded-For: 198.51.100.1:4711\r\n", "198.51.100.1 http"),
        ("X-Forwarded-For: 2001:db8::1\r\n", "2001:db8::1 http"),
        ("X-Forwarded-For: [2001:db8::1]:4711\r\n", "2001:db8::1 http"),
        ("X-Forwarded-For: ::ffff:198.51.100.1\r\n", "198.51.100.1 http"),
        // What the client itself wrote stands to the left.
        ("X-Forwarded-For: 203.0.113.9, 198.51.100.1\r\n", "198.51.100.1 http"),
        ("X-Forwarded-For: 203.0.113.9, 198.51.100.1, 10.1.2.3\r\n", "198.51.100.1 http"),
        ("X-Forwarded-For: 203.0.113.9\r\nX-Forwarded-For: 198.51.100.1\r\n", "198.51.100.1 http"),
        ("X-Forwarded-For: 10.0.0.1, 10.0.0.2\r\n", "10.0.0.1 http"),
        // Nonsense is where the walk ends.
        ("X-Forwarded-For: unknown\r\n", "127.0.0.1 http"),
        ("X-Forwarded-For: 198.51.100.1, ,\r\n", "127.0.0.1 http"),
        ("X-Forwarded-For: \u{e9}\r\n", "127.0.0.1 http"),
        ("X-Forwarded-For: 203.0.113.9, garbage, 10.0.0.2\r\n", "10.0.0.2 http"),
        // The other header is the client's, since this proxy does not write it.
        ("Forwarded: for=203.0.113.9;proto=https\r\n", "127.0.0.1 http"),
        ("X-Forwarded-For: 198.51.100.1\r\nX-Forwarded-Proto: https\r\n", "198.51.100.1 https"),
        ("X-Forwarded-For: 198.51.100.1\r\nX-Forwarded-Proto: ftp\r\n", "198.51.100.1 http"),
        ("X-Forwarded-Proto: http, HTTPS\r\n", "127.0.0.1 https"),
    ] {
        assert_eq!(server.ask(&get(headers)).await.body, client, "{headers}");
    }
}

#[tokio::test]
async fn the_forwarded_header_is_read_when_the_proxies_write_that_one() {
    let server = behind(&["127.0.0.1", "10.0.0.0/8"], ForwardHeader::Forwarded);
    for (headers, client) in [
        ("Forwarded: for=198.51.100.1;proto=https;by=10.0.0.1\r\n", "198.51.100.1 https"),
        ("Forwarded: For=\"[2001:db8::1]:4711\"\r\n", "2001:db8::1 http"),
        ("Forwarded: for=203.0.113.9, for=198.51.100.1, for=10.0.0.3;proto=http\r\n", "198.51.100.1 http"),
        ("Forwarded: for=_hidden\r\n", "127.0.0.1 http"),
        ("Forwarded: proto=https\r\n", "127.0.0.1 https"),
        // An open quote does not hide what the proxy appended.
        ("Forwarded: for=\"203.0.113.9\r\nForwarded: for=198.51.100.1\r\n", "198.51.100.1 http"),
        ("X-Forwarded-For: 203.0.113.9\r\n", "127.0.0.1 http"),
    ] {
        assert_eq!(server.ask(&get(headers)).await.body, client, "{headers}");
    }
}

#[tokio::test]
async fn a_request_with_any_trace_of_a_proxy_is_not_from_this_machine() {
    let server = Server::start(make_sync(|request| Response::from(is_from_this_machine(&request).to_string())), CALM);
    assert_eq!(server.ask(GET).await.body, "true");
    for trace in ["X-Forwarded-For: 127.0.0.1", "Forwarded: for=127.0.0.1", "X-Real-IP: ::1", "Via: 1.1 proxy"] {
        assert_eq!(server.ask(&get(&format!("{trace}\r\n"))).await.body, "false", "{trace}");
    }
}

#[tokio::test]
async fn exactly_one_host_is_asked_for() {
    let server = Server::start(make_sync(|_| "reached").map_to_response().with(OneHost), CALM);
    for (request, said) in [
        ("GET /api/products HTTP/1.1\r\n\r\n", "\"message\":\"The request has no Host header.\""),
        ("GET /api/v1/tenants HTTP/1.1\r\n\r\n", "\"detail\":\"The request has no Host header.\""),
        ("GET http://a/ HTTP/1.1\r\n\r\n", "has no Host header."),
        ("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", "has more than one Host header."),
        ("GET / HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n", "has more than one Host header."),
    ] {
        let answer = server.ask(request).await;
        assert_eq!(answer.status(), 400, "{request}");
        assert!(answer.body.contains(said) && answer.body.contains("\"code\":\"bad_request\""), "{}", answer.body);
    }
    assert_eq!(server.ask(GET).await.body, "reached");
    assert_eq!(server.ask("GET / HTTP/1.0\r\n\r\n").await.body, "reached", "older than the rule");
}

#[tokio::test]
async fn every_answer_carries_the_id_that_its_handler_saw() {
    let endpoint = make_sync(|request| Response::from(request.data::<RequestId>().unwrap().to_string()));
    let server = Server::start(endpoint.with(RequestIds), CALM);
    let taken = server.ask(&get("X-Request-Id: order-17.a_B\r\n")).await;
    assert_eq!((taken.header("x-request-id"), taken.body.as_str()), (Some("order-17.a_B"), "order-17.a_B"));

    let made = server.ask(GET).await;
    assert_eq!(made.header("x-request-id"), Some(made.body.as_str()));
    for refused in ["a b", "<b>", "", &"x".repeat(65)] {
        let answer = server.ask(&get(&format!("X-Request-Id: {refused}\r\n"))).await;
        assert_eq!(answer.body.len(), made.body.len(), "{refused}");
        assert_ne!(answer.body, made.body);
    }
}

#[tokio::test]
async fn browsers_are_told_to_be_careful_unless_the_handler_knows_better() {
    let endpoint = make_sync(|_| Response::builder().header("x-frame-options", "SAMEORIGIN").finish());
    let answer = Server::start(endpoint.with(SecurityHeaders), CALM).ask(GET).await;
    assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
    assert_eq!(answer.header("referrer-policy"), Some("same-origin"));
    assert_eq!(answer.headers("x-frame-options"), ["SAMEORIGIN"]);
    assert_eq!(answer.header("strict-transport-security"), None);
}

async fn preflight(server: &Server, headers: &str) -> Answer {
    let begin = "OPTIONS /any/path HTTP/1.1\r\nHost: test\r\nAccess-Control-Request-Method: DELETE\r\n";
    server.ask(&format!("{begin}{headers}\r\n")).await
}

fn with_cors(origins: AllowedOrigins) -> Server {
    let endpoint = make_sync(|_| Response::builder().header("vary", "Accept").body("reached"));
    Server::start(endpoint.with(Cors { origins }), CALM)
}

#[tokio::test]
async fn any_page_may_call_by_default_but_without_cookies() {
    let server = with_cors(AllowedOrigins::Any);
    let wanted = "Origin: https://shop.example\r\nAccess-Control-Request-Headers: authorization,x-tenant-api-key\r\n";
    let answer = preflight(&server, wanted).await;
    assert_eq!((answer.status(), answer.body.as_str()), (204, ""));
    assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
    assert_eq!(answer.header("access-control-allow-headers"), Some("authorization,x-tenant-api-key"));
    assert!(answer.header("access-control-allow-methods").unwrap().contains("DELETE"));
    assert_eq!(answer.header("access-control-max-age"), Some("7200"));
    assert_eq!(answer.header("access-control-allow-credentials"), None);

    let answer = server.ask(&get("Origin: https://shop.example\r\n")).await;
    assert_eq!(answer.body, "reached");
    assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
    assert!(answer.header("access-control-expose-headers").unwrap().contains("X-Request-Id"));
    assert_eq!(answer.header("access-control-allow-credentials"), None);
}

#[tokio::test]
async fn with_a_list_only_its_pages_may_call() {
    let server = with_cors("https://app.example, http://localhost:3000".parse().unwrap());
    let known = "Origin: https://app.example\r\n";
    let answer = preflight(&server, known).await;
    assert_eq!(answer.header("access-control-allow-origin"), Some("https://app.example"));
    assert_eq!(answer.header("access-control-allow-credentials"), Some("true"));
    let answer = server.ask(&get(known)).await;
    assert_eq!(answer.header("access-control-allow-origin"), Some("https://app.example"));
    assert_eq!(answer.headers("vary"), ["Accept", "Origin"]);

    for stranger in ["https://app.example.evil", "https://evil.example", "null"] {
        let answer = preflight(&server, &format!("Origin: {stranger}\r\n")).await;
        assert_eq!((answer.status(), answer.header("access-control-allow-origin")), (204, None), "{stranger}");
        let answer = server.ask(&get(&format!("Origin: {stranger}\r\n"))).await;
        assert_eq!(answer.header("access-control-allow-origin"), None, "{stranger}");
        assert!(answer.headers("vary").contains(&"Origin"));
    }
}

#[tokio::test]
async fn options_without_a_preflights_headers_reaches_the_router() {
    let server = with_cors(AllowedOrigins::Any);
    assert_eq!(server.ask("OPTIONS / HTTP/1.1\r\nHost: test\r\n\r\n").await.body, "reached");
}

#[tokio::test]
async fn an_absurd_list_of_headers_is_not_repeated() {
    let server = with_cors(AllowedOrigins::Any);
    for absurd in ["x".repeat(1025), "a;b".to_owned()] {
        let wanted = format!("Origin: http://a.b\r\nAccess-Control-Request-Headers: {absurd}\r\n");
        assert_eq!(preflight(&server, &wanted).await.header("access-control-allow-headers"), None);
    }
}

fn panicking() -> impl Endpoint<Output = Response> + 'static {
    make(|request| async move {
        tokio::task::yield_now().await;
        assert_ne!(request.uri().path(), "/", "the secret of the handler");
        Response::from("calm")
    })
}

#[tokio::test]
async fn a_panic_becomes_a_500_with_the_request_id_and_the_connection_goes_on() {
    let server = Server::start(panicking().with(CatchPanics).with(RequestIds), CALM);
    let mut client = server.connect().await;
    let answer = client.ask(&get("X-Request-Id: trace-1\r\n")).await;
    assert_eq!((answer.status(), answer.header("x-request-id")), (500, Some("trace-1")));
    assert!(!answer.body.contains("secret"), "{}", answer.body);
    assert_eq!(client.ask("GET /calm HTTP/1.1\r\nHost: test\r\n\r\n").await.body, "calm");
}

#[tokio::test]
async fn the_text_of_a_panic_is_logged_once_beside_the_request_id() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone()).finish();
    let _logging = tracing::subscriber::set_default(subscriber);
    let server = Server::start(panicking().with(CatchPanics).with(RequestIds), CALM);
    assert_eq!(server.ask(&get("X-Request-Id: trace-2\r\n")).await.status(), 500);

    let logged = log.text();
    assert_eq!(logged.matches("the secret of the handler").count(), 1, "{logged}");
    assert!(logged.contains("trace-2"), "{logged}");
}
