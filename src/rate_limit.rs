//! Token buckets per credential, and what is left of them for the answer's headers.

use std::hash::Hash;
use std::num::NonZeroU32;

use governor::clock::DefaultClock;
use governor::middleware::StateInformationMiddleware;
use governor::state::keyed::DashMapStateStore;
use governor::{Quota, RateLimiter};

use crate::error::{Error, Result};

/// What is left of a limit after a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Allowance {
    /// Requests a minute.
    pub limit: u32,
    /// Requests left right now.
    pub remaining: u32,
}

/// So many requests a minute for each `K`; a burst may use all of them at once.
pub struct PerMinute<K: Hash + Eq + Clone> {
    limit: u32,
    limiter: Option<RateLimiter<K, DashMapStateStore<K>, DefaultClock, StateInformationMiddleware>>,
}

impl<K: Hash + Eq + Clone> PerMinute<K> {
    /// A limit of `limit` requests a minute; 0 is no limit.
    pub fn new(limit: u32) -> Self {
        let quota = NonZeroU32::new(limit).map(Quota::per_minute);
        let limiter = quota.map(|quota| RateLimiter::dashmap(quota).with_middleware());
        Self { limit, limiter }
    }

    /// Takes one request from the bucket of `key`; `None` where there is no limit.
    ///
    /// # Errors
    /// [`Error::TooManyRequests`].
    pub fn take(&self, key: &K) -> Result<Option<Allowance>> {
        let Some(limiter) = &self.limiter else { return Ok(None) };
        match limiter.check_key(key) {
            Ok(state) => Ok(Some(Allowance { limit: self.limit, remaining: state.remaining_burst_capacity() })),
            Err(refused) => {
                let wait = refused.wait_time_from(governor::clock::Clock::now(&DefaultClock::default()));
                Err(Error::TooManyRequests { retry_after_secs: wait.as_secs() + 1, limit: self.limit })
            }
        }
    }

    /// Forgets keys whose buckets are full again; called by a job.
    pub fn forget_idle(&self) {
        if let Some(limiter) = &self.limiter {
            limiter.retain_recent();
            limiter.shrink_to_fit();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_key_has_its_own_bucket_and_the_refusal_says_how_long() {
        let limit = PerMinute::new(2);
        assert_eq!(limit.take(&"a").unwrap(), Some(Allowance { limit: 2, remaining: 1 }));
        assert_eq!(limit.take(&"a").unwrap(), Some(Allowance { limit: 2, remaining: 0 }));
        let refused = limit.take(&"a").unwrap_err();
        assert!(matches!(refused, Error::TooManyRequests { retry_after_secs: 1..=31, limit: 2 }), "{refused:?}");
        assert!(limit.take(&"b").unwrap().is_some());
        assert_eq!(PerMinute::new(0).take(&"a").unwrap(), None);
    }
}
