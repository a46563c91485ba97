//! A database as SQL text, as the `sqlite3` program writes it with `.dump` and reads it again.

use std::io::{self, Write};

use rusqlite::types::ValueRef;

use crate::db::failure::db_error;
use crate::db::io_error;
use crate::db::tx::Tx;
use crate::error::DbError;

use super::Look;

/// Something in the schema of a file.
struct Object {
    name: String,
    sql: String,
    form: Form,
}

#[derive(PartialEq, Eq)]
enum Form {
    Table,
    /// Its rows are made from its own tables, which are left out.
    Virtual,
    /// Indexes, triggers, views: made when all rows are there.
    Other,
}

impl Look {
    /// Writes the SQL that makes the same database: schema, rows, counters and what the file says of itself.
    /// Full-text indexes are filled anew, and statistics of the query planner are left out.
    ///
    /// # Errors
    /// Storage errors; those of `to`.
    pub fn dump(&self, to: &mut impl Write) -> Result<(), DbError> {
        let mut tx = Tx::new(&self.raw);
        let application_id: i64 = tx.query_one("PRAGMA application_id", &[], |row| row.get(0))?;
        let user_version: i64 = tx.query_one("PRAGMA user_version", &[], |row| row.get(0))?;
        let objects = objects(&mut tx)?;
        let of = |form: Form| objects.iter().filter(move |object| object.form == form);
        put(to, "PRAGMA foreign_keys=OFF;\nBEGIN TRANSACTION;\n")?;
        put(to, &format!("PRAGMA application_id={application_id};\nPRAGMA user_version={user_version};\n"))?;
        for table in of(Form::Table) {
            put(to, &format!("{};\n", table.sql))?;
            self.dump_rows(&table.name, false, to)?;
        }
        let counters = "SELECT 1 FROM sqlite_schema WHERE name = 'sqlite_sequence'";
        if tx.query_opt(counters, &[], |_| Ok(()))?.is_some() {
            put(to, "DELETE FROM sqlite_sequence;\n")?;
            self.dump_rows("sqlite_sequence", false, to)?;
        }
        for table in of(Form::Virtual) {
            put(to, &format!("{};\n", table.sql))?;
            self.dump_rows(&table.name, true, to)?;
        }
        for object in of(Form::Other) {
            put(to, &format!("{};\n", object.sql))?;
        }
        put(to, "COMMIT;\n")?;
        to.flush().map_err(|error| io_error(&error))
    }

    fn dump_rows(&self, table: &str, has_row_ids: bool, to: &mut impl Write) -> Result<(), DbError> {
        let db = |error: rusqlite::Error| db_error(&error);
        let table = quoted(table);
        let mut names = if has_row_ids { vec!["rowid".to_owned()] } else { Vec::new() };
        Tx::new(&self.raw).each(&format!("PRAGMA table_xinfo({table})"), &[], |row| {
            // Columns that are computed or belong to a module cannot be written.
            if row.get::<i64>(6)? == 0 {
                names.push(quoted(row.text(1)?));
            }
            Ok(true)
        })?;
        let names = names.join(", ");
        let mut statement = self.raw.prepare(&format!("SELECT {names} FROM {table}")).map_err(db)?;
        let count = statement.column_count();
        let mut rows = statement.query([]).map_err(db)?;
        while let Some(row) = rows.next().map_err(db)? {
            put(to, &format!("INSERT INTO {table} ({names}) VALUES ("))?;
            for column in 0..count {
                let value = row.get_ref(column).map_err(db)?;
                put(to, if column == 0 { "" } else { ", " })?;
                write_value(value, to).map_err(|error| io_error(&error))?;
            }
            put(to, ");\n")?;
        }
        Ok(())
    }
}

fn put(to: &mut impl Write, text: &str) -> Result<(), DbError> {
    to.write_all(text.as_bytes()).map_err(|error| io_error(&error))
}

