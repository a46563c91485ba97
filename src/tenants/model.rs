//! Types of tenants and the rules that need no database.

use std::str::FromStr;

use secrecy::SecretString;

use crate::clock::Timestamp;
use crate::data_dir::DbName;
use crate::error::{Error, Result, Rule};
use crate::id::TenantId;

use super::access::ActiveTenant;
use super::epoch::Epoch;
use super::settings::{OwnSettings, Settings, SettingsPatch};

/// Where a tenant stands in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TenantState {
    /// Its file is being made; a start of the server clears leftovers away.
    Creating,
    /// In use.
    Active,
    /// All its credentials answer 403.
    Suspended,
    /// Its file is closed and complete, so that it can be copied; requests answer 403.
    Frozen,
    /// Its file moves to the trash; a start of the server finishes that.
    Deleting,
    /// Its file waits in the trash.
    Deleted,
    /// Its file is let go; a start of the server finishes that.
    Detaching,
}

impl TenantState {
    /// The stored text.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Creating => "creating",
            Self::Active => "active",
            Self::Suspended => "suspended",
            Self::Frozen => "frozen",
            Self::Deleting => "deleting",
            Self::Deleted => "deleted",
            Self::Detaching => "detaching",
        }
    }

    /// True for a tenant that its callers may know of.
    pub fn is_visible(self) -> bool {
        matches!(self, Self::Active | Self::Suspended | Self::Frozen)
    }

    /// Fine when requests may be served.
    ///
    /// # Errors
    /// [`Error::TenantNotActive`] otherwise.
    pub fn check_serving(self) -> Result<()> {
        if self == Self::Active { Ok(()) } else { Err(Error::TenantNotActive(self.as_str())) }
    }
}

impl FromStr for TenantState {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let usual = [Self::Active, Self::Suspended, Self::Frozen, Self::Deleted];
        let passing = [Self::Creating, Self::Deleting, Self::Detaching];
        let found = usual.into_iter().chain(passing).find(|state| state.as_str() == text);
        found.ok_or_else(|| Error::internal(anyhow::anyhow!("unknown tenant state {text:?}")))
    }
}

/// Where a tenant's file came from. A start of the server that finds it half made throws a made or
/// imported file away and leaves an adopted one to its owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// Made for the tenant.
    Made,
    /// Found under the tenant's name.
    Adopted,
    /// Unpacked from an archive or a backup.
    Imported,
}

impl Origin {
    /// The stored text.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Made => "made",
            Self::Adopted => "adopted",
            Self::Imported => "imported",
        }
    }
}

impl FromStr for Origin {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let found = [Self::Made, Self::Adopted, Self::Imported].into_iter().find(|origin| origin.as_str() == text);
        found.ok_or_else(|| Error::internal(anyhow::anyhow!("unknown origin {text:?}")))
    }
}

/// Notes on a database elsewhere (`db_host` and its kin). They choose nothing; see
/// docs/COMPATIBILITY.md.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ConnectionNotes {
    /// Host name.
    pub host: Option<String>,
    /// Port, 1 to 65535.
    pub port: Option<i64>,
    /// User name.
    pub username: Option<String>,
}

/// A tenant's row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tenant {
    /// Its id.
    pub id: TenantId,
    /// Its number.
    pub number: i64,
    /// Its name.
    pub name: String,
    /// Logical name of its file; in the trash, the name it had.
    pub db_name: String,
    /// Notes on a database elsewhere.
    pub notes: ConnectionNotes,
    /// Whether a password belongs to those notes.
    pub has_db_password: bool,
    /// Code of its plan.
    pub plan_code: String,
    /// Limits that differ from the plan's.
    pub limits: LimitsPatch,
    /// Largest size of its file.
    pub max_storage_bytes: Option<i64>,
    /// What it has set of its own.
    pub settings: OwnSettings,
    /// State.
    pub state: TenantState,
    /// What a thaw goes back to.
    pub thaw_to: Option<TenantState>,
    /// What an undelete goes back to.
    pub state_was: Option<TenantState>,
    /// Where its file came from.
    pub origin: Origin,
    /// Schema version its file was last seen with.
    pub schema_version: i64,
    /// Why its file could not be brought to a newer schema, until it is.
    pub migration_failure: Option<MigrationFailure>,
    /// When it was moved to the trash.
    pub deleted_at: Option<Timestamp>,
    /// Created.
    pub created_at: Timestamp,
    /// Last changed.
    pub updated_at: Timestamp,
}

