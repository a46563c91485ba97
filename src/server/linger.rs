//! What of a request's body nobody read.
//!
//! Most clients send their whole body before they look for an answer. When a request is refused
//! early and its connection closed with bytes on their way, the kernel sends a reset, and instead
//! of the answer such a client sees a broken pipe. So the rest is read and thrown away first.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::{StatusCode, Version};
use http_body_util::BodyExt as _;
use http_body_util::combinators::BoxBody;
use hyper::body::{Body, Bytes, Frame, SizeHint};
use parking_lot::Mutex;
use poem::Request;
use tokio::time::timeout;

/// A longer body than this is not waited for. Throwing bytes away costs little.
const ANNOUNCED_BYTES_MAX: u64 = 2 * 1024 * 1024 * 1024;
/// So much of one that does not say how long it is.
const UNANNOUNCED_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// How long the rest may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// Whoever sends nothing for so long waits for the answer.
const PAUSE_MAX: Duration = Duration::from_secs(2);

type Content = BoxBody<Bytes, io::Error>;
type Slot = Arc<Mutex<Option<Content>>>;

/// Where a body comes back to when its readers leave it before its end.
pub(super) struct Rest {
    slot: Slot,
    bytes_max: u64,
}

/// Gives the handlers a body whose rest comes back; none where there is nothing to come.
pub(super) fn lend(request: &mut Request) -> Option<Rest> {
    // A stream of HTTP/2 ends by itself, without hurting the answer.
    if request.version() >= Version::HTTP_2 {
        return None;
    }
    let content: Content = request.take_body().into();
    if content.is_end_stream() {
        return None;
    }
    let bytes_max = content.size_hint().exact().unwrap_or(UNANNOUNCED_BYTES_MAX);
    // Who asks first sends nothing before the first read.
    let waits = request.header("expect").is_some_and(|text| text.eq_ignore_ascii_case("100-continue"));
    let slot = Slot::default();
    let lent = Lent { content: Some(content), slot: slot.clone(), is_begun: !waits };
    request.set_body(poem::Body::from(BoxBody::new(lent)));
    (bytes_max <= ANNOUNCED_BYTES_MAX).then_some(Rest { slot, bytes_max })
}

impl Rest {
    /// Throws away what was left, within bounds. Call it with the answer in hand.
    pub(super) async fn throw_away(self, status: StatusCode) {
        let left = self.slot.lock().take();
        // Who was too slow already gets no more time.
        if let Some(content) = left.filter(|_| status != StatusCode::REQUEST_TIMEOUT) {
            let _ = timeout(PATIENCE, swallow(content, self.bytes_max)).await;
        }
    }
}

async fn swallow(mut content: Content, bytes_max: u64) {
    let mut swallowed = 0;
    while swallowed <= bytes_max
        && let Ok(Some(Ok(frame))) = timeout(PAUSE_MAX, content.frame()).await
    {
        swallowed += frame.data_ref().map_or(0, |bytes| bytes.len() as u64);
    }
}

/// A body on loan.
struct Lent {
    content: Option<Content>,
    slot: Slot,
    is_begun: bool,
}

impl Body for Lent {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        self.is_begun = true;
        let Some(content) = self.content.as_mut() else { return Poll::Ready(None) };
        let polled = Pin::new(content).poll_frame(cx);
        if matches!(polled, Poll::Ready(None | Some(Err(_)))) {
            self.content = None;
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.content.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.content.as_ref().map(Body::size_hint).unwrap_or_default()
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        let left = self.content.take().filter(|content| self.is_begun && !content.is_end_stream());
        *self.slot.lock() = left;
    }
}
