//! Text looked for without regard to case: ONE rule for every search, so that a row is found the
//! same way before and after the search index knows it.
//!
//! The rule is that of the index (FTS5's trigram tokenizer), which is Unicode's simple case folding: a
//! letter is equal to its other case in every script, one character for one. So `ß` is not `ss`, `İ` is a
//! letter of its own, and accents count. The table is a copy of the tokenizer's, for what lies in
//! an index was folded with that one: a newer table, such as that of `char::to_lowercase`, would find
//! rows while they wait and lose them once they are indexed.
//!
//! SQL calls it `found_in(part, text, ...)`. It exists on ruko's own connections only, and nothing in a
//! file may name it: plain `sqlite3` opens every file.

use rusqlite::functions::FunctionFlags;
use rusqlite::types::{FromSqlResult, ValueRef};

/// Makes `found_in` known to a connection: 1 when `part` stands in one of the texts, 0 when it does
/// not. What is no text holds nothing.
///
/// # Errors
/// The engine's.
pub(super) fn register(connection: &rusqlite::Connection) -> rusqlite::Result<()> {
    let flags = FunctionFlags::SQLITE_UTF8
        | FunctionFlags::SQLITE_DETERMINISTIC
        // Not from a trigger, a view or an index of a file.
        | FunctionFlags::SQLITE_DIRECTONLY;
    // Any number of texts: one call a row is half the price of one a column.
    connection.create_scalar_function("found_in", -1, flags, |arguments| {
        // Folded once a statement, not once a row.
        let part =
            arguments.get_or_create_aux(0, |value| -> FromSqlResult<_> { Ok(value.as_str_or_null()?.map(fold)) })?;
        let Some(part) = part.as_deref() else { return Ok(false) };
        let mut texts = (1..arguments.len()).map(|index| arguments.get_raw(index));
        Ok(texts.any(|value| matches!(value, ValueRef::Text(text) if contains(text, part))))
    })
}

fn contains(text: &[u8], folded_part: &str) -> bool {
    if !text.is_ascii() {
        return fold(&String::from_utf8_lossy(text)).contains(folded_part);
    }
    // An empty part is in everything, and `windows` takes no zero.
    let Some((first, rest)) = folded_part.as_bytes().split_first() else { return true };
    text.windows(folded_part.len())
        .any(|window| window[0].to_ascii_lowercase() == *first && window[1..].eq_ignore_ascii_case(rest))
}

fn fold(text: &str) -> String {
    text.chars().map(fold_char).collect()
}

fn fold_char(letter: char) -> char {
    let code = u32::from(letter);
    match u16::try_from(code) {
        _ if letter.is_ascii() => letter.to_ascii_lowercase(),
        Ok(code) => {
            let after = FOLDED.partition_point(|(first, ..)| *first <= code);
            let Some((first, count, step, distance)) = after.checked_sub(1).map(|at| FOLDED[at]) else { return letter };
            let is_upper = code - first < count && (code - first) % step == 0;
            let folded = if is_upper { code.wrapping_add_signed(distance) } else { code };
            char::from_u32(folded.into()).unwrap_or(letter)
        }
        // Deseret, the only script past the first 65,536 whose cases the index knows.
        Err(_) if (0x10400..0x10428).contains(&code) => char::from_u32(code + 40).unwrap_or(letter),
        Err(_) => letter,
    }
}

