//! Random orders and changes against a model that keeps everything in vectors.

use proptest::prelude::*;
use ruko::clock::Timestamp;
use ruko::money::Money;
use ruko::orders::{self, OrderFilter, OrderSort, OrderStatus};

use super::{ANN, BEN, Shop, new_order};

const STOCKS: [i64; 3] = [6, 20, 3];
const PRICES: [i64; 3] = [100, 250, 7];

#[derive(Debug, Clone)]
enum Step {
    /// An order of this user; products are counted from 1, the fourth does not exist.
    Create(i64, Vec<(i64, i64)>),
    /// The order at this place of all made so far.
    SetStatus(prop::sample::Index, OrderStatus),
}

fn step() -> impl Strategy<Value = Step> {
    let product = prop_oneof![20 => 1..=3_i64, 1 => Just(4_i64)];
    let items = prop::collection::vec((product, 1..=4_i64), 1..4);
    let status = prop_oneof![
        3 => Just(OrderStatus::Cancelled),
        4 => prop::sample::select(OrderStatus::ALL.as_slice()),
    ];
    prop_oneof![
        (ANN..=BEN, items).prop_map(|(user, items)| Step::Create(user, items)),
        (any::<prop::sample::Index>(), status).prop_map(|(index, status)| Step::SetStatus(index, status)),
    ]
}

struct ModelOrder {
    user: i64,
    items: Vec<(i64, i64)>,
    status: OrderStatus,
    total: i64,
    made: i64,
}

#[derive(Default)]
struct Model {
    orders: Vec<ModelOrder>,
}

impl Model {
    fn sold(&self, product: i64) -> i64 {
        let kept = self.orders.iter().filter(|order| order.status != OrderStatus::Cancelled);
        let items = kept.flat_map(|order| &order.items);
        items.filter(|(id, _)| *id == product).map(|(_, quantity)| quantity).sum()
    }

    fn left(&self, product: i64) -> i64 {
        let index = usize::try_from(product - 1).unwrap();
        STOCKS.get(index).map_or(0, |stock| stock - self.sold(product))
    }

    fn create(&mut self, user: i64, items: &[(i64, i64)], made: i64) -> bool {
        let asked = |product| items.iter().filter(|(id, _)| *id == product).map(|(_, quantity)| quantity).sum::<i64>();
        if items.iter().any(|&(product, _)| asked(product) > self.left(product)) {
            return false;
        }
        let price = |id: i64| PRICES[usize::try_from(id - 1).unwrap()];
        let total = items.iter().map(|&(id, quantity)| price(id) * quantity).sum();
        self.orders.push(ModelOrder { user, items: items.to_vec(), status: OrderStatus::Pending, total, made });
        true
    }

    fn set_status(&mut self, index: usize, to: OrderStatus) -> bool {
        use OrderStatus::{Cancelled, Completed, Paid, Pending, Shipped};
        let from = &mut self.orders[index].status;
        let is_legal = *from == to
            || matches!((*from, to), (Pending, Paid | Cancelled) | (Paid, Shipped | Cancelled) | (Shipped, Completed));
        if is_legal {
            *from = to;
        }
        is_legal
    }

    /// Ids of the orders that fit, sorted.
    fn list(&self, filter: &OrderFilter, sort: &str) -> Vec<i64> {
        let in_range = |value: i64, from: Option<i64>, to: Option<i64>| {
            from.is_none_or(|from| from <= value) && to.is_none_or(|to| value <= to)
        };
        let mut rows: Vec<(i64, i64)> = Vec::new();
        for (order, id) in self.orders.iter().zip(1..) {
            let fits = filter.status.is_none_or(|status| status == order.status)
                && filter.user_id.is_none_or(|user| user == order.user)
                && in_range(order.made, filter.created_from.map(|at| at.0), filter.created_to.map(|at| at.0))
                && in_range(order.total, filter.total_min.map(Money::minor), filter.total_max.map(Money::minor));
            let key = match sort.trim_start_matches('-') {
                "total" => order.total,
                "created_at" => order.made,
                _ => 0,
            };
            if fits {
                rows.push((key, id));
            }
        }
        rows.sort_unstable();
        if sort.starts_with('-') {
            rows.reverse();
        }
        rows.into_iter().map(|(_, id)| id).collect()
    }
}

