//! TLS with certificates made for the test.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use hyper_util::rt::{TokioExecutor, TokioIo};
use poem::endpoint::make_sync;
use poem::{Endpoint, EndpointExt, Response};
use ruko::api::kit::request::RequestScheme;
use ruko::server::client_address::ClientAddress;
use ruko::server::listener::{ListenOptions, Listener};
use ruko::server::security_headers::SecurityHeaders;
use ruko::server::tls::{Tls, TlsError};
use rustls::pki_types::{CertificateDer, ServerName};
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::wire::{CALM, Client, GET, Server, in_time};

/// A certificate for `localhost` with its key, in files that go away with it.
struct Pair {
    folder: TempDir,
    trusted: CertificateDer<'static>,
}

impl Pair {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let trusted = write_pair(&folder);
        Self { folder, trusted }
    }

    fn renew(&mut self) {
        self.trusted = write_pair(&self.folder);
    }

    fn cert(&self) -> PathBuf {
        self.folder.path().join("cert.pem")
    }

    fn key(&self) -> PathBuf {
        self.folder.path().join("key.pem")
    }

    async fn connect(&self, server: &Server, alpn: &[&[u8]]) -> std::io::Result<TlsStream<TcpStream>> {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(self.trusted.clone()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut config = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = alpn.iter().map(|name| name.to_vec()).collect();
        let stream = TcpStream::connect(server.address).await?;
        in_time(TlsConnector::from(Arc::new(config)).connect(ServerName::try_from("localhost").unwrap(), stream)).await
    }
}

fn write_pair(folder: &TempDir) -> CertificateDer<'static> {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    std::fs::write(folder.path().join("cert.pem"), made.cert.pem()).unwrap();
    std::fs::write(folder.path().join("key.pem"), made.signing_key.serialize_pem()).unwrap();
    made.cert.der().clone()
}

fn scheme() -> impl Endpoint<Output = Response> + 'static {
    make_sync(|request| Response::from(request.data::<RequestScheme>().unwrap().as_str()))
        .with(SecurityHeaders)
        .with(ClientAddress::default())
}

fn serve(tls: Tls, options: ListenOptions) -> Server {
    Server::start_on(Listener::tls("127.0.0.1:0".parse().unwrap(), tls).unwrap(), scheme(), options)
}

#[tokio::test]
async fn a_request_over_tls_is_answered_and_knows_that_it_is_https() {
    let pair = Pair::new();
    let server = serve(Tls::load(pair.cert(), pair.key()).unwrap(), CALM);
    let mut client = Client::new(pair.connect(&server, &[]).await.unwrap());
    let answer = client.ask(GET).await;
    assert_eq!((answer.status(), answer.body.as_str()), (200, "https"));
    assert_eq!(answer.header("strict-transport-security"), Some("max-age=31536000"));
    assert_eq!(client.ask(GET).await.status(), 200);
    assert_eq!(server.stop().await.dropped, 0);
    client.closed().await;
}

#[tokio::test]
async fn http2_is_agreed_on_during_the_handshake() {
    let pair = Pair::new();
    let server = serve(Tls::load(pair.cert(), pair.key()).unwrap(), CALM);
    let stream = pair.connect(&server, &[b"h2", b"http/1.1"]).await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    let mut tasks = JoinSet::new();
    tasks.spawn(connection);
    let request = http::Request::get("https://localhost/").body(String::new()).unwrap();
    let response = in_time(sender.send_request(request)).await.unwrap();
    assert_eq!((response.status().as_u16(), response.version()), (200, http::Version::HTTP_2));
}

#[tokio::test]
async fn a_handshake_that_does_not_go_on_is_cut_off() {
    let pair = Pair::new();
    let options = ListenOptions { header_timeout: Duration::from_millis(200), ..CALM };
    let server = serve(Tls::load(pair.cert(), pair.key()).unwrap(), options);
    let mut client = server.connect().await;
    // The first bytes of a ClientHello.
    client.send("\u{16}\u{3}\u{1}").await;
    client.closed().await;
}

#[tokio::test]
async fn silence_after_the_handshake_is_cut_off_too() {
    let pair = Pair::new();
    let options = ListenOptions { header_timeout: Duration::from_millis(500), ..CALM };
    let server = serve(Tls::load(pair.cert(), pair.key()).unwrap(), options);
    let mut client = Client::new(pair.connect(&server, &[]).await.unwrap());
    client.closed().await;
    let mut client = Client::new(pair.connect(&server, &[]).await.unwrap());
    assert_eq!(client.ask("GET / HTT").await.status(), 408);
}

#[tokio::test]
async fn a_renewed_certificate_is_served_without_a_restart() {
    let mut pair = Pair::new();
    let tls = Tls::load(pair.cert(), pair.key()).unwrap().look_every(Duration::from_millis(10));
    let server = serve(tls.clone(), CALM);
    assert!(pair.connect(&server, &[]).await.is_ok());
    pair.renew();
    // The client trusts nothing but the new certificate.
    in_time(async {
        while pair.connect(&server, &[]).await.is_err() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert!(!tls.reload_if_changed().unwrap());
}

#[test]
fn a_broken_renewal_is_reported_once_and_the_old_certificate_stays() {
    let pair = Pair::new();
    let tls = Tls::load(pair.cert(), pair.key()).unwrap();
    std::fs::write(pair.key(), "nothing").unwrap();
    assert!(matches!(tls.reload_if_changed(), Err(TlsError::NoKey { swapped: false, .. })));
    assert!(!tls.reload_if_changed().unwrap());
}

#[test]
fn wrong_files_are_named_with_what_is_wrong() {
    let (pair, other) = (Pair::new(), Pair::new());
    let reason = |cert: PathBuf, key: PathBuf| Tls::load(cert, key).err().unwrap().to_string();

    assert!(reason(pair.cert(), other.key()).contains("does not belong to the certificate"));
    assert!(reason(pair.key(), pair.cert()).contains("swapped?"));
    assert!(reason(pair.cert(), pair.cert()).contains("holds no private key"));
    assert!(reason(pair.folder.path().join("missing.pem"), pair.key()).contains("missing.pem: No such file"));

    let locked = pair.folder.path().join("locked.pem");
    std::fs::write(&locked, "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n")
        .unwrap();
    assert!(reason(pair.cert(), locked).contains("is encrypted"));
}
