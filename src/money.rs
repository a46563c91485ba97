//! Amounts of money: whole cents in 64 bits, never a float.
//!
//! A JSON number is a decimal text, and `0.1 + 0.2` of prices has to be `0.3`. So the text is read
//! digit by digit; what does not fit two decimals is refused, not rounded.

use std::fmt;

use serde::{Serialize, Serializer};

use crate::error::Rule;

/// Digits before the point an amount may have.
const WHOLE_DIGITS: i64 = 8;
/// Digits after the point.
const DECIMALS: u32 = 2;

/// An amount from 0 to 99,999,999.99, the range of a `DECIMAL(10,2)`. On the wire `"15000.00"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Money(i64);

impl Money {
    /// Nothing.
    pub const ZERO: Self = Self(0);
    /// The largest amount.
    pub const MAX: Self = Self(9_999_999_999);

    /// The amount of this many minor units (cents), when it is in range.
    pub fn from_minor(minor: i64) -> Option<Self> {
        (Self::ZERO.0..=Self::MAX.0).contains(&minor).then_some(Self(minor))
    }

    /// Minor units (cents).
    pub fn minor(self) -> i64 {
        self.0
    }

    /// Reads a JSON number or its text: `15000`, `15000.5`, `1.5e3`. Digits stand on both sides of
    /// a point, blanks nowhere. Zeros too many do no harm: `1.500` is `1.50`.
    ///
    /// # Errors
    /// The rule that was broken, the first of: [`Rule::Numeric`], [`Rule::Min`], [`Rule::Max`],
    /// [`Rule::Decimals`].
    pub fn parse(text: &str) -> Result<Self, Rule> {
        let (is_negative, unsigned) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
        let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, parse_exponent(exponent)?),
            None => (unsigned, 0),
        };
        let (whole, fraction) = match mantissa.split_once('.') {
            Some((_, "")) => return Err(Rule::Numeric),
            Some(parts) => parts,
            None => (mantissa, ""),
        };
        if whole.is_empty() || !whole.bytes().chain(fraction.bytes()).all(|byte| byte.is_ascii_digit()) {
            return Err(Rule::Numeric);
        }
        let digits = format!("{whole}{fraction}");
        let digits = digits.trim_start_matches('0');
        let significant = digits.trim_end_matches('0');
        if significant.is_empty() {
            return Ok(Self::ZERO);
        }
        if is_negative {
            return Err(Rule::Min("0".into()));
        }
        // The amount is `significant` times ten to this power. The exponent is the client's and may
        // be absurd; no number is made of it before it is known to be small.
        let power = exponent.saturating_sub(length(fraction)).saturating_add(length(digits) - length(significant));
        if power.saturating_add(length(significant)) > WHOLE_DIGITS {
            return Err(Rule::Max(Self::MAX.to_string()));
        }
        let zeros = power.saturating_add(DECIMALS.into());
        let zeros = usize::try_from(zeros).map_err(|_| Rule::Decimals(DECIMALS))?;
        let all = significant.bytes().chain(std::iter::repeat_n(b'0', zeros));
        Ok(Self(all.fold(0, |minor, digit| minor * 10 + i64::from(digit - b'0'))))
    }

    /// The sum, when it is in range.
    pub fn checked_add(self, other: Self) -> Option<Self> {
        self.0.checked_add(other.0).and_then(Self::from_minor)
    }

    /// The price of `quantity` pieces, when it is in range.
    pub fn checked_mul(self, quantity: i64) -> Option<Self> {
        self.0.checked_mul(quantity).and_then(Self::from_minor)
    }
}

/// The number after `e`, at the bounds of its type when it is larger.
fn parse_exponent(text: &str) -> Result<i64, Rule> {
    let (sign, digits) = match text.as_bytes() {
        [b'-', digits @ ..] => (-1, digits),
        [b'+', digits @ ..] | digits => (1, digits),
    };
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return Err(Rule::Numeric);
    }
    let size = digits.iter().fold(0_i64, |sum, digit| sum.saturating_mul(10).saturating_add((digit - b'0').into()));
    Ok(sign * size)
}

fn length(text: &str) -> i64 {
    i64::try_from(text.len()).unwrap_or(i64::MAX)
}

/// The longest text, `99999999.99`.
const TEXT_BYTES: usize = 11;

impl Money {
    /// Writes the text right-aligned; a list of amounts is written too often for `fmt`.
    fn write(self, out: &mut [u8; TEXT_BYTES]) -> &str {
        let mut rest = self.0;
        let mut start = TEXT_BYTES;
        while start > 0 && (rest > 0 || start > TEXT_BYTES - 4) {
            start -= 1;
            if start == TEXT_BYTES - 3 {
                out[start] = b'.';
                continue;
            }
            out[start] = b'0' + u8::try_from(rest % 10).unwrap_or(0);
            rest /= 10;
        }
        std::str::from_utf8(&out[start..]).unwrap_or_default()
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.write(&mut [0; TEXT_BYTES]))
    }
}

