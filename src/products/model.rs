//! Types of products.

use std::str::FromStr;

use crate::clock::Timestamp;
use crate::error::Rule;
use crate::money::Money;

/// A product's row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Product {
    /// Id inside the tenant.
    pub id: i64,
    /// Name.
    pub name: String,
    /// Description.
    pub description: Option<String>,
    /// Price of one.
    pub price: Money,
    /// Pieces in stock.
    pub stock: i64,
    /// Picture.
    pub image: Option<String>,
    /// False for a product that is not sold.
    pub is_active: bool,
    /// Created.
    pub created_at: Timestamp,
    /// Last changed.
    pub updated_at: Timestamp,
}

impl Product {
    /// With these changes.
    pub(super) fn patched(&self, patch: &ProductPatch) -> Self {
        let kept = self.clone();
        Self {
            name: patch.name.clone().unwrap_or(kept.name),
            description: patch.description.clone().unwrap_or(kept.description),
            price: patch.price.unwrap_or(kept.price),
            stock: patch.stock.unwrap_or(kept.stock),
            image: patch.image.clone().unwrap_or(kept.image),
            is_active: patch.is_active.unwrap_or(kept.is_active),
            ..kept
        }
    }
}

/// What a new product is made of.
#[derive(Debug, Clone)]
pub struct NewProduct {
    /// Name.
    pub name: String,
    /// Description.
    pub description: Option<String>,
    /// Price of one.
    pub price: Money,
    /// Pieces in stock.
    pub stock: i64,
    /// Picture.
    pub image: Option<String>,
    /// Whether it is sold.
    pub is_active: bool,
}

/// Changes to a product. `None` leaves a field as it is, an inner `None` empties it.
#[derive(Debug, Clone, Default)]
pub struct ProductPatch {
    /// New name.
    pub name: Option<String>,
    /// New description.
    pub description: Option<Option<String>>,
    /// New price.
    pub price: Option<Money>,
    /// New stock.
    pub stock: Option<i64>,
    /// New picture.
    pub image: Option<Option<String>>,
    /// Sold or not.
    pub is_active: Option<bool>,
}

/// Which products to list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProductFilter {
    /// Part of the name or description, without regard to case.
    pub search: Option<String>,
    /// Lowest price.
    pub price_min: Option<Money>,
    /// Highest price.
    pub price_max: Option<Money>,
    /// Lowest stock.
    pub stock_min: Option<i64>,
    /// Highest stock.
    pub stock_max: Option<i64>,
    /// Only sold, or only unsold ones.
    pub is_active: Option<bool>,
}

impl ProductFilter {
    /// True when every product passes.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Order of a list. Equal rows follow their id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ProductSort {
    column: SortColumn,
    is_descending: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum SortColumn {
    #[default]
    Id,
    Name,
    Price,
    Stock,
    CreatedAt,
    UpdatedAt,
}

impl ProductSort {
    /// Every name; `-` in front turns the order round.
    pub const NAMES: [&str; 12] = [
        "id",
        "-id",
        "name",
        "-name",
        "price",
        "-price",
        "stock",
        "-stock",
        "created_at",
        "-created_at",
        "updated_at",
        "-updated_at",
    ];

    /// The ORDER BY of it.
    pub(super) fn sql(self) -> &'static str {
        match (self.column, self.is_descending) {
            (SortColumn::Id, false) => "p.id",
            (SortColumn::Id, true) => "p.id DESC",
            (SortColumn::Name, false) => "p.name COLLATE NOCASE, p.id",
            (SortColumn::Name, true) => "p.name COLLATE NOCASE DESC, p.id DESC",
            (SortColumn::Price, false) => "p.price_minor, p.id",
            (SortColumn::Price, true) => "p.price_minor DESC, p.id DESC",
            (SortColumn::Stock, false) => "p.stock, p.id",
            (SortColumn::Stock, true) => "p.stock DESC, p.id DESC",
            (SortColumn::CreatedAt, false) => "p.created_at, p.id",
            (SortColumn::CreatedAt, true) => "p.created_at DESC, p.id DESC",
            (SortColumn::UpdatedAt, false) => "p.updated_at, p.id",
            (SortColumn::UpdatedAt, true) => "p.updated_at DESC, p.id DESC",
        }
    }
}

impl FromStr for ProductSort {
    type Err = Rule;

    fn from_str(text: &str) -> Result<Self, Rule> {
        let (name, is_descending) = text.strip_prefix('-').map_or((text, false), |name| (name, true));
        let column = match name {
            "id" => SortColumn::Id,
            "name" => SortColumn::Name,
            "price" => SortColumn::Price,
            "stock" => SortColumn::Stock,
            "created_at" => SortColumn::CreatedAt,
            "updated_at" => SortColumn::UpdatedAt,
            _ => return Err(Rule::OneOf(Self::NAMES.iter().map(ToString::to_string).collect())),
        };
        Ok(Self { column, is_descending })
    }
}
