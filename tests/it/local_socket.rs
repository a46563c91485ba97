//! The socket of the command line: who may open it, and what its requests may do.

use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::path::Path;

use poem::endpoint::make_sync;
use poem::{Endpoint, Response};
use ruko::api::kit::request::{LocalOperator, PeerAddr};
use ruko::server::listener::{ListenError, Listener};
use ruko::server::local_socket::{LocalSocket, LocalSocketError};
use tokio::net::UnixStream;

use crate::wire::{CALM, Client, GET, Server};

fn who_asks() -> impl Endpoint<Output = Response> + 'static {
    make_sync(|request| {
        let operator = request.data::<LocalOperator>().is_some();
        Response::from(format!("{:?} operator={operator}", request.data::<PeerAddr>().unwrap()))
    })
}

async fn serve(path: &Path) -> Server {
    Server::start_on(Listener::local(path).await.unwrap(), who_asks(), CALM)
}

#[tokio::test]
async fn only_its_owner_may_open_the_socket_and_he_is_the_operator() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ruko.sock");
    let server = serve(&path).await;
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let mut client = Client::new(UnixStream::connect(&path).await.unwrap());
    assert_eq!(client.ask(GET).await.body, "Local operator=true");
    assert_eq!(server.stop().await.dropped, 0);
    assert!(!path.exists());
}

#[tokio::test]
async fn no_request_over_tcp_is_the_operators() {
    let server = Server::start(who_asks(), CALM);
    let answer =
        server.ask("GET / HTTP/1.1\r\nHost: ruko.sock\r\nLocalOperator: true\r\nX-Forwarded-For: local\r\n\r\n");
    assert_eq!(answer.await.body, "Ip(127.0.0.1) operator=false");
}

#[tokio::test]
async fn a_socket_that_nobody_answers_is_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ruko.sock");
    drop(UnixListener::bind(&path).unwrap());
    assert!(path.exists());
    let _server = serve(&path).await;
    let mut client = Client::new(UnixStream::connect(&path).await.unwrap());
    assert_eq!(client.ask(GET).await.status(), 200);
}

#[tokio::test]
async fn a_socket_that_somebody_answers_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ruko.sock");
    let _server = serve(&path).await;
    let second = Listener::local(&path).await;
    assert!(matches!(second, Err(ListenError::LocalSocket(LocalSocketError::InUse(_)))));
    assert!(UnixStream::connect(&path).await.is_ok());
}

#[tokio::test]
async fn a_file_in_the_way_is_not_removed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ruko.sock");
    std::fs::write(&path, "precious").unwrap();
    assert!(matches!(LocalSocket::bind(&path).await, Err(LocalSocketError::Occupied(_))));
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "precious");
}

#[tokio::test]
async fn a_path_that_no_socket_can_have_is_named_as_the_reason() {
    let path = Path::new("/tmp").join("x".repeat(120));
    assert!(matches!(LocalSocket::bind(&path).await, Err(LocalSocketError::PathTooLong(_))));
}
