//! The mail: what there is to tell, grouped, in the language of who reads it.

use askama::Template;
use jiff::tz::TimeZone;

use crate::config::Language;
use crate::error::{Error, Result};
use crate::mail::Letter;

use super::model::{Alert, Condition, News, one_line};

/// Alerts of one condition that a message names; of the rest it gives the number.
pub(super) const NAMED: usize = 50;

/// What the templates of `assets/mail/alerts.*` show.
struct Facts {
    begun: Vec<Group>,
    lasting: Vec<Group>,
    ended: Vec<Group>,
    counts: Counts,
    server: Option<String>,
}

/// How many alerts there are of each kind of news.
struct Counts {
    begun: usize,
    lasting: usize,
    ended: usize,
}

/// Alerts of one condition.
struct Group {
    condition: &'static str,
    lines: Vec<Line>,
    more: usize,
}

struct Line {
    name: String,
    tenant_id: String,
    since: String,
    detail: String,
}

/// What the templates of `assets/mail/test.*` show.
struct Server {
    server: Option<String>,
}

macro_rules! templates {
    ($($Template:ident of $Facts:ident = $path:literal,)+) => {$(
        #[derive(Template)]
        #[template(path = $path)]
        struct $Template<'a> {
            facts: &'a $Facts,
        }
    )+};
}

templates! {
    AlertsEnText of Facts = "mail/alerts.en.txt",
    AlertsEnHtml of Facts = "mail/alerts.en.html",
    AlertsIdText of Facts = "mail/alerts.id.txt",
    AlertsIdHtml of Facts = "mail/alerts.id.html",
    TestEnText of Server = "mail/test.en.txt",
    TestEnHtml of Server = "mail/test.en.html",
    TestIdText of Server = "mail/test.id.txt",
    TestIdHtml of Server = "mail/test.id.html",
}

/// Writes mails.
#[derive(Debug, Clone)]
pub(super) struct Writer {
    pub(super) language: Language,
    pub(super) zone: TimeZone,
    /// Where the server is reached, when that is known.
    pub(super) server: Option<String>,
}

impl Writer {
    /// The mail about alerts.
    pub(super) fn of(&self, all: &[(News, Alert)]) -> Result<Letter> {
        let count = |news| all.iter().filter(|(other, _)| *other == news).count();
        let facts = &Facts {
            begun: self.groups(all, News::Begun),
            lasting: self.groups(all, News::Lasting),
            ended: self.groups(all, News::Ended),
            counts: Counts { begun: count(News::Begun), lasting: count(News::Lasting), ended: count(News::Ended) },
            server: self.server.clone(),
        };
        match self.language {
            Language::English => letter(&AlertsEnText { facts }, &AlertsEnHtml { facts }),
            Language::Indonesian => letter(&AlertsIdText { facts }, &AlertsIdHtml { facts }),
        }
    }

    /// The mail that shows that mail arrives.
    pub(super) fn test(&self) -> Result<Letter> {
        let facts = &Server { server: self.server.clone() };
        match self.language {
            Language::English => letter(&TestEnText { facts }, &TestEnHtml { facts }),
            Language::Indonesian => letter(&TestIdText { facts }, &TestIdHtml { facts }),
        }
    }

    fn groups(&self, all: &[(News, Alert)], news: News) -> Vec<Group> {
        let mut groups = Vec::new();
        for condition in Condition::ALL {
            let of_it = || all.iter().filter(|(other, alert)| *other == news && alert.condition == condition);
            let count = of_it().count();
            if count > 0 {
                let lines = of_it().take(NAMED).map(|(_, alert)| self.line(alert)).collect();
                groups.push(Group { condition: condition.as_str(), lines, more: count.saturating_sub(NAMED) });
            }
        }
        groups
    }

    fn line(&self, alert: &Alert) -> Line {
        Line {
            name: one_line(&alert.tenant_name, 80),
            tenant_id: alert.tenant_id.to_string(),
            since: alert.since.in_zone(&self.zone).strftime("%F %R").to_string(),
            detail: one_line(&alert.detail, 300),
        }
    }
}

/// The first line of the plain part is the subject.
fn letter(text: &impl Template, html: &impl Template) -> Result<Letter> {
    let (text, html) = (text.render().map_err(Error::internal)?, html.render().map_err(Error::internal)?);
    let (subject, text) = text.split_once('\n').unwrap_or((&text, ""));
    Ok(Letter { subject: subject.trim().to_owned(), text: text.trim_start().to_owned(), html })
}
