//! The pages' own files, from `assets/docs`: part of the binary, and read from disk by debug builds.

use std::borrow::Cow;

#[derive(rust_embed::Embed)]
#[folder = "assets/docs"]
struct Docs;

/// The file of this name; empty when there is none, which a test would notice.
pub(super) fn bytes(name: &str) -> Cow<'static, [u8]> {
    Docs::get(name).map(|file| file.data).unwrap_or_default()
}

/// The file of this name as text.
pub(super) fn text(name: &str) -> String {
    String::from_utf8_lossy(&bytes(name)).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_that_a_page_names_is_there() {
        let named = ["landing.html", "landing.css", "swagger.html", "swagger-page.css", "swagger-start.js"];
        for name in named.into_iter().chain(["redoc.html", "redoc-page.css", "redoc-start.js"]) {
            assert!(!text(name).is_empty(), "{name}");
        }
    }
}
