//! The layer of the configuration file, `ruko.toml`.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use toml::Spanned;
use toml::de::{DeInteger, DeTable, DeValue};

use super::loading::Loading;
use super::nearest::did_you_mean;
use super::origin::Origin;
use super::value::Raw;

/// Reads the file and takes everything it says.
pub(super) fn apply(path: &Path, loading: &mut Loading) {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) => return loading.problem(format!("{} cannot be read: {error}", path.display())),
    };
    let file = File { path: Arc::new(path.to_owned()), text: &text };
    let (root, errors) = DeTable::parse_recoverable(&text);
    for error in &errors {
        let line = file.line(error.span().map_or(0, |span| span.start));
        loading.problem(format!("{} line {line}: {}", path.display(), error.message()));
    }
    // What a broken file seems to say is not worth more complaints.
    if errors.is_empty() {
        file.apply_root(root.get_ref(), loading);
    }
}

struct File<'a> {
    path: Arc<PathBuf>,
    text: &'a str,
}

impl File<'_> {
    fn apply_root(&self, root: &DeTable<'_>, loading: &mut Loading) {
        let names: Vec<_> = loading.names().into_iter().map(|(name, _)| name).collect();
        let sections: Vec<_> =
            names.iter().filter_map(|name| name.split_once('.')).map(|(section, _)| section).collect();
        for (key, value) in root {
            let name = key.get_ref().as_ref();
            let is_section = sections.contains(&name);
            match value.get_ref() {
                DeValue::Table(table) if is_section => {
                    for (key, value) in table {
                        self.apply_value(
                            &format!("{name}.{}", key.get_ref()),
                            key.span().start,
                            value,
                            &names,
                            loading,
                        );
                    }
                }
                DeValue::Table(_) => {
                    let hint = did_you_mean(name, sections.iter().copied());
                    loading.problem(format!("{}: there is no section [{name}]{hint}", self.origin(key.span().start)));
                }
                _ if is_section => {
                    loading.problem(format!("{}: {name} is a section, write [{name}]", self.origin(key.span().start)));
                }
                _ => self.apply_value(name, key.span().start, value, &names, loading),
            }
        }
    }

    fn apply_value(
        &self,
        name: &str,
        at: usize,
        value: &Spanned<DeValue<'_>>,
        names: &[String],
        loading: &mut Loading,
    ) {
        let origin = self.origin(at);
        if names.iter().any(|known| known == name) {
            loading.set(name, &raw(value.get_ref()), origin);
        } else {
            let hint = did_you_mean(name, names.iter().map(String::as_str));
            loading.problem(format!("{origin}: there is no setting {name}{hint}"));
        }
    }

    fn origin(&self, at: usize) -> Origin {
        Origin::File { path: self.path.clone(), line: self.line(at) }
    }

    fn line(&self, at: usize) -> usize {
        self.text.bytes().take(at).filter(|byte| *byte == b'\n').count() + 1
    }
}

fn raw(value: &DeValue<'_>) -> Raw {
    if let DeValue::Array(items) = value {
        let texts: Option<Vec<_>> = items.iter().map(|item| scalar(item.get_ref())).collect();
        return texts.map_or(Raw::Unfit("a mixed list"), Raw::Many);
    }
    scalar(value).map_or(Raw::Unfit(value.type_str()), Raw::One)
}

fn scalar(value: &DeValue<'_>) -> Option<String> {
    match value {
        DeValue::String(text) => Some(text.to_string()),
        DeValue::Integer(number) => decimal(number),
        DeValue::Boolean(flag) => Some(flag.to_string()),
        _ => None,
    }
}

/// TOML allows hexadecimal, octal and binary numbers too.
fn decimal(number: &DeInteger<'_>) -> Option<String> {
    i64::from_str_radix(number.as_str(), number.radix()).ok().map(|number| number.to_string())
}
