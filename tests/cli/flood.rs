//! Far more than any shop sends: connections that say nothing, and bodies of a gigabyte or without
//! end. Each is answered, nobody else waits, and the memory of the server stays bounded.

use std::io::{Read, Write};
use std::net::TcpStream;

use rustix::process::{Resource, getrlimit, setrlimit};

use crate::binary::{Home, Server};
use crate::extent::tries;
use crate::shop::{PATIENCE, Shop, until};

/// What an idle connection may cost. Measured: 7 KiB, half of them after a request.
const CONNECTION_KIB_MAX: u64 = 16;
/// What may come on top of all of them.
const CONNECTIONS_KIB_MAX: u64 = 16 * 1024;
/// What bodies may cost that are refused. Measured: 20 to 40 MiB, most of it for the 10 MiB that one may have.
const BODIES_KIB_MAX: u64 = 96 * 1024;
const MIB: usize = 1024 * 1024;
/// What the server reads of a body without end: its limit, what it throws away after that, and what
/// fits into the buffers of two sockets.
const ENDLESS_MIB_MAX: usize = 10 + 64 + 32;

/// A number of the kernel about the server: `VmRSS` is its memory now, `VmHWM` the most it ever had.
fn memory_kib(server: &Server, name: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.child.id())).unwrap();
    let line = status.lines().find(|line| line.starts_with(name)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

fn open_files(server: &Server) -> usize {
    std::fs::read_dir(format!("/proc/{}/fd", server.child.id())).unwrap().count()
}

fn connect(server: &Server) -> TcpStream {
    let stream = TcpStream::connect(server.address()).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// Asks for something short and leaves the connection open.
fn ask(stream: &mut TcpStream) {
    stream.write_all(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(b"}") {
        let mut piece = [0; 1024];
        let length = stream.read(&mut piece).unwrap();
        assert!(length > 0, "closed in the middle of an answer: {}", String::from_utf8_lossy(&answer));
        answer.extend_from_slice(&piece[..length]);
    }
    assert!(answer.starts_with(b"HTTP/1.1 200 "), "{}", String::from_utf8_lossy(&answer));
}

#[tokio::test]
async fn thousands_of_idle_connections_keep_nobody_waiting_and_cost_little() {
    let count = tries(5_000, 500);
    let home = Home::new();
    // Else those that never say anything would be closed while the others come.
    let server = home.serve(&["--set", "http.header_timeout_secs=3600", "--set", "http.idle_timeout_secs=3600"]);
    // After the server's start: it raises its own.
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    setrlimit(Resource::Nofile, limit).unwrap();
    let shop = Shop::open(&home, &server, "warung").await;
    let (memory, files) = (memory_kib(&server, "VmRSS"), open_files(&server));

    let mut idle: Vec<TcpStream> = (0..count).map(|_| connect(&server)).collect();
    // Half of them have never sent anything, half are between two requests.
    idle.iter_mut().step_by(2).for_each(ask);
    until("the server holds them all", async || open_files(&server) >= files + idle.len()).await;
    for number in 0..50 {
        assert_eq!(shop.get("/api/products").await.0, 200);
        assert_eq!(shop.create(&format!("p{number}")).await.0, 201);
    }
    let grown = memory_kib(&server, "VmRSS").saturating_sub(memory);
    let bound = u64::from(count) * CONNECTION_KIB_MAX + CONNECTIONS_KIB_MAX;
    assert!(grown < bound, "{count} idle connections cost {grown} KiB, more than {bound}");
    idle.iter_mut().rev().take(10).for_each(ask);

    drop(idle);
    // The connections of the shop itself and its open tenant may stay.
    until("the server lets go of them", async || open_files(&server) < files + 50).await;
    assert_eq!(shop.get("/api/products").await.1["total"], 51);
    server.stop();
}

/// A request with a body, on a connection of its own.
struct Upload {
    stream: TcpStream,
    is_chunked: bool,
}

impl Upload {
    /// Sends the head; `size` is announced, or the body is sent in chunks.
    fn begin(server: &Server, credentials: &str, size: Option<usize>) -> Self {
        let mut stream = connect(server);
        let framing = size.map_or("Transfer-Encoding: chunked".into(), |size| format!("Content-Length: {size}"));
        let head = format!(
            "POST /api/products HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\n\
             {credentials}{framing}\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).unwrap();
        Self { stream, is_chunked: size.is_none() }
    }

    /// Sends so many MiB, or what the server takes of them; gives how many it took.
    fn send(&mut self, mib: usize) -> usize {
        let mut piece = vec![b'x'; MIB];
        if self.is_chunked {
            piece.splice(0..0, format!("{MIB:x}\r\n").into_bytes());
            piece.extend_from_slice(b"\r\n");
        }
        (0..mib).take_while(|_| self.stream.write_all(&piece).is_ok()).count()
    }

    fn end(&mut self) {
        self.stream.write_all(b"0\r\n\r\n").unwrap();
    }

    /// Waits for the answer, which has this status.
    fn expect_refusal(mut self, status: u16) {
        let mut answer = Vec::new();
        // The connection may end with a reset: the server does not wait for what else comes.
        let _ = self.stream.read_to_end(&mut answer);
        let answer = String::from_utf8_lossy(&answer);
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")) && answer.contains("\"code\""), "{answer}");
    }
}

#[tokio::test]
async fn body_of_a_gigabyte_or_without_end_is_refused_in_bounded_memory() {
    let gigabyte = tries(1024, 128) as usize;
    let home = Home::new();
    let server = home.serve(&[]);
    let shop = Shop::open(&home, &server, "warung").await;
    let both = shop.credentials();
    let no_token = both.lines().next().unwrap().to_owned() + "\r\n";
    let memory = memory_kib(&server, "VmHWM");

    // Announced. Most clients send all of it before they look for an answer.
    for (credentials, status) in [(&both, 413), (&no_token, 401)] {
        let mut upload = Upload::begin(&server, credentials, Some(gigabyte * MIB));
        assert_eq!(upload.send(gigabyte), gigabyte, "it hung up before all was sent");
        upload.expect_refusal(status);
    }
    // The refusal does not need the rest.
    let mut upload = Upload::begin(&server, &both, Some(1024 * MIB));
    upload.send(1);
    upload.expect_refusal(413);

    // Not announced, longer than a body may be, and ended in order.
    let mut upload = Upload::begin(&server, &both, None);
    assert_eq!(upload.send(40), 40);
    upload.end();
    upload.expect_refusal(413);
    // Without end.
    let mut upload = Upload::begin(&server, &both, None);
    let taken = upload.send(usize::MAX);
    assert!(taken < ENDLESS_MIB_MAX, "the server took {taken} MiB");
    upload.expect_refusal(413);

    let grown = memory_kib(&server, "VmHWM") - memory;
    assert!(grown < BODIES_KIB_MAX, "bodies that were refused cost {grown} KiB, more than {BODIES_KIB_MAX}");
    assert_eq!(shop.create("p").await.0, 201);
    server.stop();
}
