//! Settings of a tenant: where it differs from the server.

use serde::{Deserialize, Serialize};

use crate::config::{Language, Schedule, Zone};
use crate::error::Rule;

/// As far as the shortest allowed password may be raised.
const PASSWORD_MIN_LENGTH_MAX: usize = 128;

/// Settings in force, of the server or of a tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Fewest characters of a new password.
    pub password_min_length: usize,
    /// Zone of times that come without one.
    pub time_zone: Zone,
    /// Language of texts for people where a request asks for none that ruko speaks.
    pub locale: Language,
    /// When it is backed up.
    pub backup: BackupSettings,
}

/// When a tenant is backed up, where it differs from the server.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BackupSettings {
    /// False for never.
    pub enabled: Option<bool>,
    /// Cron expression of every day's, in the tenant's time zone, or `off`.
    pub daily: Option<String>,
    /// The same of every week's.
    pub weekly: Option<String>,
}

/// What a tenant has set of its own, as it is stored. What is missing, or says nothing to this ruko,
/// is as the server has it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct OwnSettings {
    #[serde(skip_serializing_if = "Option::is_none")]
    password_min_length: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    time_zone: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    locale: Option<String>,
    // An index finds the tenants with one of these by how their names begin.
    #[serde(skip_serializing_if = "Option::is_none")]
    backup_enabled: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    backup_daily: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    backup_weekly: Option<String>,
}

/// Changes to a tenant's own settings. `None` leaves one as it is, an inner `None` is as the server
/// has it.
#[derive(Debug, Clone, Default)]
pub struct SettingsPatch {
    /// Fewest characters of a new password.
    pub password_min_length: Option<Option<usize>>,
    /// Zone of times that come without one.
    pub time_zone: Option<Option<Zone>>,
    /// Language of texts for people.
    pub locale: Option<Option<Language>>,
    /// Whether it is backed up by a schedule.
    pub backup_enabled: Option<Option<bool>>,
    /// When it is backed up for the day.
    pub backup_daily: Option<Option<Schedule>>,
    /// When it is backed up for the week.
    pub backup_weekly: Option<Option<Schedule>>,
}

impl OwnSettings {
    /// These over the server's. A password never gets shorter than the server allows.
    pub fn in_force(&self, server: &Settings) -> Settings {
        let time_zone = self.zone();
        let own_length = self.password_min_length.unwrap_or(0).min(PASSWORD_MIN_LENGTH_MAX);
        Settings {
            password_min_length: own_length.max(server.password_min_length),
            time_zone: time_zone.unwrap_or_else(|| server.time_zone.clone()),
            locale: self.locale.as_deref().and_then(Language::find).unwrap_or(server.locale),
            backup: self.backup(),
        }
    }

    /// What it has set of its backups.
    pub fn backup(&self) -> BackupSettings {
        let known = |text: &Option<String>| text.clone().filter(|text| Schedule::find(text).is_some());
        let (daily, weekly) = (known(&self.backup_daily), known(&self.backup_weekly));
        BackupSettings { enabled: self.backup_enabled, daily, weekly }
    }

    /// The zone it has set.
    pub fn zone(&self) -> Option<Zone> {
        self.time_zone.as_deref().and_then(Zone::find)
    }

    /// These settings with `newer` on top.
    pub(super) fn overlaid(self, newer: &SettingsPatch) -> Self {
        let SettingsPatch { password_min_length, time_zone, locale, backup_enabled, .. } = newer;
        let text = |schedule: &Option<Option<Schedule>>, own: Option<String>| {
            schedule.as_ref().map_or(own, |schedule| schedule.as_ref().map(|schedule| schedule.expression().to_owned()))
        };
        let time_zone = time_zone.as_ref().map(|zone| zone.as_ref().map(|zone| zone.name().to_owned()));
        let locale = locale.map(|locale| locale.map(|locale| locale.as_str().to_owned()));
        Self {
            password_min_length: password_min_length.unwrap_or(self.password_min_length),
            time_zone: time_zone.unwrap_or(self.time_zone),
            locale: locale.unwrap_or(self.locale),
            backup_enabled: backup_enabled.unwrap_or(self.backup_enabled),
            backup_daily: text(&newer.backup_daily, self.backup_daily),
            backup_weekly: text(&newer.backup_weekly, self.backup_weekly),
        }
    }