/// Upper case letters: the first of a range, its length, the step between those that fold, and how far
/// away the lower case letter is.
#[rustfmt::skip]
const FOLDED: &[(u16, u16, u16, i16)] = &[
    (0x0041, 26, 1, 32), (0x00b5, 1, 1, 775), (0x00c0, 23, 1, 32), (0x00d8, 7, 1, 32), (0x0100, 48, 2, 1),
    (0x0132, 6, 2, 1), (0x0139, 16, 2, 1), (0x014a, 46, 2, 1), (0x0178, 1, 1, -121), (0x0179, 6, 2, 1),
    (0x017f, 1, 1, -268), (0x0181, 1, 1, 210), (0x0182, 4, 2, 1), (0x0186, 1, 1, 206), (0x0187, 1, 1, 1),
    (0x0189, 2, 1, 205), (0x018b, 1, 1, 1), (0x018e, 1, 1, 79), (0x018f, 1, 1, 202), (0x0190, 1, 1, 203),
    (0x0191, 1, 1, 1), (0x0193, 1, 1, 205), (0x0194, 1, 1, 207), (0x0196, 1, 1, 211), (0x0197, 1, 1, 209),
    (0x0198, 1, 1, 1), (0x019c, 1, 1, 211), (0x019d, 1, 1, 213), (0x019f, 1, 1, 214), (0x01a0, 6, 2, 1),
    (0x01a6, 1, 1, 218), (0x01a7, 1, 1, 1), (0x01a9, 1, 1, 218), (0x01ac, 1, 1, 1), (0x01ae, 1, 1, 218),
    (0x01af, 1, 1, 1), (0x01b1, 2, 1, 217), (0x01b3, 4, 2, 1), (0x01b7, 1, 1, 219), (0x01b8, 1, 1, 1),
    (0x01bc, 1, 1, 1), (0x01c4, 1, 1, 2), (0x01c5, 1, 1, 1), (0x01c7, 1, 1, 2), (0x01c8, 1, 1, 1), (0x01ca, 1, 1, 2),
    (0x01cb, 18, 2, 1), (0x01de, 18, 2, 1), (0x01f1, 1, 1, 2), (0x01f2, 4, 2, 1), (0x01f6, 1, 1, -97),
    (0x01f7, 1, 1, -56), (0x01f8, 40, 2, 1), (0x0220, 1, 1, -130), (0x0222, 18, 2, 1), (0x023a, 1, 1, 10795),
    (0x023b, 1, 1, 1), (0x023d, 1, 1, -163), (0x023e, 1, 1, 10792), (0x0241, 1, 1, 1), (0x0243, 1, 1, -195),
    (0x0244, 1, 1, 69), (0x0245, 1, 1, 71), (0x0246, 10, 2, 1), (0x0345, 1, 1, 116), (0x0370, 4, 2, 1),
    (0x0376, 1, 1, 1), (0x0386, 1, 1, 38), (0x0388, 3, 1, 37), (0x038c, 1, 1, 64), (0x038e, 2, 1, 63),
    (0x0391, 17, 1, 32), (0x03a3, 9, 1, 32), (0x03c2, 1, 1, 1), (0x03cf, 1, 1, 8), (0x03d0, 1, 1, -30),
    (0x03d1, 1, 1, -25), (0x03d5, 1, 1, -15), (0x03d6, 1, 1, -22), (0x03d8, 24, 2, 1), (0x03f0, 1, 1, -54),
    (0x03f1, 1, 1, -48), (0x03f4, 1, 1, -60), (0x03f5, 1, 1, -64), (0x03f7, 1, 1, 1), (0x03f9, 1, 1, -7),
    (0x03fa, 1, 1, 1), (0x03fd, 3, 1, -130), (0x0400, 16, 1, 80), (0x0410, 32, 1, 32), (0x0460, 34, 2, 1),
    (0x048a, 54, 2, 1), (0x04c0, 1, 1, 15), (0x04c1, 14, 2, 1), (0x04d0, 88, 2, 1), (0x0531, 38, 1, 48),
    (0x10a0, 38, 1, 7264), (0x10c7, 1, 1, 7264), (0x10cd, 1, 1, 7264), (0x1e00, 150, 2, 1), (0x1e9b, 1, 1, -58),
    (0x1e9e, 1, 1, -7615), (0x1ea0, 96, 2, 1), (0x1f08, 8, 1, -8), (0x1f18, 6, 1, -8), (0x1f28, 8, 1, -8),
    (0x1f38, 8, 1, -8), (0x1f48, 6, 1, -8), (0x1f59, 8, 2, -8), (0x1f68, 8, 1, -8), (0x1f88, 8, 1, -8),
    (0x1f98, 8, 1, -8), (0x1fa8, 8, 1, -8), (0x1fb8, 2, 1, -8), (0x1fba, 2, 1, -74), (0x1fbc, 1, 1, -9),
    (0x1fbe, 1, 1, -7173), (0x1fc8, 4, 1, -86), (0x1fcc, 1, 1, -9), (0x1fd8, 2, 1, -8), (0x1fda, 2, 1, -100),
    (0x1fe8, 2, 1, -8), (0x1fea, 2, 1, -112), (0x1fec, 1, 1, -7), (0x1ff8, 2, 1, -128), (0x1ffa, 2, 1, -126),
    (0x1ffc, 1, 1, -9), (0x2126, 1, 1, -7517), (0x212a, 1, 1, -8383), (0x212b, 1, 1, -8262), (0x2132, 1, 1, 28),
    (0x2160, 16, 1, 16), (0x2183, 1, 1, 1), (0x24b6, 26, 1, 26), (0x2c00, 47, 1, 48), (0x2c60, 1, 1, 1),
    (0x2c62, 1, 1, -10743), (0x2c63, 1, 1, -3814), (0x2c64, 1, 1, -10727), (0x2c67, 6, 2, 1), (0x2c6d, 1, 1, -10780),
    (0x2c6e, 1, 1, -10749), (0x2c6f, 1, 1, -10783), (0x2c70, 1, 1, -10782), (0x2c72, 1, 1, 1), (0x2c75, 1, 1, 1),
    (0x2c7e, 2, 1, -10815), (0x2c80, 100, 2, 1), (0x2ceb, 4, 2, 1), (0x2cf2, 1, 1, 1), (0xa640, 46, 2, 1),
    (0xa680, 24, 2, 1), (0xa722, 14, 2, 1), (0xa732, 62, 2, 1), (0xa779, 4, 2, 1), (0xa77d, 1, 1, 30204),
    (0xa77e, 10, 2, 1), (0xa78b, 1, 1, 1), (0xa78d, 1, 1, 23256), (0xa790, 4, 2, 1), (0xa7a0, 10, 2, 1),
    (0xa7aa, 1, 1, 23228), (0xff21, 26, 1, 32),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_character_folds_as_in_the_index() {
        #[allow(clippy::disallowed_methods, reason = "a database of the test's own")]
        let connection = rusqlite::Connection::open_in_memory().unwrap();
        let schema = "CREATE VIRTUAL TABLE texts USING fts5 (text, tokenize = 'trigram'); \
                      CREATE VIRTUAL TABLE tokens USING fts5vocab (texts, 'instance'); BEGIN;";
        connection.execute_batch(schema).unwrap();
        // Two planes hold every script with cases; NUL is no character to the index.
        let all = (1..0x2_0000_u32).filter_map(char::from_u32);
        let mut insert = connection.prepare("INSERT INTO texts (rowid, text) VALUES (?1, ?2)").unwrap();
        for letter in all.clone() {
            insert.execute((u32::from(letter), format!("{letter}zz"))).unwrap();
        }
        let mut tokens = connection.prepare("SELECT doc, term FROM tokens").unwrap();
        let mut seen = 0;
        let mut rows = tokens.query([]).unwrap();
        while let Some(row) = rows.next().unwrap() {
            let letter = char::from_u32(row.get(0).unwrap()).unwrap();
            let folded = row.get_ref(1).unwrap().as_str().unwrap().chars().next().unwrap();
            // The index cannot tell these two from U+FFFD; a search looks at each row it names again.
            if !['\u{fffe}', '\u{ffff}'].contains(&letter) {
                assert_eq!(fold_char(letter), folded, "U+{:04X}", u32::from(letter));
            }
            seen += 1;
        }
        assert_eq!(seen, all.count());
    }

    #[test]
    fn case_is_ignored_and_nothing_else() {
        for (text, part, is_in) in [
            ("Kopi SUSU", "pi su", true),
            ("CAFÉ", "café", true),
            ("café", "CAFÉ", true),
            ("café", "cafe", false),
            ("cafe\u{301}", "é", false),
            ("МОСКВА", "оск", true),
            ("STRASSE", "straße", false),
            ("STRA\u{1e9e}E", "straße", true),
            ("İstanbul", "istanbul", false),
            ("İstanbul", "STANBUL", true),
            ("ΟΔΟΣ", "οδος", true),
            ("οδος", "ΟΔΟΣ", true),
            ("\u{212a}opi", "kopi", true),
            ("100%", "%", true),
            ("100", "%", false),
            ("a_b", "_B", true),
            ("axb", "a_b", false),
            ("a\\b", "\\B", true),
            ("say \"hi\"", "\"HI", true),
            ("a\0b", "\0B", true),
            ("ab", "\0", false),
            ("", "", true),
            ("x", "", true),
            ("", "x", false),
        ] {
            assert_eq!(contains(text.as_bytes(), &fold(part)), is_in, "{part:?} in {text:?}");
        }
    }
}
