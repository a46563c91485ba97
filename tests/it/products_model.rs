//! Paging, sorting and filters of `/api/products` against a naive model, through the real API.

use std::cmp::Ordering;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};

use crate::extent::tries;
use crate::support::{Server, User};

#[derive(Debug, Clone)]
struct Row {
    id: i64,
    name: String,
    description: Option<String>,
    price_minor: i64,
    stock: i64,
    is_active: bool,
}

#[derive(Debug, Clone)]
struct Query {
    q: Option<&'static str>,
    prices: (Option<i64>, Option<i64>),
    stocks: (Option<i64>, Option<i64>),
    is_active: Option<bool>,
    sort: Option<(&'static str, bool)>,
    page: i64,
    per_page: i64,
}

/// Words that trouble a search: short and long ones, wildcards, quotes, other scripts.
const WORDS: &[&str] =
    &["Kopi", "kopi susu", "KOP", "Teh 100%", "a_b", "axb", "say \"hi\"", "caf\u{e9} \u{1f35c}", "\\", "NOT x", "Es"];
const SEARCHES: &[&str] = &[
    "kopi",
    "KOPI S",
    "ko",
    "%",
    "_",
    "100%",
    "a_b",
    "\"",
    "say \"hi",
    "caf\u{e9}",
    "\u{1f35c}",
    "\\",
    "NOT",
    "zzz",
    "e",
];

fn row() -> impl Strategy<Value = Row> {
    let word = || prop::sample::select(WORDS);
    let text = (word(), word()).prop_map(|(one, two)| format!("{one} {two}"));
    (text, prop::option::of(word()), 0..500_i64, 0..5_i64, any::<bool>()).prop_map(
        |(name, description, price_minor, stock, is_active)| Row {
            id: 0,
            name,
            description: description.map(str::to_owned),
            price_minor,
            stock,
            is_active,
        },
    )
}

fn query() -> impl Strategy<Value = Query> {
    const KEYS: &[&str] = &["id", "name", "price", "stock", "created_at"];
    let bound =
        |range: std::ops::Range<i64>| (prop::option::weighted(0.2, range.clone()), prop::option::weighted(0.2, range));
    (
        prop::option::of(prop::sample::select(SEARCHES)),
        bound(0..500),
        bound(0..5),
        prop::option::weighted(0.3, any::<bool>()),
        prop::option::of((prop::sample::select(KEYS), any::<bool>())),
        1..5_i64,
        1..8_i64,
    )
        .prop_map(|(q, prices, stocks, is_active, sort, page, per_page)| Query {
            q,
            prices,
            stocks,
            is_active,
            sort,
            page,
            per_page,
        })
}

impl Query {
    fn parameters(&self) -> Vec<(&'static str, String)> {
        let money = |minor: i64| format!("{}.{:02}", minor / 100, minor % 100);
        let sort = self.sort.map(|(key, is_descending)| format!("{}{key}", if is_descending { "-" } else { "" }));
        let optional = [
            ("q", self.q.map(str::to_owned)),
            ("price_min", self.prices.0.map(money)),
            ("price_max", self.prices.1.map(money)),
            ("stock_min", self.stocks.0.map(|stock| stock.to_string())),
            ("stock_max", self.stocks.1.map(|stock| stock.to_string())),
            ("is_active", self.is_active.map(|flag| i32::from(flag).to_string())),
            ("sort", sort),
            ("page", Some(self.page.to_string())),
            ("per_page", Some(self.per_page.to_string())),
        ];
        optional.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
    }

    fn admits(&self, row: &Row) -> bool {
        let contains = |text: &str, part: &str| text.to_lowercase().contains(&part.to_lowercase());
        let is_within = |value: i64, (min, max): (Option<i64>, Option<i64>)| {
            min.is_none_or(|min| value >= min) && max.is_none_or(|max| value <= max)
        };
        self.q.is_none_or(|q| contains(&row.name, q) || row.description.as_ref().is_some_and(|text| contains(text, q)))
            && is_within(row.price_minor, self.prices)
            && is_within(row.stock, self.stocks)
            && self.is_active.is_none_or(|is_active| row.is_active == is_active)
    }

