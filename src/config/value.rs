//! How text becomes a typed setting. Every layer (file, environment, flag) hands over text; the type
//! of the setting alone decides what is acceptable, so all layers agree.

use std::ops::RangeInclusive;

/// What a layer says about a setting, before anybody looked at it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Raw {
    /// One text. For a list: comma separated, or a JSON list.
    One(String),
    /// A TOML list.
    Many(Vec<String>),
    /// Something that is never right, such as a date; holds what it is.
    Unfit(&'static str),
}

/// The text cannot be this setting.
#[derive(Debug)]
pub(super) struct Refused;

/// A value written as one text.
pub(super) trait Text: Sized {
    /// Completes "is not ...".
    const EXPECTED: &'static str;
    /// At least two good texts with different meanings, the more helpful one first.
    const EXAMPLES: &'static [&'static str];
    /// Whether the value may never be printed.
    const SECRET: bool = false;

    /// `EXPECTED` with an example, where that adds something.
    fn expected() -> String {
        format!("{}, such as {}", Self::EXPECTED, Self::EXAMPLES[0])
    }

    /// Reads it.
    fn parse(text: &str) -> Option<Self>;

    /// Writes it, so that `parse` gives it back. Secrets come out in clear.
    fn text(&self) -> String;
}

/// The slot of a setting: a [`Text`], an optional one, or a list of them.
pub(super) trait Value {
    /// Replaces the value; on refusal the old one stays.
    fn set(&mut self, raw: &Raw) -> Result<(), Refused>;
    /// The value as text, secrets in clear; `None` when there is none.
    fn text(&self) -> Option<String>;
    /// See [`Text::expected`].
    fn expected(&self) -> String;
    /// See [`Text::EXAMPLES`].
    #[cfg(test)]
    fn examples(&self) -> &'static [&'static str];
    /// See [`Text::SECRET`].
    fn is_secret(&self) -> bool;
}

impl<T: Text> Value for T {
    fn set(&mut self, raw: &Raw) -> Result<(), Refused> {
        let Raw::One(text) = raw else { return Err(Refused) };
        *self = T::parse(text).ok_or(Refused)?;
        Ok(())
    }

    fn text(&self) -> Option<String> {
        Some(Text::text(self))
    }

    fn expected(&self) -> String {
        T::expected()
    }

    #[cfg(test)]
    fn examples(&self) -> &'static [&'static str] {
        T::EXAMPLES
    }

    fn is_secret(&self) -> bool {
        T::SECRET
    }
}

impl<T: Text> Value for Option<T> {
    fn set(&mut self, raw: &Raw) -> Result<(), Refused> {
        let Raw::One(text) = raw else { return Err(Refused) };
        *self = if text.is_empty() { None } else { Some(T::parse(text).ok_or(Refused)?) };
        Ok(())
    }

    fn text(&self) -> Option<String> {
        self.as_ref().map(Text::text)
    }

    fn expected(&self) -> String {
        T::expected()
    }

    #[cfg(test)]
    fn examples(&self) -> &'static [&'static str] {
        T::EXAMPLES
    }

    fn is_secret(&self) -> bool {
        T::SECRET
    }
}

impl<T: Text> Value for Vec<T> {
    fn set(&mut self, raw: &Raw) -> Result<(), Refused> {
        let texts = match raw {
            Raw::One(text) if text.trim_start().starts_with('[') => serde_json::from_str(text).map_err(|_| Refused)?,
            Raw::One(text) => text.split(',').map(str::to_owned).collect(),
            Raw::Many(texts) => texts.clone(),
            Raw::Unfit(_) => return Err(Refused),
        };
        let given = texts.iter().map(|text| text.trim()).filter(|text| !text.is_empty());
        *self = given.map(T::parse).collect::<Option<_>>().ok_or(Refused)?;
        Ok(())
    }

    fn text(&self) -> Option<String> {
        Some(self.iter().map(Text::text).collect::<Vec<_>>().join(", "))
    }

    fn expected(&self) -> String {
        format!("a list (comma separated), each {}", T::expected())
    }

    #[cfg(test)]
    fn examples(&self) -> &'static [&'static str] {
        T::EXAMPLES
    }

    fn is_secret(&self) -> bool {
        T::SECRET
    }
}

/// One setting of a [`Config`](super::Config): its slot and everything known about it.
pub(super) struct Field<'a> {
    pub(super) name: String,
    pub(super) env_name: String,
    pub(super) help: &'static str,
    pub(super) value: &'a mut dyn Value,
    range: Option<RangeInclusive<u64>>,
}

impl<'a> Field<'a> {
    /// `section` is empty for a setting at the top.
    pub(super) fn new(section: &str, key: &str, help: &'static str, value: &'a mut dyn Value) -> Self {
        let (dot, line) = if section.is_empty() { ("", "") } else { (".", "_") };
        Self {
            name: format!("{section}{dot}{key}"),
            env_name: format!("RUKO_{section}{line}{key}").to_uppercase(),
            help: help.trim(),
            value,
            range: None,
        }
    }

    /// Accepts numbers of this range only.
    pub(super) fn within(self, range: RangeInclusive<u64>) -> Self {
        Self { range: Some(range), ..self }
    }

    /// Reads another variable than `RUKO_<SECTION>_<NAME>`.
    pub(super) fn named(self, env_name: &str) -> Self {
        Self { env_name: env_name.to_owned(), ..self }
    }

    /// Replaces the value, or says what would have been right.
    pub(super) fn set(&mut self, raw: &Raw) -> Result<(), String> {
        let in_range = match (&self.range, raw) {
            (Some(range), Raw::One(text)) => {
                text.is_empty() || text.trim().parse().is_ok_and(|number| range.contains(&number))
            }
            _ => true,
        };
        if in_range { self.value.set(raw).map_err(|Refused| self.expected()) } else { Err(self.expected()) }
    }

    /// Good texts, at least two of them different.
    #[cfg(test)]
    pub(super) fn samples(&self) -> Vec<String> {
        match &self.range {
            Some(range) => vec![range.start().to_string(), range.end().to_string()],
            None => self.value.examples().iter().map(ToString::to_string).collect(),
        }
    }

    /// Completes "is not ...".
    pub(super) fn expected(&self) -> String {
        match &self.range {
            Some(range) => format!("a whole number from {} to {}", range.start(), range.end()),
            None => self.value.expected(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use super::*;

    #[test]
    fn every_spelling_of_a_list_gives_the_same_list() {
        for raw in [Raw::One("a, b,".into()), Raw::One(r#"["a", "b"]"#.into()), Raw::Many(vec!["a".into(), "b".into()])]
        {
            let mut list = vec!["old".to_owned()];
            list.set(&raw).unwrap();
            assert_eq!(list, ["a", "b"]);
        }
    }

    #[test]
    fn refused_text_leaves_the_old_value() {
        let mut listen: SocketAddr = ([127, 0, 0, 1], 8000).into();
        assert!(listen.set(&Raw::One("eight".into())).is_err());
        assert_eq!(listen.port(), 8000);
    }

    #[test]
    fn number_outside_its_range_is_refused_with_the_range() {
        let mut size = 20_u32;
        let mut field = Field::new("limits", "max_page_size", " Help.", &mut size).within(1..=100);
        assert_eq!(field.set(&Raw::One("101".into())).unwrap_err(), "a whole number from 1 to 100");
        assert_eq!(field.env_name, "RUKO_LIMITS_MAX_PAGE_SIZE");
        field.set(&Raw::One("100".into())).unwrap();
        assert_eq!(size, 100);
    }
}
