//! Answers for connections that never get as far as a request: written by hand, then closed.

use std::time::Duration;

use serde_json::json;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;

use crate::api::kit::request::RequestId;

/// An answer to what is no request.
#[derive(Debug)]
pub(super) struct ShortAnswer {
    status: &'static str,
    code: &'static str,
    message: &'static str,
    /// Further header lines.
    headers: &'static str,
}

/// A head that did not arrive in time.
pub(super) const REQUEST_TIMEOUT: ShortAnswer = ShortAnswer {
    status: "408 Request Timeout",
    code: "request_timeout",
    message: "The head of the request did not arrive in time.",
    headers: "",
};

/// More connections than the server may hold.
const TOO_MANY_CONNECTIONS: ShortAnswer = ShortAnswer {
    status: "503 Service Unavailable",
    code: "unavailable",
    message: "The server has too many connections.",
    headers: "retry-after: 1\r\n",
};

const BAD_REQUEST: ShortAnswer = ShortAnswer {
    status: "400 Bad Request",
    code: "malformed_request",
    message: "The head of the request is not valid HTTP/1.1.",
    headers: "",
};

const HEAD_TOO_LARGE: ShortAnswer = ShortAnswer {
    status: "431 Request Header Fields Too Large",
    code: "head_too_large",
    message: "The head of the request is too large: address and headers may have 32 KiB, in 100 lines.",
    headers: "",
};

/// Whoever does not take a few hundred bytes in this time does not get them.
const PATIENCE: Duration = Duration::from_secs(2);
/// What a peer may still send before it reads.
const WASTE_KIB: usize = 256;

impl ShortAnswer {
    /// In place of the bare status that HTTP answers an unreadable head with.
    pub(super) fn to_unreadable_head(status: u16) -> &'static Self {
        match status {
            431 => &HEAD_TOO_LARGE,
            _ => &BAD_REQUEST,
        }
    }

    fn text(&self) -> String {
        let Self { status, code, message, headers } = self;
        let id = RequestId::new();
        let body = json!({"message": message, "code": code, "request_id": id.as_str()}).to_string();
        let length = body.len();
        format!(
            "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\
             x-request-id: {id}\r\n{headers}connection: close\r\n\r\n{body}"
        )
    }
}

/// Writes `answer` and closes.
///
/// What the peer still sends is read and thrown away until it closes too: closing with unread bytes
/// makes the kernel send a reset, and a reset may overtake the answer.
pub(super) async fn answer_and_close(io: &mut (impl AsyncRead + AsyncWrite + Unpin), answer: &ShortAnswer) {
    let talk = async {
        io.write_all(answer.text().as_bytes()).await?;
        io.shutdown().await?;
        let mut waste = [0; 1024];
        for _ in 0..WASTE_KIB {
            if io.read(&mut waste).await? == 0 {
                break;
            }
        }
        std::io::Result::Ok(())
    };
    // Nothing is owed to this peer, whatever becomes of the attempt.
    let _ = timeout(PATIENCE, talk).await;
}

/// Waits for the first bytes of a request before it answers: an answer that is there before the
/// request was sent is an error to many clients.
pub(super) async fn refuse(io: &mut (impl AsyncRead + AsyncWrite + Unpin)) {
    let mut head = [0; 2048];
    if let Ok(Ok(1..)) = timeout(PATIENCE, io.read(&mut head)).await {
        answer_and_close(io, &TOO_MANY_CONNECTIONS).await;
    }
}
