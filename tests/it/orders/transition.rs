//! Moving orders on and calling them off.

use ruko::error::Error;
use ruko::orders::OrderStatus::{Cancelled, Completed, Paid, Pending, Shipped};

use super::{ANN, BEN, NOW, Shop};

#[tokio::test]
async fn order_goes_its_way_and_nowhere_else() {
    let shop = Shop::open().await;
    let rice = shop.add_product("Rice", 100, 5).await;
    let id = shop.order(ANN, &[(rice, 2)]).await.unwrap().id;
    for (to, refused) in [(Paid, Completed), (Shipped, Pending), (Completed, Cancelled)] {
        let order = shop.set_status(id, to, None).await.unwrap();
        assert_eq!((order.status, order.updated_at.0), (to, NOW.0 + 1));
        assert_eq!(shop.get(id, None).await.unwrap(), order, "what is answered is what is stored");
        let error = shop.set_status(id, refused, None).await.unwrap_err();
        assert_eq!(error.code(), "illegal_transition");
        assert!(error.to_string().contains(to.as_str()) && error.to_string().contains(refused.as_str()), "{error}");
        assert_eq!(shop.get(id, None).await.unwrap(), order, "a refused change changes nothing");
    }
    assert_eq!(shop.stock(rice).await, 3);
    assert!(matches!(shop.set_status(99, Paid, None).await, Err(Error::NotFound { kind: "order", .. })));
}

#[tokio::test]
async fn same_status_again_answers_the_order_unchanged() {
    let shop = Shop::open().await;
    let rice = shop.add_product("Rice", 100, 5).await;
    let order = shop.order(ANN, &[(rice, 2)]).await.unwrap();
    assert_eq!(shop.set_status(order.id, Pending, None).await.unwrap(), order, "not even updated_at");
}

#[tokio::test]
async fn cancelled_order_gives_back_to_the_products_that_still_exist() {
    let shop = Shop::open().await;
    let (rice, tea) = (shop.add_product("Rice", 100, 5).await, shop.add_product("Tea", 100, 5).await);
    let id = shop.order(ANN, &[(rice, 2), (tea, 1), (rice, 1)]).await.unwrap().id;
    shop.run("DELETE FROM products WHERE name = 'Tea'").await;
    shop.run("UPDATE products SET is_active = 0").await;
    let order = shop.set_status(id, Cancelled, None).await.unwrap();
    assert_eq!((order.items[1].product_id, order.items[1].name.as_str()), (None, "Tea"), "the item outlives it");
    assert_eq!(shop.stock(rice).await, 5);
}

#[tokio::test]
async fn order_can_be_cancelled_however_full_the_stock_is() {
    let shop = Shop::open().await;
    let rice = shop.add_product("Rice", 100, 5).await;
    let id = shop.order(ANN, &[(rice, 2)]).await.unwrap().id;
    shop.run("UPDATE products SET stock = 9223372036854775806").await;
    assert_eq!(shop.set_status(id, Cancelled, None).await.unwrap().status, Cancelled);
    assert_eq!(shop.stock(rice).await, i64::MAX);
}

#[tokio::test]
async fn user_may_cancel_an_own_order_and_nothing_more() {
    let shop = Shop::open().await;
    let rice = shop.add_product("Rice", 100, 5).await;
    let id = shop.order(ANN, &[(rice, 2)]).await.unwrap().id;
    assert!(matches!(shop.set_status(id, Cancelled, Some(BEN)).await, Err(Error::NotFound { .. })));
    assert!(matches!(shop.set_status(id, Paid, Some(ANN)).await, Err(Error::Forbidden(_))));
    assert_eq!(shop.set_status(id, Cancelled, Some(ANN)).await.unwrap().status, Cancelled);
    assert_eq!(shop.stock(rice).await, 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn order_cancelled_by_many_at_once_gives_back_once() {
    let shop = Shop::open().await;
    let rice = shop.add_product("Rice", 100, 5).await;
    let id = shop.order(ANN, &[(rice, 3)]).await.unwrap().id;
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..32 {
        let shop = shop.clone();
        tasks.spawn(async move { shop.set_status(id, Cancelled, None).await });
    }
    for outcome in tasks.join_all().await {
        assert_eq!(outcome.unwrap().status, Cancelled, "asking again is no error");
    }
    assert_eq!(shop.stock(rice).await, 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn shipping_and_cancelling_at_once_does_one_of_both() {
    let shop = Shop::open().await;
    let rice = shop.add_product("Rice", 100, 32).await;
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..16 {
        let id = shop.order(ANN, &[(rice, 2)]).await.unwrap().id;
        shop.set_status(id, Paid, None).await.unwrap();
        let shop = shop.clone();
        tasks.spawn(async move {
            let (shipped, cancelled) =
                tokio::join!(shop.set_status(id, Shipped, None), shop.set_status(id, Cancelled, None));
            assert_ne!(shipped.is_ok(), cancelled.is_ok());
            cancelled.is_ok()
        });
    }
    let cancelled = tasks.join_all().await.into_iter().filter(|is_cancelled| *is_cancelled).count();
    assert_eq!(shop.stock(rice).await, i64::try_from(cancelled * 2).unwrap());
}
