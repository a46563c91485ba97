//! Search by substring. A trigram index finds three characters and more; filling it costs more
//! than the insert itself, so new rows wait above `indexed_to` and changed ones in `products_unindexed` until
//! [`index_waiting`] takes them over. A search looks at both and so sees every committed change.

use crate::db::Tx;
use crate::error::Result;
use crate::vals;

/// Characters a trigram index needs.
const INDEXED_MIN_CHARS: usize = 3;

/// The condition on `products p` for a text, and its values from parameter `first` on.
pub(super) fn condition(text: &str, first: usize) -> (String, Vec<String>) {
    let pattern = format!("%{}%", text.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_"));
    let like = format!("(p.name LIKE ?{first} ESCAPE '\\' OR p.description LIKE ?{first} ESCAPE '\\')");
    if text.chars().count() < INDEXED_MIN_CHARS {
        return (like, vec![pattern]);
    }
    let phrase = format!("\"{}\"", text.replace('"', "\"\""));
    let second = first + 1;
    let sql = format!(
        "p.id IN (SELECT rowid FROM products_fts WHERE products_fts MATCH ?{second} \
           AND rowid NOT IN (SELECT id FROM products_unindexed) \
         UNION ALL SELECT u.id FROM products_unindexed u JOIN products p ON p.id = u.id WHERE {like} \
         UNION ALL SELECT p.id FROM products p WHERE p.id > (SELECT indexed_to FROM products_indexed) AND {like})"
    );
    (sql, vec![pattern, phrase])
}

/// Indexes at most `limit` changed and as many new rows; gives how many it took.
///
/// # Errors
/// Storage errors.
pub fn index_waiting(tx: &mut Tx<'_>, limit: i64) -> Result<usize> {
    let changed = "SELECT id FROM products_unindexed ORDER BY id LIMIT ?1";
    let changed: Vec<i64> = tx.query(changed, vals![limit], |row| row.get(0))?;
    for id in &changed {
        tx.execute("DELETE FROM products_fts WHERE rowid = ?1", vals![*id])?;
        add_to_index(tx, *id)?;
        tx.execute("DELETE FROM products_unindexed WHERE id = ?1", vals![*id])?;
    }
    let new = "SELECT id FROM products WHERE id > (SELECT indexed_to FROM products_indexed) ORDER BY id LIMIT ?1";
    let new: Vec<i64> = tx.query(new, vals![limit], |row| row.get(0))?;
    for id in &new {
        add_to_index(tx, *id)?;
    }
    if let Some(last) = new.last() {
        tx.execute("UPDATE products_indexed SET indexed_to = ?1", vals![*last])?;
    }
    Ok(changed.len() + new.len())
}

fn add_to_index(tx: &mut Tx<'_>, id: i64) -> Result<()> {
    let sql = "INSERT INTO products_fts (rowid, name, description) \
               SELECT id, name, description FROM products WHERE id = ?1";
    tx.execute(sql, vals![id])?;
    Ok(())
}

/// True when rows wait to be indexed.
///
/// # Errors
/// Storage errors.
pub fn has_waiting(tx: &mut Tx<'_>) -> Result<bool> {
    let sql = "SELECT EXISTS (SELECT 1 FROM products_unindexed) OR EXISTS \
               (SELECT 1 FROM products WHERE id > (SELECT indexed_to FROM products_indexed))";
    Ok(tx.query_one(sql, &[], |row| row.get(0))?)
}
