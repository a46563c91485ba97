//! Retention against a naive model: random calendars in zones that change their clocks, with clocks
//! that jump. The model says what each rule means in words of "there is no other that"; it counts days
//! by itself.

use std::time::Duration;

use jiff::tz::TimeZone;
use proptest::prelude::*;
use ruko::backups::retention::{FAILURES_KEPT_FOR, Limit, Period, Reason, Rules, Standing, decide};
use ruko::backups::{Backup, Kind, State};
use ruko::clock::Timestamp;

use crate::extent::tries;

const HOUR: i64 = 3_600_000;
const DAY: i64 = 24 * HOUR;
const ZONES: [&str; 6] =
    ["Asia/Jakarta", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Pacific/Apia", "America/Sao_Paulo"];

/// The rows of one tenant, and the moment at which retention looks at them.
#[derive(Debug, Clone)]
struct Case {
    backups: Vec<Backup>,
    zone: &'static str,
    rules: Rules,
    limit: Limit,
    now: Timestamp,
    is_gone: bool,
    is_paused: bool,
    has_clock_leapt: bool,
}

/// One backup: how long after the one before it began, and how it came out.
type Step = (i64, Kind, State, Option<i64>, bool, bool, bool);

fn step() -> impl Strategy<Value = Step> {
    let pause = prop_oneof![
        6 => 1..40 * HOUR,
        2 => Just(DAY),
        2 => -3 * HOUR..3 * HOUR,
        1 => -400 * DAY..400 * DAY,
    ];
    let state = prop_oneof![8 => Just(State::Ok), 2 => Just(State::Failed), 1 => Just(State::Running)];
    let kept_days = prop_oneof![6 => (1..60_i64).prop_map(Some), 1 => Just(None)];
    let kind = proptest::sample::select(Kind::ALL.to_vec());
    (pause, kind, state, kept_days, prop::bool::weighted(0.1), prop::bool::weighted(0.3), prop::bool::weighted(0.1))
}

fn case() -> impl Strategy<Value = Case> {
    let rules = (0..5_u32, 0..5_u32, 0..5_u32, 0..5_u32, 0..3_u32)
        .prop_map(|(newest, daily, weekly, monthly, yearly)| Rules { newest, daily, weekly, monthly, yearly });
    let limit = prop_oneof![
        3 => Just(Limit::Expiry),
        1 => (1..60_u64, proptest::option::of(proptest::sample::select(Kind::ALL.to_vec())))
            .prop_map(|(days, kind)| Limit::Age { keep: Duration::from_secs(days * 86_400), kind }),
    ];
    // 2019 to 2031: Samoa's missing day lies before, its last change of clocks within.
    let begin = 1_546_300_800_000..1_925_000_000_000_i64;
    let later = prop_oneof![3 => 0..40 * DAY, 2 => 40 * DAY..800 * DAY, 1 => -200 * DAY..0];
    let standing = (prop::bool::weighted(0.1), prop::bool::weighted(0.1), prop::bool::weighted(0.1));
    let zone = proptest::sample::select(ZONES.to_vec());
    (prop::collection::vec(step(), 0..40), zone, rules, limit, begin, later, standing).prop_map(
        |(steps, zone, rules, limit, begin, later, (is_gone, is_paused, has_clock_leapt))| {
            let mut at = begin;
            let backups: Vec<_> = steps
                .into_iter()
                .enumerate()
                .map(|(number, step)| {
                    at += step.0;
                    // Ids are in no order of time.
                    backup(&format!("{:03}", number * 617 % 1000), at, step)
                })
                .collect();
            Case { backups, zone, rules, limit, now: Timestamp(at + later), is_gone, is_paused, has_clock_leapt }
        },
    )
}

fn backup(id: &str, at: i64, (_, kind, state, kept_days, is_pinned, is_proven, is_damaged): Step) -> Backup {
    Backup {
        id: id.into(),
        tenant_id: "warung-1".into(),
        kind,
        asked_by: None,
        state,
        folder: String::new(),
        file_name: String::new(),
        is_compressed: true,
        is_pinned,
        content: None,
        warning: None,
        error: None,
        created_at: Timestamp(at),
        finished_at: None,
        expires_at: kept_days.map(|days| Timestamp(at + days * DAY)),
        proven_at: is_proven.then_some(Timestamp(at)),
        copy: None,
        proof_error: is_damaged.then(|| "damaged".into()),
    }
}

/// Day since 1970, week since then, month since year 0 and year of a time in a zone.
fn places(at: Timestamp, zone: &TimeZone) -> [i64; 4] {
    let offset = zone.to_offset(jiff::Timestamp::from_millisecond(at.0).unwrap()).seconds();
    let day = (at.0 + i64::from(offset) * 1000).div_euclid(DAY);
    // 1 January 1970 was a Thursday.
    let week = (day + 3).div_euclid(7);
    let mut left = day;
    let mut year = 1970;
    let is_leap = |year: i64| year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    while left >= 365 + i64::from(is_leap(year)) {
        left -= 365 + i64::from(is_leap(year));
        year += 1;
    }
    let lengths = [31, 28 + i64::from(is_leap(year)), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let month =
        lengths.iter().scan(0, |sum, length| (*sum += length, Some(*sum)).1).position(|sum| left < sum).unwrap();
    [day, week, year * 12 + i64::try_from(month).unwrap(), year]
}

impl Case {
    fn ended(&self) -> impl Iterator<Item = &Backup> {
        self.backups.iter().filter(|one| one.state != State::Running && one.created_at <= self.now)
    }

    fn good(&self) -> impl Iterator<Item = &Backup> {
        self.ended().filter(|one| one.state == State::Ok && one.proof_error.is_none() && one.kind != Kind::PreRestore)
    }

    /// True when none of `others` is newer.
    fn is_newest<'a>(one: &Backup, mut others: impl Iterator<Item = &'a Backup>) -> bool {
        !others.any(|other| is_newer(other, one))
    }

    /// Whether a rule of the model says so of a backup.
    fn holds(&self, one: &Backup, reason: Reason) -> bool {
        let among = |mut set: Box<dyn Iterator<Item = &Backup> + '_>| set.any(|other| other.id == one.id);
        let zone = TimeZone::get(self.zone).unwrap();
        let is_seen = one.created_at <= self.now;
        match reason {
            Reason::UnderWay => one.state == State::Running,
            Reason::Pinned => one.is_pinned,
            Reason::OfTheFuture => !is_seen,
            Reason::ClockLeapt => self.has_clock_leapt,
            Reason::Paused => self.is_paused && !self.is_gone,
            Reason::OtherKind => {
                one.state == State::Ok && matches!(self.limit, Limit::Age { kind: Some(kind), .. } if kind != one.kind)
            }
            Reason::NeverExpires => one.state == State::Ok && self.limit == Limit::Expiry && one.expires_at.is_none(),
            Reason::NotExpired => match (one.state, self.limit) {
                (State::Failed, _) => self.now.0 - one.created_at.0 < ms(FAILURES_KEPT_FOR),
                (_, Limit::Expiry) => one.expires_at.is_some_and(|at| self.now < at),
                (_, Limit::Age { keep, .. }) => self.now.0 - one.created_at.0 < ms(keep),
            },
            _ if self.is_gone => false,
            Reason::LastRunFailed => {
                let last = self.ended().find(|last| {
                    last.kind == one.kind && Self::is_newest(last, self.ended().filter(|other| other.kind == one.kind))
                });
                one.state == State::Ok && is_seen && last.is_some_and(|last| last.state == State::Failed)
            }
            Reason::LastTry => one.state == State::Failed && is_seen && Self::is_newest(one, self.ended()),
            Reason::NewestProven => {
                let proven = || {
                    self.ended()
                        .filter(|one| one.state == State::Ok && one.proof_error.is_none() && one.proven_at.is_some())
                };
                let saved = || proven().filter(|one| one.kind != Kind::PreRestore);
                if saved().next().is_some() {
                    among(Box::new(saved())) && Self::is_newest(one, saved())
                } else {
                    among(Box::new(proven())) && Self::is_newest(one, proven())
                }
            }
            Reason::Newest => {
                let count = self.good().filter(|other| is_newer(other, one)).count();
                if self.good().next().is_some() {
                    return among(Box::new(self.good())) && count < self.rules.newest.max(1) as usize;
                }
                let finished = || self.ended().filter(|one| one.state == State::Ok);
                let sound = || finished().filter(|one| one.proof_error.is_none());
                let best: Vec<_> = if sound().next().is_some() { sound().collect() } else { finished().collect() };
                best.iter().any(|other| other.id == one.id) && Self::is_newest(one, best.into_iter())
            }
            Reason::Rule(period) => {
                let (place, count) = match period {
                    Period::Day => (0, self.rules.daily),
                    Period::Week => (1, self.rules.weekly),
                    Period::Month => (2, self.rules.monthly),
                    Period::Year => (3, self.rules.yearly),
                };
                let place = |one: &Backup| places(one.created_at, &zone)[place];
                let newer: Vec<_> = self.good().filter(|other| is_newer(other, one)).map(place).collect();
                let taken: std::collections::BTreeSet<_> = newer.iter().collect();
                among(Box::new(self.good())) && !taken.contains(&place(one)) && taken.len() < count as usize
            }
            Reason::Expired | Reason::TooOld | Reason::FailedLongAgo => false,
        }
    }

    fn keeps(&self, one: &Backup) -> bool {
        KEEPING.iter().any(|reason| self.holds(one, *reason))
    }
}

const KEEPING: [Reason; 16] = [
    Reason::UnderWay,
    Reason::Pinned,
    Reason::OtherKind,
    Reason::OfTheFuture,
    Reason::NotExpired,
    Reason::NeverExpires,
    Reason::ClockLeapt,
    Reason::Paused,
    Reason::LastRunFailed,
    Reason::NewestProven,
    Reason::Newest,
    Reason::Rule(Period::Day),
    Reason::Rule(Period::Week),
    Reason::Rule(Period::Month),
    Reason::Rule(Period::Year),
    Reason::LastTry,
];

fn is_newer(one: &Backup, other: &Backup) -> bool {
    (one.created_at, &one.id) > (other.created_at, &other.id)
}

fn ms(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(tries(4000, 400)))]

    #[test]
    fn retention_decides_as_the_naive_model_does(case in case()) {
        let zone = TimeZone::get(case.zone).unwrap();
        let standing = Standing {
            now: case.now,
            zone: &zone,
            is_gone: case.is_gone,
            is_paused: case.is_paused,
            has_clock_leapt: case.has_clock_leapt,
        };
        let reasons = decide(&case.backups, case.rules, case.limit, standing);
        prop_assert_eq!(reasons.len(), case.backups.len());
        for (one, reason) in case.backups.iter().zip(&reasons) {
            prop_assert_eq!(reason.keeps(), case.keeps(one), "{} is {:?}", &one.id, reason);
            prop_assert!(!reason.keeps() || case.holds(one, *reason), "{} is not {:?}", &one.id, reason);
        }
        let stays = |is: &dyn Fn(&Backup) -> bool| {
            case.backups.iter().zip(&reasons).any(|(one, reason)| is(one) && reason.keeps())
        };
        if !case.is_gone && case.backups.iter().any(|one| one.state == State::Ok) {
            prop_assert!(stays(&|one| one.state == State::Ok), "a tenant lost its last backup");
        }
    }

}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(tries(300, 30)))]

    /// Looked at every night for more than a year: all that a calendar promises is there at the end, and
    /// nothing else.
    #[test]
    fn years_of_nights_leave_what_the_rules_promise(
        zone in proptest::sample::select(ZONES.to_vec()),
        begin in 1_546_300_800_000..1_700_000_000_000_i64,
        monthly in 1..14_u32,
        days in 400..700_i64,
    ) {
        let zone = TimeZone::get(zone).unwrap();
        let rules = Rules { newest: 1, daily: 0, weekly: 0, monthly, yearly: 0 };
        let mut rows: Vec<Backup> = Vec::new();
        let mut last_of_months = std::collections::BTreeMap::new();
        for day in 0..days {
            let now = Timestamp(begin + day * DAY);
            let made = backup(&format!("{day:04}"), now.0, (0, Kind::Daily, State::Ok, Some(30), false, false, false));
            last_of_months.insert(places(now, &zone)[2], made.id.clone());
            rows.push(made);
            let standing = Standing { now, zone: &zone, is_gone: false, is_paused: false, has_clock_leapt: false };
            let reasons = decide(&rows, rules, Limit::Expiry, standing);
            let mut reasons = reasons.into_iter();
            rows.retain(|_| reasons.next().is_some_and(Reason::keeps));
        }
        let newest_months: Vec<_> = last_of_months.values().rev().take(monthly as usize).cloned().collect();
        for id in &newest_months {
            prop_assert!(rows.iter().any(|one| one.id == *id), "{} of {:?}", id, &newest_months);
        }
        let young = (days - 30..days).map(|day| format!("{day:04}"));
        let expected: std::collections::BTreeSet<_> = young.chain(newest_months).collect();
        prop_assert_eq!(rows.into_iter().map(|one| one.id).collect::<std::collections::BTreeSet<_>>(), expected);
    }
}
