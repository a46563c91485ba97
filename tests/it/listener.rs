//! Time limits, the cap on connections, and the end of the server.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::{StreamExt, stream};
use hyper_util::rt::{TokioExecutor, TokioIo};
use poem::endpoint::{make, make_sync};
use poem::{Body, Endpoint, Response};
use ruko::server::listener::{Farewell, ListenOptions};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::wire::{CALM, GET, Server, in_time};

const SHORT: Duration = Duration::from_millis(200);

fn hello() -> impl Endpoint<Output = Response> + 'static {
    make_sync(|_| Response::from("hello"))
}

/// Answers when it is given a permit, and adds one to the other semaphore when it begins.
fn gate() -> (impl Endpoint<Output = Response> + 'static, Arc<Semaphore>, Arc<Semaphore>) {
    let (begun, opened) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
    let (begins, opens) = (begun.clone(), opened.clone());
    let endpoint = make(move |_| {
        let (begins, opens) = (begins.clone(), opens.clone());
        async move {
            begins.add_permits(1);
            opens.acquire().await.unwrap().forget();
            Response::from("done")
        }
    });
    (endpoint, begun, opened)
}

#[tokio::test]
async fn half_a_head_and_then_silence_is_answered_408_and_closed() {
    let server = Server::start(hello(), ListenOptions { header_timeout: SHORT, ..CALM });
    let mut client = server.connect().await;
    let begin = Instant::now();
    let answer = client.ask("GET / HTTP/1.1\r\nHost: test\r\n").await;
    assert_eq!(answer.status(), 408);
    assert!(answer.body.contains("request_timeout"), "{}", answer.body);
    client.closed().await;
    assert!(begin.elapsed() >= SHORT);
}

#[tokio::test]
async fn a_head_that_trickles_byte_by_byte_is_cut_off_all_the_same() {
    let server = Server::start(hello(), ListenOptions { header_timeout: SHORT, ..CALM });
    let mut client = server.connect().await;
    client.send("G").await;
    let mut pace = tokio::time::interval(SHORT / 20);
    let begin = Instant::now();
    for byte in ["E", "T", " ", "/"].iter().cycle() {
        pace.tick().await;
        if begin.elapsed() > SHORT * 2 {
            break;
        }
        client.send(byte).await;
    }
    assert_eq!(client.answer().await.status(), 408);
}

#[tokio::test]
async fn a_connection_without_a_single_byte_is_closed_without_an_answer() {
    let server = Server::start(hello(), ListenOptions { header_timeout: SHORT, ..CALM });
    server.connect().await.closed().await;
}

#[tokio::test]
async fn a_second_head_that_does_not_end_is_answered_408_too() {
    let server = Server::start(hello(), ListenOptions { header_timeout: SHORT, ..CALM });
    let mut client = server.connect().await;
    assert_eq!(client.ask(GET).await.status(), 200);
    assert_eq!(client.ask("GET /second").await.status(), 408);
}

#[tokio::test]
async fn an_idle_connection_outlives_the_time_for_heads_and_ends_after_its_own() {
    let options = ListenOptions { header_timeout: SHORT, idle_timeout: SHORT * 3, ..CALM };
    let server = Server::start(hello(), options);
    let mut client = server.connect().await;
    assert_eq!(client.ask(GET).await.status(), 200);
    let begin = Instant::now();
    client.closed().await;
    assert!(begin.elapsed() >= SHORT * 2, "closed after {:?}", begin.elapsed());
}

#[tokio::test]
async fn a_slow_handler_is_not_taken_for_a_slow_client() {
    let (endpoint, begun, opened) = gate();
    let options = ListenOptions { header_timeout: SHORT / 4, idle_timeout: SHORT / 4, ..CALM };
    let server = Server::start(endpoint, options);
    let mut client = server.connect().await;
    client.send(GET).await;
    in_time(begun.acquire()).await.unwrap().forget();
    tokio::time::sleep(SHORT).await;
    opened.add_permits(1);
    assert_eq!(client.answer().await.body, "done");
}

#[tokio::test]
async fn a_client_that_does_not_read_its_answer_is_cut_off() {
    let ended = CancellationToken::new();
    let guard = Arc::new(std::sync::Mutex::new(Some(ended.clone().drop_guard())));
    let endless = make_sync(move |_| {
        let guard = guard.lock().unwrap().take();
        let chunks = stream::repeat_with(move || {
            let _held = &guard;
            Ok::<_, std::io::Error>(vec![0_u8; 65_536])
        });
        Response::builder().body(Body::from_bytes_stream(chunks.boxed()))
    });
    let server = Server::start(endless, ListenOptions { idle_timeout: SHORT, ..CALM });
    let mut client = server.connect().await;
    client.send(GET).await;
    in_time(ended.cancelled()).await;
}

