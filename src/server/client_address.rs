//! The client's address and scheme, seen through the proxies that are trusted.
//!
//! Of a chain of addresses only the right-most one that no trusted proxy has is used. All that
//! stands to the left of it was written by the client and may be anything.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use http::header::FORWARDED;
use http::uri::Scheme;
use http::{HeaderMap, HeaderName, HeaderValue};
use poem::{Endpoint, Middleware, Request, Result};

use super::trusted_proxies::TrustedProxies;
use crate::api::kit::request::{ClientAddr, PeerAddr, RequestScheme};

static X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
static X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
static X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
static X_REAL_IP: HeaderName = HeaderName::from_static("x-real-ip");

/// Which header the proxies write. Only this one is read: a proxy passes on the other one as the
/// client sent it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ForwardHeader {
    /// `X-Forwarded-For` and `X-Forwarded-Proto`, as nearly every proxy does.
    #[default]
    XForwarded,
    /// `Forwarded` of RFC 7239.
    Forwarded,
}

/// Puts [`ClientAddr`] and [`RequestScheme`] into every request.
#[derive(Debug, Clone, Default)]
pub struct ClientAddress {
    /// Whose headers are believed.
    pub trusted: TrustedProxies,
    /// Which header they write.
    pub header: ForwardHeader,
}

impl<E: Endpoint> Middleware<E> for ClientAddress {
    type Output = ClientAddressEndpoint<E>;

    fn transform(&self, inner: E) -> Self::Output {
        ClientAddressEndpoint { inner, settings: self.clone() }
    }
}

/// See [`ClientAddress`].
pub struct ClientAddressEndpoint<E> {
    inner: E,
    settings: ClientAddress,
}

impl<E: Endpoint> Endpoint for ClientAddressEndpoint<E> {
    type Output = E::Output;

    fn call(&self, mut request: Request) -> impl Future<Output = Result<Self::Output>> + Send {
        let (address, scheme) = self.settings.resolve(&request);
        request.set_data(address);
        request.set_data(scheme);
        self.inner.call(request)
    }
}

impl ClientAddress {
    fn resolve(&self, request: &Request) -> (ClientAddr, RequestScheme) {
        let own_scheme = if *request.scheme() == Scheme::HTTPS { RequestScheme::Https } else { RequestScheme::Http };
        let peer = match request.data::<PeerAddr>() {
            Some(PeerAddr::Ip(address)) => *address,
            Some(PeerAddr::Local) => return (ClientAddr(Ipv4Addr::LOCALHOST.into()), own_scheme),
            None => return (ClientAddr(Ipv4Addr::UNSPECIFIED.into()), own_scheme),
        };
        if !self.trusted.contains(peer) {
            return (ClientAddr(peer), own_scheme);
        }
        let headers = request.headers();
        let (address, scheme) = match self.header {
            ForwardHeader::XForwarded => (
                self.walk(peer, from_the_right(headers, &X_FORWARDED_FOR)),
                from_the_right(headers, &X_FORWARDED_PROTO).next(),
            ),
            ForwardHeader::Forwarded => (
                self.walk(peer, from_the_right(headers, &FORWARDED).map(|hop| parameter(hop, "for").unwrap_or(""))),
                from_the_right(headers, &FORWARDED).next().and_then(|hop| parameter(hop, "proto")),
            ),
        };
        let scheme = match scheme {
            Some(scheme) if scheme.eq_ignore_ascii_case("https") => RequestScheme::Https,
            Some(scheme) if scheme.eq_ignore_ascii_case("http") => RequestScheme::Http,
            _ => own_scheme,
        };
        (ClientAddr(address), scheme)
    }

    /// Goes from the peer to the left as long as the address it stands on is trusted. At an entry
    /// that is no address it stays where it is.
    fn walk<'a>(&self, peer: IpAddr, hops: impl Iterator<Item = &'a str>) -> IpAddr {
        let mut address = peer;
        for hop in hops {
            match parse_address(hop) {
                Some(next) => address = next,
                None => break,
            }
            if !self.trusted.contains(address) {
                break;
            }
        }
        address
    }
}

/// Whether a request comes from this machine itself and through no proxy. More than a look at
/// [`ClientAddr`]: a proxy on this machine that is not configured as trusted makes the whole world
/// look like loopback.
pub fn is_from_this_machine(request: &Request) -> bool {
    let is_loopback = match request.data::<PeerAddr>() {
        Some(PeerAddr::Ip(address)) => address.is_loopback(),
        Some(PeerAddr::Local) => true,
        None => false,
    };
    let traces = [&X_FORWARDED_FOR, &X_FORWARDED_PROTO, &X_FORWARDED_HOST, &X_REAL_IP, &FORWARDED, &http::header::VIA];
    is_loopback && !traces.into_iter().any(|name| request.headers().contains_key(name))
}

/// The entries of a list header, last one first; each line may hold several.
fn from_the_right<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'a str> + use<'a> {
    headers.get_all(name).into_iter().rev().flat_map(|line: &HeaderValue| {
        // A line that is not text counts as one entry that is no address.
        line.to_str().unwrap_or("").rsplit(',').map(str::trim)
    })
}

/// A parameter of one entry of `Forwarded`. The list is cut at every comma, quoted or not: a
/// client that opens a quote must not swallow what the proxy appends.
fn parameter<'a>(hop: &'a str, name: &str) -> Option<&'a str> {
    hop.split(';').find_map(|pair| {
        let (key, value) = pair.split_once('=')?;
        key.trim().eq_ignore_ascii_case(name).then(|| value.trim().trim_matches('"'))
    })
}

/// `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]` or `[2001:db8::1]:80`.
fn parse_address(text: &str) -> Option<IpAddr> {
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    let address =
        bare.parse::<IpAddr>().ok().or_else(|| text.parse::<SocketAddr>().ok().map(|with_port| with_port.ip()));
    address.map(|address| address.to_canonical())
}
