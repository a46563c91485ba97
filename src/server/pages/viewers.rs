//! The two views of the document. poem-openapi brings their scripts, but in pages that put the
//! script inline and fetch fonts from elsewhere; so the scripts are taken out of those pages and
//! served as files of their own, and the pages are ours.

use std::sync::LazyLock;

use http::HeaderValue;
use poem_openapi::OpenApiService;

use super::assets;
use super::file::File;

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";

/// A page and what it loads.
pub struct Viewer {
    /// The page.
    pub html: File,
    /// Its files by their names.
    pub files: Vec<(&'static str, File)>,
}

/// Swagger UI: for trying things out.
pub static SWAGGER: LazyLock<Viewer> = LazyLock::new(|| {
    let page = OpenApiService::new((), "", "").swagger_ui_html();
    Viewer {
        html: File::new(HTML, own("swagger.html")),
        files: vec![
            ("swagger-ui.css", File::new(CSS, inside(&page, "style"))),
            ("swagger-ui.js", File::new(SCRIPT, inside(&page, "script"))),
            ("page.css", File::new(CSS, own("swagger-page.css"))),
            ("start.js", File::new(SCRIPT, own("swagger-start.js"))),
        ],
    }
});

/// `ReDoc`: for reading.
pub static REDOC: LazyLock<Viewer> = LazyLock::new(|| {
    let page = OpenApiService::new((), "", "").redoc_html();
    Viewer {
        html: File::new(HTML, own("redoc.html")),
        files: vec![
            ("redoc.js", File::new(SCRIPT, inside(&page, "script"))),
            ("page.css", File::new(CSS, own("redoc-page.css"))),
            ("start.js", File::new(SCRIPT, own("redoc-start.js"))),
        ],
    }
});

fn own(name: &str) -> Vec<u8> {
    assets::bytes(name).into_owned()
}

/// The content of the first element of this name that has a charset, as the embedded files do.
fn inside(page: &str, element: &str) -> String {
    let (open, close) = (format!("<{element} charset=\"UTF-8\">"), format!("</{element}>"));
    let content = page.split_once(&open).and_then(|(_, rest)| rest.split_once(&close));
    content.map(|(content, _)| content.to_owned()).unwrap_or_default()
}

/// What `ReDoc` writes into the page: nothing (it fills the empty element rule by rule, which needs
/// no permission), and the fixed style of its scroll bars, as of the release in poem-openapi 5.1.16.
const WRITTEN_STYLES: &str = "'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=' \
                              'sha256-sDI9pUw6Z98NC0sorERcD03vlQ8zZwyaBSQ06jerL4M='";

/// Only files of this server run or load, and requests go to this server only (and to its public
/// address, which is one of the document's servers).
///
/// `ReDoc` searches in a worker that it makes from a blob.
pub fn policy(public_url: &str) -> HeaderValue {
    // With its path it would allow this one URL and nothing below it.
    let public_url = public_url.split('/').take(3).collect::<Vec<_>>().join("/");
    let text = format!(
        "default-src 'none'; script-src 'self'; style-src 'self' {WRITTEN_STYLES}; img-src 'self' data:; \
         font-src 'self' data:; connect-src 'self' {public_url}; worker-src 'self' blob:; base-uri 'none'; \
         form-action 'none'; frame-ancestors 'none'"
    );
    HeaderValue::from_str(&text).unwrap_or_else(|_| HeaderValue::from_static("default-src 'none'"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Contrast of two colours `#rrggbb` as WCAG 2.2 counts it.
    fn contrast(one: &str, other: &str) -> f64 {
        let luminance = |colour: &str| {
            let part = |at: usize| {
                let value = f64::from(u8::from_str_radix(&colour[at..at + 2], 16).unwrap()) / 255.0;
                if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
            };
            0.2126 * part(1) + 0.7152 * part(3) + 0.0722 * part(5)
        };
        let (one, other) = (luminance(one), luminance(other));
        (one.max(other) + 0.05) / (one.min(other) + 0.05)
    }

    #[test]
    fn white_can_be_read_on_every_method_and_every_link_on_white() {
        let css = include_str!("../../../assets/docs/swagger-page.css");
        let of = |start: &str| {
            let lines = css.lines().filter(|line| line.contains(start));
            lines
                .filter_map(|line| line.split_once('#'))
                .map(|(_, rest)| format!("#{}", &rest[..6]))
                .collect::<Vec<_>>()
        };
        for (start, count) in
            [("-summary-method {", 5), (".btn.authorize", 2), (".info .title small", 2), (".info a,", 1)]
        {
            // Further rules, for narrow windows, set no colour.
            let colours = of(start);
            assert!(colours.len() >= count, "{start}: {colours:?}");
            assert!(colours.iter().all(|colour| contrast(colour, "#ffffff") >= 4.5), "{start}: {colours:?}");
        }
    }

    #[test]
    fn embedded_pages_still_hold_the_files_where_they_are_looked_for() {
        let page = OpenApiService::new((), "", "").swagger_ui_html();
        assert!(inside(&page, "script").contains("SwaggerUIBundle") && inside(&page, "script").len() > 1_000_000);
        assert!(inside(&page, "style").contains(".swagger-ui") && inside(&page, "style").len() > 100_000);
        let page = OpenApiService::new((), "", "").redoc_html();
        assert!(inside(&page, "script").contains("redoc") && inside(&page, "script").len() > 500_000);
    }
}
