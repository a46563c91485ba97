//! What the demo shop has sold over the last days.

use std::time::Duration;

use crate::clock::Timestamp;
use crate::db::Tx;
use crate::error::Result;
use crate::id::UserId;
use crate::orders::{self, NewItem, NewOrder, OrderStatus};

const ORDERS: usize = 25;
/// From one order to the next.
const APART: Duration = Duration::from_secs(6 * 3600);
/// From one status of an order to the next.
const STEP: Duration = Duration::from_secs(25 * 60);
/// Orders at the end that are not finished yet.
const OPEN: usize = 7;

const NOTES: [Option<&str>; 5] =
    [None, Some("Meja 4"), None, Some("Dibungkus, sambalnya dipisah"), Some("Pak RT, nanti diambil")];

/// Makes the orders, the oldest first, and moves each as far as it got by now.
pub(super) fn sell(tx: &mut Tx<'_>, products: &[i64], buyer: UserId, now: Timestamp) -> Result<()> {
    for number in 0..ORDERS {
        let ago = APART * u32::try_from(ORDERS - number).unwrap_or(0);
        let mut at = now.minus(ago);
        let note = NOTES[number % NOTES.len()].map(Into::into);
        let order = NewOrder { user_id: buyer, items: basket(products, number), note };
        let order = orders::create(tx, &order, None, at)?;
        for status in history(number) {
            at = at.plus(STEP);
            orders::set_status(tx, order.id, *status, None, at)?;
        }
    }
    Ok(())
}

/// One to four different products, more of the cheap ones. No product is sold out by it.
fn basket(products: &[i64], number: usize) -> Vec<NewItem> {
    let lines = 1 + number % 4;
    // 7 and 11 share no factor with the 40 products, so the lines of an order are different ones.
    let pick = |line: usize| products[(number * 7 + line * 11) % products.len()];
    let quantity = |line: usize| i64::try_from(1 + (number + line) % 3).unwrap_or(1);
    (0..lines).map(|line| NewItem { product_id: pick(line), quantity: quantity(line) }).collect()
}

fn history(number: usize) -> &'static [OrderStatus] {
    use OrderStatus::{Cancelled, Completed, Paid, Shipped};
    match (number, ORDERS - number <= OPEN) {
        (_, true) => [&[Paid, Shipped][..], &[Paid], &[]][number % 3],
        (number, false) if number % 9 == 4 => &[Cancelled],
        (number, false) if number % 9 == 8 => &[Paid, Cancelled],
        _ => &[Paid, Shipped, Completed],
    }
}
