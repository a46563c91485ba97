//! Fields of an input that are refused, and why.

use std::fmt;

/// Why a field was refused. The wire families turn it into their own words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rule {
    /// Missing, null or empty.
    Required,
    /// Not a string.
    String,
    /// Not a whole number (or out of its 64 bits).
    Integer,
    /// Not a number.
    Numeric,
    /// Not true or false.
    Boolean,
    /// Not a list.
    Array,
    /// Not an object.
    Object,
    /// Fewer characters than this.
    MinLength(usize),
    /// More characters than this.
    MaxLength(usize),
    /// Fewer items than this.
    MinItems(usize),
    /// More items than this.
    MaxItems(usize),
    /// Smaller than this number.
    Min(String),
    /// Greater than this number.
    Max(String),
    /// Not greater than this number.
    MoreThan(String),
    /// More digits after the point than this.
    Decimals(u32),
    /// Not an email address.
    Email,
    /// Not one of these.
    OneOf(Vec<String>),
    /// Does not match its `_confirmation`.
    Confirmed,
    /// In use by another row.
    Taken,
    /// Names a row that does not exist.
    Missing,
    /// Not a parameter this operation knows.
    Unknown,
    /// Sent as a file, and no file is taken here.
    NoFile,
    /// More pieces of a product than there are.
    OutOfStock {
        /// Name of the product.
        name: String,
        /// Pieces there are.
        left: i64,
        /// Pieces that the same order already has.
        taken: i64,
    },
    /// Anything else, as a full sentence for people; the code is for programs.
    Other(&'static str, String),
}

/// One refused field of an input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldError {
    /// Path of the field, dotted: `items.0.quantity`.
    pub path: String,
    /// Why.
    pub rule: Rule,
    /// Where it was sent.
    pub place: Place,
}

/// Where a field was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Place {
    /// In the request body.
    #[default]
    Body,
    /// In the query string.
    Query,
    /// In the path.
    Path,
    /// In a header.
    Header,
}

/// Refused fields in words, for logs and terminals.
pub(super) struct Fields<'a>(pub(super) &'a [FieldError]);

impl fmt::Display for Fields<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, field) in self.0.iter().enumerate() {
            write!(f, "{}{} ({:?})", if i > 0 { ", " } else { "" }, field.path, field.rule)?;
        }
        Ok(())
    }
}
