//! Where a list goes on: the id of the last row looked at. Opaque to callers, so that its content may
//! change.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::clock::Timestamp;
use crate::error::{Error, FieldError, Place, Result, Rule};

use super::numbering::first_id;

/// A place in a log, before a row of this id; the rows after it in a list are older.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Cursor(pub(super) i64);

impl Cursor {
    /// Before all rows.
    pub(super) const NEWEST: Self = Self(i64::MAX);

    /// Before the rows that are older than `time`.
    pub(super) fn older_than(time: Timestamp) -> Self {
        Self(first_id(time))
    }

    pub(super) fn to_text(self) -> String {
        URL_SAFE_NO_PAD.encode(self.0.to_be_bytes())
    }

    /// # Errors
    /// `Invalid` when it is no text of [`Cursor::to_text`].
    pub(super) fn parse(text: &str) -> Result<Self> {
        let bytes: Option<[u8; 8]> = URL_SAFE_NO_PAD.decode(text).ok().and_then(|bytes| bytes.try_into().ok());
        let Some(bytes) = bytes else {
            let rule = Rule::Other("invalid_cursor", "The cursor is not one that this list gave.".to_owned());
            return Err(Error::Invalid(vec![FieldError { path: "cursor".to_owned(), rule, place: Place::Query }]));
        };
        Ok(Self(i64::from_be_bytes(bytes)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursor_comes_back_from_its_text_and_nothing_else_passes() {
        for cursor in [Cursor::NEWEST, Cursor(-7), Cursor::older_than(Timestamp(1_700_000_000_000))] {
            assert_eq!(Cursor::parse(&cursor.to_text()).unwrap(), cursor);
        }
        for text in ["", "abc", "!", "AAAAAAAAAAA=", "AAAAAAAAAAAA", "AAAAAAAAAAAAAAAAAAAAAA"] {
            assert_eq!(Cursor::parse(text).unwrap_err().code(), "validation_failed", "{text}");
        }
    }
}
