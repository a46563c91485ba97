//! Slows down guessing of passwords. Attempts are counted per account AND network, so that nobody
//! can lock an owner out from elsewhere; per network over all accounts of the tenant; and per
//! account over all networks from which it has not been logged in to lately. Those are asked for
//! where it matters only: when this last count would hold an attempt up.
//!
//! Hashing a password takes time, and of a thousand guesses sent at once all would find the counter
//! still low. So only as many are under way as may fail; the others wait for their verdicts. Those
//! who know the password are all let in, however many come at once.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::sync::futures::OwnedNotified;

use crate::error::{Error, Result};

/// Failures that a network may have over all accounts, and an account over all networks, as a
/// multiple of those of one account from one network.
const SPRAY_FACTOR: u32 = 10;
/// Entries held at once of each kind; when there are more, the expired ones are dropped, then all.
const ENTRIES_MAX: usize = 100_000;

/// Counts log-ins that have not succeeded. Cheap to clone.
#[derive(Clone)]
pub struct LoginThrottle {
    memory: Arc<Mutex<Memory>>,
    attempts: u32,
    window: Duration,
}

#[derive(Default)]
struct Memory {
    counters: HashMap<Key, Counter>,
}

/// What is counted, within a tenant.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Key {
    AccountFrom(i64, String, IpAddr),
    Network(i64, IpAddr),
    AccountFromUnknown(i64, String),
}

#[derive(Debug)]
struct Counter {
    failures: u32,
    /// Attempts without a verdict yet.
    running: u32,
    since: Instant,
    /// Tells whoever waits that one of them has ended.
    ended: Arc<Notify>,
}

impl Counter {
    fn new(now: Instant) -> Self {
        Self { failures: 0, running: 0, since: now, ended: Arc::default() }
    }
}

/// What a try to begin comes to.
enum Turn {
    Now(Attempt),
    /// When one of those under way has ended.
    Later(OwnedNotified),
    /// Not yet, unless the account was logged in to from this network lately.
    IfKnown,
}

/// A log-in that is tried. Unless it is said to have succeeded, it counts as failed.
#[must_use]
pub struct Attempt {
    throttle: LoginThrottle,
    keys: Vec<Key>,
    has_failed: bool,
}

impl LoginThrottle {
    /// Allows `attempts` failures of one account from one network within `window`.
    pub fn new(attempts: u32, window: Duration) -> Self {
        Self { memory: Arc::default(), attempts, window }
    }

    /// Begins a log-in; waits while as many are under way as may fail. `look_up` tells whether the
    /// account was logged in to from this network lately; it is asked at most once.
    ///
    /// # Errors
    /// [`Error::TooManyRequests`]; those of `look_up`.
    pub(super) async fn begin(
        &self,
        tenant: i64,
        email: &str,
        address: IpAddr,
        look_up: impl Future<Output = Result<bool>>,
    ) -> Result<Attempt> {
        let (mut look_up, mut is_known) = (Some(look_up), None);
        loop {
            match self.try_begin(tenant, email, address, is_known)? {
                Turn::Now(attempt) => return Ok(attempt),
                Turn::Later(ended) => ended.await,
                Turn::IfKnown => {
                    is_known = match look_up.take() {
                        Some(look_up) => Some(look_up.await?),
                        None => Some(false),
                    }
                }
            }
        }
    }

    fn try_begin(&self, tenant: i64, email: &str, address: IpAddr, is_known: Option<bool>) -> Result<Turn> {
        let now = Instant::now();
        let (account, network, many) =
            (email.to_lowercase(), network(address), self.attempts.saturating_mul(SPRAY_FACTOR));
        let mut memory = self.memory.lock();
        let mut limits = vec![
            (Key::AccountFrom(tenant, account.clone(), network), self.attempts),
            (Key::Network(tenant, network), many),
        ];
        if is_known != Some(true) {
            limits.push((Key::AccountFromUnknown(tenant, account), many));
        }
        let mut later = None;
        for (key, limit) in &limits {
            let Some(counter) = memory.counters.get(key) else { continue };
            let left = self.window.saturating_sub(now.duration_since(counter.since));
            let failures = if left.is_zero() { 0 } else { counter.failures };
            let holds_up = failures.saturating_add(counter.running) >= *limit;
            if holds_up && is_known.is_none() && matches!(key, Key::AccountFromUnknown(..)) {
                return Ok(Turn::IfKnown);
            }
            if failures >= *limit {
                return Err(Error::TooManyRequests { retry_after_secs: left.as_secs() + 1, limit: *limit });
            }
            if holds_up {
                // Made under the lock, so that no end is missed.
                later = Some(counter.ended.clone().notified_owned());
            }
        }
        if let Some(ended) = later {
            return Ok(Turn::Later(ended));
        }
        memory.make_room(now, self.window);
        for (key, _) in &limits {
            let counter = memory.counters.entry(key.clone()).or_insert_with(|| Counter::new(now));
            if now.duration_since(counter.since) >= self.window {
                (counter.failures, counter.since) = (0, now);
            }
            counter.running += 1;
        }
        drop(memory);
        let keys = limits.into_iter().map(|(key, _)| key).collect();
        Ok(Turn::Now(Attempt { throttle: self.clone(), keys, has_failed: true }))
    }
}

impl Memory {
    fn make_room(&mut self, now: Instant, window: Duration) {
        if self.counters.len() >= ENTRIES_MAX {
            // Somebody may wait for what is under way.
            self.counters.retain(|_, counter| counter.running > 0 || now.duration_since(counter.since) < window);
            if self.counters.len() >= ENTRIES_MAX {
                self.counters.retain(|_, counter| counter.running > 0);
            }
        }
    }

