//! Types of orders and the rules that need no database.

use crate::clock::Timestamp;
use crate::error::{FieldError, Place, Rule};
use crate::id::UserId;
use crate::money::Money;

use super::status::OrderStatus;

/// Items an order may have.
pub const ITEMS_MAX: usize = 100;
/// Pieces an item may have.
pub const QUANTITY_MAX: i64 = 1_000_000;
/// Characters a note may have.
pub const NOTE_MAX_CHARS: usize = 1000;

/// An order with its items.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// Its number.
    pub id: i64,
    /// Who made it; nobody once that user is deleted.
    pub user_id: Option<UserId>,
    /// How far it got.
    pub status: OrderStatus,
    /// Sum of its items.
    pub total: Money,
    /// What the buyer had to say.
    pub note: Option<String>,
    /// At least one, as they were ordered.
    pub items: Vec<OrderItem>,
    /// Made.
    pub created_at: Timestamp,
    /// Last changed.
    pub updated_at: Timestamp,
}

/// One line of an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderItem {
    /// Its number.
    pub id: i64,
    /// The product; none once that is deleted.
    pub product_id: Option<i64>,
    /// The product's name when it was ordered.
    pub name: String,
    /// The product's price when it was ordered.
    pub unit_price: Money,
    /// Pieces.
    pub quantity: i64,
}

/// An order to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewOrder {
    /// For whom.
    pub user_id: UserId,
    /// What, 1 to [`ITEMS_MAX`]. A product may stand in several of them.
    pub items: Vec<NewItem>,
    /// What the buyer has to say, at most [`NOTE_MAX_CHARS`].
    pub note: Option<String>,
}

/// One line of an order to be made. Name and price are the product's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NewItem {
    /// The product.
    pub product_id: i64,
    /// Pieces, 1 to [`QUANTITY_MAX`].
    pub quantity: i64,
}

/// Which orders a list shows: those that fit all that is set. Bounds belong to the range.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OrderFilter {
    /// That got this far.
    pub status: Option<OrderStatus>,
    /// Made by this user.
    pub user_id: Option<UserId>,
    /// Made then or later.
    pub created_from: Option<Timestamp>,
    /// Made then or earlier.
    pub created_to: Option<Timestamp>,
    /// Of this total or more.
    pub total_min: Option<Money>,
    /// Of this total or less.
    pub total_max: Option<Money>,
}

/// Some orders of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderPage {
    /// The orders.
    pub orders: Vec<Order>,
    /// How many fit the filter in all.
    pub total: i64,
}

impl NewOrder {
    /// What is wrong with the number of items and the note.
    pub(super) fn refused_fields(&self) -> Vec<FieldError> {
        let items = match self.items.len() {
            0 => Some(Rule::MinItems(1)),
            count => (count > ITEMS_MAX).then_some(Rule::MaxItems(ITEMS_MAX)),
        };
        let note_chars = self.note.as_deref().map_or(0, |note| note.chars().count());
        let note = (note_chars > NOTE_MAX_CHARS).then_some(Rule::MaxLength(NOTE_MAX_CHARS));
        let rules = [("items", items), ("note", note)];
        rules.into_iter().filter_map(|(path, rule)| Some(refused(path, rule?))).collect()
    }
}

impl NewItem {
    /// What is wrong with the quantity in itself.
    pub(super) fn refused_quantity(&self) -> Option<Rule> {
        match self.quantity {
            ..1 => Some(Rule::Min("1".into())),
            1..=QUANTITY_MAX => None,
            _ => Some(Rule::Max(QUANTITY_MAX.to_string())),
        }
    }
}

/// A refused field of the body.
pub(super) fn refused(path: impl Into<String>, rule: Rule) -> FieldError {
    FieldError { path: path.into(), rule, place: Place::Body }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(items: usize, note: Option<String>) -> NewOrder {
        NewOrder { user_id: 1, items: vec![NewItem { product_id: 1, quantity: 1 }; items], note }
    }

    #[test]
    fn number_of_items_and_length_of_the_note_are_bounded() {
        let rules = |order: &NewOrder| order.refused_fields().into_iter().map(|f| (f.path, f.rule)).collect::<Vec<_>>();
        assert_eq!(rules(&order(0, None)), [("items".into(), Rule::MinItems(1))]);
        assert_eq!(rules(&order(1, Some("\u{1f35c}".repeat(1000)))), [], "characters count, not bytes");
        assert_eq!(rules(&order(100, None)), []);
        assert_eq!(
            rules(&order(101, Some("x".repeat(1001)))),
            [("items".into(), Rule::MaxItems(100)), ("note".into(), Rule::MaxLength(1000))]
        );
    }

    #[test]
    fn quantity_is_one_to_a_million() {
        let rule = |quantity| NewItem { product_id: 1, quantity }.refused_quantity();
        assert_eq!((rule(1), rule(1_000_000)), (None, None));
        assert_eq!((rule(0), rule(i64::MIN)), (Some(Rule::Min("1".into())), Some(Rule::Min("1".into()))));
        assert_eq!(rule(1_000_001), Some(Rule::Max("1000000".into())));
    }
}
