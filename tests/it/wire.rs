//! A server on a port of its own, and a client that sees and sends bytes.

use std::net::SocketAddr;
use std::time::Duration;

use poem::{Endpoint, Response};
use ruko::server::listener::{Farewell, ListenOptions, Listener};
use ruko::server::site::site;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Long enough for a loaded machine; a test that waits this long has failed.
const PATIENCE: Duration = Duration::from_secs(20);

/// Time limits that no test reaches unless it sets its own.
pub const CALM: ListenOptions = ListenOptions {
    header_timeout: Duration::from_mins(1),
    idle_timeout: Duration::from_mins(1),
    max_connections: 5_000,
    shutdown_timeout: Duration::from_mins(1),
};

pub const GET: &str = "GET / HTTP/1.1\r\nHost: test\r\n\r\n";

pub async fn in_time<T>(step: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, step).await.expect("waited too long")
}

pub struct Server {
    pub address: SocketAddr,
    stop: CancellationToken,
    task: JoinHandle<Farewell>,
}

impl Server {
    pub fn start(endpoint: impl Endpoint<Output = Response> + 'static, options: ListenOptions) -> Self {
        Self::start_on(Listener::tcp("127.0.0.1:0".parse().unwrap()).unwrap(), endpoint, options)
    }

    pub fn start_on(
        listener: Listener,
        endpoint: impl Endpoint<Output = Response> + 'static,
        options: ListenOptions,
    ) -> Self {
        let address = listener.address().unwrap_or_else(|| "0.0.0.0:0".parse().unwrap());
        let stop = CancellationToken::new();
        let task = TaskTracker::new().spawn(listener.serve(site(endpoint), options, stop.clone()));
        Self { address, stop, task }
    }

    pub async fn connect(&self) -> Client<TcpStream> {
        Client::new(TcpStream::connect(self.address).await.unwrap())
    }

    pub async fn ask(&self, request: &str) -> Answer {
        self.connect().await.ask(request).await
    }

    pub fn begin_stop(&self) {
        self.stop.cancel();
    }

    pub async fn stop(self) -> Farewell {
        self.stop.cancel();
        in_time(self.task).await.unwrap()
    }
}

pub struct Client<Io> {
    io: Io,
    unread: Vec<u8>,
}

impl<Io: AsyncRead + AsyncWrite + Unpin> Client<Io> {
    pub fn new(io: Io) -> Self {
        Self { io, unread: Vec::new() }
    }

    pub async fn send(&mut self, text: &str) {
        self.io.write_all(text.as_bytes()).await.unwrap();
    }

    pub async fn ask(&mut self, request: &str) -> Answer {
        self.send(request).await;
        self.answer().await
    }

    pub async fn answer(&mut self) -> Answer {
        let head_end = loop {
            if let Some(at) = self.unread.windows(4).position(|four| four == b"\r\n\r\n") {
                break at + 4;
            }
            assert!(self.read_more().await, "closed in the middle of an answer: {:?}", self.unread);
        };
        let head = String::from_utf8(self.unread.drain(..head_end).collect()).unwrap();
        let mut answer = Answer { head, body: String::new() };
        let length = answer.header("content-length").map_or(0, |length| length.parse().unwrap());
        while self.unread.len() < length {
            assert!(self.read_more().await, "closed in the middle of a body");
        }
        answer.body = String::from_utf8(self.unread.drain(..length).collect()).unwrap();
        answer
    }

    /// Waits until the server closes; whatever comes before that is a failure.
    pub async fn closed(&mut self) {
        assert!(!self.read_more().await, "bytes instead of the end: {:?}", self.unread);
    }

    async fn read_more(&mut self) -> bool {
        match in_time(self.io.read_buf(&mut self.unread)).await {
            Ok(count) => count > 0,
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => false,
            Err(error) => panic!("{error}"),
        }
    }
}

#[derive(Debug)]
pub struct Answer {
    pub head: String,
    pub body: String,
}

impl Answer {
    pub fn status(&self) -> u16 {
        self.head.split(' ').nth(1).unwrap().parse().unwrap()
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers(name).first().copied()
    }

    pub fn headers(&self, name: &str) -> Vec<&str> {
        let pairs = self.head.lines().filter_map(|line| line.split_once(": "));
        pairs.filter(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value).collect()
    }
}
