//! The ways on which alerts go out, and how each of them fares.

use std::time::Duration;

use crate::clock::Timestamp;
use crate::mail::Wrong;

/// A way on which alerts go out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Channel {
    /// A mail.
    Mail,
    /// A request to a URL, with everything in it.
    Webhook,
    /// A request to a URL that says nothing but that a run went well, or not.
    Heartbeat,
}

impl Channel {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Mail, Self::Webhook, Self::Heartbeat];

    /// The sent word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Mail => "mail",
            Self::Webhook => "webhook",
            Self::Heartbeat => "heartbeat",
        }
    }

    /// Where it is written down what a channel has told.
    pub(super) fn column(self) -> &'static str {
        if self == Self::Mail { "mailed_at" } else { "posted_at" }
    }
}

/// Pauses between tries; the last one is that of all that follow.
const PAUSES_MIN: [u64; 5] = [1, 2, 5, 15, 60];

/// How a channel fares. What it has to tell stands in the central file; this is forgotten at a stop.
#[derive(Debug, Clone, Default)]
pub(super) struct Delivery {
    /// Why the last try failed, with when the next one is and how many failed in a row.
    failed: Option<(Wrong, Timestamp, usize)>,
    /// What waits to be told because of that.
    pub(super) waiting: usize,
}

impl Delivery {
    pub(super) fn error(&self) -> Option<&Wrong> {
        self.failed.as_ref().map(|(wrong, _, _)| wrong)
    }

    /// Whether it is time to try. A pause that is longer than any is of a clock that was wrong.
    pub(super) fn may_try(&self, now: Timestamp) -> bool {
        let longest = Duration::from_secs(60 * PAUSES_MIN[PAUSES_MIN.len() - 1]);
        self.failed.as_ref().is_none_or(|(_, next, _)| !(now..=now.plus(longest)).contains(next) || *next == now)
    }

    /// Takes how a try went. The log hears of it once.
    pub(super) fn note(&mut self, channel: Channel, outcome: Result<(), Wrong>, waiting: usize, now: Timestamp) {
        match outcome {
            Ok(()) => {
                if self.failed.is_some() {
                    tracing::info!(alerts.channel = channel.as_str(), "alerts are delivered again");
                }
                *self = Self::default();
            }
            Err(wrong) => {
                let count = self.failed.as_ref().map_or(0, |(_, _, count)| *count);
                if count == 0 {
                    let (channel, setting, error) = (channel.as_str(), wrong.setting, &wrong.text);
                    tracing::error!(
                        alerts.channel = channel,
                        alerts.setting = setting,
                        error,
                        "alerts could not be delivered; it is tried again and not told again"
                    );
                }
                let pause = Duration::from_secs(60 * PAUSES_MIN[count.min(PAUSES_MIN.len() - 1)]);
                self.failed = Some((wrong, now.plus(pause), count + 1));
                self.waiting = waiting;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_an_hour_and_end_with_a_success_or_a_clock_that_goes_back() {
        let minutes = |count: i64| Timestamp(count * 60_000);
        let wrong = || Err(Wrong::new("mail.host", "it is gone".into()));
        let (mut delivery, mut now) = (Delivery::default(), minutes(1000));
        for pause in [1, 2, 5, 15, 60, 60] {
            assert!(delivery.may_try(now));
            delivery.note(Channel::Mail, wrong(), 3, now);
            assert!(!delivery.may_try(Timestamp(now.0 + pause * 60_000 - 1)), "{pause}");
            now = Timestamp(now.0 + pause * 60_000);
        }
        assert_eq!((delivery.waiting, delivery.error().unwrap().setting), (3, "mail.host"));
        delivery.note(Channel::Mail, wrong(), 3, now);
        assert!(delivery.may_try(minutes(10)));
        delivery.note(Channel::Mail, Ok(()), 0, now);
        assert!(delivery.may_try(now) && delivery.error().is_none() && delivery.waiting == 0);
    }
}
