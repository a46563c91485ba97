//! Laravel's paginator, field for field (`LengthAwarePaginator::toArray` of Laravel 10), with the
//! window of its `UrlWindow`: three pages on each side.

use std::fmt::Write as _;

use poem::Request;
use poem_openapi::registry::{MetaSchema, MetaSchemaRef, Registry};
use serde::ser::SerializeSeq as _;
use serde::{Serialize, Serializer};

use crate::error::{Error, FieldError, Place, Rule};

use super::request::base_url;

/// Largest OFFSET that is served; beyond it a client should filter or sort.
pub const OFFSET_MAX: i64 = 100_000;
const ON_EACH_SIDE: i64 = 3;

/// Rows of a page when nothing else is asked for.
const PER_PAGE: i64 = 10;

/// Which page is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Paging {
    /// Page, from 1.
    pub page: i64,
    /// Rows of a page.
    pub per_page: i64,
}

impl Paging {
    /// From the parameters `page` and `per_page`, which are checked: at least 1 when given.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a page that lies too deep.
    pub fn new(page: Option<i64>, per_page: Option<i64>) -> Result<Self, Error> {
        let paging = Self { page: page.unwrap_or(1), per_page: per_page.unwrap_or(PER_PAGE) };
        if paging.offset() > OFFSET_MAX {
            let rule = Rule::Max((OFFSET_MAX / paging.per_page + 1).to_string());
            return Err(Error::Invalid(vec![FieldError { path: "page".into(), rule, place: Place::Query }]));
        }
        Ok(paging)
    }

    /// Rows before this page.
    pub fn offset(self) -> i64 {
        (self.page - 1).saturating_mul(self.per_page)
    }
}

/// One page of a list as Laravel answers it.
#[derive(Debug, Serialize)]
pub struct LaravelPage<T> {
    current_page: i64,
    data: Vec<T>,
    first_page_url: String,
    from: Option<i64>,
    last_page: i64,
    last_page_url: String,
    links: Links,
    next_page_url: Option<String>,
    path: String,
    per_page: i64,
    prev_page_url: Option<String>,
    to: Option<i64>,
    total: i64,
}

/// Where the pages of a list are found: the URL up to `page=`.
#[derive(Debug, Clone)]
pub struct PageUrls {
    path: String,
    prefix: String,
}

impl PageUrls {
    /// From the request for one of them: its other query parameters are kept.
    pub fn of(request: &Request) -> Self {
        let path = format!("{}{}", base_url(request), request.uri().path());
        let query = request.uri().query().unwrap_or_default();
        let kept = query.split('&').filter(|pair| !str::is_empty(pair) && !pair.starts_with("page="));
        let mut prefix = format!("{path}?");
        for pair in kept {
            // Written into JSON and meant to be followed as it is.
            prefix.push_str(pair);
            prefix.push('&');
        }
        prefix.push_str("page=");
        Self { path, prefix }
    }

    fn page(&self, page: i64) -> String {
        format!("{}{page}", self.prefix)
    }
}

impl<'a> poem::FromRequest<'a> for PageUrls {
    async fn from_request(request: &'a Request, _body: &mut poem::RequestBody) -> poem::Result<Self> {
        Ok(Self::of(request))
    }
}

impl<T> LaravelPage<T> {
    /// The page `page` (from 1) of a list of `total` rows.
    pub fn new(urls: &PageUrls, data: Vec<T>, page: i64, per_page: i64, total: i64) -> Self {
        let last_page = ((total + per_page - 1) / per_page).max(1);
        let first_row = (page - 1) * per_page + 1;
        let rows = i64::try_from(data.len()).unwrap_or(i64::MAX);
        let has_rows = rows > 0;
        Self {
            current_page: page,
            data,
            first_page_url: urls.page(1),
            from: has_rows.then_some(first_row),
            last_page,
            last_page_url: urls.page(last_page),
            links: Links { prefix: urls.prefix.clone(), page, last_page },
            next_page_url: (page < last_page).then(|| urls.page(page + 1)),
            path: urls.path.clone(),
            per_page,
            prev_page_url: (page > 1).then(|| urls.page(page - 1)),
            to: has_rows.then_some(first_row + rows - 1),
            total,
        }
    }
}

/// The `links` array: previous, a window of pages, next. Written while it is computed.
#[derive(Debug)]
struct Links {
    prefix: String,
    page: i64,
    last_page: i64,
}

impl Links {
    /// Page numbers of the window, `None` for a gap.
    fn window(&self) -> Vec<Option<i64>> {
        let Self { page, last_page, .. } = *self;
        let near = ON_EACH_SIDE + 4;
        let run = |from: i64, to: i64| (from..=to).map(Some);
        let start = || run(1, 2).chain([None]);
        let finish = || [None].into_iter().chain(run(last_page - 1, last_page));
        if last_page < ON_EACH_SIDE * 2 + 8 {
            run(1, last_page).collect()
        } else if page <= near {
            run(1, near + ON_EACH_SIDE).chain(finish()).collect()
        } else if page > last_page - near {
            start().chain(run(last_page - (near + ON_EACH_SIDE - 1), last_page)).collect()
        } else {
            start().chain(run(page - ON_EACH_SIDE, page + ON_EACH_SIDE)).chain(finish()).collect()
        }
    }
}

