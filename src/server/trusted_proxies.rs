//! The proxies whose word about a client's address is believed.

use std::net::IpAddr;
use std::str::FromStr;

/// Addresses and networks: `127.0.0.1`, `10.0.0.0/8`, `fd00::/8`. Empty by default: without a
/// proxy in front, anybody could write what he likes into the headers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TrustedProxies(Vec<Network>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Network {
    address: IpAddr,
    prefix_bits: u8,
}

/// A setting that names no address and no network; holds it as written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is neither an IP address nor a network like 10.0.0.0/8")]
pub struct NotANetwork(pub String);

impl TrustedProxies {
    /// One entry per address or network.
    pub fn parse<S: AsRef<str>>(entries: impl IntoIterator<Item = S>) -> Result<Self, NotANetwork> {
        entries.into_iter().map(|entry| entry.as_ref().parse()).collect::<Result<_, _>>().map(Self)
    }

    /// Whether this address belongs to a trusted proxy.
    pub fn contains(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(address))
    }
}

impl Network {
    fn contains(self, address: IpAddr) -> bool {
        match (self.address, address) {
            (IpAddr::V4(own), IpAddr::V4(other)) => {
                let mask = u32::MAX.checked_shl(32 - u32::from(self.prefix_bits)).unwrap_or(0);
                (own.to_bits() ^ other.to_bits()) & mask == 0
            }
            (IpAddr::V6(own), IpAddr::V6(other)) => {
                let mask = u128::MAX.checked_shl(128 - u32::from(self.prefix_bits)).unwrap_or(0);
                (own.to_bits() ^ other.to_bits()) & mask == 0
            }
            _ => false,
        }
    }
}

impl FromStr for Network {
    type Err = NotANetwork;

    fn from_str(text: &str) -> Result<Self, NotANetwork> {
        let wrong = || NotANetwork(text.to_owned());
        let (address, bits) = match text.trim().split_once('/') {
            Some((address, bits)) => (address, Some(bits.parse::<u8>().map_err(|_| wrong())?)),
            None => (text.trim(), None),
        };
        let address: IpAddr = address.parse().map_err(|_| wrong())?;
        let longest = if address.is_ipv4() { 32 } else { 128 };
        let prefix_bits = bits.unwrap_or(longest);
        if prefix_bits > longest {
            return Err(wrong());
        }
        Ok(Self { address, prefix_bits })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_hold_their_addresses_and_no_others() {
        let proxies = TrustedProxies::parse(["10.0.0.0/8", "192.0.2.7", " fd00::/8", "203.0.113.0/31"]).unwrap();
        for inside in ["10.255.0.1", "192.0.2.7", "fd12::1", "203.0.113.1"] {
            assert!(proxies.contains(inside.parse().unwrap()), "{inside}");
        }
        for outside in ["11.0.0.1", "192.0.2.8", "fe80::1", "203.0.113.2", "::ffff:10.0.0.1"] {
            assert!(!proxies.contains(outside.parse().unwrap()), "{outside}");
        }
    }

    #[test]
    fn a_zero_prefix_holds_every_address_of_its_family() {
        let proxies = TrustedProxies::parse(["0.0.0.0/0"]).unwrap();
        assert!(proxies.contains("198.51.100.1".parse().unwrap()));
        assert!(!proxies.contains("::1".parse().unwrap()));
    }

    #[test]
    fn what_is_no_network_is_refused_with_its_text() {
        for wrong in ["", "*", "localhost", "10.0.0.0/33", "10.0.0/8", "::/129", "10.0.0.1/-1"] {
            assert_eq!(TrustedProxies::parse([wrong]), Err(NotANetwork(wrong.to_owned())));
        }
    }
}
