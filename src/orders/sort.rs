//! In which order a list of orders comes.

use std::str::FromStr;

use crate::error::Rule;

/// What a list is sorted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SortKey {
    /// The order's number.
    Id,
    /// The order's total.
    Total,
    /// When it was made.
    CreatedAt,
}

/// How a list is sorted: `total` upwards, `-total` downwards. Ties go by id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct OrderSort {
    /// By what.
    pub key: SortKey,
    /// Greatest first.
    pub is_descending: bool,
}

impl OrderSort {
    /// Every text that names a sort.
    pub const NAMES: [&str; 6] = ["id", "-id", "total", "-total", "created_at", "-created_at"];
}

impl Default for OrderSort {
    /// Newest first. By id, since ids only ever grow and a machine's clock may be set back.
    fn default() -> Self {
        Self { key: SortKey::Id, is_descending: true }
    }
}

impl FromStr for OrderSort {
    type Err = Rule;

    fn from_str(text: &str) -> Result<Self, Rule> {
        let (name, is_descending) = text.strip_prefix('-').map_or((text, false), |name| (name, true));
        let key = match name {
            "id" => SortKey::Id,
            "total" => SortKey::Total,
            "created_at" => SortKey::CreatedAt,
            _ => return Err(Rule::OneOf(Self::NAMES.map(String::from).into())),
        };
        Ok(Self { key, is_descending })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn six_names_are_six_sorts_and_nothing_else_is_one() {
        let sorts: std::collections::HashSet<OrderSort> =
            OrderSort::NAMES.iter().map(|name| name.parse().unwrap()).collect();
        assert_eq!(sorts.len(), 6);
        for text in ["", "-", "--id", "ID", "+id", "id ", "note", "id; DROP TABLE orders"] {
            assert!(matches!(text.parse::<OrderSort>(), Err(Rule::OneOf(_))), "{text:?}");
        }
    }
}