impl Serialize for Links {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let window = self.window();
        let mut list = serializer.serialize_seq(Some(window.len() + 2))?;
        let (mut url, mut label) = (self.prefix.clone(), String::new());
        let mut link = |to: Option<i64>, text: Option<&str>| {
            url.truncate(self.prefix.len());
            label.clear();
            if let Some(page) = to {
                // Writing to a String does not fail.
                let _ = write!(url, "{page}");
                label.push_str(&url[self.prefix.len()..]);
            }
            let label = text.unwrap_or(&label);
            let active = text.is_none() && to == Some(self.page);
            list.serialize_element(&Link { url: to.is_some().then_some(&url), label, active })
        };
        link((self.page > 1).then(|| self.page - 1), Some("&laquo; Previous"))?;
        for page in window {
            link(page, if page.is_some() { None } else { Some("...") })?;
        }
        link((self.page < self.last_page).then(|| self.page + 1), Some("Next &raquo;"))?;
        list.end()
    }
}

#[derive(Serialize)]
struct Link<'a> {
    url: Option<&'a str>,
    label: &'a str,
    active: bool,
}

/// Documents a page; the real one is written by [`LaravelPage`]'s own `Serialize`.
#[derive(Debug, poem_openapi::Object)]
#[oai(rename = "PageLink")]
pub struct PageLinkDoc {
    /// Where it leads; null where there is nowhere to go.
    url: Option<String>,
    /// What to show; may hold HTML entities.
    label: String,
    /// True for the page that is shown.
    active: bool,
}

impl<T: poem_openapi::types::Type> poem_openapi::types::Type for LaravelPage<T> {
    const IS_REQUIRED: bool = true;

    type RawValueType = Self;
    type RawElementValueType = Self;

    fn name() -> std::borrow::Cow<'static, str> {
        format!("Page_{}", T::name()).into()
    }

    fn schema_ref() -> MetaSchemaRef {
        MetaSchemaRef::Reference(Self::name().into_owned())
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
        PageLinkDoc::register(registry);
        registry.create_schema::<Self, _>(Self::name().into_owned(), |_| {
            let nullable = |schema: MetaSchema| MetaSchema { nullable: true, ..schema };
            let integer = || MetaSchema::new_with_format("integer", "int64");
            let text = || MetaSchema::new("string");
            let inline = |schema: MetaSchema| MetaSchemaRef::Inline(Box::new(schema));
            let list = |item: MetaSchemaRef| MetaSchema { items: Some(Box::new(item)), ..MetaSchema::new("array") };
            let properties = vec![
                ("current_page", inline(integer())),
                ("data", inline(list(T::schema_ref()))),
                ("first_page_url", inline(text())),
                ("from", inline(nullable(integer()))),
                ("last_page", inline(integer())),
                ("last_page_url", inline(text())),
                ("links", inline(list(PageLinkDoc::schema_ref()))),
                ("next_page_url", inline(nullable(text()))),
                ("path", inline(text())),
                ("per_page", inline(integer())),
                ("prev_page_url", inline(nullable(text()))),
                ("to", inline(nullable(integer()))),
                ("total", inline(integer())),
            ];
            MetaSchema {
                description: Some("One page of a list, as Laravel's paginator writes it."),
                required: properties.iter().map(|(name, _)| *name).collect(),
                properties,
                ..MetaSchema::new("object")
            }
        });
    }

    fn as_raw_value(&self) -> Option<&Self> {
        Some(self)
    }

    fn raw_element_iter<'a>(&'a self) -> Box<dyn Iterator<Item = &'a Self> + 'a> {
        Box::new(std::iter::once(self))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(page: i64, last_page: i64) -> String {
        let links = Links { prefix: String::new(), page, last_page };
        let shown = links.window().into_iter().map(|page| page.map_or("...".into(), |page| page.to_string()));
        shown.collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn window_shows_first_near_and_last_pages() {
        assert_eq!(labels(1, 1), "1");
        assert_eq!(labels(5, 13), "1 2 3 4 5 6 7 8 9 10 11 12 13");
        assert_eq!(labels(1, 50), "1 2 3 4 5 6 7 8 9 10 ... 49 50");
        assert_eq!(labels(8, 50), "1 2 ... 5 6 7 8 9 10 11 ... 49 50");
        assert_eq!(labels(44, 50), "1 2 ... 41 42 43 44 45 46 47 48 49 50");
    }

    #[test]
    fn empty_list_has_one_page_without_rows() {
        let urls = PageUrls { path: "http://h/p".into(), prefix: "http://h/p?page=".into() };
        let page = serde_json::to_value(LaravelPage::<i64>::new(&urls, vec![], 1, 10, 0)).unwrap();
        assert_eq!(page["from"], serde_json::Value::Null);
        assert_eq!(page["last_page"], 1);
        assert_eq!(page["links"].as_array().unwrap().len(), 3);
        assert_eq!(page["next_page_url"], serde_json::Value::Null);
    }
}
