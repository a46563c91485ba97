//! Answers for connections that never get as far as HTTP: written as they are, then closed.

use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;

/// A head that did not arrive in time.
pub(super) const REQUEST_TIMEOUT: &[u8] = b"HTTP/1.1 408 Request Timeout\r\n\
    content-type: application/json\r\n\
    content-length: 86\r\n\
    connection: close\r\n\r\n\
    {\"message\":\"The head of the request did not arrive in time.\",\"code\":\"request_timeout\"}";

/// More connections than the server may hold.
pub(super) const TOO_MANY_CONNECTIONS: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\n\
    content-type: application/json\r\n\
    content-length: 71\r\n\
    retry-after: 1\r\n\
    connection: close\r\n\r\n\
    {\"message\":\"The server has too many connections.\",\"code\":\"unavailable\"}";

/// Whoever does not take a few hundred bytes in this time does not get them.
const PATIENCE: Duration = Duration::from_secs(2);

/// Writes `answer` and closes.
///
/// What the peer still sends is read and thrown away until it closes too: closing with unread bytes
/// makes the kernel send a reset, and a reset may overtake the answer.
pub(super) async fn answer_and_close(io: &mut (impl AsyncRead + AsyncWrite + Unpin), answer: &[u8]) {
    let talk = async {
        io.write_all(answer).await?;
        io.shutdown().await?;
        let mut waste = [0; 1024];
        for _ in 0..64 {
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
        answer_and_close(io, TOO_MANY_CONNECTIONS).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_those_of_the_bodies() {
        for answer in [REQUEST_TIMEOUT, TOO_MANY_CONNECTIONS] {
            let text = std::str::from_utf8(answer).unwrap();
            let (head, body) = text.split_once("\r\n\r\n").unwrap();
            assert!(head.contains(&format!("content-length: {}\r\n", body.len())), "{} in {head}", body.len());
        }
    }
}
