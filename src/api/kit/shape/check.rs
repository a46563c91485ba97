//! The check of a value: goes through all of it and collects what is wrong.

use serde_json::{Map, Value};

use crate::api::kit::body::NAMES_TOLD_MAX;
use crate::api::kit::email::is_email_address;
use crate::api::kit::time_in::TimeIn;
use crate::api::kit::{cron, db_name, form, money, picture, whole, zone};
use crate::error::{FieldError, Rule};

use super::{Field, Reading, Shape, Strings};

/// Brings a value into the form its type reads, and says what is wrong with it, in the order of the
/// schema.
pub(super) fn errors(shape: &Shape, value: &mut Value, reading: Reading) -> Vec<FieldError> {
    let mut check = Check { reading, path: String::new(), errors: Vec::new() };
    check.value(shape, value);
    check.errors
}

/// A check in progress.
struct Check {
    reading: Reading,
    path: String,
    errors: Vec<FieldError>,
}

impl Check {
    fn refuse(&mut self, rule: Rule) {
        self.errors.push(FieldError { path: self.path.clone(), rule, place: self.reading.place });
    }

    fn within(&mut self, step: &str, work: impl FnOnce(&mut Self)) {
        let length = self.path.len();
        if length > 0 {
            self.path.push('.');
        }
        self.path.push_str(step);
        work(self);
        self.path.truncate(length);
    }

    fn value(&mut self, shape: &Shape, value: &mut Value) {
        if let Value::String(text) = value
            && text.contains('\0')
        {
            let text = format!("The {} field must not contain NUL characters.", self.path.replace('_', " "));
            return self.refuse(Rule::Other("nul", text));
        }
        if self.reading.is_form && matches!(shape, Shape::List { .. } | Shape::Object { .. }) {
            form::unfold(value, matches!(shape, Shape::List { .. }));
        }
        match shape {
            Shape::Any => {}
            Shape::Text { is_time: true, .. } => {
                if value.as_str().and_then(TimeIn::parse).is_none() {
                    let text = format!("The {} field must be a valid date.", self.path.replace('_', " "));
                    self.refuse(Rule::Other("date", text));
                }
            }
            Shape::Text { min, max, one_of, is_email, .. } => self.text(value, (*min, *max), one_of, *is_email),
            Shape::Integer { min, max } => self.integer(value, *min, *max),
            Shape::PerPage => self.integer(value, Some(1), Some(self.reading.per_page_max)),
            Shape::Number => match value {
                Value::Number(_) => {}
                Value::String(text) if text.parse::<f64>().is_ok_and(f64::is_finite) => {}
                _ => self.refuse(Rule::Numeric),
            },
            Shape::Money => {
                if let Err(rule) = money::read(value) {
                    self.refuse(rule);
                }
            }
            Shape::DbName => {
                if let Err(rule) = db_name::check(value) {
                    self.refuse(rule);
                }
            }
            Shape::Zone => {
                if let Err(rule) = zone::check(value, &self.path) {
                    self.refuse(rule);
                }
            }
            Shape::Cron => {
                if let Err(rule) = cron::check(value, &self.path) {
                    self.refuse(rule);
                }
            }
            Shape::Picture => {
                if let Err(rule) = picture::check(value, &self.path) {
                    self.refuse(rule);
                }
            }
            Shape::Boolean => match as_bool(value) {
                Some(flag) => *value = Value::Bool(flag),
                None => self.refuse(Rule::Boolean),
            },
            Shape::List { item, min, max } => self.list(item, *min, *max, value),
            Shape::Object { fields, others } => match value {
                Value::Object(map) => {
                    self.object(fields, map);
                    if let Some(others) = others {
                        self.others(fields, others, map);
                    }
                }
                _ => self.refuse(Rule::Object),
            },
        }
    }

