//! The SQL of products. Functions run inside the caller's transaction.

use crate::clock::Timestamp;
use crate::db::{Row, Tx, Val};
use crate::error::{DbError, Error, Result};
use crate::vals;

use super::model::{NewProduct, Product, ProductFilter, ProductPatch, ProductSort};
use super::search;

const COLUMNS: &str =
    "p.id, p.name, p.description, p.price_minor, p.stock, p.image, p.is_active, p.created_at, p.updated_at";

fn read_product(row: &Row<'_, '_>) -> Result<Product, DbError> {
    Ok(Product {
        id: row.get(0)?,
        name: row.get(1)?,
        description: row.get(2)?,
        price: row.get(3)?,
        stock: row.get(4)?,
        image: row.get(5)?,
        is_active: row.get(6)?,
        created_at: row.get(7)?,
        updated_at: row.get(8)?,
    })
}

/// Makes a product. Where this fails, the write around it must fail as well: the row may stand without
/// having been counted.
///
/// # Errors
/// Storage errors.
pub fn create(tx: &mut Tx<'_>, new: &NewProduct, now: Timestamp) -> Result<Product> {
    // OR FAIL: otherwise every page that the triggers write is copied first, so that the row alone could be
    // undone. A write that fails is undone as a whole.
    let id = tx.insert(
        "INSERT OR FAIL INTO products (name, description, price_minor, stock, image, is_active, created_at, updated_at) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?7)",
        vals![&new.name, &new.description, new.price, new.stock, &new.image, new.is_active, now],
    )?;
    Ok(Product {
        id,
        name: new.name.clone(),
        description: new.description.clone(),
        price: new.price,
        stock: new.stock,
        image: new.image.clone(),
        is_active: new.is_active,
        created_at: now,
        updated_at: now,
    })
}

/// The product with this id.
///
/// # Errors
/// Storage errors.
pub fn find(tx: &mut Tx<'_>, id: i64) -> Result<Option<Product>> {
    const SQL: &str = "SELECT p.id, p.name, p.description, p.price_minor, p.stock, p.image, p.is_active, \
                       p.created_at, p.updated_at FROM products p WHERE p.id = ?1";
    Ok(tx.query_opt(SQL, vals![id], read_product)?)
}

/// The product with this id.
///
/// # Errors
/// [`Error::NotFound`].
pub fn get(tx: &mut Tx<'_>, id: i64) -> Result<Product> {
    find(tx, id)?.ok_or_else(|| Error::not_found("product", id))
}

/// A page of products and the rows on all pages.
///
/// # Errors
/// Storage errors.
pub fn list(
    tx: &mut Tx<'_>,
    filter: &ProductFilter,
    sort: ProductSort,
    limit: i64,
    offset: i64,
) -> Result<(Vec<Product>, i64)> {
    if filter.is_empty() && sort == ProductSort::default() {
        return list_whole(tx, limit, offset);
    }
    tx.snapshot()?;
    let (condition, mut values) = conditions(filter);
    let total = if filter.is_empty() {
        tx.query_one("SELECT n FROM row_counts WHERE name = 'products'", &[], |row| row.get(0))?
    } else {
        tx.query_one(&format!("SELECT count(*) FROM products p WHERE {condition}"), &borrowed(&values), |row| {
            row.get(0)
        })?
    };
    let (at_limit, at_offset) = (values.len() + 1, values.len() + 2);
    values.extend([Owned::Int(limit), Owned::Int(offset)]);
    let order = sort.sql();
    let sql = format!(
        "SELECT {COLUMNS} FROM products p WHERE {condition} ORDER BY {order} LIMIT ?{at_limit} OFFSET ?{at_offset}"
    );
    Ok((tx.query(&sql, &borrowed(&values), read_product)?, total))
}

/// The list that clients ask for most: one statement, so that it needs no transaction around it.
fn list_whole(tx: &mut Tx<'_>, limit: i64, offset: i64) -> Result<(Vec<Product>, i64)> {
    const PAGE: &str = "SELECT p.id, p.name, p.description, p.price_minor, p.stock, p.image, p.is_active, \
                        p.created_at, p.updated_at, (SELECT n FROM row_counts WHERE name = 'products') \
                        FROM products p ORDER BY p.id LIMIT ?1 OFFSET ?2";
    const COUNT: &str = "SELECT n FROM row_counts WHERE name = 'products'";
    let mut total = None;
    let products = tx.query(PAGE, vals![limit, offset], |row| {
        if total.is_none() {
            total = Some(row.get(9)?);
        }
        read_product(row)
    })?;
    // A page behind the last row has nobody to carry the total.
    let total = total.map_or_else(|| tx.query_one(COUNT, &[], |row| row.get(0)), Ok)?;
    Ok((products, total))
}

enum Owned {
    Int(i64),
    Text(String),
}

fn borrowed(values: &[Owned]) -> Vec<Val<'_>> {
    values
        .iter()
        .map(|value| match value {
            Owned::Int(int) => Val::Int(*int),
            Owned::Text(text) => Val::Text(text),
        })
        .collect()
}

/// The WHERE of a filter and its values; all text is bound, none becomes SQL.
fn conditions(filter: &ProductFilter) -> (String, Vec<Owned>) {
    let mut sql = vec!["1".to_owned()];
    let mut values = Vec::new();
    if let Some(text) = &filter.search {
        let (condition, bound) = search::condition(text, values.len() + 1);
        sql.push(condition);
        values.extend(bound.into_iter().map(Owned::Text));
    }
    let bounds = [
        ("p.price_minor >=", filter.price_min.map(crate::money::Money::minor)),
        ("p.price_minor <=", filter.price_max.map(crate::money::Money::minor)),
        ("p.stock >=", filter.stock_min),
        ("p.stock <=", filter.stock_max),
        ("p.is_active =", filter.is_active.map(i64::from)),
    ];
    for (comparison, bound) in bounds {
        if let Some(bound) = bound {
            values.push(Owned::Int(bound));
            sql.push(format!("{comparison} ?{}", values.len()));
        }
    }
    (sql.join(" AND "), values)
}

/// Changes a product.
///
/// # Errors
/// [`Error::NotFound`].
pub fn update(tx: &mut Tx<'_>, id: i64, patch: &ProductPatch, now: Timestamp) -> Result<Product> {
    let before = get(tx, id)?;
    let patched = before.patched(patch);
    if patched == before {
        return Ok(before);
    }
    let after = Product { updated_at: now, ..patched };
    tx.execute(
        "UPDATE products SET name = ?2, description = ?3, price_minor = ?4, stock = ?5, image = ?6, is_active = ?7, \
         updated_at = ?8 WHERE id = ?1",
        vals![
            id,
            &after.name,
            &after.description,
            after.price,
            after.stock,
            &after.image,
            after.is_active,
            after.updated_at
        ],
    )?;
    Ok(after)
}

/// Deletes a product; orders keep its name and price.
///
/// # Errors
/// [`Error::NotFound`].
pub fn delete(tx: &mut Tx<'_>, id: i64) -> Result<()> {
    let deleted = tx.execute("DELETE FROM products WHERE id = ?1", vals![id])?;
    if deleted == 0 { Err(Error::not_found("product", id)) } else { Ok(()) }
}
