//! The decision: no clock, no database, no disk.

use std::cmp::Reverse;
use std::collections::HashMap;

use crate::backups::model::{Backup, Kind, State};
use crate::clock::Timestamp;

use super::reason::Reason;
use super::rules::{FAILURES_KEPT_FOR, Limit, Rules, Standing};

/// Says of every backup of ONE tenant, in the order given, whether it stays and why.
///
/// Whatever the rules, the limit and the clock say, these stay: what is pinned, what is being made, the
/// newest that was proven, the newest finished ones, and backups of a kind whose last run failed.
pub fn decide(backups: &[Backup], rules: Rules, limit: Limit, standing: Standing<'_>) -> Vec<Reason> {
    let kept = if standing.is_gone { Kept::default() } else { Kept::of(backups, rules, standing) };
    let decide = |backup: &Backup| {
        if let Some(reason) = not_due(backup, limit, standing.now) {
            return reason;
        }
        if standing.has_clock_leapt {
            return Reason::ClockLeapt;
        }
        if standing.is_paused && !standing.is_gone {
            return Reason::Paused;
        }
        kept.reasons.get(backup.id.as_str()).copied().unwrap_or(match (backup.state, limit) {
            (State::Failed, _) => Reason::FailedLongAgo,
            (_, Limit::Expiry) => Reason::Expired,
            (_, Limit::Age { .. }) => Reason::TooOld,
        })
    };
    backups.iter().map(decide).collect()
}

/// Why a backup stays that nothing else has to protect.
fn not_due(backup: &Backup, limit: Limit, now: Timestamp) -> Option<Reason> {
    let kept_until = |at: Timestamp| (at > now).then_some(Reason::NotExpired);
    match backup.state {
        State::Running => return Some(Reason::UnderWay),
        _ if backup.is_pinned => return Some(Reason::Pinned),
        _ if backup.created_at > now => return Some(Reason::OfTheFuture),
        State::Failed => return kept_until(backup.created_at.plus(FAILURES_KEPT_FOR)),
        State::Ok => {}
    }
    match limit {
        Limit::Expiry => backup.expires_at.map_or(Some(Reason::NeverExpires), kept_until),
        Limit::Age { kind: Some(kind), .. } if kind != backup.kind => Some(Reason::OtherKind),
        Limit::Age { keep, .. } => kept_until(backup.created_at.plus(keep)),
    }
}

/// The backups of a tenant that stay past their time.
#[derive(Default)]
struct Kept<'a> {
    reasons: HashMap<&'a str, Reason>,
}

impl<'a> Kept<'a> {
    fn of(backups: &'a [Backup], rules: Rules, standing: Standing<'_>) -> Self {
        // What the clock has not come to protects nothing: it may be wrong, and it stays anyway.
        let mut ended: Vec<&Backup> =
            backups.iter().filter(|one| one.state != State::Running && one.created_at <= standing.now).collect();
        ended.sort_by_key(|one| Reverse((one.created_at, one.id.as_str())));
        let mut kept = Self::default();
        kept.of_failing_kinds(&ended);
        kept.newest(&ended, rules.newest);
        kept.by_periods(&ended, rules, standing);
        if let Some(last) = ended.first().filter(|last| last.state == State::Failed) {
            kept.add(last, Reason::LastTry);
        }
        kept
    }

    /// The first reason counts.
    fn add(&mut self, backup: &'a Backup, reason: Reason) {
        self.reasons.entry(&backup.id).or_insert(reason);
    }

    fn of_failing_kinds(&mut self, ended: &[&'a Backup]) {
        for kind in Kind::ALL {
            let mut of_kind = ended.iter().filter(|one| one.kind == kind);
            if of_kind.next().is_some_and(|last| last.state == State::Failed) {
                of_kind.filter(|one| one.state == State::Ok).for_each(|one| self.add(one, Reason::LastRunFailed));
            }
        }
    }

    /// What a restore put aside, and what was found damaged, counts only where there is nothing better.
    fn newest(&mut self, ended: &[&'a Backup], count: u32) {
        let proven = |one: &&&Backup| is_sound(one) && one.proven_at.is_some();
        let aside = |one: &&&Backup| one.kind == Kind::PreRestore;
        let newest_proven = ended.iter().filter(proven).find(|one| !aside(one)).or_else(|| ended.iter().find(proven));
        if let Some(one) = newest_proven {
            self.add(one, Reason::NewestProven);
        }
        let mut newest: Vec<_> = ended.iter().filter(|one| is_good(one)).take(count.max(1) as usize).collect();
        if newest.is_empty() {
            newest.extend(ended.iter().find(|one| is_sound(one)).or_else(|| ended.iter().find(|one| is_ok(one))));
        }
        for one in newest {
            self.add(one, Reason::Newest);
        }
    }

    fn by_periods(&mut self, ended: &[&'a Backup], rules: Rules, standing: Standing<'_>) {
        for (period, count) in rules.periods() {
            let (mut left, mut last) = (count, None);
            for one in ended.iter().filter(|one| is_good(one)) {
                if left == 0 {
                    break;
                }
                let of = Some(period.of(one.created_at, standing.zone));
                if of != last {
                    (left, last) = (left - 1, of);
                    self.add(one, Reason::Rule(period));
                }
            }
        }
    }
}

fn is_ok(backup: &Backup) -> bool {
    backup.state == State::Ok
}

/// There, and nothing was found wrong with it.
fn is_sound(backup: &Backup) -> bool {
    is_ok(backup) && backup.proof_error.is_none()
}

/// What its tenant was saved as, and not what it was rescued from.
fn is_good(backup: &Backup) -> bool {
    is_sound(backup) && backup.kind != Kind::PreRestore
}
