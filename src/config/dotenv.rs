//! The `.env` file, as Laravel, Express and Python projects write it. Values are taken literally: no
//! variables are expanded, so a `$` in a password stays a `$`.

/// One `NAME=value`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Assignment {
    pub(super) name: String,
    pub(super) text: String,
    pub(super) line: usize,
}

/// A line that is no assignment. Says nothing of its content, which may be half a secret.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct BadLine {
    pub(super) line: usize,
    pub(super) why: &'static str,
}

/// Reads all lines, the bad ones too.
pub(super) fn parse(text: &str) -> (Vec<Assignment>, Vec<BadLine>) {
    let (mut assignments, mut bad) = (Vec::new(), Vec::new());
    let mut lines = text.trim_start_matches('\u{feff}').lines().zip(1..);
    while let Some((content, line)) = lines.next() {
        let content = content.trim();
        if content.is_empty() || content.starts_with('#') {
            continue;
        }
        match assignment(content, lines.by_ref().map(|(next, _)| next)) {
            Ok((name, text)) => assignments.push(Assignment { name: name.to_owned(), text, line }),
            Err(why) => bad.push(BadLine { line, why }),
        }
    }
    (assignments, bad)
}

/// Reads one assignment; a quoted value may need the lines that follow.
fn assignment<'a>(
    content: &'a str,
    following: impl Iterator<Item = &'a str>,
) -> Result<(&'a str, String), &'static str> {
    let (name, value) = content.split_once('=').ok_or("is not NAME=value")?;
    let name = name.trim();
    let name = name.strip_prefix("export ").map_or(name, str::trim_start);
    if name.is_empty() || !name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-')) {
        return Err("has no usable name before the =");
    }
    let value = value.trim_start();
    let text = match value.chars().next() {
        Some(quote @ ('"' | '\'')) => quoted(quote, &value[1..], following)?,
        _ => unquoted(value).to_owned(),
    };
    Ok((name, text))
}

/// Up to a comment, which needs a space before it: `pass#word` is a whole value.
fn unquoted(value: &str) -> &str {
    let comment = value
        .char_indices()
        .find(|(at, letter)| *letter == '#' && value[..*at].chars().next_back().is_none_or(char::is_whitespace));
    comment.map_or(value, |(at, _)| &value[..at]).trim_end()
}

/// Up to the closing quote. In double quotes a backslash escapes; in single quotes nothing does.
fn quoted<'a>(quote: char, first: &'a str, following: impl Iterator<Item = &'a str>) -> Result<String, &'static str> {
    let mut text = String::new();
    for (number, line) in std::iter::once(first).chain(following).enumerate() {
        if number > 0 {
            text.push('\n');
        }
        let mut letters = line.chars();
        while let Some(letter) = letters.next() {
            if letter == quote {
                let rest = letters.as_str().trim_start();
                let is_clean = rest.is_empty() || rest.starts_with('#');
                return if is_clean { Ok(text) } else { Err("goes on after the closing quote") };
            }
            match letter {
                '\\' if quote == '"' => match letters.next() {
                    Some('n') => text.push('\n'),
                    Some('r') => text.push('\r'),
                    Some('t') => text.push('\t'),
                    Some(escaped @ ('"' | '\\' | '$')) => text.push(escaped),
                    Some(other) => text.extend(['\\', other]),
                    None => text.push('\\'),
                },
                _ => text.push(letter),
            }
        }
    }
    Err("opens a quote that is never closed")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(content: &str) -> String {
        let (assignments, bad) = parse(content);
        assert_eq!(bad, []);
        assignments.into_iter().next().unwrap().text
    }

    #[test]
    fn values_are_read_as_laravel_writes_them() {
        for (content, expected) in [
            ("A=plain", "plain"),
            ("  A = spaced  ", "spaced"),
            ("export A=exported", "exported"),
            ("A=", ""),
            ("A=value # comment", "value"),
            ("A= # only a comment", ""),
            ("A=pass#word", "pass#word"),
            ("A=two words", "two words"),
            ("A=b=c==", "b=c=="),
            (r#"A="quoted # not a comment" # comment"#, "quoted # not a comment"),
            (r#"A="a \"b\" \\ \$c \n""#, "a \"b\" \\ $c \n"),
            (r"A='literal \n $b'", r"literal \n $b"),
            ("A=\"${NOT_EXPANDED}\"", "${NOT_EXPANDED}"),
            ("\u{feff}A=after a byte order mark", "after a byte order mark"),
            ("A=windows\r\nB=1\r\n", "windows"),
            ("A=\"two\nlines\"\nB=1", "two\nlines"),
        ] {
            assert_eq!(value(content), expected, "{content:?}");
        }
    }

    #[test]
    fn lines_are_counted_across_comments_and_quotes() {
        let (assignments, _) = parse("# head\n\nA='1\n2'\nB=3\n");
        assert_eq!(assignments.iter().map(|a| (a.name.as_str(), a.line)).collect::<Vec<_>>(), [("A", 3), ("B", 5)]);
    }

    #[test]
    fn bad_lines_are_named_and_the_others_still_read() {
        let (assignments, bad) = parse("A=1\nnonsense\n=x\nB=\"1\"2\nC=2\nD='open\n");
        assert_eq!(assignments.len(), 2);
        assert_eq!(bad.iter().map(|bad| bad.line).collect::<Vec<_>>(), [2, 3, 4, 6]);
    }
}
