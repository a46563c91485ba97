//! Laravel's paginator: a page of rows with the addresses of the others.

use std::cell::RefCell;

use rusqlite::Rows;
use serde::ser::{Error as _, SerializeSeq};
use serde::{Serialize, Serializer};

use super::Product;

/// One page of a list.
#[derive(Serialize)]
pub(super) struct Paginator<'a, 'rows> {
    pub(super) current_page: i64,
    pub(super) data: Data<'a, 'rows>,
    pub(super) first_page_url: Url<'a>,
    pub(super) from: Option<i64>,
    pub(super) last_page: i64,
    pub(super) last_page_url: Url<'a>,
    pub(super) links: Vec<Link<'a>>,
    pub(super) next_page_url: Option<Url<'a>>,
    pub(super) path: &'a str,
    pub(super) per_page: i64,
    pub(super) prev_page_url: Option<Url<'a>>,
    pub(super) to: Option<i64>,
    pub(super) total: i64,
}

/// Rows that go from the statement into the body one by one.
pub(super) struct Data<'a, 'rows>(pub(super) &'a RefCell<Rows<'rows>>);

impl Serialize for Data<'_, '_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut rows = self.0.borrow_mut();
        let mut array = serializer.serialize_seq(None)?;
        while let Some(row) = rows.next().map_err(S::Error::custom)? {
            array.serialize_element(&Product::from_row(row).map_err(S::Error::custom)?)?;
        }
        array.end()
    }
}

pub(super) struct Url<'a> {
    pub(super) base: &'a str,
    pub(super) page: i64,
}

impl Serialize for Url<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{}{}", self.base, self.page))
    }
}

#[derive(Serialize)]
pub(super) struct Link<'a> {
    url: Option<Url<'a>>,
    label: Label,
    active: bool,
}

enum Label {
    Previous,
    Page(i64),
    Gap,
    Next,
}

impl Serialize for Label {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Previous => serializer.serialize_str("&laquo; Previous"),
            Self::Page(page) => serializer.collect_str(page),
            Self::Gap => serializer.serialize_str("..."),
            Self::Next => serializer.serialize_str("Next &raquo;"),
        }
    }
}

/// The window of Laravel's `UrlWindow` with `onEachSide` 3: up to 13 pages are all shown, and more pages are
/// shown as the first, the near and the last ones with gaps between.
pub(super) fn links<'a>(page: i64, last: i64, url: impl Fn(i64) -> Url<'a>) -> Vec<Link<'a>> {
    let gap = || Link { url: None, label: Label::Gap, active: false };
    let numbers = |pages: std::ops::RangeInclusive<i64>, links: &mut Vec<Link<'a>>| {
        links.extend(pages.map(|n| Link { url: Some(url(n)), label: Label::Page(n), active: n == page }));
    };
    let mut links = Vec::with_capacity(16);
    links.push(Link { url: (page > 1).then(|| url(page - 1)), label: Label::Previous, active: false });
    if last < 14 {
        numbers(1..=last, &mut links);
    } else if page <= 7 {
        numbers(1..=10, &mut links);
        links.push(gap());
        numbers(last - 1..=last, &mut links);
    } else if page > last - 7 {
        numbers(1..=2, &mut links);
        links.push(gap());
        numbers(last - 9..=last, &mut links);
    } else {
        numbers(1..=2, &mut links);
        links.push(gap());
        numbers(page - 3..=page + 3, &mut links);
        links.push(gap());
        numbers(last - 1..=last, &mut links);
    }
    links.push(Link { url: (page < last).then(|| url(page + 1)), label: Label::Next, active: false });
    links
}
