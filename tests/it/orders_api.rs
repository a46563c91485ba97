//! `/api/orders` as its clients see it.

use std::sync::Arc;
use std::time::Duration;

use reqwest::Method;
use ruko::clock::{Clock, Timestamp};
use serde_json::{Value, json};

use crate::support::{Server, User, answer};

struct Shop {
    admin: User,
    user: User,
    other: User,
    _server: Server,
    clock: Clock,
}

impl Shop {
    /// 2025-10-30, 14:05:30 UTC.
    async fn open() -> Self {
        let clock = Clock::held_at(Timestamp(1_761_833_130_000));
        let server = Server::in_folder(Arc::new(tempfile::tempdir().unwrap()), clock.clone(), |_| {}).await;
        let tenant = server.tenant("Warung").await;
        let admin = tenant.register("admin", "admin").await;
        let (user, other) = (tenant.register("john", "user").await, tenant.register("siti", "user").await);
        for (name, price, stock) in [("Nasi Goreng", 15000, 10), ("Es Teh", 5000, 3)] {
            let body = json!({"name": name, "price": price, "stock": stock});
            assert_eq!(admin.post("/api/products", body).await.0, 201);
        }
        Self { admin, user, other, _server: server, clock }
    }

    async fn stock(&self, product: i64) -> i64 {
        self.admin.get(&format!("/api/products/{product}")).await.1["stock"].as_i64().unwrap()
    }
}

fn of(product_id: i64, quantity: i64) -> Value {
    json!({"items": [{"product_id": product_id, "quantity": quantity}]})
}

async fn made(user: &User, body: Value) -> i64 {
    let (status, order) = user.post("/api/orders", body).await;
    assert_eq!(status, 201, "{order}");
    order["id"].as_i64().unwrap()
}

fn ids(page: &Value) -> Vec<i64> {
    page["data"].as_array().unwrap().iter().map(|row| row["id"].as_i64().unwrap()).collect()
}

#[tokio::test]
async fn order_takes_names_prices_and_stock_from_its_products() {
    let shop = Shop::open().await;
    let body = json!({
        "items": [{"product_id": 1, "quantity": 2}, {"product_id": 2, "quantity": "3"}], "note": "  Tanpa sambal "
    });
    let (status, order) = shop.user.post("/api/orders", body).await;
    assert_eq!((status.as_u16(), &order["total"], &order["status"]), (201, &json!("45000.00"), &json!("pending")));
    assert_eq!((&order["user_id"], &order["note"]), (&json!(shop.user.id), &json!("Tanpa sambal")));
    let first = json!({"id": 1, "product_id": 1, "name": "Nasi Goreng", "unit_price": "15000.00", "quantity": 2});
    assert_eq!(order["items"][0], first);
    assert_eq!((shop.stock(1).await, shop.stock(2).await), (8, 0));
    let (status, shown) = shop.user.get("/api/orders/1").await;
    assert_eq!((status.as_u16(), &shown), (200, &order));
}

#[tokio::test]
async fn refused_order_names_every_fault_and_takes_nothing() {
    let shop = Shop::open().await;
    let body = json!({"items": [
        {"product_id": 1, "quantity": 11}, {"product_id": 99, "quantity": 1}, {"product_id": 2, "quantity": 1}
    ]});
    let (status, body) = shop.user.post("/api/orders", body).await;
    assert_eq!(status, 422);
    assert_eq!(body["errors"]["items.0.quantity"], json!(["Only 10 of Nasi Goreng left."]));
    assert_eq!(body["errors"]["items.1.product_id"], json!(["The selected items.1.product id is invalid."]));
    for (body, field) in [
        (json!({}), "items"),
        (json!({"items": []}), "items"),
        (json!({"items": "1"}), "items"),
        (json!({"items": [1]}), "items.0"),
        (json!({"items": [{}]}), "items.0.quantity"),
        (json!({"items": vec![of(1, 1)["items"][0].clone(); 101]}), "items"),
        (of(1, 0), "items.0.quantity"),
        (of(1, i64::MAX), "items.0.quantity"),
        (of(i64::MIN, 1), "items.0.product_id"),
        (json!({"items": [{"product_id": 1.5, "quantity": 1}]}), "items.0.product_id"),
        (json!({"items": of(1, 1)["items"], "note": "x".repeat(1001)}), "note"),
    ] {
        let (status, answer) = shop.user.post("/api/orders", body.clone()).await;
        assert!(status == 422 && answer["errors"][field].is_array(), "{field}: {answer}");
    }
    assert_eq!((shop.stock(1).await, shop.stock(2).await), (10, 3));
    assert_eq!(shop.admin.get("/api/orders").await.1["total"], 0);
}

