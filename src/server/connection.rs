//! One connection from its first byte to its last, with a time limit on each thing that a peer
//! can be slow at.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use http::uri::Scheme;
use hyper::server::conn::{http1, http2};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulConnection;
use poem::Addr;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::{Instant, Sleep, sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::{CancellationToken, WaitForCancellationFuture};
use tokio_util::task::TaskTracker;

use super::deadline::{Deadline, Ending};
use super::listener::ListenOptions;
use super::pulse::{Pulse, Watched};
use super::short_answer::{REQUEST_TIMEOUT, ShortAnswer, answer_and_close};
use super::site::{Origin, Site, service};
use crate::api::kit::request::{LocalOperator, PeerAddr};

/// A request's head may have this many bytes; browsers' cookies fit, floods do not.
const MAX_HEAD_BYTES: u32 = 32 * 1024;
/// What hyper may buffer per connection (its own default is 400 KiB).
const MAX_BUFFER_BYTES: usize = 64 * 1024;
/// How long the peer of an idle HTTP/2 connection has to agree that it is over.
const GOODBYE: Duration = Duration::from_secs(5);

/// What all connections of one listener share.
pub(super) struct Connections {
    site: Site,
    options: ListenOptions,
    local: Addr,
    http1: http1::Builder,
    http2: http2::Builder<Tracked>,
    stop: CancellationToken,
    stopping: AtomicBool,
}

/// Runs the streams of HTTP/2 connections, so that the end of the server waits for them too.
#[derive(Clone)]
struct Tracked(TaskTracker);

impl<F: Future<Output = ()> + Send + 'static> hyper::rt::Executor<F> for Tracked {
    fn execute(&self, stream: F) {
        self.0.spawn(stream);
    }
}

impl Connections {
    pub(super) fn new(site: Site, options: ListenOptions, local: Addr, tasks: TaskTracker) -> Self {
        let mut http1 = http1::Builder::new();
        // hyper's own limit counts the idle time before a request in and gives no answer.
        http1.header_read_timeout(None).max_header_size(MAX_HEAD_BYTES as usize).max_buf_size(MAX_BUFFER_BYTES);
        // Head and body of a small answer in one piece: copying it costs less than a vectored write.
        http1.writev(false);
        let mut http2 = http2::Builder::new(Tracked(tasks));
        http2
            .timer(TokioTimer::new())
            .keep_alive_interval(options.idle_timeout)
            .max_concurrent_streams(128)
            .max_header_list_size(MAX_HEAD_BYTES)
            .max_send_buf_size(MAX_BUFFER_BYTES);
        let stop = CancellationToken::new();
        Self { site, options, local, http1, http2, stop, stopping: AtomicBool::new(false) }
    }

    /// Tells every connection to finish what it does and close.
    pub(super) fn stop(&self) {
        // The flag first: a connection that is woken by the token looks at the flag.
        self.stopping.store(true, Ordering::Release);
        self.stop.cancel();
    }

    pub(super) async fn tcp(&self, stream: TcpStream, peer: SocketAddr) -> Ending {
        // Until the first byte a connection costs a socket and this task, no buffers. The byte also
        // says which protocol follows. A preface cut within its first three bytes is taken for
        // HTTP/1.1; no client sends such.
        let mut start = [0; 3];
        match self.in_time(stream.peek(&mut start)).await {
            None | Some(0) => Ending::Idle,
            // Boxed, so that the silent ones hold no room for it.
            Some(_) if start == *b"PRI" => Box::pin(self.http2(stream, self.origin(peer, Scheme::HTTP))).await,
            Some(_) => Box::pin(self.http1(stream, self.origin(peer, Scheme::HTTP))).await,
        }
    }

    pub(super) async fn tls(&self, stream: TcpStream, peer: SocketAddr, acceptor: TlsAcceptor) -> Ending {
        let Some(stream) = self.in_time(acceptor.accept(stream)).await else { return Ending::Idle };
        let origin = self.origin(peer, Scheme::HTTPS);
        if stream.get_ref().1.alpn_protocol() == Some(b"h2") {
            Box::pin(self.http2(stream, origin)).await
        } else {
            Box::pin(self.http1(stream, origin)).await
        }
    }

    pub(super) async fn local(&self, stream: UnixStream) -> Ending {
        let origin = Origin {
            peer: PeerAddr::Local,
            operator: Some(LocalOperator::granted()),
            remote: Addr::custom("local", "client"),
            local: self.local.clone(),
            scheme: Scheme::HTTP,
        };
        Box::pin(self.http1(stream, origin)).await
    }