/// A migration of a tenant's file that did not succeed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MigrationFailure {
    /// The code of its error.
    pub code: String,
    /// The error, for the operator.
    pub text: String,
    /// When it failed so for the first time.
    pub at: Timestamp,
}

impl Tenant {
    /// The name of its file.
    pub(super) fn file_name(&self) -> Result<DbName> {
        self.db_name.parse().map_err(|_| {
            Error::internal(anyhow::anyhow!("tenant {} has an impossible db_name {:?}", self.id, self.db_name))
        })
    }

    pub(super) fn activate(self, server: &Settings, epoch: Epoch, epoch_seen: u64) -> Result<ActiveTenant> {
        let (db_name, settings) = (self.file_name()?, self.settings.in_force(server));
        let max_bytes = self.max_storage_bytes.and_then(|bytes| u64::try_from(bytes).ok());
        Ok(ActiveTenant::new(self.id, self.number, self.name, db_name, max_bytes, settings, (epoch, epoch_seen)))
    }
}

/// What a new tenant is made of.
#[derive(Debug, Clone, Default)]
pub struct NewTenant {
    /// Its name.
    pub name: String,
    /// Logical name of its file; made from the id when missing.
    pub db_name: Option<String>,
    /// Notes on a database elsewhere.
    pub notes: ConnectionNotes,
    /// Password of those notes.
    pub db_password: Option<SecretString>,
    /// Code of its plan; `starter` when missing.
    pub plan_code: Option<String>,
    /// Limits that differ from the plan's.
    pub limits: LimitsPatch,
    /// Largest size of its file in bytes.
    pub max_storage_bytes: Option<i64>,
    /// Settings of its own.
    pub settings: SettingsPatch,
}

/// Changes to a tenant. `None` leaves a field as it is; an inner `None` empties it.
#[derive(Debug, Clone, Default)]
pub struct TenantPatch {
    /// New name.
    pub name: Option<String>,
    /// New logical name of its file, which is renamed.
    pub db_name: Option<String>,
    /// New host note.
    pub db_host: Option<Option<String>>,
    /// New port note.
    pub db_port: Option<Option<i64>>,
    /// New user note.
    pub db_username: Option<Option<String>>,
    /// New password of the notes.
    pub db_password: Option<Option<SecretString>>,
    /// New plan.
    pub plan_code: Option<String>,
    /// Changed limits; emptied, the plan's own count again.
    pub limits: Option<Option<LimitsPatch>>,
    /// New largest size of its file.
    pub max_storage_bytes: Option<Option<i64>>,
    /// Changed settings; emptied, all are as the server has them.
    pub settings: Option<Option<SettingsPatch>>,
}

/// Limits of a tenant that override its plan's. The outer `None` means "as the plan says", the
/// inner one "unlimited".
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct LimitsPatch {
    /// Devices.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "present")]
    pub max_phone_numbers: Option<Option<i64>>,
    /// Messages a day.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "present")]
    pub max_messages_per_day: Option<Option<i64>>,
    /// Messages a month.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "present")]
    pub max_messages_per_month: Option<Option<i64>>,
    /// Auto replies.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "present")]
    pub max_auto_replies: Option<Option<i64>>,
    /// Scheduled messages.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "present")]
    pub max_scheduled_messages: Option<Option<i64>>,
}

