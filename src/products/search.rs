//! Search by substring. A trigram index finds three characters and more; filling it costs more
//! than the insert itself, so changed rows wait in `products_unindexed` until [`index_waiting`]
//! takes them over. A search looks at both and so sees every committed change.

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
         UNION ALL SELECT u.id FROM products_unindexed u JOIN products p ON p.id = u.id WHERE {like})"
    );
    (sql, vec![pattern, phrase])
}

/// Indexes at most `limit` waiting rows; gives how many it took.
///
/// # Errors
/// Storage errors.
pub fn index_waiting(tx: &mut Tx<'_>, limit: i64) -> Result<usize> {
    let waiting = tx.query("SELECT id FROM products_unindexed ORDER BY id LIMIT ?1", vals![limit], |row| row.get(0))?;
    for id in &waiting {
        let id: i64 = *id;
        tx.execute("DELETE FROM products_fts WHERE rowid = ?1", vals![id])?;
        tx.execute(
            "INSERT INTO products_fts (rowid, name, description) SELECT id, name, description FROM products WHERE id = ?1",
            vals![id],
        )?;
        tx.execute("DELETE FROM products_unindexed WHERE id = ?1", vals![id])?;
    }
    Ok(waiting.len())
}

/// True when rows wait to be indexed.
///
/// # Errors
/// Storage errors.
pub fn has_waiting(tx: &mut Tx<'_>) -> Result<bool> {
    Ok(tx.query_one("SELECT EXISTS (SELECT 1 FROM products_unindexed)", &[], |row| row.get(0))?)
}
