//! `ruko logs`: the request log and the audit log, by the operations of the central API.

use clap::{Args, Subcommand};
use http::Method;
use jiff::{Span, SpanRelativeTo};
use serde_json::Value;

use super::client::Client;
use super::failure::Outcome;
use super::globals::{Globals, look_at_central};
use super::output::{self, plain};
use crate::clock::Clock;
use crate::config::Config;
use crate::error::Error;
use crate::tenants::directory;

const PAGE_SIZE: usize = 100;

/// Columns of the list of requests: heading and field.
const REQUEST_COLUMNS: [(&str, &str); 8] = [
    ("Time", "created_at"),
    ("Tenant", "tenant_id"),
    ("Actor", "actor"),
    ("Method", "method"),
    ("Path", "endpoint"),
    ("Status", "status_code"),
    ("ms", "response_time_ms"),
    ("Address", "ip_address"),
];
/// Columns of the audit log.
const AUDIT_COLUMNS: [(&str, &str); 8] = [
    ("Time", "created_at"),
    ("Tenant", "tenant_id"),
    ("Actor", "actor"),
    ("Action", "action"),
    ("Object", "object_kind"),
    ("Id", "object_id"),
    ("Detail", "detail"),
    ("Address", "ip_address"),
];

/// Show who asked for what, and who changed what
#[derive(Debug, Subcommand)]
pub enum LogsCommand {
    /// List answered requests, newest first
    Requests(Requests),
    /// List what was changed and by whom, newest first
    Audit(Audit),
}

/// List answered requests
#[derive(Debug, Args)]
pub struct Requests {
    /// Only those that this route answered, such as '/api/products/{id}'
    #[arg(long)]
    route: Option<String>,
    /// Only those answered so: 2xx, 3xx, 4xx or 5xx
    #[arg(long, value_name = "CLASS")]
    status: Option<String>,
    #[command(flatten)]
    rows: Rows,
}

/// List what was changed
#[derive(Debug, Args)]
pub struct Audit {
    /// Only this action, such as tenant.created; with a dot at the end all that begin so
    #[arg(long)]
    action: Option<String>,
    #[command(flatten)]
    rows: Rows,
}

/// Which rows.
#[derive(Debug, Args)]
struct Rows {
    /// Only those about this tenant: its id, number or file name
    #[arg(long)]
    tenant: Option<String>,
    /// Only those of this actor: a kind such as operator or user, or one of a kind, such as user:7
    #[arg(long)]
    actor: Option<String>,
    /// Only those since then: a date, a time, or how long ago, such as 90m, 2h or 3d
    #[arg(long, value_name = "WHEN")]
    since: Option<String>,
    /// Only those until then, in the same forms
    #[arg(long, value_name = "WHEN")]
    until: Option<String>,
    /// Only those with this in one of their texts
    #[arg(long, value_name = "TEXT")]
    search: Option<String>,
    /// Most rows
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
}

impl LogsCommand {
    pub(super) async fn run(&self, globals: &Globals) -> Outcome {
        let config = globals.load(Vec::new())?.config;
        let (path, own, rows) = match self {
            Self::Requests(requests) => {
                let own = vec![("route", requests.route.clone()), ("status", requests.status.clone())];
                ("/api/central/api-requests", own, &requests.rows)
            }
            Self::Audit(audit) => ("/api/central/audit-log", vec![("action", audit.action.clone())], &audit.rows),
        };
        let client = Client::connect(config.clone()).await?;
        let found = rows.find(&client, &config, path, own).await;
        client.close().await;
        let found = found?;
        if globals.json {
            return output::json(&Value::Array(found));
        }
        let columns = if matches!(self, Self::Audit(_)) { AUDIT_COLUMNS } else { REQUEST_COLUMNS };
        let row = |row: &Value| columns.map(|(_, field)| cell(&row[field])).to_vec();
        output::table(&columns.map(|(heading, _)| heading), &found.iter().map(row).collect::<Vec<_>>())
    }
}

impl Rows {
    /// The rows of as many pages as are asked for.
    async fn find(
        &self,
        client: &Client,
        config: &Config,
        path: &str,
        mut query: Vec<(&'static str, Option<String>)>,
    ) -> Outcome<Vec<Value>> {
        query.extend([
            ("tenant", self.tenant.as_deref().map(|text| tenant_id(config, text)).transpose()?),
            ("actor", self.actor.clone()),
            ("since", self.since.as_deref().map(time)),
            ("until", self.until.as_deref().map(time)),
            ("q", self.search.clone()),
        ]);
        let wanted = usize::try_from(self.limit).unwrap_or(usize::MAX);
        let (mut rows, mut cursor) = (Vec::new(), None);
        while rows.len() < wanted {
            let page = [("limit", Some((wanted - rows.len()).min(PAGE_SIZE).to_string())), ("cursor", cursor)];
            let sent = query.iter().chain(&page).filter_map(|(name, value)| Some((*name, value.as_ref()?)));
            let sent = serde_urlencoded::to_string(sent.collect::<Vec<_>>()).map_err(Error::internal)?;
            let mut answer = client.call(Method::GET, &format!("{path}?{sent}"), None).await?;
            rows.extend(answer["data"].as_array_mut().map(std::mem::take).unwrap_or_default());
            cursor = answer["next_cursor"].as_str().map(str::to_owned);
            if cursor.is_none() {
                break;
            }
        }
        Ok(rows)
    }
}

/// The id of the tenant that is meant. The logs also know tenants that are gone for good, by their ids.
fn tenant_id(config: &Config, text: &str) -> Outcome<String> {
    let central = look_at_central(config)?;
    match central.read(|tx| directory::get(tx, text)) {
        Ok(tenant) => Ok(tenant.id.to_string()),
        Err(Error::NotFound { .. }) => {
            eprintln!("note: there is no tenant {}; looking for this id", output::without_controls(text));
            Ok(text.to_owned())
        }
        Err(other) => Err(other.into()),
    }
}

/// `3d` is three days ago. Anything else is left to the API, which knows dates and times.
fn time(text: &str) -> String {
    let span = text.parse::<Span>().and_then(|span| span.to_duration(SpanRelativeTo::days_are_24_hours()));
    span.map_or_else(|_| text.to_owned(), |span| Clock::system().now().minus(span.unsigned_abs()).to_string())
}

fn cell(value: &Value) -> String {
    if value.as_object().is_some_and(serde_json::Map::is_empty) { String::new() } else { plain(value) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Timestamp;

    #[test]
    fn how_long_ago_becomes_a_time_and_all_else_stays() {
        let now = Clock::system().now().0;
        for (text, seconds) in [("90s", 90), ("2h", 7200), ("3d", 259_200), ("1w", 604_800), ("1d 1h", 90_000)] {
            let at: jiff::Timestamp = time(text).parse().unwrap();
            let expected = Timestamp(now - seconds * 1000);
            assert!((expected.0 - 1000..expected.0 + 60_000).contains(&at.as_millisecond()), "{text}: {at}");
        }
        for text in ["2025-10-30", "2025-10-30T14:05:30Z", "yesterday", "3", ""] {
            assert_eq!(time(text), text);
        }
    }
}
