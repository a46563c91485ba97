//! Where a health check asks.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use http::uri::{PathAndQuery, Scheme};
use http::{Request, Response, Uri, header};
use hyper::body::Bytes;
use rustls::DigitallySignedStruct;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::cli::exchange::{Body, exchange, full};

/// What is asked when only a server is named: whether requests may be sent to it. `/livez` would be
/// content with a server that cannot read its central file, and `/health` is the same for people.
const PATH: &str = "/readyz";

/// An address with a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Target {
    uri: Uri,
    host: String,
    port: u16,
    is_tls: bool,
}

impl FromStr for Target {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || "an http or https URL is needed, such as http://localhost:8000".to_owned();
        let uri: Uri = text.trim().parse().map_err(|_| wrong())?;
        let mut parts = uri.into_parts();
        let (scheme, authority) = (parts.scheme.clone().ok_or_else(wrong)?, parts.authority.clone().ok_or_else(wrong)?);
        let is_tls = scheme == Scheme::HTTPS;
        if authority.as_str().contains('@') {
            return Err("a health check needs no name and password: leave them out of the URL".into());
        }
        let is_port_bad = authority.port().is_none() && authority.as_str().len() > authority.host().len();
        if !is_tls && scheme != Scheme::HTTP || authority.host().is_empty() || is_port_bad {
            return Err(wrong());
        }
        if parts.path_and_query.as_ref().is_none_or(|path| path == "/") {
            parts.path_and_query = Some(PathAndQuery::from_static(PATH));
        }
        let host = authority.host().trim_matches(['[', ']']).to_owned();
        let port = authority.port_u16().unwrap_or(if is_tls { 443 } else { 80 });
        Ok(Self { uri: Uri::from_parts(parts).map_err(|_| wrong())?, host, port, is_tls })
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.uri.fmt(f)
    }
}

impl Target {
    /// Asks; the error is a text for people.
    pub(super) async fn get(&self) -> Result<Response<Body>, String> {
        let authority = self.uri.authority().map_or("", |authority| authority.as_str());
        let path = self.uri.path_and_query().map_or(PATH, PathAndQuery::as_str);
        let request = Request::get(path).header(header::HOST, authority).header(header::CONNECTION, "close");
        let request = request.body(full(Bytes::new())).map_err(|error| error.to_string())?;
        let tcp = TcpStream::connect((self.host.as_str(), self.port)).await.map_err(|error| error.to_string())?;
        let answer =
            if self.is_tls { exchange(self.encrypt(tcp).await?, request).await } else { exchange(tcp, request).await };
        answer.map_err(|error| format!("the connection broke off: {error}"))
    }

    async fn encrypt(&self, tcp: TcpStream) -> Result<tokio_rustls::client::TlsStream<TcpStream>, String> {
        let failed = |error: &dyn fmt::Display| format!("no TLS: {error}");
        let provider = Arc::new(aws_lc_rs::default_provider());
        let config = rustls::ClientConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()
            .map_err(|error| failed(&error))?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(AnyCertificate(provider)))
            .with_no_client_auth();
        let name = ServerName::try_from(self.host.clone()).map_err(|error| failed(&error))?;
        TlsConnector::from(Arc::new(config)).connect(name, tcp).await.map_err(|error| failed(&error))
    }
}

/// Takes any certificate. A server is asked by the address it listens on, for which its certificate
/// is not made; no secret is sent, and nothing hangs on the answer but "it answers".
#[derive(Debug)]
struct AnyCertificate(Arc<CryptoProvider>);

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _certificate: &CertificateDer<'_>,
        _chain: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<rustls::SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn server_without_a_path_is_asked_whether_it_is_ready() {
        for (text, shown, host, port) in [
            ("http://localhost:8000", "http://localhost:8000/readyz", "localhost", 8000),
            ("http://localhost", "http://localhost/readyz", "localhost", 80),
            ("https://api.example.com/", "https://api.example.com/readyz", "api.example.com", 443),
            ("http://[::1]:9/health", "http://[::1]:9/health", "::1", 9),
            ("http://proxy/ruko/livez?x=1", "http://proxy/ruko/livez?x=1", "proxy", 80),
        ] {
            let target: Target = text.parse().unwrap();
            assert_eq!((target.to_string().as_str(), target.host.as_str(), target.port), (shown, host, port));
        }
        for text in ["", "localhost", "localhost:8000", "ftp://x", "http://", "/readyz", "http://a b", "http://x:99999"]
        {
            assert!(text.parse::<Target>().is_err(), "{text}");
        }
        let told = "http://me:secret@x".parse::<Target>().unwrap_err();
        assert!(!told.contains("secret"), "{told}");
    }
}
