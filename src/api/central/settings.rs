//! Settings of a tenant as the operator sends and sees them.

use poem_openapi::types::MaybeUndefined;
use poem_openapi::{Enum, Object};
use serde::Serialize;

use crate::api::kit::cron::CronIn;
use crate::api::kit::zone::ZoneIn;
use crate::config::Language;
use crate::tenants::{Settings, SettingsPatch};

use super::tenant_in::emptied;

/// A language that ruko speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum, Serialize)]
#[oai(rename_all = "snake_case", rename = "TenantLocale")]
#[serde(rename_all = "snake_case")]
enum LocaleName {
    /// English.
    En,
    /// Bahasa Indonesia.
    Id,
}

impl From<LocaleName> for Language {
    fn from(name: LocaleName) -> Self {
        match name {
            LocaleName::En => Self::English,
            LocaleName::Id => Self::Indonesian,
        }
    }
}

/// Settings that differ from the server's. What is left out stays as it is; null is as the server
/// has it.
#[derive(Debug, Object)]
#[oai(rename = "TenantSettingsIn")]
pub(super) struct SettingsIn {
    /// Fewest characters of a new password, not below the server's own.
    #[oai(validator(minimum(value = "1"), maximum(value = "128")))]
    password_min_length: MaybeUndefined<i64>,
    /// IANA name of the time zone in which dates, and times without a zone, are read.
    time_zone: MaybeUndefined<ZoneIn>,
    /// Language of texts for people where a request asks for none that ruko speaks.
    locale: MaybeUndefined<LocaleName>,
    /// False when no schedule is to back it up.
    backup_enabled: MaybeUndefined<bool>,
    /// When it is backed up for the day: a cron expression in its own time zone, or `off`.
    backup_daily: MaybeUndefined<CronIn>,
    /// When it is backed up for the week.
    backup_weekly: MaybeUndefined<CronIn>,
}

impl From<SettingsIn> for SettingsPatch {
    fn from(input: SettingsIn) -> Self {
        // The schema's bounds keep it small and positive.
        let length = |length: i64| usize::try_from(length).unwrap_or_default();
        Self {
            password_min_length: emptied(input.password_min_length).map(|value| value.map(length)),
            time_zone: emptied(input.time_zone).map(|zone| zone.map(|zone| zone.0)),
            locale: emptied(input.locale).map(|locale| locale.map(Language::from)),
            backup_enabled: emptied(input.backup_enabled),
            backup_daily: emptied(input.backup_daily).map(|cron| cron.map(|cron| cron.0)),
            backup_weekly: emptied(input.backup_weekly).map(|cron| cron.map(|cron| cron.0)),
        }
    }
}

/// Settings in force, the tenant's own or the server's.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "TenantSettings")]
pub(super) struct SettingsOut {
    /// Fewest characters of a new password.
    password_min_length: u32,
    /// IANA name of the time zone in which dates, and times without a zone, are read.
    time_zone: String,
    /// Language of texts for people where a request asks for none that ruko speaks.
    locale: LocaleName,
    /// Whether a schedule backs it up; missing where that is as the server has it.
    #[oai(skip_serializing_if_is_none)]
    #[serde(skip_serializing_if = "Option::is_none")]
    backup_enabled: Option<bool>,
    /// When it is backed up for the day: a cron expression in its own time zone, or `off`; missing where that
    /// is as the server has it.
    #[oai(skip_serializing_if_is_none)]
    #[serde(skip_serializing_if = "Option::is_none")]
    backup_daily: Option<String>,
    /// The same for the week.
    #[oai(skip_serializing_if_is_none)]
    #[serde(skip_serializing_if = "Option::is_none")]
    backup_weekly: Option<String>,
}

impl From<Settings> for SettingsOut {
    fn from(settings: Settings) -> Self {
        Self {
            password_min_length: u32::try_from(settings.password_min_length).unwrap_or(u32::MAX),
            time_zone: settings.time_zone.name().to_owned(),
            locale: match settings.locale {
                Language::English => LocaleName::En,
                Language::Indonesian => LocaleName::Id,
            },
            backup_enabled: settings.backup.enabled,
            backup_daily: settings.backup.daily,
            backup_weekly: settings.backup.weekly,
        }
    }
}
