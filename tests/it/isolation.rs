//! Nothing of one tenant is ever seen in another.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::extent::tries;
use crate::support::{Server, User};

#[tokio::test]
async fn two_tenants_written_at_once_keep_their_rows_apart() {
    const WRITERS: u32 = 64;
    let server = Server::start().await;
    let (a, b) =
        (server.tenant("A").await.register("a", "admin").await, server.tenant("B").await.register("b", "admin").await);
    let rows = tries(100, 10);
    let writers = (0..WRITERS).map(|writer| {
        let (user, mark) = if writer % 2 == 0 { (a.clone(), "A") } else { (b.clone(), "B") };
        async move {
            for row in 0..rows {
                let body = json!({"name": format!("{mark} {writer} {row}"), "price": 1, "stock": 1});
                let (status, made) = user.post("/api/products", body.clone()).await;
                assert_eq!((status.as_u16(), &made["name"]), (201, &body["name"]));
                let (status, shown) = user.get(&format!("/api/products/{}", made["id"])).await;
                assert_eq!((status.as_u16(), &shown), (200, &made));
            }
        }
    });
    futures_util::future::join_all(writers).await;
    for (user, mark, first) in [(&a, "A", 0), (&b, "B", 1)] {
        let expected: BTreeSet<String> = (first..WRITERS)
            .step_by(2)
            .flat_map(|writer| (0..rows).map(move |row| format!("{mark} {writer} {row}")))
            .collect();
        let all = names(user).await;
        assert_eq!(all.len(), expected.len(), "none twice");
        assert_eq!(all.into_iter().collect::<BTreeSet<_>>(), expected, "none lost, none astray");
    }
}

/// The names on all pages.
async fn names(user: &User) -> Vec<String> {
    let mut names = Vec::new();
    for page in 1.. {
        let (_, body) = user.get(&format!("/api/products?per_page=100&page={page}")).await;
        names.extend(body["data"].as_array().unwrap().iter().map(|row| row["name"].as_str().unwrap().to_owned()));
        if body["next_page_url"] == Value::Null {
            break;
        }
    }
    names
}

#[tokio::test]
async fn each_tenant_has_a_file_of_its_own_and_ids_start_again() {
    let server = Server::start().await;
    let (a, b) = (server.tenant("A").await, server.tenant("B").await);
    let (of_a, of_b) = (a.register("john", "admin").await, b.register("john", "admin").await);
    assert_eq!((of_a.id, of_b.id), (1, 1));
    let (_, made) = of_a.post("/api/products", json!({"name": "Kopi", "price": 1, "stock": 5})).await;
    assert_eq!(made["id"], 1);
    assert_eq!(of_b.get("/api/products/1").await.0, 404);
    let (_, other) = of_b.post("/api/products", json!({"name": "Teh", "price": 1, "stock": 5})).await;
    assert_eq!(other["id"], 1);
    assert_eq!(of_a.get("/api/products/1").await.1["name"], "Kopi");
    let order = json!({"items": [{"product_id": 1, "quantity": 1}]});
    assert_eq!(of_a.post("/api/orders", order).await.1["id"], 1);
    assert_eq!(of_b.get("/api/orders/1").await.0, 404);
    assert_eq!(of_b.get("/api/users").await.1["total"], 1);
    assert_ne!(server.file(&a), server.file(&b));
    for (tenant, name) in [(&a, "Kopi"), (&b, "Teh")] {
        let stored: Vec<String> = server
            .open_file(tenant)
            .prepare("SELECT name FROM products")
            .unwrap()
            .query_map([], |row| row.get(0))
            .unwrap()
            .map(Result::unwrap)
            .collect();
        assert_eq!(stored, [name]);
    }
}
