//! What the demo shop sells.

use std::time::Duration;

use crate::clock::Timestamp;
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::money::Money;
use crate::products::{self, NewProduct};

/// Age of the oldest product in days.
const OPENED_DAYS_AGO: u64 = 30;

/// Name, description, price in rupiah, pieces.
const GOODS: [(&str, &str, i64, i64); 40] = [
    ("Nasi Goreng Kampung", "Nasi goreng dengan telur, ayam suwir dan kerupuk", 18_000, 60),
    ("Nasi Goreng Seafood", "Udang, cumi dan bakso ikan", 25_000, 40),
    ("Nasi Uduk Komplit", "Ayam goreng, tempe orek, bihun dan sambal kacang", 22_000, 45),
    ("Nasi Pecel", "Sayuran rebus dengan bumbu kacang dan peyek", 15_000, 50),
    ("Nasi Rawon", "Daging sapi dalam kuah kluwek, dengan telur asin", 28_000, 35),
    ("Nasi Kuning", "Dengan ayam suwir, serundeng dan perkedel", 17_000, 40),
    ("Lontong Sayur", "Kuah santan labu siam dan telur", 14_000, 40),
    ("Mie Goreng Jawa", "Mie telur dengan sayuran dan ayam", 17_000, 55),
    ("Mie Rebus Jawa", "Kuah kental dengan telur bebek", 17_000, 45),
    ("Bakso Urat", "Lima butir bakso dengan mie dan tahu", 20_000, 60),
    ("Mie Ayam Pangsit", "Ayam kecap, sawi dan dua pangsit goreng", 16_000, 60),
    ("Soto Ayam Lamongan", "Soto kuning dengan koya", 18_000, 50),
    ("Soto Betawi", "Daging sapi dalam kuah santan dan susu", 27_000, 30),
    ("Sop Buntut", "Buntut sapi dengan wortel dan kentang", 45_000, 20),
    ("Sate Ayam 10 Tusuk", "Dengan lontong dan bumbu kacang", 25_000, 50),
    ("Sate Kambing 10 Tusuk", "Dengan kecap, bawang merah dan cabai rawit", 40_000, 30),
    ("Ayam Geprek", "Sambal bawang, pedas level 1 sampai 5", 18_000, 70),
    ("Ayam Bakar Madu", "Setengah ekor dengan lalapan", 32_000, 35),
    ("Ikan Bakar Nila", "Nila segar dengan sambal dabu-dabu", 35_000, 25),
    ("Pecel Lele", "Lele goreng dengan sambal terasi", 17_000, 45),
    ("Rendang Sapi", "Seporsi dengan nasi dan daun singkong", 30_000, 30),
    ("Gado-Gado", "Sayuran, lontong dan bumbu kacang", 16_000, 40),
    ("Ketoprak", "Tahu, bihun dan lontong", 14_000, 40),
    ("Tempe Mendoan", "Lima lembar, digoreng setengah matang", 10_000, 80),
    ("Tahu Isi", "Lima buah dengan cabai rawit", 10_000, 80),
    ("Pisang Goreng", "Lima potong pisang kepok", 12_000, 60),
    ("Martabak Telur", "Isi daging sapi, potong delapan", 35_000, 20),
    ("Perkedel Kentang", "Per buah", 3_000, 100),
    ("Kerupuk Udang", "Per bungkus", 5_000, 150),
    ("Sambal Bawang Botol", "Botol 150 ml, tahan dua minggu di kulkas", 22_000, 30),
    ("Es Teh Manis", "Teh melati", 5_000, 200),
    ("Teh Tawar Hangat", "Isi ulang gratis", 3_000, 200),
    ("Es Jeruk Peras", "Jeruk pontianak", 8_000, 120),
    ("Kopi Tubruk", "Robusta Lampung", 7_000, 150),
    ("Es Kopi Susu Gula Aren", "Espresso, susu segar dan gula aren", 15_000, 100),
    ("Wedang Jahe", "Jahe merah dan gula batu", 8_000, 90),
    ("Es Cendol", "Santan, gula merah dan nangka", 10_000, 60),
    ("Es Campur", "Buah, cincau, kolang-kaling dan susu", 14_000, 50),
    ("Jus Alpukat", "Dengan susu cokelat", 13_000, 50),
    ("Air Mineral 600 ml", "Dingin atau biasa", 4_000, 240),
];

/// Makes the products; gives their ids.
pub(super) fn stock_up(tx: &mut Tx<'_>, now: Timestamp) -> Result<Vec<i64>> {
    let opened = now.minus(Duration::from_secs(OPENED_DAYS_AGO * 86_400));
    let mut ids = Vec::with_capacity(GOODS.len());
    for (name, description, rupiah, stock) in GOODS {
        let price = Money::from_minor(rupiah * 100)
            .ok_or_else(|| Error::internal(anyhow::anyhow!("a demo price is out of range")))?;
        let product = NewProduct {
            name: name.into(),
            description: Some(description.into()),
            price,
            stock,
            image: None,
            is_active: true,
        };
        ids.push(products::create(tx, &product, opened)?.id);
    }
    Ok(ids)
}
