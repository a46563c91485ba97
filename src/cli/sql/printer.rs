//! Results of queries as tables, CSV or JSON.

use std::fmt::Write as _;

use serde_json::{Map, Value};

use crate::cli::failure::Outcome;
use crate::cli::output;
use crate::db::inspect::{Cell, Shown};
use crate::error::{Error, Result};

/// How results look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// For people; in a pipe with tabs.
    Table,
    /// RFC 4180, with a head line.
    Csv,
    /// One list of objects for each statement with a result.
    Json,
    /// Not at all.
    Nothing,
}

/// Prints results while they come. Tables wait for their last row, whose widths count too.
pub(super) struct Printer {
    form: Form,
    columns: Option<Vec<String>>,
    rows: Vec<Vec<String>>,
    is_first_row: bool,
    has_lost_its_reader: bool,
}

impl Printer {
    pub(super) fn new(form: Form) -> Self {
        Self { form, columns: None, rows: Vec::new(), is_first_row: true, has_lost_its_reader: false }
    }

    /// Whether printing ended because nobody reads any more.
    pub(super) fn has_lost_its_reader(&self) -> bool {
        self.has_lost_its_reader
    }

    pub(super) fn take(&mut self, shown: &Shown<'_>) -> Result<()> {
        let printed = match shown {
            Shown::Columns(columns) => self.begin(columns),
            Shown::Row(cells) => self.row(cells),
            Shown::Changed(_) => Ok(()),
        };
        printed.map_err(|failure| {
            self.has_lost_its_reader = failure.code() == 0;
            Error::internal(anyhow::anyhow!("printing failed: {failure}"))
        })
    }

    fn begin(&mut self, columns: &[String]) -> Outcome {
        self.finish()?;
        self.columns = Some(columns.to_vec());
        self.is_first_row = true;
        match self.form {
            Form::Csv => output::print(&csv_line(columns.iter().map(String::as_str))),
            Form::Json => output::print("["),
            Form::Table | Form::Nothing => Ok(()),
        }
    }

    fn row(&mut self, cells: &[Cell]) -> Outcome {
        match self.form {
            Form::Nothing => Ok(()),
            Form::Table => {
                self.rows.push(cells.iter().map(text).collect());
                Ok(())
            }
            Form::Csv => {
                let texts: Vec<String> = cells.iter().map(text).collect();
                output::print(&csv_line(texts.iter().map(String::as_str)))
            }
            Form::Json => {
                let columns = self.columns.iter().flatten();
                let object: Map<String, Value> = columns.cloned().zip(cells.iter().map(json)).collect();
                let before = if std::mem::take(&mut self.is_first_row) { "" } else { ",\n " };
                output::print(&format!("{before}{}", Value::Object(object)))
            }
        }
    }

    /// Ends the result of a statement.
    pub(super) fn finish(&mut self) -> Outcome {
        let Some(columns) = self.columns.take() else { return Ok(()) };
        match self.form {
            Form::Table => {
                let headers: Vec<&str> = columns.iter().map(String::as_str).collect();
                output::table(&headers, &std::mem::take(&mut self.rows))
            }
            Form::Json => output::line("]"),
            Form::Csv | Form::Nothing => Ok(()),
        }
    }
}

fn text(cell: &Cell) -> String {
    match cell {
        Cell::Null => String::new(),
        Cell::Int(number) => number.to_string(),
        Cell::Real(number) => number.to_string(),
        Cell::Text(text) => text.clone(),
        Cell::Blob(bytes) => hex::encode(bytes),
    }
}

fn json(cell: &Cell) -> Value {
    match cell {
        Cell::Null => Value::Null,
        Cell::Int(number) => (*number).into(),
        Cell::Real(number) => (*number).into(),
        Cell::Text(_) | Cell::Blob(_) => text(cell).into(),
    }
}

fn csv_line<'a>(fields: impl Iterator<Item = &'a str>) -> String {
    let mut line = String::new();
    for (number, field) in fields.enumerate() {
        if number > 0 {
            line.push(',');
        }
        if field.contains([',', '"', '\n', '\r']) {
            let _ = write!(line, "\"{}\"", field.replace('"', "\"\""));
        } else {
            line.push_str(field);
        }
    }
    line.push_str("\r\n");
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn csv_quotes_what_would_break_a_line_or_field() {
        let line = csv_line(["plain", "a,b", "say \"hi\"", "two\nlines", ""].into_iter());
        assert_eq!(line, "plain,\"a,b\",\"say \"\"hi\"\"\",\"two\nlines\",\r\n");
    }
}
