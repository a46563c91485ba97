//! `[locale]`: where the people are who use this server.

use jiff::tz::{Offset, TimeZone};

use super::section::{choice, section};
use super::value::Text;

section! {
    /// Where the people are who use this server.
    pub struct Locale = "locale" {
        /// Time zone of schedules and of times sent without one. A tenant may have its own.
        time_zone: Zone = Zone::jakarta();
        /// Language of texts for people when a request asks for none that ruko speaks. A tenant may
        /// have its own.
        language: Language = Language::English;
        /// Country calling code put before phone numbers that start with 0.
        country_code: CountryCode = CountryCode("62".to_owned());
    }
}

choice! {
    /// A language that ruko speaks.
    pub enum Language {
        /// English.
        English = "en",
        /// Bahasa Indonesia.
        Indonesian = "id",
    }
}

impl Language {
    /// The language with this code, if ruko speaks it.
    pub fn find(code: &str) -> Option<Self> {
        [Self::English, Self::Indonesian].into_iter().find(|language| language.as_str() == code)
    }
}

/// A time zone with its IANA name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Zone {
    name: String,
    zone: TimeZone,
}

impl Zone {
    fn jakarta() -> Self {
        const NAME: &str = "Asia/Jakarta";
        // Jakarta has no summer time, so its offset will do on a machine without a time zone database.
        let zone = TimeZone::get(NAME).unwrap_or_else(|_| TimeZone::fixed(Offset::constant(7)));
        Self { name: NAME.to_owned(), zone }
    }

    /// The zone with this IANA name, if there is one.
    pub fn find(name: &str) -> Option<Self> {
        // `unknown` is a zone of the library's own, `/` and `.` would be looked up as files.
        let is_name = !name.is_empty() && !name.starts_with(['/', '.']) && !name.eq_ignore_ascii_case("etc/unknown");
        let zone = is_name.then(|| TimeZone::get(name).ok())??;
        let name = zone.iana_name().unwrap_or(name).to_owned();
        Some(Self { name, zone })
    }

    /// The IANA name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The rules.
    pub fn rules(&self) -> &TimeZone {
        &self.zone
    }
}

impl Text for Zone {
    const EXPECTED: &'static str = "the name of a time zone";
    const EXAMPLES: &'static [&'static str] = &["Asia/Makassar", "Asia/Jayapura"];

    fn parse(text: &str) -> Option<Self> {
        Self::find(text.trim())
    }

    fn text(&self) -> String {
        self.name.clone()
    }
}

/// A country calling code: one to three digits without `+`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CountryCode(String);

impl CountryCode {
    /// The digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Text for CountryCode {
    const EXPECTED: &'static str = "a country calling code";
    const EXAMPLES: &'static [&'static str] = &["60", "65"];

    fn parse(text: &str) -> Option<Self> {
        let digits = text.trim().trim_start_matches('+');
        let good = matches!(digits.len(), 1..=3) && digits.bytes().all(|b| b.is_ascii_digit());
        (good && !digits.starts_with('0')).then(|| Self(digits.to_owned()))
    }

    fn text(&self) -> String {
        self.0.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zone_is_found_by_its_name_only() {
        assert_eq!(Zone::find("asia/makassar").unwrap().name(), "Asia/Makassar");
        for name in ["", "Asia/Surabaya", "/etc/localtime", "WIB-7", "Etc/Unknown"] {
            assert!(Zone::find(name).is_none(), "{name}");
        }
    }

    #[test]
    fn country_code_is_kept_without_plus() {
        assert_eq!(CountryCode::parse("+62").unwrap().as_str(), "62");
        for text in ["", "0", "062", "6212", "id"] {
            assert!(CountryCode::parse(text).is_none(), "{text}");
        }
    }
}
