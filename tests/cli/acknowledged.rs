//! What the server said it has stored, and whether a file has it.

use std::path::Path;
use std::time::Duration;

/// A product that the server said it has stored.
#[derive(Debug, Clone)]
pub struct Acknowledged {
    pub id: i64,
    pub name: String,
}

/// These rows are there as they were sent, none of the others is missing, and the file is sound.
#[allow(clippy::disallowed_methods, reason = "the file is looked at from outside")]
pub fn check(file: &Path, rows: &[Acknowledged], at_least: usize) {
    let connection = rusqlite::Connection::open(file).unwrap();
    connection.busy_timeout(Duration::from_secs(5)).unwrap();
    let sound: String = connection.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(sound, "ok");
    let mut find = connection.prepare("SELECT name FROM products WHERE id = ?1").unwrap();
    for row in rows {
        let found = find.query_row([row.id], |found| found.get::<_, String>(0));
        assert_eq!(found.as_ref(), Ok(&row.name), "{row:?}");
    }
    let (count, counted): (i64, i64) = connection
        .query_row("SELECT count(*), (SELECT n FROM row_counts WHERE name = 'products') FROM products", [], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .unwrap();
    assert_eq!(count, counted, "the kept count is the real one");
    assert!(usize::try_from(count).unwrap() >= at_least, "{count} rows, {at_least} acknowledged");
}
