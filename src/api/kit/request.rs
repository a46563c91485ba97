//! What the server knows of a request before any handler sees it. All of these stand in the
//! request's extensions; nothing that a client sends can forge them.

use std::fmt;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, OnceLock};

use poem::Request;

use crate::app::App;
use crate::config::Language;
use crate::id::{TenantId, UserId, random_bytes};

use crate::rate_limit::Allowance;

const LONGEST: usize = 64;
const MADE_CHARS: usize = 20;

/// The id of one request: 1 to 64 of `A-Z a-z 0-9 . _ -`.
///
/// Copied by value, so that it costs no counting of references.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct RequestId {
    chars: [u8; LONGEST],
    len: u8,
}

impl RequestId {
    /// A new id of 20 characters: 7 of this process, 13 of this request.
    pub fn new() -> Self {
        static SOURCE: LazyLock<Source> = LazyLock::new(Source::new);
        SOURCE.next()
    }

    /// The id that a client or proxy chose, if it is well-formed.
    pub fn parse(text: &[u8]) -> Option<Self> {
        let well_formed =
            matches!(text.len(), 1..=LONGEST) && text.iter().all(|c| c.is_ascii_alphanumeric() || b"._-".contains(c));
        if !well_formed {
            return None;
        }
        let mut chars = [0; LONGEST];
        chars[..text.len()].copy_from_slice(text);
        Some(Self { chars, len: u8::try_from(text.len()).ok()? })
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(self.as_bytes()).unwrap_or_default()
    }

    /// The text as bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.chars[..usize::from(self.len)]
    }
}

impl Default for RequestId {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

/// A counter is unique and costs next to nothing. It is scattered by an odd factor (which no two
/// numbers survive as one), for a plain count would tell every client how busy the server is.
struct Source {
    process: u64,
    factor: u64,
    mask: u64,
    count: AtomicU64,
}

impl Source {
    fn new() -> Self {
        Self {
            process: u64::from_le_bytes(random_bytes()),
            factor: u64::from_le_bytes(random_bytes()) | 1,
            mask: u64::from_le_bytes(random_bytes()),
            count: AtomicU64::new(0),
        }
    }

    fn next(&self) -> RequestId {
        let number = self.count.fetch_add(1, Ordering::Relaxed).wrapping_mul(self.factor) ^ self.mask;
        let mut chars = [0; LONGEST];
        write_base32(self.process, &mut chars[..7]);
        write_base32(number, &mut chars[7..MADE_CHARS]);
        RequestId { chars, len: 20 }
    }
}

/// Five bits a character; without the letters that are mistaken for digits.
fn write_base32(mut number: u64, chars: &mut [u8]) {
    const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
    for c in chars {
        *c = ALPHABET[usize::from((number & 31) as u8)];
        number >>= 5;
    }
}

/// The other end of the connection. Behind a proxy this is the proxy; the client's own address is
/// [`ClientAddr`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PeerAddr {
    /// A TCP peer. An IPv4 address that came in through an IPv6 socket is written as IPv4.
    Ip(IpAddr),
    /// A process on this machine, through the local socket.
    Local,
}

/// Marks a request that came through the local socket. Only the user that runs the server (or
/// root) can open that socket, so the router may grant such a request the operator's rights.
///
/// The field is private and the constructor stays inside the crate: a request from TCP has no way
/// to carry one.
#[derive(Debug, Clone, Copy)]
pub struct LocalOperator(());

impl LocalOperator {
    /// For the two places that know it to be true: the local socket, and a command that holds the
    /// data directory's lock and calls the router in its own process.
    pub(crate) fn granted() -> Self {
        Self(())
    }
}
/// The client's address, in the extensions of every request. Through the local socket it is
/// 127.0.0.1; where nothing is known (a request that came through no listener) 0.0.0.0, which is no
/// client's and not loopback either.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientAddr(pub IpAddr);

/// How the client reached the server, or the proxy in front of it. For absolute URLs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequestScheme {
    /// Without encryption.
    Http,
    /// With TLS, to us or to a trusted proxy.
    Https,
}

impl RequestScheme {
    /// `http` or `https`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }
}

/// What is learnt about a request on its way through: the handlers' side writes, the request log,
/// the metrics and the answer's headers read.
#[derive(Debug, Default)]
pub struct Notes {
    tenant: OnceLock<TenantId>,
    language: OnceLock<Language>,
    tenant_key: OnceLock<i64>,
    actor: OnceLock<Actor>,
    allowance: OnceLock<Allowance>,
}

