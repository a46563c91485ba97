//! What commands print: tables for people, tab-separated lines for pipes, JSON for programs.

use std::io::{IsTerminal, Write};

use comfy_table::{ContentArrangement, Table, presets};
use serde_json::Value;

use super::failure::Outcome;

/// Columns below which cells are not wrapped any more.
const NARROWEST: u16 = 40;

/// Prints text as it is.
pub fn print(text: &str) -> Outcome {
    Ok(write(text)?)
}

/// As [`print`], and says what became of it.
pub fn write(text: &str) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()
}

/// Prints a line.
pub fn line(text: &str) -> Outcome {
    print(&format!("{text}\n"))
}

/// Prints JSON, indented on a terminal.
pub fn json(value: &Value) -> Outcome {
    line(&if std::io::stdout().is_terminal() { format!("{value:#}") } else { value.to_string() })
}

/// Prints a table; into a pipe, one line a row with tabs between the columns.
pub fn table(headers: &[&str], rows: &[Vec<String>]) -> Outcome {
    if std::io::stdout().is_terminal() {
        let mut table = Table::new();
        table.load_style(presets::UTF8_FULL_CONDENSED);
        // Serial consoles and some containers say that they are no columns wide.
        let is_wide = table.width().is_some_and(|width| width >= NARROWEST);
        let arrangement = if is_wide { ContentArrangement::Dynamic } else { ContentArrangement::Disabled };
        table.set_content_arrangement(arrangement);
        table.set_header(headers.iter().copied());
        for row in rows {
            table.add_row(row.iter().map(|cell| without_controls(cell)));
        }
        return line(&table.to_string());
    }
    let mut text = headers.join("\t");
    for row in rows {
        text.push('\n');
        text.push_str(&row.iter().map(|cell| without_controls(cell)).collect::<Vec<_>>().join("\t"));
    }
    line(&text)
}

/// Names and values, one pair a line, the values aligned.
pub fn pairs(pairs: &[(&str, String)]) -> Outcome {
    let width = pairs.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    let lines = pairs.iter().map(|(name, value)| format!("{name:width$}  {}\n", without_controls(value)));
    print(&lines.collect::<String>())
}

/// A name in the data must not be able to steer the terminal or add columns.
pub fn without_controls(text: &str) -> String {
    text.chars().map(|letter| if letter.is_control() { '\u{fffd}' } else { letter }).collect()
}

/// A field of an answer for people: texts without quotes, nothing for null.
pub fn plain(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_steer_the_terminal() {
        assert_eq!(without_controls("Toko\u{1b}[31m\tBudi\n"), "Toko\u{fffd}[31m\u{fffd}Budi\u{fffd}");
    }
}
