//! Making an order: names and prices come from the products, the pieces leave their stock, all in
//! the caller's transaction.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use crate::clock::Timestamp;
use crate::db::Tx;
use crate::error::{Error, FieldError, Result, Rule};
use crate::id::UserId;
use crate::money::Money;
use crate::products::stock::{self, Offer};
use crate::users;

use super::model::{ITEMS_MAX, NewItem, NewOrder, Order, refused};
use super::status::OrderStatus;
use super::store;

/// A product of the order and how many pieces the lines so far ask for.
struct Wanted {
    offer: Offer,
    quantity: i64,
}

/// The products of an order by id; without an offer when they cannot be bought.
type Basket = BTreeMap<i64, Option<Wanted>>;

/// Makes a pending order and takes its pieces off the stock.
///
/// # Errors
/// [`Error::Invalid`] with everything that is wrong: `items`, `note`, `items.N.product_id` (unknown
/// or not active), `items.N.quantity` (out of range or out of stock), or `user_id` when there is no
/// such user or it is disabled (`user_disabled`). [`Error::Forbidden`] when an owner orders for
/// somebody else.
pub fn create(tx: &mut Tx<'_>, input: &NewOrder, owner: Option<UserId>, now: Timestamp) -> Result<Order> {
    if owner.is_some_and(|owner| owner != input.user_id) {
        return Err(Error::Forbidden("a user may only order for themselves"));
    }
    let mut refused_fields = input.refused_fields();
    // An owner orders for itself, and has just shown a token that is good.
    if owner.is_none() {
        refused_fields.extend(refused_buyer(tx, input.user_id)?);
    }
    let mut basket = Basket::new();
    // A list that is too long is not worth its look-ups.
    if input.items.len() <= ITEMS_MAX {
        basket = fill_basket(tx, &input.items, &mut refused_fields)?;
    }
    if !refused_fields.is_empty() {
        return Err(Error::Invalid(refused_fields));
    }
    let total = total_of(&basket)?;
    for (id, wanted) in &basket {
        if let Some(wanted) = wanted {
            stock::take(tx, *id, wanted.quantity, now)?;
        }
    }
    let id = store::insert(tx, input, total, now)?;
    let mut items = Vec::with_capacity(input.items.len());
    for item in &input.items {
        if let Some(Some(Wanted { offer, .. })) = basket.get(&item.product_id) {
            items.push(store::insert_item(tx, id, *item, offer)?);
        }
    }
    Ok(Order {
        id,
        user_id: Some(input.user_id),
        status: OrderStatus::Pending,
        total,
        note: input.note.clone(),
        items,
        created_at: now,
        updated_at: now,
    })
}

/// Why nothing can be ordered for this user.
fn refused_buyer(tx: &mut Tx<'_>, id: UserId) -> Result<Option<FieldError>> {
    let rule = match users::find(tx, id)? {
        Some(user) if user.is_active => return Ok(None),
        Some(_) => Rule::Other("user_disabled", "The selected user is disabled.".into()),
        None => Rule::Missing,
    };
    Ok(Some(refused("user_id", rule)))
}

/// Looks each product up once and adds its lines up against the stock.
fn fill_basket(tx: &mut Tx<'_>, items: &[NewItem], refused_fields: &mut Vec<FieldError>) -> Result<Basket> {
    let mut basket = Basket::new();
    for (index, item) in items.iter().enumerate() {
        let wanted = match basket.entry(item.product_id) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(new) => {
                let offer = stock::find_offer(tx, item.product_id)?;
                new.insert(offer.map(|offer| Wanted { offer, quantity: 0 }))
            }
        };
        if wanted.is_none() {
            refused_fields.push(refused(format!("items.{index}.product_id"), Rule::Missing));
        }
        let rule = item.refused_quantity().or_else(|| wanted.as_mut().and_then(|wanted| wanted.add(item.quantity)));
        refused_fields.extend(rule.map(|rule| refused(format!("items.{index}.quantity"), rule)));
    }
    Ok(basket)
}

impl Wanted {
    /// Adds a line, or says why it cannot be had; then it counts for nothing.
    fn add(&mut self, quantity: i64) -> Option<Rule> {
        let Offer { name, stock, .. } = &self.offer;
        if quantity <= stock - self.quantity {
            self.quantity += quantity;
            return None;
        }
        Some(Rule::OutOfStock { name: name.clone(), left: *stock, taken: self.quantity })
    }
}

fn total_of(basket: &Basket) -> Result<Money> {
    let mut prices = basket.values().flatten().map(|wanted| wanted.offer.price.checked_mul(wanted.quantity));
    let total = prices.try_fold(Money::ZERO, |sum, price| sum.checked_add(price?));
    total.ok_or_else(|| {
        let text = format!("The total of an order must not be greater than {}.", Money::MAX);
        Error::field("items", Rule::Other("total_too_large", text))
    })
}