#[tokio::test]
async fn users_see_and_make_their_own_orders_only() {
    let shop = Shop::open().await;
    let (mine, theirs) = (made(&shop.user, of(1, 1)).await, made(&shop.other, of(1, 1)).await);
    assert_eq!(ids(&shop.user.get("/api/orders").await.1), [mine]);
    assert_eq!(ids(&shop.admin.get("/api/orders").await.1), [theirs, mine], "newest first");
    let elsewhere = format!("/api/orders?user_id={}", shop.other.id);
    assert_eq!(ids(&shop.user.get(&elsewhere).await.1), [0; 0]);
    assert_eq!(ids(&shop.admin.get(&elsewhere).await.1), [theirs]);
    let path = format!("/api/orders/{theirs}");
    assert_eq!(shop.user.get(&path).await.0, 404);
    assert_eq!(shop.user.send(Method::PATCH, &path, json!({"status": "cancelled"})).await.0, 404);
    assert_eq!(shop.user.post(&format!("{path}/cancel"), Value::Null).await.0, 404);
    let for_other = json!({"items": of(1, 1)["items"], "user_id": shop.other.id});
    assert_eq!(shop.user.post("/api/orders", for_other.clone()).await.0, 403);
    let (status, order) = shop.admin.post("/api/orders", for_other).await;
    assert_eq!((status.as_u16(), &order["user_id"]), (201, &json!(shop.other.id)));
    let for_nobody = json!({"items": of(1, 1)["items"], "user_id": 999});
    assert!(shop.admin.post("/api/orders", for_nobody).await.1["errors"]["user_id"].is_array());
    let path = format!("/api/users/{}", shop.other.id);
    assert_eq!(shop.admin.send(Method::PATCH, &path, json!({"is_active": false})).await.0, 200);
    let for_disabled = json!({"items": of(999, 1)["items"], "user_id": shop.other.id});
    let (status, refused) = shop.admin.post("/api/orders", for_disabled).await;
    let text = "The selected user is disabled.";
    assert_eq!((status.as_u16(), &refused["errors"]["user_id"]), (422, &json!([text])));
    assert!(refused["errors"]["items.0.product_id"].is_array(), "with everything else: {refused}");
}

#[tokio::test]
async fn admin_moves_an_order_on_and_users_only_cancel() {
    let shop = Shop::open().await;
    let path = format!("/api/orders/{}", made(&shop.user, of(1, 4)).await);
    let set = async |user: &User, status: &str| {
        let (code, body) = user.send(Method::PATCH, &path, json!({"status": status})).await;
        (code.as_u16(), body["status"].as_str().or(body["code"].as_str()).unwrap().to_owned())
    };
    assert_eq!(set(&shop.user, "paid").await, (403, "forbidden".into()));
    assert_eq!(set(&shop.admin, "shipped").await, (409, "illegal_transition".into()));
    assert_eq!(set(&shop.admin, "refunded").await, (422, "validation_failed".into()));
    assert_eq!(set(&shop.admin, "paid").await, (200, "paid".into()));
    assert_eq!(set(&shop.admin, "paid").await, (200, "paid".into()), "sent again");
    let (status, cancelled) = shop.user.post(&format!("{path}/cancel"), Value::Null).await;
    assert_eq!((status.as_u16(), &cancelled["status"]), (200, &json!("cancelled")));
    assert_eq!(shop.stock(1).await, 10);
    assert_eq!(shop.user.post(&format!("{path}/cancel"), Value::Null).await.0, 200);
    assert_eq!(shop.stock(1).await, 10, "given back once");
    assert_eq!(set(&shop.admin, "paid").await, (409, "illegal_transition".into()));
}