/// Who acts in a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Actor {
    /// The holder of the master key, or a command on this machine.
    Operator,
    /// A user of the tenant.
    User(UserId),
    /// A client application of the tenant without a user: id of its key.
    TenantKey(i64),
}

impl Notes {
    /// The tenant the request is about.
    pub fn tenant(&self) -> Option<&TenantId> {
        self.tenant.get()
    }

    /// The language of the tenant's people.
    pub fn language(&self) -> Option<Language> {
        self.language.get().copied()
    }

    /// Who acts: the user or operator that is known, else the tenant key.
    pub fn actor(&self) -> Option<Actor> {
        self.actor.get().copied().or_else(|| self.tenant_key.get().copied().map(Actor::TenantKey))
    }

    /// The tenant, when the request is over. It is taken, not copied, when nobody else has the notes:
    /// a copied id is counted where all workers count.
    pub fn into_tenant(notes: Arc<Self>) -> Option<TenantId> {
        match Arc::try_unwrap(notes) {
            Ok(notes) => notes.tenant.into_inner(),
            Err(shared) => shared.tenant().cloned(),
        }
    }

    /// What is left of the rate limit.
    pub fn allowance(&self) -> Option<Allowance> {
        self.allowance.get().copied()
    }
}

/// The notes of a request that came through the router.
pub fn notes(request: &Request) -> Option<&Arc<Notes>> {
    request.data::<Arc<Notes>>()
}

/// Notes down the tenant.
pub fn note_tenant(request: &Request, id: &TenantId) {
    if let Some(notes) = notes(request) {
        let _ = notes.tenant.set(id.clone());
    }
}

/// Notes down the language of the tenant's people.
pub fn note_language(request: &Request, language: Language) {
    if let Some(notes) = notes(request) {
        let _ = notes.language.set(language);
    }
}

/// Notes down which tenant a key is of, and which of its keys it is.
pub fn note_tenant_key(request: &Request, id: TenantId, key_id: i64) {
    if let Some(notes) = notes(request) {
        let _ = notes.tenant.set(id);
        let _ = notes.tenant_key.set(key_id);
    }
}

/// Notes down who acts.
pub fn note_actor(request: &Request, actor: Actor) {
    if let Some(notes) = notes(request) {
        let _ = notes.actor.set(actor);
    }
}

/// Notes down what is left of the rate limit.
pub fn note_allowance(request: &Request, allowance: Allowance) {
    if let Some(notes) = notes(request) {
        let _ = notes.allowance.set(allowance);
    }
}

/// The id of a request; a fresh one where none was given.
pub fn request_id(request: &Request) -> RequestId {
    request.data::<RequestId>().copied().unwrap_or_default()
}

/// The client's address; 0.0.0.0 where none is known.
pub fn client_addr(request: &Request) -> IpAddr {
    request.data::<ClientAddr>().map_or(IpAddr::from([0, 0, 0, 0]), |client| client.0)
}

/// `scheme://host` as the client sees the server, for absolute URLs: the configured address, else
/// what the request was sent to.
pub fn base_url(request: &Request) -> String {
    let public_url = request.data::<App>().and_then(|app| app.config.http.public_url.as_ref());
    if let Some(public_url) = public_url {
        return public_url.as_str().trim_end_matches('/').to_owned();
    }
    let scheme = request.data::<RequestScheme>().copied().unwrap_or(RequestScheme::Http);
    let host = request.header("host").or(request.uri().authority().map(http::uri::Authority::as_str));
    let host = host.filter(|host| host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-:[]_".contains(&byte)));
    format!("{}://{}", scheme.as_str(), host.unwrap_or("localhost"))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn made_ids_are_unique_well_formed_and_short() {
        let ids: HashSet<String> = (0..10_000).map(|_| RequestId::new().to_string()).collect();
        assert_eq!(ids.len(), 10_000);
        assert!(ids.iter().all(|id| id.len() == MADE_CHARS && RequestId::parse(id.as_bytes()).is_some()));
    }

    #[test]
    fn only_well_formed_ids_are_taken_over() {
        for good in ["a", "Trace-1.2_3", &"x".repeat(64)] {
            assert_eq!(RequestId::parse(good.as_bytes()).unwrap().as_str(), good);
        }
        for bad in ["", "a b", "a\nb", "<script>", "ä", &"x".repeat(65)] {
            assert_eq!(RequestId::parse(bad.as_bytes()), None, "{bad:?}");
        }
    }
}
