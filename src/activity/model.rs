//! What is recorded, and what reading gives back.
//!
//! An entry is made on a request's way, so it holds what is there already: shared texts, built-in
//! texts, plain numbers. What the caller sent (path, user agent, request id) is copied once, into
//! one allocation.

use std::net::IpAddr;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use crate::clock::Timestamp;
use crate::id::TenantId;

pub use super::actor::{Actor, ActorId, ActorKind};

const PATH_MAX_BYTES: usize = 512;
const USER_AGENT_MAX_BYTES: usize = 256;
const REQUEST_ID_MAX_BYTES: usize = 64;

/// The pattern of a route: built into the binary, or shared with the router.
#[derive(Debug, Clone)]
pub enum Route {
    /// Built in.
    Static(&'static str),
    /// The router's own.
    Shared(Arc<str>),
}

impl Deref for Route {
    type Target = str;

    fn deref(&self) -> &str {
        match self {
            Self::Static(text) => text,
            Self::Shared(text) => text,
        }
    }
}

impl From<&'static str> for Route {
    fn from(text: &'static str) -> Self {
        Self::Static(text)
    }
}

impl From<Arc<str>> for Route {
    fn from(text: Arc<str>) -> Self {
        Self::Shared(text)
    }
}

/// What the caller sent as text, cut to a sane length.
#[derive(Debug, Clone)]
pub struct SentTexts {
    all: Box<str>,
    path_end: u16,
    agent_end: u16,
}

impl SentTexts {
    /// Copies the texts. Of `path`, a query that still hangs on it is left out: keys travel there.
    pub fn new(path: &str, user_agent: Option<&str>, request_id: Option<&str>) -> Self {
        let path_end = path.bytes().position(|byte| matches!(byte, b'?' | b'#')).unwrap_or(path.len());
        let path = cut(&path[..path_end], PATH_MAX_BYTES);
        let user_agent = cut(user_agent.unwrap_or_default(), USER_AGENT_MAX_BYTES);
        let request_id = cut(request_id.unwrap_or_default(), REQUEST_ID_MAX_BYTES);
        let agent_end = path.len() + user_agent.len();
        let mut all = String::with_capacity(agent_end + request_id.len());
        all.push_str(path);
        all.push_str(user_agent);
        all.push_str(request_id);
        // The three bounds above keep both ends far below 65,536.
        let end = |length: usize| u16::try_from(length).unwrap_or(u16::MAX);
        Self { path_end: end(path.len()), agent_end: end(agent_end), all: all.into_boxed_str() }
    }

    /// The path without its query.
    pub fn path(&self) -> &str {
        &self.all[..usize::from(self.path_end)]
    }

    /// What the client calls itself.
    pub fn user_agent(&self) -> Option<&str> {
        present(&self.all[usize::from(self.path_end)..usize::from(self.agent_end)])
    }

    /// The id of the request.
    pub fn request_id(&self) -> Option<&str> {
        present(&self.all[usize::from(self.agent_end)..])
    }
}

fn cut(text: &str, max_bytes: usize) -> &str {
    &text[..text.floor_char_boundary(max_bytes)]
}

fn present(text: &str) -> Option<&str> {
    (!text.is_empty()).then_some(text)
}

/// One answered request. When it happened is noted as it is recorded.
#[derive(Debug, Clone)]
pub struct RequestEntry {
    /// The tenant it was about.
    pub tenant: Option<TenantId>,
    /// Who asked.
    pub actor: Actor,
    /// The method, one of the known ones.
    pub method: &'static str,
    /// The pattern of the route that answered.
    pub route: Route,
    /// Path, user agent and request id.
    pub sent: SentTexts,
    /// Where it came from.
    pub ip: Option<IpAddr>,
    /// The status of the answer.
    pub status: u16,
    /// How long the answer took.
    pub took: Duration,
}

