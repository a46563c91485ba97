//! `/`: a sentence for programs, a small page for people.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header;
use poem::{Request, Response};
use sha2::{Digest, Sha256};

use crate::api::kit::errors::asked_language;
use crate::config::Language;

use super::assets;

/// The words of the original system, which its clients may look for.
const WELCOME: &str = r#"{"message":"Welcome to the Multi-Tenant Backend API"}"#;

/// The page's places and what stands there, in English and Indonesian.
const TEXTS: [(&str, &str, &str); 9] = [
    ("lang", "en", "id"),
    (
        "lead",
        "Many tenants, one server: each tenant has its own SQLite file behind its own key.",
        "Banyak tenant, satu server: setiap tenant memiliki berkas SQLite dan kunci sendiri.",
    ),
    ("docs_text", "Call the API from the browser", "Panggil API dari peramban"),
    ("docs", "Try it out", "Coba langsung"),
    ("redoc_text", "Every operation, to read", "Semua operasi, untuk dibaca"),
    ("redoc", "Reference", "Referensi"),
    ("openapi_text", "The document, for tools", "Dokumen untuk perkakas"),
    ("health_text", "State of this server", "Keadaan server ini"),
    ("health", "Health", "Kesehatan"),
];

/// The page in both languages.
pub struct Landing {
    english: String,
    indonesian: String,
    policy: String,
}

impl Landing {
    /// Writes the pages.
    pub fn new() -> Self {
        let (html, css) = (assets::text("landing.html"), assets::text("landing.css"));
        let page = |words: fn(&(&str, &'static str, &'static str)) -> &'static str| {
            let html = html.replace("{style}", &css).replace("{version}", env!("CARGO_PKG_VERSION"));
            TEXTS.iter().fold(html, |html, text| html.replace(&format!("{{{}}}", text.0), words(text)))
        };
        let hash = STANDARD.encode(Sha256::digest(&css));
        let policy = format!(
            "default-src 'none'; style-src 'sha256-{hash}'; img-src data:; base-uri 'none'; form-action 'none'; \
             frame-ancestors 'none'"
        );
        Self { english: page(|text| text.1), indonesian: page(|text| text.2), policy }
    }

    /// The page for a browser, in its language; JSON for everybody else.
    pub fn answer(&self, request: &Request) -> Response {
        let answer = Response::builder().header(header::VARY, "Accept, Accept-Language");
        let accepted = request.headers().get_all(header::ACCEPT).iter().filter_map(|accept| accept.to_str().ok());
        if !is_for_people(&accepted.collect::<Vec<_>>()) {
            return answer.content_type("application/json").body(WELCOME);
        }
        let page = match asked_language(request.header("accept-language").unwrap_or_default()) {
            Some(Language::Indonesian) => &self.indonesian,
            Some(Language::English) | None => &self.english,
        };
        let answer = answer.header(header::CONTENT_SECURITY_POLICY, &self.policy);
        answer.content_type("text/html; charset=utf-8").body(page.clone())
    }
}

/// True when the media types of `Accept` name HTML, and nothing that programs read before it. Programs
/// take anything (`*/*`), or do not say.
fn is_for_people(accepted: &[&str]) -> bool {
    let weight = |wanted: &str| {
        let ranges = accepted.iter().flat_map(|accept| accept.split(','));
        let named = ranges.filter_map(|range| {
            let mut pieces = range.split(';').map(str::trim);
            let is_it = pieces.next().is_some_and(|range| range.eq_ignore_ascii_case(wanted));
            let weight =
                pieces.filter_map(|piece| piece.split_once('=')).find(|(name, _)| name.eq_ignore_ascii_case("q"));
            is_it.then(|| weight.map_or(1.0, |(_, weight)| weight.trim().parse::<f32>().unwrap_or(1.0)))
        });
        named.fold(0.0, f32::max)
    };
    let html = weight("text/html");
    html > 0.0 && html >= weight("application/json")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn html_is_for_those_who_name_it_and_programs_get_json() {
        for (accept, is_html) in [
            (&["text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"][..], true),
            (&["TEXT/HTML"], true),
            (&["text/html;q=0.5"], true),
            (&["text/html; level=1; Q=0.5, application/json;q=0.4"], true),
            (&["image/png", "text/html"], true),
            (&["application/json, text/html;q=0"], false),
            (&["application/json, text/html;q=0.9"], false),
            (&["*/*"], false),
            (&["text/*"], false),
            (&["text/htmlx, xtext/html"], false),
            (&[""], false),
            (&[], false),
        ] {
            assert_eq!(is_for_people(accept), is_html, "{accept:?}");
        }
    }

    #[test]
    fn no_place_of_the_page_stays_empty() {
        let landing = Landing::new();
        for page in [&landing.english, &landing.indonesian] {
            let body = page.replace(&assets::text("landing.css"), "");
            assert!(!body.contains(['{', '}']), "{body}");
        }
    }
}
