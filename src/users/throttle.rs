//! Slows down guessing of passwords: failures are counted per account AND address, so that nobody
//! can lock an owner out from elsewhere, and per address over all accounts of the tenant.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::error::{Error, Result};

/// Failures over all accounts that one address may have, as a multiple of those of one account.
const SPRAY_FACTOR: u32 = 10;
/// Counters held at once; when there are more, the expired ones are dropped, then all.
const COUNTERS_MAX: usize = 100_000;

/// Counts failed log-ins. Cheap to clone.
#[derive(Clone)]
pub struct LoginThrottle {
    counters: Arc<Mutex<HashMap<Key, Counter>>>,
    attempts: u32,
    window: Duration,
}

/// Tenant number, account if it is about one, network of the address.
type Key = (i64, Option<String>, IpAddr);

#[derive(Debug, Clone, Copy)]
struct Counter {
    failures: u32,
    since: Instant,
}

impl LoginThrottle {
    /// Allows `attempts` failures of one account from one address within `window`.
    pub fn new(attempts: u32, window: Duration) -> Self {
        Self { counters: Arc::default(), attempts, window }
    }

    /// Fine when a log-in may be tried.
    ///
    /// # Errors
    /// [`Error::TooManyRequests`].
    pub fn check(&self, tenant: i64, email: &str, address: IpAddr) -> Result<()> {
        let counters = self.counters.lock();
        for (key, limit) in self.keys(tenant, email, address) {
            let Some(counter) = counters.get(&key) else { continue };
            let left = self.window.saturating_sub(counter.since.elapsed());
            if counter.failures >= limit && !left.is_zero() {
                return Err(Error::TooManyRequests { retry_after_secs: left.as_secs() + 1, limit });
            }
        }
        Ok(())
    }

    /// Counts a failure.
    pub fn failed(&self, tenant: i64, email: &str, address: IpAddr) {
        let mut counters = self.counters.lock();
        if counters.len() >= COUNTERS_MAX {
            counters.retain(|_, counter| counter.since.elapsed() < self.window);
            if counters.len() >= COUNTERS_MAX {
                counters.clear();
            }
        }
        for (key, _) in self.keys(tenant, email, address) {
            let counter = counters.entry(key).or_insert(Counter { failures: 0, since: Instant::now() });
            if counter.since.elapsed() >= self.window {
                *counter = Counter { failures: 0, since: Instant::now() };
            }
            counter.failures += 1;
        }
    }

    /// A log-in succeeded: the account's counter for this address starts anew.
    pub fn succeeded(&self, tenant: i64, email: &str, address: IpAddr) {
        self.counters.lock().remove(&(tenant, Some(email.to_lowercase()), network(address)));
    }

    fn keys(&self, tenant: i64, email: &str, address: IpAddr) -> [(Key, u32); 2] {
        let network = network(address);
        [
            ((tenant, Some(email.to_lowercase()), network), self.attempts),
            ((tenant, None, network), self.attempts.saturating_mul(SPRAY_FACTOR)),
        ]
    }
}

/// The address itself for IPv4, its /64 for IPv6, which one customer has at least.
fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(v6) => {
            let mut octets = v6.octets();
            octets[8..].fill(0);
            octets.into()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_from_one_address_do_not_lock_another_out() {
        let throttle = LoginThrottle::new(3, Duration::from_secs(60));
        let (attacker, owner) = (IpAddr::from([192, 0, 2, 1]), IpAddr::from([192, 0, 2, 2]));
        for _ in 0..3 {
            throttle.check(1, "a@b.c", attacker).unwrap();
            throttle.failed(1, "A@b.c", attacker);
        }
        assert!(matches!(throttle.check(1, "a@b.c", attacker), Err(Error::TooManyRequests { .. })));
        throttle.check(1, "a@b.c", owner).unwrap();
        throttle.check(2, "a@b.c", attacker).unwrap();
        throttle.succeeded(1, "a@b.c", attacker);
        throttle.check(1, "a@b.c", attacker).unwrap();
    }

    #[test]
    fn spraying_over_many_accounts_is_counted_too() {
        let throttle = LoginThrottle::new(2, Duration::from_secs(60));
        let address: IpAddr = "2001:db8::1".parse().unwrap();
        for index in 0..20 {
            throttle.failed(1, &format!("{index}@b.c"), address);
        }
        let neighbour: IpAddr = "2001:db8::2".parse().unwrap();
        assert!(throttle.check(1, "new@b.c", neighbour).is_err());
    }
}