/// Keeps `null` ("unlimited") apart from a missing field ("as the plan says").
mod present {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[allow(clippy::option_option, clippy::ref_option, reason = "serde gives the signature")]
    pub(super) fn serialize<S: Serializer>(value: &Option<Option<i64>>, serializer: S) -> Result<S::Ok, S::Error> {
        value.flatten().serialize(serializer)
    }

    #[allow(clippy::option_option, reason = "see above")]
    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<i64>>, D::Error> {
        Option::<i64>::deserialize(deserializer).map(Some)
    }
}

impl LimitsPatch {
    /// These overrides with `newer` on top.
    pub fn overlaid(self, newer: Self) -> Self {
        Self {
            max_phone_numbers: newer.max_phone_numbers.or(self.max_phone_numbers),
            max_messages_per_day: newer.max_messages_per_day.or(self.max_messages_per_day),
            max_messages_per_month: newer.max_messages_per_month.or(self.max_messages_per_month),
            max_auto_replies: newer.max_auto_replies.or(self.max_auto_replies),
            max_scheduled_messages: newer.max_scheduled_messages.or(self.max_scheduled_messages),
        }
    }

    /// True when no limit is below 0.
    pub(super) fn are_sane(self) -> bool {
        let Limits {
            max_phone_numbers,
            max_messages_per_day,
            max_messages_per_month,
            max_auto_replies,
            max_scheduled_messages,
        } = self.over(Limits::default());
        [max_phone_numbers, max_messages_per_day, max_messages_per_month, max_auto_replies, max_scheduled_messages]
            .into_iter()
            .flatten()
            .all(|limit| limit >= 0)
    }

    /// The limits in force: these overrides over the plan's.
    pub fn over(self, plan: Limits) -> Limits {
        Limits {
            max_phone_numbers: self.max_phone_numbers.unwrap_or(plan.max_phone_numbers),
            max_messages_per_day: self.max_messages_per_day.unwrap_or(plan.max_messages_per_day),
            max_messages_per_month: self.max_messages_per_month.unwrap_or(plan.max_messages_per_month),
            max_auto_replies: self.max_auto_replies.unwrap_or(plan.max_auto_replies),
            max_scheduled_messages: self.max_scheduled_messages.unwrap_or(plan.max_scheduled_messages),
        }
    }
}

/// Limits in force; `None` is unlimited.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Limits {
    /// Devices.
    pub max_phone_numbers: Option<i64>,
    /// Messages a day.
    pub max_messages_per_day: Option<i64>,
    /// Messages a month.
    pub max_messages_per_month: Option<i64>,
    /// Auto replies.
    pub max_auto_replies: Option<i64>,
    /// Scheduled messages.
    pub max_scheduled_messages: Option<i64>,
}

/// A plan: limits under a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// Stable code.
    pub code: String,
    /// Name for people.
    pub label: String,
    /// Its limits.
    pub limits: Limits,
}

/// A domain of a tenant. Stored and shown; it routes nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Domain {
    /// Its id.
    pub id: i64,
    /// Host name, lower case.
    pub domain: String,
    /// Created.
    pub created_at: Timestamp,
}

/// Which tenants to list.
#[derive(Debug, Clone, Default)]
pub struct TenantFilter {
    /// Part of the name, id or file name.
    pub search: Option<String>,
    /// Only tenants in this state; without it all but the deleted.
    pub state: Option<TenantState>,
}

/// One page of tenants.
#[derive(Debug, Clone, Default)]
pub struct TenantPage {
    /// The rows.
    pub tenants: Vec<Tenant>,
    /// Rows on all pages.
    pub total: i64,
}

/// What is wrong with a name, which has 1 to 255 characters.
pub(super) fn name_error(name: &str) -> Option<Rule> {
    match name.chars().count() {
        0 => Some(Rule::Required),
        1..=255 => None,
        _ => Some(Rule::MaxLength(255)),
    }
}
