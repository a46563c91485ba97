//! The search of products: one rule, whether a row is in the index or waits for it.

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use ruko::clock::Timestamp;
use ruko::db::{Db, Durability, Engine, EngineOptions, Schema};
use ruko::money::Money;
use ruko::products::{self, NewProduct, ProductFilter, ProductPatch, ProductSort, search};
use serde_json::json;

use crate::extent::tries;
use crate::support::{Server, raw};

const NOW: Timestamp = Timestamp(1_761_833_130_000);

/// What texts and searches are made of: both cases of several scripts, letters whose other case has
/// another length or another neighbour, accents written in two ways, and what SQL and the index read
/// as something else than text.
const PIECES: &[&str] = &[
    "nasi", "Goreng", "a", "A", "e", "E", "k", "\u{212a}", "é", "É", "e\u{301}", "E\u{301}", "ss", "ß", "ẞ", "i", "I",
    "İ", "ı", "Мо", "мО", "СК", "ск", "ς", "σ", "Σ", "🍜", "%", "_", "\\", "\"", "'", "*", "-", " ", "\0", "\u{ffff}",
    "\u{fffd}", "OR", "name:",
];

/// The rule, naively: letters are equal when they have the same upper case letter, as far as that is
/// one letter again; a dotless i is a letter of its own.
fn same_case(text: &str) -> String {
    let only = |letters: &mut dyn Iterator<Item = char>| {
        let first = letters.next()?;
        letters.next().is_none().then_some(first)
    };
    let fold = |letter: char| {
        let upper = only(&mut letter.to_uppercase()).unwrap_or(letter);
        only(&mut upper.to_lowercase()).unwrap_or(upper)
    };
    text.chars().map(|letter| if letter == 'ı' { letter } else { fold(letter) }).collect()
}

#[derive(Debug, Clone)]
struct Row {
    name: String,
    description: Option<String>,
}

impl Row {
    fn matches(&self, part: &str) -> bool {
        let part = same_case(part);
        let texts = [Some(&self.name), self.description.as_ref()];
        texts.into_iter().flatten().any(|text| same_case(text).contains(&part))
    }
}

fn text(pieces: std::ops::Range<usize>) -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(PIECES), pieces).prop_map(|pieces| pieces.concat())
}

fn row() -> impl Strategy<Value = Row> {
    (text(1..6), prop::option::of(text(0..6))).prop_map(|(name, description)| Row { name, description })
}

#[derive(Clone)]
struct Shop {
    db: Db,
    _folder: std::sync::Arc<tempfile::TempDir>,
}

impl Shop {
    fn open(engine: &Engine) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (schema, path) = (Schema::tenant().unwrap(), folder.path().join("shop.db"));
        schema.create(&path, "shop").unwrap();
        let (db, _) = schema.open(engine, &path, "shop", Durability::Normal).unwrap();
        Self { db, _folder: std::sync::Arc::new(folder) }
    }

    async fn add(&self, row: &Row) -> i64 {
        let (name, description) = (row.name.clone(), row.description.clone());
        let price = Money::from_minor(100).unwrap();
        let new = NewProduct { name, description, price, stock: 0, image: None, is_active: true };
        self.db.write(move |tx| products::create(tx, &new, NOW)).await.unwrap().id
    }

    async fn change(&self, id: i64, row: &Row) {
        let (name, description) = (Some(row.name.clone()), Some(row.description.clone()));
        let patch = ProductPatch { name, description, ..ProductPatch::default() };
        self.db.write(move |tx| products::update(tx, id, &patch, NOW)).await.unwrap();
    }

    async fn remove(&self, id: i64) {
        self.db.write(move |tx| products::delete(tx, id)).await.unwrap();
    }

    async fn index(&self) {
        while self.db.write(|tx| search::index_waiting(tx, 1000)).await.unwrap() > 0 {}
        assert!(!self.db.read(search::has_waiting).await.unwrap());
    }

    async fn search(&self, part: &str) -> Vec<i64> {
        let filter = ProductFilter { search: Some(part.to_owned()), ..ProductFilter::default() };
        let work = move |tx: &mut ruko::db::Tx<'_>| products::list(tx, &filter, ProductSort::default(), 1000, 0);
        let (rows, total) = self.db.read(work).await.unwrap();
        assert_eq!(usize::try_from(total).unwrap(), rows.len());
        rows.into_iter().map(|row| row.id).collect()
    }
}

#[derive(Debug, Clone)]
struct Case {
    rows: Vec<Row>,
    /// How many are indexed before the rest comes.
    indexed: usize,
    /// New texts of rows, or none for rows that are deleted.
    changes: Vec<(prop::sample::Index, Option<Row>)>,
    parts: Vec<String>,
}

fn case() -> impl Strategy<Value = Case> {
    let rows = prop::collection::vec(row(), 1..12);
    let changes = prop::collection::vec((any::<prop::sample::Index>(), prop::option::weighted(0.8, row())), 0..4);
    let parts = prop::collection::vec(text(1..5), 12);
    (rows, 0..12_usize, changes, parts).prop_map(|(rows, indexed, changes, parts)| Case {
        rows,
        indexed,
        changes,
        parts,
    })
}

