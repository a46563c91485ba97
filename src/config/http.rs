//! `[http]`: the listener and what it accepts.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;

use super::network::Network;
use super::section::section;
use super::url::{BaseUrl, CorsOrigin};

section! {
    /// The listener and what it accepts.
    pub struct Http = "http" {
        /// Address and port the server listens on. The default answers this machine only; use
        /// `0.0.0.0:8000` to answer others, and then put TLS in front or set `tls_cert` and `tls_key`.
        listen: SocketAddr = (Ipv4Addr::LOCALHOST, 8000).into();
        /// PEM file with the certificate chain. Together with `tls_key` the server speaks HTTPS itself.
        tls_cert: Option<PathBuf> = None;
        /// PEM file with the private key of `tls_cert`.
        tls_key: Option<PathBuf> = None;
        /// Addresses or networks of reverse proxies whose `X-Forwarded-For` is believed. From anybody
        /// else that header is ignored.
        trusted_proxies: Vec<Network> = Vec::new();
        /// Origins whose browser pages may call the API, or `*` for all. With `*` no cookies are sent.
        cors_origins: Vec<CorsOrigin> = vec![CorsOrigin::any()];
        /// Largest request body in bytes.
        max_body_bytes: u64 = 10 * 1024 * 1024, within 1024..=1_073_741_824;
        /// Connections that may be open at once.
        max_connections: usize = 10_000, within 1..=1_000_000;
        /// Seconds a client has to send its request line and headers.
        header_timeout_secs: u64 = 10, within 1..=3600;
        /// Seconds a client has to send the body.
        body_timeout_secs: u64 = 30, within 1..=3600;
        /// Seconds an idle connection stays open for the next request.
        idle_timeout_secs: u64 = 75, within 1..=3600;
        /// Seconds that running requests get to finish when the server stops.
        shutdown_timeout_secs: u64 = 10, within 0..=3600;
        /// The address clients use. Links of lists begin with it, whatever address a request was sent
        /// to, and it stands in the OpenAPI document.
        public_url: Option<BaseUrl> = None;
        /// An address for the OpenAPI document alone, where `public_url` is not set. Links follow the
        /// request.
        document_url: Option<BaseUrl> = None;
    }
}

impl Http {
    /// The address that the OpenAPI document names beside its own.
    pub fn documented_url(&self) -> Option<&BaseUrl> {
        self.public_url.as_ref().or(self.document_url.as_ref())
    }

    /// The URL at which programs of this machine reach a listener on this address.
    pub fn url_here(&self, mut address: SocketAddr) -> String {
        if address.ip().is_unspecified() {
            let here = if address.is_ipv4() { Ipv4Addr::LOCALHOST.into() } else { Ipv6Addr::LOCALHOST.into() };
            address.set_ip(here);
        }
        format!("{}://{address}", if self.tls_cert.is_some() { "https" } else { "http" })
    }
}