fn filter() -> impl Strategy<Value = OrderFilter> {
    let money = || prop::option::weighted(0.3, (0..1500_i64).prop_map(|minor| Money::from_minor(minor).unwrap()));
    let time = || prop::option::weighted(0.3, (0..20_i64).prop_map(Timestamp));
    let status = prop::option::weighted(0.4, prop::sample::select(OrderStatus::ALL.as_slice()));
    (status, prop::option::weighted(0.4, ANN..=BEN), time(), time(), money(), money()).prop_map(
        |(status, user_id, created_from, created_to, total_min, total_max)| OrderFilter {
            status,
            user_id,
            created_from,
            created_to,
            total_min,
            total_max,
        },
    )
}

async fn check(steps: Vec<Step>, filters: Vec<OrderFilter>) {
    let shop = Shop::open().await;
    for (price, stock) in PRICES.into_iter().zip(STOCKS) {
        shop.add_product("x", price, stock).await;
    }
    let mut model = Model::default();
    for (number, step) in (0..).zip(steps) {
        match step {
            Step::Create(user, items) => {
                // Three steps share a time, so that sorting by it has ties to break.
                let made = Timestamp(number / 3);
                let input = new_order(user, &items);
                let outcome = shop.db.write(move |tx| orders::create(tx, &input, Some(user), made)).await;
                let id = outcome.ok().map(|order| order.id);
                let is_made = model.create(user, &items, made.0);
                // A refused order rolls its number back, so numbers have no gaps here.
                assert_eq!(id, is_made.then(|| i64::try_from(model.orders.len()).unwrap()), "{items:?}");
            }
            Step::SetStatus(..) if model.orders.is_empty() => {}
            Step::SetStatus(index, to) => {
                let index = index.index(model.orders.len());
                let outcome = shop.set_status(i64::try_from(index).unwrap() + 1, to, None).await;
                assert_eq!(outcome.is_ok(), model.set_status(index, to), "{outcome:?}");
            }
        }
        for (product, initial) in (1..).zip(STOCKS) {
            assert_eq!(shop.stock(product).await + model.sold(product), initial);
        }
    }
    for (order, id) in model.orders.iter().zip(1..) {
        let stored = shop.get(id, Some(order.user)).await.unwrap();
        let items: Vec<_> = stored.items.iter().map(|item| (item.product_id.unwrap(), item.quantity)).collect();
        assert_eq!((stored.status, stored.total.minor(), items), (order.status, order.total, order.items.clone()));
    }
    for filter in filters {
        for name in OrderSort::NAMES {
            let (asked, sort) = (filter.clone(), name.parse().unwrap());
            let page = shop.db.read(move |tx| orders::list(tx, &asked, None, sort, 5, 1)).await.unwrap();
            let ids: Vec<i64> = page.orders.iter().map(|order| order.id).collect();
            let expected = model.list(&filter, name);
            assert_eq!(page.total, i64::try_from(expected.len()).unwrap(), "{filter:?}");
            assert_eq!(ids, expected.into_iter().skip(1).take(5).collect::<Vec<_>>(), "{filter:?} {name}");
        }
    }
    let orphans = "SELECT count(*) FROM order_items WHERE order_id NOT IN (SELECT id FROM orders)";
    assert_eq!(shop.number(orphans).await, 0);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: crate::extent::tries(640, 64), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_orders_and_changes_agree_with_the_model(
        steps in prop::collection::vec(step(), 1..40),
        mut filters in prop::collection::vec(filter(), 4),
    ) {
        filters.push(OrderFilter::default());
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(check(steps, filters));
    }
}