#[tokio::test]
async fn one_connection_more_than_allowed_is_answered_503_until_a_seat_is_free() {
    let server = Server::start(hello(), ListenOptions { max_connections: 2, ..CALM });
    let mut first = server.connect().await;
    let mut second = server.connect().await;
    assert_eq!(first.ask(GET).await.status(), 200);
    assert_eq!(second.ask(GET).await.status(), 200);
    let mut third = server.connect().await;
    let answer = third.ask(GET).await;
    assert_eq!(answer.status(), 503);
    assert_eq!(answer.header("retry-after"), Some("1"));
    third.closed().await;
    assert_eq!(first.ask(GET).await.status(), 200);
    drop(second);
    in_time(async {
        while server.ask(GET).await.status() != 200 {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
async fn http2_is_spoken_to_clients_that_begin_with_it() {
    let server = Server::start(hello(), CALM);
    let stream = TcpStream::connect(server.address).await.unwrap();
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    let mut tasks = JoinSet::new();
    tasks.spawn(connection);
    for _ in 0..3 {
        let request = http::Request::get("http://test/").body(String::new()).unwrap();
        let response = in_time(sender.send_request(request)).await.unwrap();
        assert_eq!((response.status().as_u16(), response.version()), (200, http::Version::HTTP_2));
    }
    assert_eq!(server.stop().await, Farewell { drained: 1, dropped: 0 });
    in_time(tasks.join_next()).await.unwrap().unwrap().unwrap();
}

#[tokio::test]
async fn an_idle_http2_connection_is_closed_although_it_answers_pings() {
    let server = Server::start(hello(), ListenOptions { idle_timeout: SHORT, ..CALM });
    let stream = TcpStream::connect(server.address).await.unwrap();
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    let mut tasks = JoinSet::new();
    tasks.spawn(connection);
    let request = http::Request::get("http://test/").body(String::new()).unwrap();
    in_time(sender.send_request(request)).await.unwrap();
    in_time(tasks.join_next()).await.unwrap().unwrap().unwrap();
}

#[tokio::test]
async fn stopping_closes_idle_connections_at_once_and_lets_a_request_finish() {
    let (endpoint, begun, opened) = gate();
    let server = Server::start(endpoint, CALM);
    let mut idle = server.connect().await;
    opened.add_permits(1);
    assert_eq!(idle.ask(GET).await.status(), 200);
    begun.acquire().await.unwrap().forget();
    let mut silent = server.connect().await;
    let mut busy = server.connect().await;
    busy.send(GET).await;
    in_time(begun.acquire()).await.unwrap().forget();

    server.begin_stop();
    idle.closed().await;
    silent.closed().await;
    in_time(async { while TcpStream::connect(server.address).await.is_ok() {} }).await;

    opened.add_permits(1);
    let answer = busy.answer().await;
    assert_eq!((answer.status(), answer.body.as_str()), (200, "done"));
    assert_eq!(answer.header("connection"), Some("close"));
    busy.closed().await;
    assert_eq!(server.stop().await.dropped, 0);
}

#[tokio::test]
async fn a_request_that_does_not_finish_is_dropped_when_the_time_is_over() {
    let (endpoint, begun, _opened) = gate();
    let server = Server::start(endpoint, ListenOptions { shutdown_timeout: SHORT, ..CALM });
    let mut client = server.connect().await;
    client.send(GET).await;
    in_time(begun.acquire()).await.unwrap().forget();
    assert_eq!(server.stop().await, Farewell { drained: 0, dropped: 1 });
    client.closed().await;
}

/// Heads that are none, and what becomes of them.
fn unreadable_heads() -> Vec<(String, u16, &'static str)> {
    let with = |lines: &str| format!("GET / HTTP/1.1\r\nHost: test\r\n{lines}\r\n");
    vec![
        (with(&format!("X-Large: {}\r\n", "x".repeat(33_000))), 431, "head_too_large"),
        (with(&format!("X-Large: {}\r\n", "x".repeat(200_000))), 431, "head_too_large"),
        (with(&"X-Many: 1\r\n".repeat(500)), 431, "head_too_large"),
        (format!("GET /?q={} HTTP/1.1\r\nHost: test\r\n\r\n", "x".repeat(100_000)), 431, "head_too_large"),
        ("GET /\0 HTTP/1.1\r\nHost: test\r\n\r\n".into(), 400, "malformed_request"),
        (with("Content-Length: 1\r\nContent-Length: 2\r\n"), 400, "malformed_request"),
        (with("Content-Length: x\r\n"), 400, "malformed_request"),
        (with("Transfer-Encoding: gzip\r\n"), 400, "malformed_request"),
        (with("no colon\r\n"), 400, "malformed_request"),
        ("GET / HTTP/9.9\r\n\r\n".into(), 400, "malformed_request"),
        ("\u{1}\u{2}\u{3} garbage\r\n\r\n".into(), 400, "malformed_request"),
    ]
}

#[tokio::test]
async fn a_head_that_cannot_be_read_is_refused_in_json_and_closed() {
    let server = Server::start(hello(), CALM);
    for (head, status, code) in unreadable_heads() {
        let shown: String = head.chars().take(60).collect();
        // As the first thing of a connection, and right behind other requests.
        for before in ["", GET] {
            let mut client = server.connect().await;
            let refused = if before.is_empty() {
                client.ask(&head).await
            } else {
                client.send(&format!("{before}{before}{head}")).await;
                assert_eq!([client.answer().await.body, client.answer().await.body], ["hello", "hello"], "{shown}");
                client.answer().await
            };
            assert_eq!(
                (refused.status(), refused.header("content-type")),
                (status, Some("application/json")),
                "{shown}"
            );
            let body: serde_json::Value = serde_json::from_str(&refused.body).unwrap();
            assert_eq!(body["code"], code, "{shown}");
            assert_eq!(refused.header("x-request-id"), body["request_id"].as_str(), "{shown}");
            assert!(body["message"].as_str().is_some_and(|text| !text.is_empty()), "{shown}");
            client.closed().await;
        }
    }
}

#[tokio::test]
async fn an_answer_with_a_status_that_http_uses_too_is_not_mistaken_for_its_own() {
    let refusing = make_sync(|_| Response::builder().status(http::StatusCode::BAD_REQUEST).body("mine"));
    let server = Server::start(refusing, CALM);
    let mut client = server.connect().await;
    for _ in 0..3 {
        client.send(&GET.repeat(3)).await;
        for _ in 0..3 {
            let answer = client.answer().await;
            assert_eq!((answer.status(), answer.body.as_str()), (400, "mine"));
        }
    }
}
