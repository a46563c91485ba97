//! Every setting with its value and its story, for `ruko config` and the documentation.

use serde::Serialize;

use super::value::Field;
use super::{Config, Loaded, seeds};

/// A setting as it is shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Setting {
    /// Its name: `http.listen`.
    pub name: String,
    /// Its value. A secret is `********`, nothing or an empty list is `(unset)`.
    pub value: String,
    /// Where the value came from.
    pub source: String,
    /// The variable that sets it.
    pub env_name: String,
    /// Variables of other systems that set it too.
    pub seed_names: Vec<&'static str>,
    /// What it does.
    pub help: &'static str,
    /// What it accepts, as the end of a sentence.
    pub accepts: String,
    /// Its value when nobody sets it, written like `value`.
    pub default: String,
}

impl Loaded {
    /// All settings in the order of their declaration.
    pub fn explain(&self) -> Vec<Setting> {
        // The walk gives slots to write to, so it needs a copy it may write to.
        let (mut config, mut defaults) = (self.config.clone(), Config::default());
        let pairs = config.fields().into_iter().zip(defaults.fields());
        pairs
            .map(|(field, default)| Setting {
                value: shown(&field),
                source: self.origins.get(&field.name).cloned().unwrap_or_default().to_string(),
                seed_names: seeds::names_of(&field.name),
                help: field.help,
                accepts: field.expected(),
                default: shown(&default),
                name: field.name,
                env_name: field.env_name,
            })
            .collect()
    }
}

const UNSET: &str = "(unset)";

fn shown(field: &Field<'_>) -> String {
    match field.value.text() {
        None => UNSET.to_owned(),
        Some(text) if text.is_empty() => UNSET.to_owned(),
        Some(_) if field.value.is_secret() => "********".to_owned(),
        Some(text) => text,
    }
}
