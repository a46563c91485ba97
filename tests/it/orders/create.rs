//! Making orders.

use ruko::error::Error;
use ruko::orders::OrderStatus;

use super::{ANN, BEN, NOW, Shop, new_order, refused};

fn own(fields: &[(&str, &str)]) -> Vec<(String, String)> {
    fields.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect()
}

#[tokio::test]
async fn order_takes_name_price_and_stock_of_its_products() {
    let shop = Shop::open().await;
    let (rice, tea) = (shop.add_product("Rice", 1_500_050, 10).await, shop.add_product("Tea", 20, 10).await);
    let mut input = new_order(ANN, &[(tea, 3), (rice, 2)]);
    input.note = Some("no plastic".into());
    let order = shop.create(input, Some(ANN)).await.unwrap();
    assert_eq!((order.status, order.user_id, order.created_at), (OrderStatus::Pending, Some(ANN), NOW));
    assert_eq!(order.total.to_string(), "30001.60");
    let lines: Vec<_> =
        order.items.iter().map(|item| (item.name.as_str(), item.unit_price.minor(), item.quantity)).collect();
    assert_eq!(lines, [("Tea", 20, 3), ("Rice", 1_500_050, 2)], "as they were sent");
    assert_eq!((shop.stock(rice).await, shop.stock(tea).await), (8, 7));
    assert_eq!(shop.get(order.id, None).await.unwrap(), order, "what is answered is what is stored");

    shop.run("UPDATE products SET name = 'Dear tea', price_minor = 9999").await;
    assert_eq!(shop.get(order.id, None).await.unwrap(), order, "later prices change no order");
}

#[tokio::test]
async fn all_errors_of_an_order_are_told_at_once_and_nothing_is_taken() {
    let shop = Shop::open().await;
    let (rice, tea) = (shop.add_product("Rice", 100, 5).await, shop.add_product("Tea", 100, 0).await);
    let gone = shop.add_product("Gone", 100, 5).await;
    shop.run("UPDATE products SET is_active = 0 WHERE name = 'Gone'").await;
    let mut input =
        new_order(ANN, &[(rice, 2), (999, 1), (rice, 4), (gone, 0), (tea, 1), (rice, 3), (rice, 1_000_001)]);
    input.note = Some("x".repeat(1001));
    let expected = own(&[
        ("note", "MaxLength(1000)"),
        ("items.1.product_id", "Missing"),
        ("items.2.quantity", "out_of_stock: Only 5 of Rice left, and this order already has 2 of them."),
        ("items.3.product_id", "Missing"),
        ("items.3.quantity", "Min(\"1\")"),
        ("items.4.quantity", "out_of_stock: Tea is out of stock."),
        ("items.6.quantity", "Max(\"1000000\")"),
    ]);
    assert_eq!(refused(shop.create(input, None).await), expected);
    assert_eq!(
        refused(shop.order(ANN, &[(rice, 6)]).await),
        own(&[("items.0.quantity", "out_of_stock: Only 5 of Rice left.")])
    );
    assert_eq!(refused(shop.order(ANN, &[]).await), own(&[("items", "MinItems(1)")]));
    assert_eq!(refused(shop.order(ANN, &[(rice, 1); 101]).await), own(&[("items", "MaxItems(100)")]));
    assert_eq!(refused(shop.order(77, &[(rice, 1)]).await), own(&[("user_id", "Missing")]));
    assert_eq!(shop.stock(rice).await, 5);
    assert_eq!(shop.number("SELECT (SELECT count(*) FROM orders) + (SELECT count(*) FROM order_items)").await, 0);
}

#[tokio::test]
async fn same_product_twice_is_added_up_against_the_stock() {
    let shop = Shop::open().await;
    let rice = shop.add_product("Rice", 100, 5).await;
    let order = shop.order(ANN, &[(rice, 2), (rice, 3)]).await.unwrap();
    assert_eq!((order.items.len(), order.total.minor(), shop.stock(rice).await), (2, 500, 0));
}

#[tokio::test]
async fn total_stays_within_the_range_of_money() {
    let shop = Shop::open().await;
    let gold = shop.add_product("Gold", 9_999_999_999, 10).await;
    let dust = shop.add_product("Dust", 1, 2_000_000).await;
    assert_eq!(shop.order(ANN, &[(gold, 1)]).await.unwrap().total.minor(), 9_999_999_999);
    for items in [&[(gold, 2)][..], &[(gold, 1), (dust, 1)], &[(dust, 1), (gold, 1)]] {
        let fields = refused(shop.order(ANN, items).await);
        assert_eq!(fields[0].0, "items");
        assert!(fields[0].1.starts_with("total_too_large: "), "{fields:?}");
    }
    assert_eq!((shop.stock(gold).await, shop.stock(dust).await), (9, 2_000_000));
}

#[tokio::test]
async fn user_orders_only_for_themselves_and_an_admin_for_anybody() {
    let shop = Shop::open().await;
    let rice = shop.add_product("Rice", 100, 5).await;
    let foreign = shop.create(new_order(BEN, &[(rice, 1)]), Some(ANN)).await;
    assert!(matches!(foreign, Err(Error::Forbidden(_))), "{foreign:?}");
    assert_eq!(shop.create(new_order(ANN, &[(rice, 1)]), Some(ANN)).await.unwrap().user_id, Some(ANN));
    assert_eq!(shop.create(new_order(BEN, &[(rice, 1)]), None).await.unwrap().user_id, Some(BEN));
}

#[tokio::test(flavor = "multi_thread")]
async fn thirty_two_buyers_of_the_last_five_pieces_get_exactly_five() {
    let shop = Shop::open().await;
    let rice = shop.add_product("Rice", 100, 5).await;
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..32 {
        let shop = shop.clone();
        tasks.spawn(async move { shop.order(ANN, &[(rice, 1)]).await });
    }
    let (sold, refused_orders): (Vec<_>, Vec<_>) = tasks.join_all().await.into_iter().partition(Result::is_ok);
    assert_eq!((sold.len(), refused_orders.len(), shop.stock(rice).await), (5, 27, 0));
    for outcome in refused_orders {
        assert_eq!(refused(outcome), own(&[("items.0.quantity", "out_of_stock: Rice is out of stock.")]));
    }
    assert_eq!(shop.number("SELECT count(*) FROM order_items").await, 5);
}
