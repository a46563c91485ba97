//! Lists: who sees what, filters, and what becomes of orders whose user or product is deleted.

use ruko::error::Error;
use ruko::orders::{self, OrderFilter, OrderPage, OrderSort};

use super::{ANN, BEN, Shop};

async fn list(shop: &Shop, filter: OrderFilter, owner: Option<i64>, limit: i64, offset: i64) -> OrderPage {
    shop.db.read(move |tx| orders::list(tx, &filter, owner, OrderSort::default(), limit, offset)).await.unwrap()
}

fn ids(page: &OrderPage) -> Vec<i64> {
    page.orders.iter().map(|order| order.id).collect()
}

#[tokio::test]
async fn page_holds_the_newest_orders_each_with_its_own_items() {
    let shop = Shop::open().await;
    let (rice, tea) = (shop.add_product("Rice", 100, 50).await, shop.add_product("Tea", 10, 50).await);
    let mut made = Vec::new();
    for number in 1..=5 {
        made.push(shop.order(ANN, &[(rice, number), (tea, 1)]).await.unwrap());
    }
    made.reverse();
    let page = list(&shop, OrderFilter::default(), None, 3, 1).await;
    assert_eq!((page.orders.as_slice(), page.total), (&made[1..4], 5), "whole orders, three to fill up to four");
    let beyond = list(&shop, OrderFilter::default(), None, 3, 5).await;
    assert_eq!((beyond.orders.len(), beyond.total), (0, 5));
    assert_eq!(list(&shop, OrderFilter::default(), None, 0, 0).await.total, 5);
}

#[tokio::test]
async fn user_sees_own_orders_and_an_admin_all() {
    let shop = Shop::open().await;
    let rice = shop.add_product("Rice", 100, 50).await;
    let anns = shop.order(ANN, &[(rice, 1)]).await.unwrap().id;
    let bens = shop.order(BEN, &[(rice, 1)]).await.unwrap().id;
    let all = OrderFilter::default();
    assert_eq!(ids(&list(&shop, all.clone(), None, 10, 0).await), [bens, anns]);
    let own = list(&shop, all.clone(), Some(ANN), 10, 0).await;
    assert_eq!((ids(&own), own.total), (vec![anns], 1), "the count tells nothing of others either");
    let foreign = OrderFilter { user_id: Some(BEN), ..all };
    assert_eq!(ids(&list(&shop, foreign.clone(), None, 10, 0).await), [bens]);
    assert_eq!(list(&shop, foreign, Some(ANN), 10, 0).await.total, 0, "a filter opens no door");
    assert!(shop.get(anns, Some(ANN)).await.is_ok() && shop.get(bens, None).await.is_ok());
    assert!(matches!(shop.get(bens, Some(ANN)).await, Err(Error::NotFound { kind: "order", .. })));
}

#[tokio::test]
async fn order_of_a_deleted_user_stays_and_belongs_to_nobody() {
    let shop = Shop::open().await;
    let rice = shop.add_product("Rice", 100, 50).await;
    let id = shop.order(ANN, &[(rice, 1)]).await.unwrap().id;
    shop.run("DELETE FROM users WHERE name = 'ann'").await;
    assert_eq!(shop.get(id, None).await.unwrap().user_id, None);
    assert!(shop.get(id, Some(ANN)).await.is_err());
}

#[tokio::test]
async fn deleted_order_leaves_no_items_behind() {
    let shop = Shop::open().await;
    let rice = shop.add_product("Rice", 100, 50).await;
    shop.order(ANN, &[(rice, 1), (rice, 2)]).await.unwrap();
    shop.run("DELETE FROM orders").await;
    assert_eq!(shop.number("SELECT count(*) FROM order_items").await, 0);
    assert_eq!(list(&shop, OrderFilter::default(), None, 10, 0).await.total, 0);
}