#[tokio::test]
async fn list_takes_every_filter_of_the_domain() {
    let shop = Shop::open().await;
    let small = made(&shop.user, of(2, 1)).await;
    shop.clock.advance(Duration::from_secs(86_400));
    let large = made(&shop.user, of(1, 5)).await;
    shop.clock.advance(Duration::from_secs(86_400));
    let middle = made(&shop.user, of(1, 1)).await;
    shop.admin.send(Method::PATCH, &format!("/api/orders/{large}"), json!({"status": "paid"})).await;
    for (query, expected) in [
        ("status=paid", vec![large]),
        ("status=pending&sort=id", vec![small, middle]),
        ("created_from=2025-10-31", vec![middle, large]),
        ("created_to=2025-10-31", vec![large, small]),
        ("created_from=2025-10-31&created_to=2025-10-31", vec![large]),
        ("created_to=2025-10-31T14:05:29Z", vec![small]),
        ("created_from=2025-10-31T21:05:30%2B07:00&created_to=2025-10-31T14:05:30Z", vec![large]),
        ("total_min=15000&total_max=75000.00&sort=total", vec![middle, large]),
        ("sort=-total&per_page=2", vec![large, middle]),
        ("sort=-created_at&per_page=2&page=2", vec![small]),
        ("status=", vec![middle, large, small]),
    ] {
        let (status, page) = shop.user.get(&format!("/api/orders?{query}")).await;
        assert_eq!((status.as_u16(), ids(&page)), (200, expected), "{query}");
    }
    for query in [
        "status=lost",
        "created_from=yesterday",
        "created_to=2025-13-01",
        "total_min=x",
        "sort=note",
        "page=0",
        "foo=bar",
        "_=123",
    ] {
        let (status, body) = shop.user.get(&format!("/api/orders?{query}")).await;
        let field = query.split('=').next().unwrap();
        assert!(status == 422 && body["errors"][field].is_array(), "{query}: {body}");
    }
}

#[tokio::test]
async fn order_outlives_its_product_and_its_user() {
    let shop = Shop::open().await;
    let path = format!("/api/orders/{}", made(&shop.user, of(1, 1)).await);
    assert_eq!(shop.admin.send(Method::DELETE, "/api/products/1", Value::Null).await.0, 204);
    assert_eq!(shop.admin.send(Method::DELETE, &format!("/api/users/{}", shop.user.id), Value::Null).await.0, 204);
    let (status, order) = shop.admin.get(&path).await;
    assert_eq!(
        (status.as_u16(), &order["user_id"], &order["items"][0]["product_id"]),
        (200, &Value::Null, &Value::Null)
    );
    assert_eq!((&order["items"][0]["name"], &order["total"]), (&json!("Nasi Goreng"), &json!("15000.00")));
    assert_eq!(shop.admin.post(&format!("{path}/cancel"), Value::Null).await.0, 200);
}

#[tokio::test]
async fn many_buyers_at_once_never_sell_more_than_there_is() {
    let shop = Shop::open().await;
    let all = (0..32).map(|_| shop.user.post("/api/orders", of(1, 1)));
    let sold = futures_util::future::join_all(all).await.into_iter().filter(|(status, _)| *status == 201).count();
    assert_eq!((sold, shop.stock(1).await), (10, 0));
}

#[tokio::test]
async fn conditional_change_of_an_order_sees_the_change_before_it() {
    let shop = Shop::open().await;
    let path = format!("/api/orders/{}", made(&shop.user, of(1, 1)).await);
    let response = shop.admin.request(Method::GET, &path).send().await.unwrap();
    let tag = response.headers()["etag"].to_str().unwrap().to_owned();
    assert_eq!(shop.admin.send(Method::PATCH, &path, json!({"status": "paid"})).await.0, 200);
    let stale = shop.admin.request(Method::PATCH, &path).header("If-Match", &tag).json(&json!({"status": "shipped"}));
    assert_eq!(answer(stale).await.0, 412);
}
