//! What a connection is doing right now, cheap enough to be noted on every request: the socket's
//! wrapper and the response body write here, the connection's [`Deadline`](super::deadline) reads.
//!
//! The flags need no ordering among each other. A connection that is misjudged for a moment is
//! looked at again by its timer.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU16, AtomicU32, Ordering::Relaxed};
use std::task::{Context, Poll, ready};

use http_body_util::combinators::BoxBody;
use hyper::body::{Body, Bytes, Frame, SizeHint};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// What a connection is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// No request yet, not even its first byte.
    Fresh,
    /// A request's head has begun and is not complete.
    Head,
    /// A request is being read, worked on or answered.
    Busy,
    /// Between two requests.
    Idle,
    /// The peer takes no bytes that we have for it.
    Stalled,
}

/// A state, and a number that changes when the same state was left and entered again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Look {
    pub(super) state: State,
    pub(super) round: u32,
}

#[derive(Debug)]
pub(super) struct Pulse {
    in_flight: AtomicU32,
    requests: AtomicU32,
    head_begun: AtomicBool,
    blocked: AtomicBool,
    unblocked: AtomicU32,
    /// A request was begun whose answer is not all on its way yet.
    owes_answer: AtomicBool,
    /// The status that HTTP itself answers an unreadable head with; 0 as long as it does not.
    refused_with: AtomicU16,
    heads_are_visible: bool,
}

impl Pulse {
    /// In HTTP/1.1 bytes between two requests are the head of the next one.
    pub(super) fn http1() -> Arc<Self> {
        Arc::new(Self::new(true))
    }

    /// In HTTP/2 they may as well be pings and settings, which must not count.
    pub(super) fn http2() -> Arc<Self> {
        Arc::new(Self::new(false))
    }

    fn new(heads_are_visible: bool) -> Self {
        Self {
            in_flight: AtomicU32::new(0),
            requests: AtomicU32::new(0),
            head_begun: AtomicBool::new(false),
            blocked: AtomicBool::new(false),
            unblocked: AtomicU32::new(0),
            owes_answer: AtomicBool::new(false),
            refused_with: AtomicU16::new(0),
            heads_are_visible,
        }
    }

    /// A complete head has arrived. The request counts as in flight until the guard goes away.
    pub(super) fn begin(self: &Arc<Self>) -> InFlight {
        self.head_begun.store(false, Relaxed);
        self.requests.fetch_add(1, Relaxed);
        self.owes_answer.store(true, Relaxed);
        self.in_flight.fetch_add(1, Relaxed);
        InFlight(Arc::clone(self))
    }

    pub(super) fn look(&self) -> Look {
        let requests = self.requests.load(Relaxed);
        let (state, round) = if self.blocked.load(Relaxed) {
            (State::Stalled, self.unblocked.load(Relaxed))
        } else if self.in_flight.load(Relaxed) > 0 {
            (State::Busy, requests)
        } else if self.head_begun.load(Relaxed) {
            (State::Head, requests)
        } else if requests == 0 {
            (State::Fresh, 0)
        } else {
            (State::Idle, requests)
        };
        Look { state, round }
    }

    /// The status of the answer that was held back, see [`Pulse::holds_back`].
    pub(super) fn refused_with(&self) -> Option<u16> {
        Some(self.refused_with.load(Relaxed)).filter(|status| *status > 0)
    }

    /// True for bytes that answer no request: hyper's own refusal of a head that it cannot read, a
    /// bare status without a body. It is held back, so that a better one can be sent. hyper reads no
    /// head before the answer to the one before is flushed.
    fn holds_back(&self, bytes: &[u8]) -> bool {
        if !self.heads_are_visible || self.owes_answer.load(Relaxed) {
            return false;
        }
        if self.refused_with().is_some() {
            return true;
        }
        // `HTTP/1.x NNN`
        let status = bytes.get(9..12).filter(|_| bytes.starts_with(b"HTTP/1."));
        let status = match status {
            Some(b"400") => 400,
            Some(b"431") => 431,
            _ => return false,
        };
        self.refused_with.store(status, Relaxed);
        true
    }

    /// Everything that was written is on its way.
    fn flushed(&self) {
        if self.in_flight.load(Relaxed) == 0 && self.owes_answer.load(Relaxed) {
            self.owes_answer.store(false, Relaxed);
        }
    }

    fn bytes_came(&self) {
        if self.heads_are_visible && self.in_flight.load(Relaxed) == 0 {
            self.head_begun.store(true, Relaxed);
        }
    }

    fn wrote<T>(&self, result: Poll<T>) -> Poll<T> {
        if result.is_pending() {
            self.blocked.store(true, Relaxed);
        } else if self.blocked.load(Relaxed) {
            self.blocked.store(false, Relaxed);
            self.unblocked.fetch_add(1, Relaxed);
        }
        result
    }
}

/// One request that is not answered to its last byte.
#[derive(Debug)]
pub(super) struct InFlight(Arc<Pulse>);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Relaxed);
    }
}

/// A response body that keeps its request in flight until the last frame is handed over.
#[derive(Debug)]
pub(super) struct Guarded {
    pub(super) body: BoxBody<Bytes, io::Error>,
    pub(super) _in_flight: InFlight,
}

impl Body for Guarded {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// A socket whose reads and writes are noted in a [`Pulse`].
#[derive(Debug)]
pub(super) struct Watched<Io> {
    io: Io,
    pulse: Arc<Pulse>,
}

impl<Io> Watched<Io> {
    pub(super) fn new(io: Io, pulse: Arc<Pulse>) -> Self {
        Self { io, pulse }
    }

    pub(super) fn into_inner(self) -> Io {
        self.io
    }
}

impl<Io: AsyncRead + Unpin> AsyncRead for Watched<Io> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.io).poll_read(cx, buf))?;
        if buf.filled().len() > before {
            self.pulse.bytes_came();
        }
        Poll::Ready(Ok(()))
    }
}

impl<Io: AsyncWrite + Unpin> AsyncWrite for Watched<Io> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        if self.pulse.holds_back(buf) {
            return Poll::Ready(Ok(buf.len()));
        }
        let result = Pin::new(&mut self.io).poll_write(cx, buf);
        self.pulse.wrote(result)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // TLS takes bytes into its own buffer; only its flush shows that the peer reads none.
        let result = Pin::new(&mut self.io).poll_flush(cx);
        if result.is_ready() {
            self.pulse.flushed();
        }
        self.pulse.wrote(result)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.pulse.refused_with().is_some() {
            return Poll::Ready(Ok(()));
        }
        let result = Pin::new(&mut self.io).poll_shutdown(cx);
        self.pulse.wrote(result)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if let Some(first) = bufs.iter().find(|buf| !buf.is_empty())
            && self.pulse.holds_back(first)
        {
            return Poll::Ready(Ok(bufs.iter().map(|buf| buf.len()).sum()));
        }
        let result = Pin::new(&mut self.io).poll_write_vectored(cx, bufs);
        self.pulse.wrote(result)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }
}
