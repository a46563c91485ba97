//! The proxies whose word about a client's address is believed.

use std::net::IpAddr;

use crate::config::Network;

/// Addresses and networks. Empty by default: without a proxy in front, anybody could write what
/// he likes into the headers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TrustedProxies(Vec<Network>);

impl TrustedProxies {
    /// These networks.
    pub fn of(networks: Vec<Network>) -> Self {
        Self(networks)
    }

    /// Whether this address belongs to a trusted proxy.
    pub fn contains(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(address))
    }
}
