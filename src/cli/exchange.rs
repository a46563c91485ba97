//! One request over one connection: commands make few of them.

use futures_util::future::Either;
use http::{Request, Response};
use http_body_util::BodyExt;
use http_body_util::combinators::BoxBody;
use hyper::body::Bytes;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};

/// A body of a request or an answer.
pub type Body = BoxBody<Bytes, std::io::Error>;

/// A body of these bytes.
pub fn full(bytes: Bytes) -> Body {
    poem::Body::from(bytes).into()
}

/// Sends a request and gives the answer, whose body is still to come.
pub async fn exchange<S>(stream: S, request: Request<Body>) -> hyper::Result<Response<Body>>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    let mut connection = Box::pin(connection);
    let sent = Box::pin(sender.send_request(request));
    // The connection has to be driven while the answer is awaited, and later while its body is.
    let response = match futures_util::future::select(sent, &mut connection).await {
        Either::Left((response, _)) => response?,
        Either::Right((_, sent)) => sent.await?,
    };
    let driver = tokio_util::task::AbortOnDropHandle::new(spawn(async move {
        let _ = connection.await;
    }));
    Ok(response.map(|body| {
        let body = body.map_err(std::io::Error::other).map_frame(move |frame| {
            // Ends with the body.
            let _ = &driver;
            frame
        });
        BoxBody::new(body)
    }))
}

#[allow(clippy::disallowed_methods, reason = "the handle ends the task with the answer it drives")]
fn spawn(work: impl Future<Output = ()> + Send + 'static) -> tokio::task::JoinHandle<()> {
    tokio::task::spawn(work)
}