async fn check(shop: &Shop, case: Case) {
    let mut rows = Vec::new();
    for (index, row) in case.rows.into_iter().enumerate() {
        if index == case.indexed {
            shop.index().await;
        }
        rows.push((shop.add(&row).await, row));
    }
    for (index, change) in case.changes {
        if rows.is_empty() {
            break;
        }
        let at = index.index(rows.len());
        let id = rows[at].0;
        if let Some(row) = change {
            shop.change(id, &row).await;
            rows[at].1 = row;
        } else {
            shop.remove(id).await;
            rows.remove(at);
        }
    }
    for is_indexed in [false, true] {
        if is_indexed {
            shop.index().await;
        }
        // Parts that stand in a row, with their case turned, find more than parts made at random.
        let turned = rows.iter().map(|(_, row)| {
            let letters = row.name.chars().skip(1).take(4);
            letters
                .flat_map(|letter| if letter.is_lowercase() { letter.to_uppercase().collect() } else { vec![letter] })
                .collect()
        });
        for part in case.parts.iter().cloned().chain(turned.collect::<Vec<String>>()).filter(|part| !part.is_empty()) {
            let expected: Vec<i64> = rows.iter().filter(|(_, row)| row.matches(&part)).map(|(id, _)| *id).collect();
            assert_eq!(shop.search(&part).await, expected, "{part:?}, indexed: {is_indexed}, in {rows:?}");
        }
    }
}

#[test]
fn waiting_and_indexed_rows_are_found_by_one_rule() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let engine = Engine::start(EngineOptions::default()).unwrap();
    let config = Config { cases: tries(600, 40), failure_persistence: None, ..Config::default() };
    TestRunner::new(config)
        .run(&case(), |case| {
            runtime.block_on(check(&Shop::open(&engine), case));
            Ok(())
        })
        .unwrap();
}

#[tokio::test]
async fn case_is_ignored_in_every_script_and_accents_are_not() {
    let engine = Engine::start(EngineOptions::default()).unwrap();
    let shop = Shop::open(&engine);
    let names = ["Café Éclair", "STRAẞE", "İstanbul", "МОСКВА", "Nasi GORENG Spesial", "100% a_b\\c \"d\""];
    for name in names {
        shop.add(&Row { name: name.into(), description: None }).await;
    }
    for is_indexed in [false, true] {
        for (part, expected) in [
            ("CAFÉ é", vec![1]),
            ("fé", vec![1]),
            ("É", vec![1]),
            ("cafe", vec![]),
            ("straße", vec![2]),
            ("ß", vec![2]),
            ("strasse", vec![]),
            ("STANBUL", vec![3]),
            ("istanbul", vec![]),
            ("москва", vec![4]),
            ("ск", vec![4]),
            ("goreng SPE", vec![5]),
            ("0%", vec![6]),
            ("%", vec![6]),
            ("A_B", vec![6]),
            ("_", vec![6]),
            ("b\\C \"D\"", vec![6]),
            ("\\", vec![6]),
            ("\"", vec![6]),
            ("abc\0", vec![]),
            ("\0", vec![]),
        ] {
            assert_eq!(shop.search(part).await, expected, "{part:?}, indexed: {is_indexed}");
        }
        shop.index().await;
    }
}

#[tokio::test]
async fn people_and_tenants_are_found_by_the_same_rule() {
    let server = Server::start().await;
    let tenant = server.tenant("Toko ÉMILE 100%").await;
    let admin = tenant.register("siti", "admin").await;
    let path = format!("/api/users/{}", admin.id);
    let (status, body) = admin.send(reqwest::Method::PUT, &path, json!({"name": "МАША_1"})).await;
    assert_eq!(status, 200, "{body}");
    for (part, count) in [("маша", 1), ("а_", 1), ("%", 0), ("SITI@", 1), ("маша1", 0)] {
        let request = admin.request(reqwest::Method::GET, "/api/users").query(&[("q", part)]);
        let (status, body) = crate::support::answer(request).await;
        assert_eq!((status.as_u16(), &body["total"]), (200, &json!(count)), "{part}");
    }
    for (part, count) in [("toko é", 1), ("É", 1), ("toko e", 0), ("0%", 1), ("o_é", 0), ("\\", 0)] {
        let path = format!("/api/central/tenants?{}", serde_urlencoded::to_string([("search", part)]).unwrap());
        let (status, body) = server.central(reqwest::Method::GET, &path, serde_json::Value::Null).await;
        assert_eq!((status.as_u16(), &body["total"]), (200, &json!(count)), "{part}");
    }
}

#[tokio::test]
async fn another_program_opens_and_changes_the_file() {
    let server = Server::start().await;
    let tenant = server.tenant("Warung").await;
    let user = tenant.register("john", "user").await;
    user.post("/api/products", json!({"name": "Kopi ÉCLAIR", "price": 1})).await;
    ruko::jobs::index_search(&server.app).await.unwrap();
    let other = raw(&server.file(&tenant));
    let schema: String = other.query_row("SELECT group_concat(sql) FROM sqlite_schema", [], |row| row.get(0)).unwrap();
    assert!(!schema.contains("found_in"), "{schema}");
    let changes = "UPDATE products SET name = 'Teh ÉCLAIR'; \
                   INSERT INTO products (name, price_minor, created_at, updated_at) VALUES ('kue éclair', 1, 0, 0);";
    other.execute_batch(changes).unwrap();
    let verdict: String = other.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(verdict, "ok");
    drop(other);
    assert_eq!(user.get("/api/products?q=%C3%A9clair").await.1["total"], 2);
}