/// Something done that an operator may have to account for later.
#[derive(Debug, Clone)]
pub struct AuditEntry {
    /// Who did it.
    pub actor: Actor,
    /// What was done, dotted: `tenant.created`.
    pub action: &'static str,
    /// The tenant it was done to, or inside of.
    pub tenant: Option<TenantId>,
    /// Singular name and id of what it was done to.
    pub object: Option<(&'static str, String)>,
    /// What else is worth knowing. Secrets in it are hidden by their names as it is recorded;
    /// better not to put them there.
    pub detail: serde_json::Value,
    /// Where the order came from.
    pub ip: Option<IpAddr>,
    /// Path, user agent and request id of the request that ordered it; of these the path is not kept.
    pub sent: Option<SentTexts>,
}

impl AuditEntry {
    /// An entry that says who did what; the rest can be set.
    pub fn new(actor: Actor, action: &'static str) -> Self {
        let detail = serde_json::Value::Object(serde_json::Map::new());
        Self { actor, action, tenant: None, object: None, detail, ip: None, sent: None }
    }
}

/// A row of the request log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RequestRow {
    /// Its number in the log.
    pub id: i64,
    /// When it was answered.
    pub created_at: Timestamp,
    /// The tenant it was about.
    pub tenant_id: Option<String>,
    /// Kind of the one who asked.
    pub actor_kind: ActorKind,
    /// Id of the one who asked, where the kind does not say all.
    pub actor_id: Option<String>,
    /// The method.
    pub method: String,
    /// The pattern of the route.
    pub route: String,
    /// The path without its query.
    pub endpoint: String,
    /// The status of the answer.
    pub status_code: u32,
    /// How long the answer took.
    pub response_time_us: i64,
    /// Where it came from.
    pub ip_address: Option<String>,
    /// What the client calls itself.
    pub user_agent: Option<String>,
    /// The id of the request.
    pub request_id: Option<String>,
}

/// A row of the audit log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AuditRow {
    /// Its number in the log.
    pub id: i64,
    /// When it was done.
    pub created_at: Timestamp,
    /// The tenant it was done to, or inside of.
    pub tenant_id: Option<String>,
    /// Kind of the one who did it.
    pub actor_kind: ActorKind,
    /// Id of the one who did it, where the kind does not say all.
    pub actor_id: Option<String>,
    /// What was done, dotted.
    pub action: String,
    /// Singular name of what it was done to.
    pub object_kind: Option<String>,
    /// Id of what it was done to.
    pub object_id: Option<String>,
    /// What else is worth knowing.
    pub detail: serde_json::Value,
    /// Where the order came from.
    pub ip_address: Option<String>,
    /// What the client calls itself.
    pub user_agent: Option<String>,
    /// The id of the request that ordered it.
    pub request_id: Option<String>,
}

/// Which requests to list. Empty: all.
#[derive(Debug, Clone, Default)]
pub struct RequestFilter {
    /// About this tenant.
    pub tenant: Option<TenantId>,
    /// By this actor; without an id by anybody of its kind.
    pub actor: Option<Actor>,
    /// Leaves out what those above the tenants did: the operator, central accounts, the server.
    pub is_inside_only: bool,
    /// Answered by this route.
    pub route: Option<String>,
    /// Answered with a status of this hundred: 2, 3, 4 or 5.
    pub status_class: Option<u8>,
    /// Not before this time.
    pub since: Option<Timestamp>,
    /// Before this time.
    pub until: Option<Timestamp>,
    /// Has this in its path, address, user agent or request id, in any case.
    pub text: Option<String>,
}

/// Which audit entries to list. Empty: all.
#[derive(Debug, Clone, Default)]
pub struct AuditFilter {
    /// About this tenant.
    pub tenant: Option<TenantId>,
    /// By this actor; without an id by anybody of its kind.
    pub actor: Option<Actor>,
    /// Leaves out what those above the tenants did: the operator, central accounts, the server.
    pub is_inside_only: bool,
    /// This action, or with a dot at the end all actions that begin so: `tenant.`.
    pub action: Option<String>,
    /// Not before this time.
    pub since: Option<Timestamp>,
    /// Before this time.
    pub until: Option<Timestamp>,
    /// Has this in its action, object, detail, address or request id, in any case.
    pub text: Option<String>,
}

/// Some rows of a log, newest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LogPage<T> {
    /// The rows. A rare filter may give fewer than asked for, even none, and yet have a `next`: one
    /// call looks at a bounded number of rows only.
    pub rows: Vec<T>,
    /// Where to go on; none when there is no older row.
    pub next: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn query_of_a_path_is_never_kept() {
        let sent = SentTexts::new("/send-message?api_key=0123", Some("curl/8"), None);
        assert_eq!((sent.path(), sent.user_agent(), sent.request_id()), ("/send-message", Some("curl/8"), None));
        assert!(!format!("{sent:?}").contains("0123"));
    }

    #[test]
    fn long_texts_are_cut_between_characters_and_stay_apart() {
        let sent = SentTexts::new(&"/é".repeat(9000), Some(&"é".repeat(9000)), Some("id"));
        assert!(sent.path().len() <= PATH_MAX_BYTES && sent.path().ends_with(['/', 'é']));
        assert_eq!(sent.user_agent().map(str::len), Some(USER_AGENT_MAX_BYTES));
        assert_eq!(sent.request_id(), Some("id"));
    }
}