    fn end(&mut self, key: &Key, has_failed: bool) {
        if let Some(counter) = self.counters.get_mut(key) {
            counter.running = counter.running.saturating_sub(1);
            counter.failures = counter.failures.saturating_add(has_failed.into());
            counter.ended.notify_waiters();
            if counter.failures == 0 && counter.running == 0 {
                self.counters.remove(key);
            }
        }
    }
}

impl Attempt {
    /// It succeeded: the account starts anew for this network.
    pub fn succeeded(mut self) {
        self.has_failed = false;
        let mut memory = self.throttle.memory.lock();
        for key in self.keys.iter().filter(|key| matches!(key, Key::AccountFrom(..))) {
            if let Some(counter) = memory.counters.get_mut(key) {
                counter.failures = 0;
            }
        }
    }

    /// It came to no verdict on the password, and does not count.
    pub fn withdraw(mut self) {
        self.has_failed = false;
    }
}

impl Drop for Attempt {
    fn drop(&mut self) {
        let mut memory = self.throttle.memory.lock();
        self.keys.iter().for_each(|key| memory.end(key, self.has_failed));
    }
}

/// The address itself for IPv4, its /64 for IPv6, which one customer has at least.
pub(super) fn network(address: IpAddr) -> IpAddr {
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
    use futures_util::FutureExt as _;

    use super::*;

    fn throttle(attempts: u32) -> LoginThrottle {
        LoginThrottle::new(attempts, Duration::from_secs(60))
    }

    impl LoginThrottle {
        /// Begins a log-in that need not wait.
        fn at_once(&self, tenant: i64, email: &str, address: IpAddr) -> Result<Attempt> {
            self.begin(tenant, email, address, never_seen()).now_or_never().expect("it waits")
        }
    }

    async fn never_seen() -> Result<bool> {
        Ok(false)
    }

    fn address(last: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, last])
    }

    #[test]
    fn failures_from_one_address_do_not_lock_another_out() {
        let throttle = throttle(3);
        for _ in 0..3 {
            drop(throttle.at_once(1, "A@b.c", address(1)).unwrap());
        }
        assert!(matches!(throttle.at_once(1, "a@b.c", address(1)), Err(Error::TooManyRequests { .. })));
        throttle.at_once(1, "a@b.c", address(2)).unwrap().succeeded();
        throttle.at_once(2, "a@b.c", address(1)).unwrap().withdraw();
    }

    #[test]
    fn success_forgives_the_failures_before_it() {
        let throttle = throttle(2);
        for _ in 0..15 {
            drop(throttle.at_once(1, "a@b.c", address(1)).unwrap());
            throttle.at_once(1, "a@b.c", address(1)).unwrap().succeeded();
            throttle.at_once(1, "a@b.c", address(1)).unwrap().withdraw();
        }
    }

    #[test]
    fn no_more_are_under_way_than_may_fail() {
        let throttle = throttle(2);
        let begin = || throttle.at_once(1, "a@b.c", address(1));
        let (first, second) = (begin().unwrap(), begin().unwrap());
        let mut third = std::pin::pin!(throttle.begin(1, "a@b.c", address(1), never_seen()));
        let mut fourth = std::pin::pin!(throttle.begin(1, "a@b.c", address(1), never_seen()));
        assert!(third.as_mut().now_or_never().is_none() && fourth.as_mut().now_or_never().is_none(), "both wait");
        throttle.at_once(1, "a@b.c", address(2)).unwrap().withdraw();
        first.succeeded();
        let third = third.now_or_never().unwrap().unwrap();
        assert!(fourth.as_mut().now_or_never().is_none());
        drop((second, third));
        assert!(fourth.now_or_never().unwrap().is_err() && begin().is_err(), "two have failed");
    }

    #[test]
    fn spraying_over_many_accounts_is_counted_too() {
        let throttle = throttle(2);
        let attacker: IpAddr = "2001:db8::1".parse().unwrap();
        for index in 0..20 {
            drop(throttle.at_once(1, &format!("{index}@b.c"), attacker).unwrap());
        }
        let neighbour: IpAddr = "2001:db8::2".parse().unwrap();
        assert!(throttle.at_once(1, "new@b.c", neighbour).is_err());
    }

    #[test]
    fn guessing_from_many_addresses_ends_and_leaves_known_ones_alone() {
        let throttle = throttle(2);
        let begin = |last, is_known: bool| {
            let attempt = throttle.begin(1, "a@b.c", address(last), async move { Ok(is_known) });
            attempt.now_or_never().expect("it waits")
        };
        let under_way: Vec<Attempt> = (0..20).map(|last| begin(last, false).unwrap()).collect();
        begin(200, true).unwrap().succeeded();
        drop(under_way);
        assert!(begin(99, false).is_err());
        begin(200, true).unwrap().succeeded();
        assert!(
            throttle.begin(1, "a@b.c", address(99), async { Err(Error::LoginFailed) }).now_or_never().unwrap().is_err()
        );
    }

    #[test]
    fn nobody_asks_for_known_networks_before_the_limit() {
        let throttle = throttle(2);
        for last in 0..20 {
            let attempt = throttle.begin(1, "a@b.c", address(last), async { panic!("it is asked") });
            drop(attempt.now_or_never().unwrap());
        }
    }
}
