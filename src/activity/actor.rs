//! Who did something.

use std::fmt::Write;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Serialize, Serializer};

use crate::id::UserId;

/// What kind of caller somebody is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ActorKind {
    /// Nobody known.
    Anonymous,
    /// Holder of the master key, or a command on the machine.
    Operator,
    /// A central account.
    Account,
    /// A user inside a tenant.
    User,
    /// A tenant's client application, by the tenant key alone.
    TenantKey,
    /// Holder of a gateway key.
    GatewayKey,
    /// The server itself: a job, a schedule.
    System,
}

impl ActorKind {
    const ALL: [Self; 7] =
        [Self::Anonymous, Self::Operator, Self::Account, Self::User, Self::TenantKey, Self::GatewayKey, Self::System];

    /// The word it is stored and shown as.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Anonymous => "anonymous",
            Self::Operator => "operator",
            Self::Account => "account",
            Self::User => "user",
            Self::TenantKey => "tenant_key",
            Self::GatewayKey => "gateway_key",
            Self::System => "system",
        }
    }

    /// Every kind's word.
    pub fn words() -> impl Iterator<Item = &'static str> {
        Self::ALL.into_iter().map(Self::as_str)
    }

    /// Whether there is one of this kind only, so that none of them has an id.
    pub fn is_only_one(self) -> bool {
        matches!(self, Self::Anonymous | Self::Operator | Self::System)
    }

    /// Whether such an actor stands above the tenants.
    pub fn is_above_tenants(self) -> bool {
        matches!(self, Self::Operator | Self::Account | Self::System)
    }

    /// Whether the id of such an actor means something inside one tenant only.
    pub fn is_inside_tenant(self) -> bool {
        matches!(self, Self::User | Self::TenantKey | Self::GatewayKey)
    }
}

impl FromStr for ActorKind {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text).ok_or(())
    }
}

impl Serialize for ActorKind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// Which one of its kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ActorId {
    /// The kind says all.
    None,
    /// A row's number.
    Number(i64),
    /// Anything else.
    Text(Arc<str>),
}

/// Who did something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    /// What kind of caller.
    pub kind: ActorKind,
    /// Which one.
    pub id: ActorId,
}

impl Actor {
    /// Nobody known.
    pub const ANONYMOUS: Self = Self { kind: ActorKind::Anonymous, id: ActorId::None };
    /// The operator.
    pub const OPERATOR: Self = Self { kind: ActorKind::Operator, id: ActorId::None };
    /// The server itself.
    pub const SYSTEM: Self = Self { kind: ActorKind::System, id: ActorId::None };

    /// A user of a tenant.
    pub fn user(id: UserId) -> Self {
        Self { kind: ActorKind::User, id: ActorId::Number(id) }
    }

    /// One of its kind, by number.
    pub fn numbered(kind: ActorKind, id: i64) -> Self {
        Self { kind, id: ActorId::Number(id) }
    }

    /// One of its kind, by a text. For a key: its id or visible prefix, never the key.
    pub fn named(kind: ActorKind, id: impl Into<Arc<str>>) -> Self {
        Self { kind, id: ActorId::Text(id.into()) }
    }

    /// The id as text; a number is written to `buffer`.
    pub(super) fn id_text<'a>(&'a self, buffer: &'a mut String) -> Option<&'a str> {
        match &self.id {
            ActorId::None => None,
            ActorId::Number(number) => Some(written(number, buffer)),
            ActorId::Text(text) => Some(text),
        }
    }
}

impl FromStr for Actor {
    type Err = ();

    /// `operator`, or with an id `user:7`.
    fn from_str(text: &str) -> Result<Self, ()> {
        let (kind, id) = match text.split_once(':') {
            None => (text.parse()?, ActorId::None),
            Some((kind, id)) => (kind.parse::<ActorKind>()?, ActorId::Text(id.into())),
        };
        let is_sound = match &id {
            ActorId::Text(id) => !id.is_empty() && !kind.is_only_one(),
            _ => true,
        };
        if is_sound { Ok(Self { kind, id }) } else { Err(()) }
    }
}

/// `value` as text in a buffer that is used again.
pub(super) fn written(value: impl std::fmt::Display, buffer: &mut String) -> &str {
    buffer.clear();
    // Writing to a String cannot fail.
    let _ = write!(buffer, "{value}");
    buffer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_read_back_from_its_word() {
        for kind in ActorKind::ALL {
            assert_eq!(kind.as_str().parse(), Ok(kind));
        }
        assert_eq!("somebody".parse::<ActorKind>(), Err(()));
    }

    #[test]
    fn an_actor_is_a_kind_or_one_of_a_kind() {
        for (text, actor) in [
            ("operator", Actor::OPERATOR),
            ("user", Actor { kind: ActorKind::User, id: ActorId::None }),
            ("user:7", Actor::named(ActorKind::User, "7")),
            ("account:a:b", Actor::named(ActorKind::Account, "a:b")),
        ] {
            assert_eq!(text.parse(), Ok(actor), "{text}");
        }
        for text in ["", ":", ":7", "user:", "operator:1", "users", "USER"] {
            assert_eq!(text.parse::<Actor>(), Err(()), "{text}");
        }
    }
}
