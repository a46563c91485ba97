//! An IP network, for lists of addresses.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

use super::value::Text;

/// An address or a CIDR network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    prefix: u8,
}

impl Network {
    /// Whether the address lies inside. An IPv4 address counts the same when it arrives mapped into
    /// IPv6, as it does on a socket that listens on `[::]`.
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.address.to_canonical(), address.to_canonical()) {
            (IpAddr::V4(network), IpAddr::V4(address)) => {
                shares_prefix(network.to_bits().into(), address.to_bits().into(), self.prefix, 32)
            }
            (IpAddr::V6(network), IpAddr::V6(address)) => {
                shares_prefix(network.to_bits(), address.to_bits(), self.prefix, 128)
            }
            _ => false,
        }
    }
}

/// Whether the first `prefix` of `width` bits are equal.
fn shares_prefix(one: u128, other: u128, prefix: u8, width: u8) -> bool {
    (one ^ other).checked_shr(u32::from(width - prefix)).unwrap_or(0) == 0
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

impl std::str::FromStr for Network {
    type Err = NotANetwork;

    fn from_str(text: &str) -> Result<Self, NotANetwork> {
        Text::parse(text).ok_or_else(|| NotANetwork(text.to_owned()))
    }
}

/// A text that names no address and no network; holds it as written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is neither an IP address nor a network like 10.0.0.0/8")]
pub struct NotANetwork(pub String);

impl Text for Network {
    const EXPECTED: &'static str = "an IP address or a network";
    const EXAMPLES: &'static [&'static str] = &["10.0.0.0/8", "::1"];

    fn parse(text: &str) -> Option<Self> {
        let (address, prefix) = match text.trim().split_once('/') {
            Some((address, prefix)) => (address.parse().ok()?, Some(prefix.parse::<u8>().ok()?)),
            None => (text.trim().parse().ok()?, None),
        };
        // Only a whole mapped address has an IPv4 meaning; a network of them would need its prefix moved.
        if prefix.is_some() && matches!(address, IpAddr::V6(v6) if is_mapped(v6)) {
            return None;
        }
        let address: IpAddr = address.to_canonical();
        let width = if address.is_ipv4() { 32 } else { 128 };
        let prefix = prefix.unwrap_or(width);
        (prefix <= width).then_some(Self { address, prefix })
    }

    fn text(&self) -> String {
        self.to_string()
    }
}

fn is_mapped(address: Ipv6Addr) -> bool {
    address.to_ipv4_mapped().is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contains(network: &str, address: &str) -> bool {
        Network::parse(network).unwrap().contains(address.parse().unwrap())
    }

    #[test]
    fn network_contains_its_addresses_and_no_others() {
        assert!(contains("10.1.0.0/16", "10.1.255.255"));
        assert!(!contains("10.1.0.0/16", "10.2.0.0"));
        assert!(contains("0.0.0.0/0", "203.0.113.9"));
        assert!(contains("127.0.0.1", "127.0.0.1"));
        assert!(!contains("127.0.0.1", "127.0.0.2"));
        assert!(contains("fd00::/8", "fd12::1"));
        assert!(!contains("::/0", "127.0.0.1"));
        assert!(contains("::/0", "2001:db8::1"));
    }

    #[test]
    fn mapped_address_counts_as_the_one_it_maps() {
        assert!(contains("10.0.0.0/8", "::ffff:10.0.0.1"));
        assert!(contains("::ffff:10.0.0.1", "10.0.0.1"));
    }

    #[test]
    fn network_that_is_none_is_refused() {
        for text in ["10.0.0.0/33", "::/129", "10.0.0", "proxy.example.com", "10.0.0.0/", "::ffff:10.0.0.0/104"] {
            assert!(Network::parse(text).is_none(), "{text}");
        }
    }
}