    fn origin(&self, peer: SocketAddr, scheme: Scheme) -> Origin {
        Origin {
            peer: PeerAddr::Ip(peer.ip().to_canonical()),
            operator: None,
            remote: Addr::SocketAddr(peer),
            local: self.local.clone(),
            scheme,
        }
    }

    /// What comes before HTTP: the first byte, or the TLS handshake.
    async fn in_time<T>(&self, step: impl Future<Output = io::Result<T>>) -> Option<T> {
        tokio::select! {
            biased;
            done = timeout(self.options.header_timeout, step) => done.ok()?.ok(),
            () = self.stop.cancelled() => None,
        }
    }

    async fn http1<Io: AsyncRead + AsyncWrite + Unpin + Send + 'static>(&self, io: Io, origin: Origin) -> Ending {
        let pulse = Pulse::http1();
        let io = TokioIo::new(Watched::new(io, pulse.clone()));
        let mut conn = self.http1.serve_connection(io, service(self.site.clone(), origin, pulse.clone()));
        let ending = self.drive(Pin::new(&mut conn), &pulse).await;
        let answer = match pulse.refused_with() {
            Some(status) => Some(ShortAnswer::to_unreadable_head(status)),
            None => (ending == Ending::SlowHead).then_some(&REQUEST_TIMEOUT),
        };
        if let Some(answer) = answer {
            let mut io = conn.into_parts().io.into_inner().into_inner();
            answer_and_close(&mut io, answer).await;
        }
        ending
    }

    async fn http2<Io: AsyncRead + AsyncWrite + Unpin + Send + 'static>(&self, io: Io, origin: Origin) -> Ending {
        let pulse = Pulse::http2();
        let io = TokioIo::new(Watched::new(io, pulse.clone()));
        let conn = pin!(self.http2.serve_connection(io, service(self.site.clone(), origin, pulse.clone())));
        self.drive(conn, &pulse).await
    }

    async fn drive<C: GracefulConnection>(&self, mut conn: Pin<&mut C>, pulse: &Pulse) -> Ending {
        let mut stop = pin!(self.stop.cancelled());
        let mut timer: Pin<&mut Sleep> = pin!(sleep(self.options.header_timeout));
        let mut deadline = Deadline::new(self.options, Instant::now());
        let mut listening = None;
        let mut told = false;
        poll_fn(|cx| {
            loop {
                if conn.as_mut().poll(cx).is_ready() {
                    return Poll::Ready(Ending::Finished);
                }
                if !told && self.has_stopped(stop.as_mut(), &mut listening, cx) {
                    told = true;
                    deadline.close_by(Instant::now() + self.options.shutdown_timeout, Ending::Dropped);
                    conn.as_mut().graceful_shutdown();
                    continue;
                }
                let due = deadline.next(pulse.look(), Instant::now);
                // The timer is set to something earlier only. A later deadline, which is what
                // every request brings, waits until the timer fires: requests then cost no timer.
                if let Some((at, _)) = due
                    && at < timer.deadline()
                {
                    timer.as_mut().reset(at);
                }
                if timer.as_mut().poll(cx).is_pending() {
                    return Poll::Pending;
                }
                let now = Instant::now();
                match due {
                    Some((at, _)) if at > now => timer.as_mut().reset(at),
                    Some((_, Ending::Idle)) if !deadline.is_closing() => {
                        deadline.close_by(now + GOODBYE, Ending::Idle);
                        conn.as_mut().graceful_shutdown();
                    }
                    Some((_, ending)) => return Poll::Ready(ending),
                    None => timer.as_mut().reset(now + self.options.idle_timeout),
                }
            }
        })
        .await
    }

    /// Whether the server stops. To ask the token takes a lock that all connections share, so it
    /// is asked once for each waker, and then not again before the flag is up.
    fn has_stopped(
        &self,
        stop: Pin<&mut WaitForCancellationFuture<'_>>,
        listening: &mut Option<Waker>,
        cx: &mut Context<'_>,
    ) -> bool {
        let known = listening.as_ref().is_some_and(|waker| waker.will_wake(cx.waker()));
        if known && !self.stopping.load(Ordering::Acquire) {
            return false;
        }
        *listening = Some(cx.waker().clone());
        stop.poll(cx).is_ready()
    }
}