    fn text(&mut self, value: &Value, (min, max): (Option<usize>, Option<usize>), one_of: &[String], is_email: bool) {
        let Value::String(text) = value else { return self.refuse(Rule::String) };
        let length = text.chars().count();
        if let Some(max) = max.filter(|max| length > *max) {
            return self.refuse(Rule::MaxLength(max));
        }
        // Blanks are nothing to Laravel's `required`; only passwords still have theirs.
        if min > Some(0) && text.trim().is_empty() {
            return self.refuse(Rule::Required);
        }
        if let Some(min) = min.filter(|min| length < *min) {
            return self.refuse(Rule::MinLength(min));
        }
        if !one_of.is_empty() && !one_of.contains(text) {
            return self.refuse(Rule::OneOf(one_of.to_vec()));
        }
        if is_email && !is_email_address(text) {
            self.refuse(Rule::Email);
        }
    }

    fn integer(&mut self, value: &mut Value, min: Option<i64>, max: Option<i64>) {
        let number = match value {
            Value::Number(number) => whole::read(number),
            Value::String(text) => text.parse::<i64>().ok(),
            _ => None,
        };
        let Some(number) = number else { return self.refuse(Rule::Integer) };
        if let Some(min) = min.filter(|min| number < *min) {
            return self.refuse(Rule::Min(min.to_string()));
        }
        if let Some(max) = max.filter(|max| number > *max) {
            return self.refuse(Rule::Max(max.to_string()));
        }
        *value = number.into();
    }

    fn list(&mut self, item: &Shape, min: Option<usize>, max: Option<usize>, value: &mut Value) {
        let Value::Array(items) = value else { return self.refuse(Rule::Array) };
        if let Some(max) = max.filter(|max| items.len() > *max) {
            return self.refuse(Rule::MaxItems(max));
        }
        if let Some(min) = min.filter(|min| items.len() < *min) {
            return self.refuse(if items.is_empty() { Rule::Required } else { Rule::MinItems(min) });
        }
        for (index, element) in items.iter_mut().enumerate() {
            self.within(&index.to_string(), |check| check.value(item, element));
        }
    }

    fn object(&mut self, fields: &[Field], map: &mut Map<String, Value>) {
        for field in fields {
            if let (Strings::Tidied, Some(Value::String(text))) = (self.reading.strings, map.get_mut(field.name))
                && !field.name.contains("password")
            {
                tidy(text);
                // An empty name of a file is refused: it may have been meant to be one.
                if text.is_empty() && !matches!(field.shape, Shape::DbName) {
                    map.insert(field.name.to_owned(), Value::Null);
                }
            }
            self.within(field.name, |check| match map.get_mut(field.name) {
                None if field.is_required => check.refuse(Rule::Required),
                Some(Value::Null) if field.is_required || field.refuses_null => check.refuse(Rule::Required),
                None | Some(Value::Null) => {}
                Some(value) => check.value(&field.shape, value),
            });
        }
        // Laravel's `confirmed`: a repetition that is sent has to be equal.
        for field in fields {
            let Some(repeated) = field.name.strip_suffix("_confirmation") else { continue };
            let again = map.get(field.name).filter(|again| !again.is_null());
            if again.is_some() && map.contains_key(repeated) && map.get(repeated) != again {
                self.within(repeated, |check| check.refuse(Rule::Confirmed));
            }
        }
    }
}

impl Check {
    /// Refuses fields that an object does not have; the first ones will do.
    fn others(&mut self, fields: &[Field], others: &[&str], map: &Map<String, Value>) {
        let is_known = |name: &str| fields.iter().any(|field| field.name == name) || others.contains(&name);
        for name in map.keys().filter(|name| !is_known(name)).take(NAMES_TOLD_MAX) {
            self.within(name, |check| check.refuse(Rule::Unknown));
        }
    }
}

fn tidy(text: &mut String) {
    text.truncate(text.trim_end().len());
    let leading = text.len() - text.trim_start().len();
    text.drain(..leading);
}

fn as_bool(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(flag) => Some(*flag),
        Value::Number(number) => number.as_i64().and_then(|number| match number {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }),
        Value::String(text) => match text.as_str() {
            "1" | "true" | "on" => Some(true),
            "0" | "false" | "off" => Some(false),
            _ => None,
        },
        _ => None,
    }
}
