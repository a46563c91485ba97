//! How far an order got, and where it can go from there.

use std::fmt;
use std::str::FromStr;

use crate::error::{Error, Result, Rule};

/// How far an order got.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OrderStatus {
    /// Made, its pieces are reserved.
    Pending,
    /// Paid for.
    Paid,
    /// On its way.
    Shipped,
    /// Arrived. Final.
    Completed,
    /// Called off, its pieces are back in stock. Final.
    Cancelled,
}

impl OrderStatus {
    /// All of them, in the order of an order's life.
    pub const ALL: [Self; 5] = [Self::Pending, Self::Paid, Self::Shipped, Self::Completed, Self::Cancelled];

    /// The text, stored and on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Paid => "paid",
            Self::Shipped => "shipped",
            Self::Completed => "completed",
            Self::Cancelled => "cancelled",
        }
    }

    /// Where it can go from here.
    pub fn next(self) -> &'static [Self] {
        match self {
            Self::Pending => &[Self::Paid, Self::Cancelled],
            Self::Paid => &[Self::Shipped, Self::Cancelled],
            Self::Shipped => &[Self::Completed],
            Self::Completed | Self::Cancelled => &[],
        }
    }

    /// Fine when an order may go from here to `to`.
    ///
    /// # Errors
    /// [`Error::Conflict`] `illegal_transition`, which names both and what would be legal.
    pub fn check_change(self, to: Self) -> Result<()> {
        let next = self.next();
        if next.contains(&to) {
            return Ok(());
        }
        let legal = match next {
            [] => format!("{self} is final"),
            [only] => format!("it can only become {only}"),
            [first, second, ..] => format!("it can become {first} or {second}"),
        };
        Err(Error::conflict("illegal_transition", format!("An order that is {self} cannot become {to}: {legal}.")))
    }
}

impl FromStr for OrderStatus {
    type Err = Rule;

    fn from_str(text: &str) -> Result<Self, Rule> {
        let found = Self::ALL.into_iter().find(|status| status.as_str() == text);
        found.ok_or_else(|| Rule::OneOf(Self::ALL.map(|status| status.as_str().into()).into()))
    }
}

impl fmt::Display for OrderStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exactly_five_changes_are_legal() {
        use OrderStatus::{Cancelled, Completed, Paid, Pending, Shipped};
        let mut legal = Vec::new();
        for from in OrderStatus::ALL {
            legal.extend(OrderStatus::ALL.into_iter().filter(|to| from.check_change(*to).is_ok()).map(|to| (from, to)));
        }
        let expected =
            [(Pending, Paid), (Pending, Cancelled), (Paid, Shipped), (Paid, Cancelled), (Shipped, Completed)];
        assert_eq!(legal, expected);
    }

    #[test]
    fn illegal_change_says_what_would_be_legal() {
        let text = |from: OrderStatus, to| from.check_change(to).unwrap_err().to_string();
        assert_eq!(
            text(OrderStatus::Pending, OrderStatus::Completed),
            "An order that is pending cannot become completed: it can become paid or cancelled."
        );
        assert_eq!(
            text(OrderStatus::Shipped, OrderStatus::Cancelled),
            "An order that is shipped cannot become cancelled: it can only become completed."
        );
        assert_eq!(
            text(OrderStatus::Cancelled, OrderStatus::Paid),
            "An order that is cancelled cannot become paid: cancelled is final."
        );
        let error = OrderStatus::Cancelled.check_change(OrderStatus::Paid).unwrap_err();
        assert_eq!((error.code(), error.status()), ("illegal_transition", 409));
    }

    #[test]
    fn every_status_reads_back_and_no_other_text_does() {
        for status in OrderStatus::ALL {
            assert_eq!(status.as_str().parse(), Ok(status));
        }
        for text in ["", "Paid", " paid", "refunded"] {
            assert!(matches!(text.parse::<OrderStatus>(), Err(Rule::OneOf(all)) if all.len() == 5), "{text:?}");
        }
    }
}
