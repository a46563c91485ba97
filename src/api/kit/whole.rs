//! Whole numbers of JSON, which may write them as `5`, `5.0` or `1e2`: to JSON these are numbers, and
//! some languages have no others. They are read digit by digit and never rounded.

/// The number, if it has no fraction and fits 64 bits.
pub fn read(number: &serde_json::Number) -> Option<i64> {
    number.as_i64().or_else(|| read_text(&number.to_string()))
}

fn read_text(text: &str) -> Option<i64> {
    let (is_negative, text) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
    let (number, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let digits = format!("{whole}{fraction}");
    let significant = digits.trim_matches('0');
    if significant.is_empty() {
        return digits.bytes().all(|byte| byte == b'0').then_some(0);
    }
    // Zeros that belong behind the last digit that is none.
    let trailing = digits.len() - digits.trim_end_matches('0').len();
    let exponent: i64 = exponent.parse().ok()?;
    let zeros =
        i64::try_from(trailing).ok()?.checked_sub(i64::try_from(fraction.len()).ok()?)?.checked_add(exponent)?;
    // An i64 has 19 digits.
    let zeros = usize::try_from(zeros).ok().filter(|zeros| zeros + significant.len() <= 19)?;
    let sign = if is_negative { "-" } else { "" };
    format!("{sign}{significant}{}", "0".repeat(zeros)).parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(text: &str) -> Option<i64> {
        read(&serde_json::from_str(text).unwrap())
    }

    #[test]
    fn numbers_without_a_fraction_are_whole_however_they_are_written() {
        for (text, expected) in [
            ("0", 0),
            ("-0.0", 0),
            ("0e999999999999999999999", 0),
            ("5.0", 5),
            ("5.000", 5),
            ("-3306.0", -3306),
            ("1e2", 100),
            ("1E+2", 100),
            ("1.5e1", 15),
            ("100e-2", 1),
            ("0.05e2", 5),
            ("10.50e1", 105),
            ("9223372036854775807.0", i64::MAX),
            ("-9223372036854775808e0", i64::MIN),
            ("0.0000000000000000000000000000001e31", 1),
        ] {
            assert_eq!(of(text), Some(expected), "{text}");
        }
    }

    #[test]
    fn nothing_is_rounded_and_nothing_overflows() {
        for text in [
            "0.5",
            "1.5",
            "1e-1",
            "105e-1",
            "9223372036854775808",
            "9223372036854775808.0",
            "-9223372036854775809",
            "1e19",
            "1e400",
            "1e-400",
            "1e99999999999999999999",
            "-1e9223372036854775807",
            "99999999999999999999999999999999",
        ] {
            assert_eq!(of(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn moved_points_change_nothing(number: i64, places in 0_usize..30) {
            let text = format!("{number}{}e-{places}", "0".repeat(places));
            prop_assert_eq!(of(&text), Some(number), "{}", text);
            let text = format!("{number}.{}e0", "0".repeat(places + 1));
            prop_assert_eq!(of(&text), Some(number), "{}", text);
        }
    }
}