fn objects(tx: &mut Tx<'_>) -> Result<Vec<Object>, DbError> {
    let mut forms = Vec::new();
    tx.each("PRAGMA table_list", &[], |row| {
        if row.text(0)? == "main" {
            forms.push((row.get::<String>(1)?, row.get::<String>(2)?));
        }
        Ok(true)
    })?;
    let form_of = |name: &str| forms.iter().find(|(own, _)| own == name).map(|(_, form)| form.as_str());
    let mut objects = Vec::new();
    let sql = "SELECT type, name, sql FROM sqlite_schema WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' \
               ORDER BY rowid";
    tx.each(sql, &[], |row| {
        let name: String = row.get(1)?;
        let form = match (row.text(0)?, form_of(&name)) {
            ("table", Some("shadow")) => return Ok(true),
            ("table", Some("virtual")) => Form::Virtual,
            ("table", _) => Form::Table,
            _ => Form::Other,
        };
        objects.push(Object { sql: row.get(2)?, name, form });
        Ok(true)
    })?;
    Ok(objects)
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A literal that SQLite reads as exactly this value (<https://sqlite.org/lang_expr.html>).
fn write_value(value: ValueRef<'_>, to: &mut impl Write) -> io::Result<()> {
    match value {
        ValueRef::Null => to.write_all(b"NULL"),
        ValueRef::Integer(number) => write!(to, "{number}"),
        ValueRef::Real(number) if number.is_infinite() => to.write_all(if number > 0.0 { b"9e999" } else { b"-9e999" }),
        ValueRef::Real(number) => write!(to, "{number:?}"),
        ValueRef::Text(text) if text.contains(&0) || std::str::from_utf8(text).is_err() => {
            write!(to, "CAST(X'{}' AS TEXT)", hex::encode(text))
        }
        ValueRef::Text(text) => {
            to.write_all(b"'")?;
            for (number, piece) in text.split(|byte| *byte == b'\'').enumerate() {
                to.write_all(if number == 0 { b"" } else { b"''" })?;
                to.write_all(piece)?;
            }
            to.write_all(b"'")
        }
        ValueRef::Blob(bytes) => write!(to, "X'{}'", hex::encode(bytes)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[allow(clippy::disallowed_methods, reason = "a file of the test's own")]
    fn open(path: &std::path::Path) -> rusqlite::Connection {
        rusqlite::Connection::open(path).unwrap()
    }

    fn rows(raw: &rusqlite::Connection, sql: &str) -> Vec<String> {
        let mut statement = raw.prepare(sql).unwrap();
        let found = statement.query_map([], |row| row.get::<_, String>(0)).unwrap();
        found.map(Result::unwrap).collect()
    }

    #[test]
    fn loaded_dump_is_the_same_database() {
        let folder = tempfile::TempDir::new().unwrap();
        let (from, into) = (folder.path().join("from.db"), folder.path().join("into.db"));
        let raw = open(&from);
        raw.execute_batch(
            r#"PRAGMA application_id=77; PRAGMA user_version=5;
               CREATE TABLE "odd "" name" (id INTEGER PRIMARY KEY AUTOINCREMENT, "a'b", twice AS ("a'b" || "a'b"));
               INSERT INTO "odd "" name" ("a'b") VALUES (NULL), (1), (-9223372036854775808), (0.1), (1e308), (9e999),
                 (-9e999), ('it''s
two lines; -- and a comment'), (''), (X''), (X'00ff'), (CAST(X'610062' AS TEXT)), (CAST(X'ff' AS TEXT)), (3.0);
               DELETE FROM "odd "" name" WHERE id = 14;
               CREATE TABLE counted (n INTEGER NOT NULL); INSERT INTO counted VALUES (13);
               CREATE TRIGGER counting AFTER INSERT ON "odd "" name" BEGIN UPDATE counted SET n = n + 1; END;
               CREATE TABLE keyed (k TEXT PRIMARY KEY, v) WITHOUT ROWID;"#,
        )
        .unwrap();
        raw.execute_batch(
            "INSERT INTO keyed VALUES ('k', 2); CREATE INDEX keyed_by_v ON keyed (v);
             CREATE VIEW sums AS SELECT sum(v) AS s FROM keyed;
             CREATE VIRTUAL TABLE words USING fts5 (word, tokenize = 'trigram');
             INSERT INTO words (rowid, word) VALUES (7, 'nasi goreng'), (9, 'sate');",
        )
        .unwrap();
        drop(raw);

        let mut text = Vec::new();
        Look::open(&from).unwrap().dump(&mut text).unwrap();
        let loaded = open(&into);
        loaded.execute_batch(std::str::from_utf8(&text).unwrap()).unwrap();
        let raw = open(&from);
        let same = [
            "SELECT quote(id) || typeof(\"a'b\") || CASE typeof(\"a'b\") WHEN 'real' THEN \
             quote(\"a'b\") ELSE hex(\"a'b\") END FROM \"odd \"\" name\"",
            "SELECT quote(n) FROM counted",
            "SELECT quote(k) || quote(v) FROM keyed",
            "SELECT quote(s) FROM sums",
            "SELECT quote(name) || quote(seq) FROM sqlite_sequence",
            "SELECT quote(rowid) || quote(word) FROM words WHERE words MATCH 'goreng'",
            "SELECT type || name || sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY 1",
            "SELECT quote(application_id) FROM pragma_application_id",
            "SELECT quote(user_version) FROM pragma_user_version",
            "SELECT integrity_check FROM pragma_integrity_check",
        ];
        for sql in same {
            let found = rows(&loaded, sql);
            assert_eq!(found, rows(&raw, sql), "{sql}");
            assert!(!found.is_empty(), "{sql}");
        }
    }
}