impl Serialize for Money {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.write(&mut [0; TEXT_BYTES]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The amount in units of 10^-12, which holds every number of the property below exactly.
    fn naive(is_negative: bool, whole: &str, fraction: &str, exponent: i32) -> Result<i64, Rule> {
        let mantissa: i128 = format!("{whole}{fraction}").parse().unwrap();
        let shift = 12 + exponent - i32::try_from(fraction.len()).unwrap();
        let value = mantissa * 10_i128.pow(shift.try_into().unwrap());
        match value {
            0 => Ok(0),
            _ if is_negative => Err(Rule::Min("0".into())),
            _ if value >= 10_i128.pow(20) => Err(Rule::Max("99999999.99".into())),
            _ if value % 10_i128.pow(10) != 0 => Err(Rule::Decimals(2)),
            _ => Ok(i64::try_from(value / 10_i128.pow(10)).unwrap()),
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn reading_agrees_with_whole_number_arithmetic(
            is_negative in proptest::bool::weighted(0.1),
            whole in "0{0,2}[0-9]{1,8}",
            fraction in "([0-9]{1,2}0{0,3}|[0-9]{0,5})",
            exponent in proptest::option::of(-6..=6_i32),
            letter in "[eE]",
        ) {
            let sign = if is_negative { "-" } else { "" };
            let point = if fraction.is_empty() { "" } else { "." };
            let power = exponent.map_or(String::new(), |exponent| format!("{letter}{exponent}"));
            let text = format!("{sign}{whole}{point}{fraction}{power}");
            let expected = naive(is_negative, &whole, &fraction, exponent.unwrap_or(0));
            prop_assert_eq!(Money::parse(&text).map(Money::minor), expected, "{}", text);
        }

        #[test]
        fn every_amount_reads_back_as_it_is_written(minor in 0..=9_999_999_999_i64) {
            let amount = Money::from_minor(minor).unwrap();
            prop_assert_eq!(Money::parse(&amount.to_string()), Ok(amount));
        }

        #[test]
        fn any_text_is_read_or_refused(text in "([-+.eE0-9x _]{0,12}|.{0,12})") {
            if let Ok(amount) = Money::parse(&text) {
                let float = text.parse::<f64>().unwrap().abs();
                prop_assert_eq!(format!("{float:.2}"), amount.to_string());
            }
        }

        #[test]
        fn arithmetic_stays_in_range(a in 0..=9_999_999_999_i64, b in 0..=9_999_999_999_i64, quantity: i64) {
            let (money_a, money_b) = (Money::from_minor(a).unwrap(), Money::from_minor(b).unwrap());
            prop_assert_eq!(money_a.checked_add(money_b), Money::from_minor(a + b));
            let product = i64::try_from(i128::from(a) * i128::from(quantity)).ok().and_then(Money::from_minor);
            prop_assert_eq!(money_a.checked_mul(quantity), product);
        }
    }

    #[test]
    fn what_is_no_decimal_number_is_refused() {
        let texts = [
            "",
            " ",
            " 1",
            "1 ",
            "+1",
            "-",
            "--1",
            "-+1",
            "NaN",
            "inf",
            "0x10",
            "1,5",
            "1_000",
            ".5",
            "5.",
            "1e",
            "e5",
            "1e+",
            "1e-",
            "1e1.5",
            "1e1e1",
            "1.2.3",
            "1.-2",
            "Rp 1",
            "\u{661}",
            "1\0",
            "1e\u{661}",
        ];
        for text in texts {
            assert_eq!(Money::parse(text), Err(Rule::Numeric), "{text:?}");
        }
    }

    #[test]
    fn bounds_are_exact() {
        assert_eq!(Money::parse("99999999.99"), Ok(Money::MAX));
        assert_eq!(Money::parse("100000000"), Err(Rule::Max("99999999.99".into())));
        assert_eq!(Money::parse("99999999.995"), Err(Rule::Decimals(2)));
        assert_eq!(Money::parse("-0.01"), Err(Rule::Min("0".into())));
        assert_eq!(Money::parse("-0"), Ok(Money::ZERO));
        assert_eq!(Money::parse("0.001"), Err(Rule::Decimals(2)));
        assert_eq!(Money::parse("0.1"), Ok(Money(10)));
    }

    #[test]
    fn absurd_exponents_cost_nothing() {
        let nines = "9".repeat(40);
        assert_eq!(Money::parse(&format!("1e{nines}")), Err(Rule::Max("99999999.99".into())));
        assert_eq!(Money::parse(&format!("1e-{nines}")), Err(Rule::Decimals(2)));
        assert_eq!(Money::parse(&format!("0.0e{nines}")), Ok(Money::ZERO));
        assert_eq!(Money::parse("1000e-3"), Ok(Money(100)));
        assert_eq!(Money::parse(&format!("1{}e-1000", "0".repeat(1000))), Ok(Money(100)));
    }

    #[test]
    fn the_wire_form_is_a_text_with_two_decimals() {
        assert_eq!(serde_json::to_string(&Money(1_500_000)).unwrap(), r#""15000.00""#);
        assert_eq!(Money(5).to_string(), "0.05");
    }
}
