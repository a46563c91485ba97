//! The tables that can be restored by themselves. What is not named here is the server's own: tokens,
//! marks, counts, search indexes.

/// A table that can be restored by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Table {
    pub(super) name: &'static str,
    /// Columns that a preview shows: nothing secret, and nothing long.
    pub(super) shown: &'static [&'static str],
}

const TABLES: &[Table] = &[
    Table { name: "users", shown: &["name", "email", "username", "role", "is_active"] },
    Table { name: "products", shown: &["name", "price_minor", "stock", "is_active"] },
    Table { name: "orders", shown: &["user_id", "status", "total_minor"] },
    Table { name: "order_items", shown: &["order_id", "product_id", "name", "unit_price_minor", "quantity"] },
];

impl Table {
    /// All of them.
    pub fn all() -> &'static [Self] {
        TABLES
    }

    /// The one of this name.
    pub fn find(name: &str) -> Option<Self> {
        TABLES.iter().find(|table| table.name == name).copied()
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        self.name
    }

    pub(super) fn is_in(self, tables: &[Self]) -> bool {
        tables.contains(&self)
    }

    pub(super) const USERS: Self = TABLES[0];
    pub(super) const PRODUCTS: Self = TABLES[1];
}
