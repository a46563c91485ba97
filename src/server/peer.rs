//! Who is at the other end of a connection, as the socket says it. Both types are put into every
//! request's extensions by the listener; nothing that a client sends can change them.

use std::net::IpAddr;

/// The other end of the connection. Behind a proxy this is the proxy; the client's own address is
/// [`ClientAddr`](super::client_address::ClientAddr).
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