    /// True when every value is one that a tenant can have set.
    pub(super) fn are_sane(&self) -> bool {
        self.password_min_length.is_none_or(|length| (1..=PASSWORD_MIN_LENGTH_MAX).contains(&length))
            && self.time_zone.as_deref().is_none_or(|name| Zone::find(name).is_some())
            && self.locale.as_deref().is_none_or(|code| Language::find(code).is_some())
            && [&self.backup_daily, &self.backup_weekly]
                .into_iter()
                .flatten()
                .all(|text| Schedule::find(text).is_some())
    }
}

impl SettingsPatch {
    /// The field that cannot be so, and why. A length below the server's would act as the server's and
    /// show as another one.
    pub(super) fn error(&self, server: &Settings) -> Option<(&'static str, Rule)> {
        let length = self.password_min_length.flatten()?;
        let rule = match length {
            _ if length < server.password_min_length => Rule::Min(server.password_min_length.to_string()),
            _ if length > PASSWORD_MIN_LENGTH_MAX => Rule::Max(PASSWORD_MIN_LENGTH_MAX.to_string()),
            _ => return None,
        };
        Some(("settings.password_min_length", rule))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server() -> Settings {
        let time_zone = Zone::find("Asia/Jakarta").unwrap();
        let backup = BackupSettings::default();
        Settings { password_min_length: 8, time_zone, locale: Language::English, backup }
    }

    #[test]
    fn what_is_not_set_or_not_understood_is_as_the_server_has_it() {
        for stored in [
            "{}",
            r#"{"time_zone": "Mars/Olympus", "locale": "tlh", "more": 1, "password_min_length": 7, "backup_weekly": "soon"}"#,
        ] {
            let own: OwnSettings = serde_json::from_str(stored).unwrap();
            assert_eq!(own.in_force(&server()), server(), "{stored}");
        }
        let stored =
            r#"{"password_min_length":12,"time_zone":"Asia/Jayapura","locale":"id","backup_daily":"0 4 * * *"}"#;
        let own: OwnSettings = serde_json::from_str(stored).unwrap();
        let time_zone = Zone::find("Asia/Jayapura").unwrap();
        let backup = BackupSettings { daily: Some("0 4 * * *".into()), ..BackupSettings::default() };
        let expected = Settings { password_min_length: 12, time_zone, locale: Language::Indonesian, backup };
        assert_eq!(own.in_force(&server()), expected);
        assert_eq!(serde_json::to_string(&own).unwrap(), stored);
    }

    #[test]
    fn change_touches_only_what_it_names() {
        let own = OwnSettings { password_min_length: Some(12), locale: Some("id".into()), ..OwnSettings::default() };
        let zone = Zone::find("Asia/Makassar");
        let patch = SettingsPatch { time_zone: Some(zone), locale: Some(None), ..SettingsPatch::default() };
        let time_zone = Some("Asia/Makassar".to_owned());
        let expected = OwnSettings { password_min_length: Some(12), time_zone, ..OwnSettings::default() };
        assert_eq!(own.overlaid(&patch), expected);
    }

    #[test]
    fn length_below_the_servers_is_refused() {
        let patch = |length| SettingsPatch { password_min_length: Some(Some(length)), ..SettingsPatch::default() };
        assert_eq!(patch(7).error(&server()), Some(("settings.password_min_length", Rule::Min("8".into()))));
        assert_eq!(patch(129).error(&server()), Some(("settings.password_min_length", Rule::Max("128".into()))));
        assert!(patch(8).error(&server()).is_none() && patch(128).error(&server()).is_none());
    }
}
