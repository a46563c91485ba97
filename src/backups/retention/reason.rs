//! Why retention keeps a backup, or lets it go.

use super::rules::Period;

/// Why retention keeps a backup, or lets it go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reason {
    /// Kept: it is being made.
    UnderWay,
    /// Kept: somebody pinned it.
    Pinned,
    /// Kept: it is of another kind than those that are looked at.
    OtherKind,
    /// Kept: by the clock it is of a time to come.
    OfTheFuture,
    /// Kept: its time is not over.
    NotExpired,
    /// Kept: it goes only when somebody deletes it.
    NeverExpires,
    /// Kept: the clock leapt a moment ago, and may be wrong.
    ClockLeapt,
    /// Kept: retention of its tenant is paused.
    Paused,
    /// Kept: the last run of its kind failed.
    LastRunFailed,
    /// Kept: the newest of its tenant that was proven.
    NewestProven,
    /// Kept: one of the newest of its tenant.
    Newest,
    /// Kept: the newest of a day, a week, a month or a year that counts.
    Rule(Period),
    /// Kept: it says why the last try failed.
    LastTry,
    /// Goes: its time is over.
    Expired,
    /// Goes: it is older than was asked for.
    TooOld,
    /// Goes: it says of a failure long ago.
    FailedLongAgo,
}

impl Reason {
    /// Whether the backup stays.
    pub fn keeps(self) -> bool {
        !matches!(self, Self::Expired | Self::TooOld | Self::FailedLongAgo)
    }

    /// The word that is sent.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::UnderWay => "under_way",
            Self::Pinned => "pinned",
            Self::OtherKind => "other_kind",
            Self::OfTheFuture => "of_the_future",
            Self::NotExpired => "not_expired",
            Self::NeverExpires => "never_expires",
            Self::ClockLeapt => "clock_leapt",
            Self::Paused => "paused",
            Self::LastRunFailed => "last_run_failed",
            Self::NewestProven => "newest_proven",
            Self::Newest => "newest",
            Self::Rule(Period::Day) => "rule_daily",
            Self::Rule(Period::Week) => "rule_weekly",
            Self::Rule(Period::Month) => "rule_monthly",
            Self::Rule(Period::Year) => "rule_yearly",
            Self::LastTry => "last_try",
            Self::Expired => "expired",
            Self::TooOld => "too_old",
            Self::FailedLongAgo => "failed_long_ago",
        }
    }
}
