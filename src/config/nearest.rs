//! "Did you mean": the known name that was probably meant.

/// Less alike than this is a guess, not a suggestion.
const ALIKE: f64 = 0.6;

/// ` (did you mean ...?)`, or nothing when no name is near.
pub(super) fn did_you_mean<'a>(unknown: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    nearest(unknown, known).map(|name| format!(" (did you mean {name}?)")).unwrap_or_default()
}

fn nearest<'a>(unknown: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    known
        .into_iter()
        .map(|name| (likeness(unknown, name), name))
        .filter(|(likeness, _)| *likeness >= ALIKE)
        .max_by(|(one, _), (other, _)| one.total_cmp(other))
        .map(|(_, name)| name)
}

fn likeness(unknown: &str, known: &str) -> f64 {
    let letters = strsim::normalized_damerau_levenshtein(&unknown.to_lowercase(), &known.to_lowercase());
    // A section left out or put in by mistake changes many letters, yet the name is plainly meant.
    let (short, long) = if unknown.len() < known.len() { (unknown, known) } else { (known, unknown) };
    let has_same_end = long.to_lowercase().ends_with(&without_section(short).to_lowercase());
    if has_same_end { letters.max(0.9) } else { letters }
}

/// The name without its first word.
fn without_section(name: &str) -> &str {
    let tail = name.split_once(['.', '_']).map_or(name, |(_, tail)| tail);
    if tail.len() < 4 { name } else { tail }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: [&str; 5] =
        ["RUKO_HTTP_LISTEN", "RUKO_DATA_DIR", "RUKO_TELEMETRY_LOG_LEVEL", "RUKO_STORAGE_CENTRAL_FILE", "RUKO_DEBUG"];

    #[test]
    fn slip_of_the_finger_finds_the_name() {
        assert_eq!(nearest("RUKO_HTP_LISTEN", KNOWN), Some("RUKO_HTTP_LISTEN"));
        assert_eq!(nearest("ruko_debgu", KNOWN), Some("RUKO_DEBUG"));
    }

    #[test]
    fn missing_or_additional_section_finds_the_name() {
        assert_eq!(nearest("RUKO_LOG_LEVEL", KNOWN), Some("RUKO_TELEMETRY_LOG_LEVEL"));
        assert_eq!(nearest("RUKO_STORAGE_DATA_DIR", KNOWN), Some("RUKO_DATA_DIR"));
        assert_eq!(nearest("listen", ["http.listen", "debug"]), Some("http.listen"));
    }

    #[test]
    fn nothing_is_suggested_for_a_name_like_no_other() {
        assert_eq!(nearest("RUKO_WALLPAPER_OF_THE_DAY", KNOWN), None);
        assert_eq!(did_you_mean("xyz", KNOWN), "");
    }
}