    fn order(&self, one: &Row, other: &Row) -> Ordering {
        let (key, is_descending) = self.sort.unwrap_or(("id", false));
        let by_key = match key {
            "name" => one.name.to_ascii_lowercase().cmp(&other.name.to_ascii_lowercase()),
            "price" => one.price_minor.cmp(&other.price_minor),
            "stock" => one.stock.cmp(&other.stock),
            // Rows are made one after the other.
            _ => Ordering::Equal,
        };
        let ascending = by_key.then(one.id.cmp(&other.id));
        if is_descending { ascending.reverse() } else { ascending }
    }

    /// The ids on the page, and the rows on all pages.
    fn answer(&self, rows: &[Row]) -> (Vec<i64>, usize) {
        let mut found: Vec<&Row> = rows.iter().filter(|row| self.admits(row)).collect();
        found.sort_by(|one, other| self.order(one, other));
        let skipped = usize::try_from((self.page - 1) * self.per_page).unwrap();
        let page = found.iter().skip(skipped).take(usize::try_from(self.per_page).unwrap()).map(|row| row.id).collect();
        (page, found.len())
    }
}

async fn post(user: &User, row: &Row) -> i64 {
    let price = format!("{}.{:02}", row.price_minor / 100, row.price_minor % 100);
    let body = json!({
        "name": row.name, "description": row.description, "price": price, "stock": row.stock, "is_active": row.is_active
    });
    let (status, made) = user.post("/api/products", body).await;
    assert_eq!(status, 201, "{made}");
    made["id"].as_i64().unwrap()
}

async fn check(server: &Server, user: &User, mut rows: Vec<Row>, indexed: usize, queries: Vec<Query>) {
    for (index, row) in rows.iter_mut().enumerate() {
        row.id = post(user, row).await;
        // Some rows are in the search index, some still wait.
        if index + 1 == indexed {
            ruko::jobs::index_search(&server.app).await.unwrap();
        }
    }
    for query in &queries {
        let request = user.request(reqwest::Method::GET, "/api/products").query(&query.parameters());
        let (status, body) = crate::support::answer(request).await;
        assert_eq!(status, 200, "{query:?}: {body}");
        let (ids, total) = query.answer(&rows);
        let got: Vec<i64> = body["data"].as_array().unwrap().iter().map(|row| row["id"].as_i64().unwrap()).collect();
        assert_eq!((&got, &body["total"]), (&ids, &json!(total)), "{query:?} of {rows:?}");
        let last_page = total.div_ceil(usize::try_from(query.per_page).unwrap()).max(1);
        assert_eq!(body["last_page"], json!(last_page), "{query:?}");
        let from = (!ids.is_empty()).then(|| (query.page - 1) * query.per_page + 1);
        let to = from.map(|from| from + i64::try_from(ids.len()).unwrap() - 1);
        assert_eq!((&body["from"], &body["to"]), (&json!(from), &json!(to)), "{query:?}");
        let has_next = usize::try_from(query.page).unwrap() < last_page;
        assert_eq!(body["next_page_url"] != Value::Null, has_next, "{query:?}");
    }
}

#[test]
fn lists_agree_with_a_naive_model() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let server = runtime.block_on(Server::start());
    let config = Config { cases: tries(100, 10), failure_persistence: None, ..Config::default() };
    let case = (prop::collection::vec(row(), 0..25), 0..25_usize, prop::collection::vec(query(), 15));
    TestRunner::new(config)
        .run(&case, |(rows, indexed, queries)| {
            runtime.block_on(async {
                let user = server.tenant("Model").await.register("john", "user").await;
                check(&server, &user, rows, indexed, queries).await;
            });
            Ok(())
        })
        .unwrap();
}
