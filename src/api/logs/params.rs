//! Which rows are asked for.

use std::time::Duration;

use poem_openapi::{Enum, Object};

use crate::activity::{Actor, ActorKind, AuditFilter, RequestFilter};
use crate::api::kit::time_in::TimeIn;
use crate::clock::Timestamp;
use crate::config::Zone;
use crate::error::{Error, FieldError, Place, Rule};

/// Rows when nothing else is asked for.
const ROWS: u32 = 50;

/// A hundred of statuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[oai(rename = "StatusClass")]
enum StatusClass {
    /// It went well.
    #[oai(rename = "2xx")]
    Success,
    /// Look elsewhere, or nothing new.
    #[oai(rename = "3xx")]
    Redirect,
    /// Refused.
    #[oai(rename = "4xx")]
    Refused,
    /// Failed.
    #[oai(rename = "5xx")]
    Failed,
}

impl StatusClass {
    fn hundred(self) -> u8 {
        match self {
            Self::Success => 2,
            Self::Redirect => 3,
            Self::Refused => 4,
            Self::Failed => 5,
        }
    }
}

/// What both logs can be asked for.
#[derive(Debug, Object)]
struct RowParams {
    /// By whom: a kind (`anonymous`, `operator`, `account`, `user`, `tenant_key`, `gateway_key`,
    /// `system`), or one of a kind: `user:7`.
    #[oai(validator(max_length = 128))]
    actor: Option<String>,
    /// At this time or later; a date means its beginning. Without a zone: in the tenant's, for the
    /// operator in the server's.
    since: Option<TimeIn>,
    /// At this time or earlier; a date means its end. Without a zone: as `since`.
    until: Option<TimeIn>,
    /// Part of one of the row's texts, without regard to the case of A to Z.
    #[oai(validator(max_length = 255))]
    q: Option<String>,
    /// Where to go on: the `next_cursor` of the answer before.
    #[oai(validator(max_length = 64))]
    cursor: Option<String>,
}

/// Which requests.
#[derive(Debug, Object)]
pub(super) struct RequestParams {
    /// Answered by this route, as the document writes it: `/api/products/{id}`.
    #[oai(validator(max_length = 255))]
    route: Option<String>,
    /// Answered with a status of this hundred.
    status: Option<StatusClass>,
    #[oai(flatten)]
    rows: RowParams,
}

/// Which audit entries.
#[derive(Debug, Object)]
pub(super) struct AuditParams {
    /// This action (`tenant.created`), or with a dot at the end all that begin so (`tenant.`).
    #[oai(validator(max_length = 64))]
    action: Option<String>,
    #[oai(flatten)]
    rows: RowParams,
}

/// A filter with the page of what it finds.
pub(super) struct Asked<F> {
    pub(super) filter: F,
    pub(super) cursor: Option<String>,
    pub(super) limit: u32,
}

impl RowParams {
    fn actor(&self) -> Result<Option<Actor>, Error> {
        let actor = self.actor.as_deref().map(str::parse).transpose();
        actor.map_err(|()| refused("actor", Rule::OneOf(ActorKind::words().map(str::to_owned).collect())))
    }
}

/// Rows of a page, of which there may be `max`: the parameter, which is checked, or the usual number.
pub(super) fn rows(limit: Option<i64>, max: u32) -> u32 {
    limit.and_then(|limit| u32::try_from(limit).ok()).unwrap_or(ROWS.min(max))
}

/// The filters end before a time, the parameters with it.
fn end(until: Option<TimeIn>, zone: &Zone) -> Option<Timestamp> {
    until.map(|until| until.until(zone.rules()).plus(Duration::from_millis(1)))
}

fn refused(field: &str, rule: Rule) -> Error {
    Error::Invalid(vec![FieldError { path: field.to_owned(), rule, place: Place::Query }])
}

impl RequestParams {
    /// The requests that are meant, `limit` of them, of all tenants. Times without a zone are of `zone`.
    ///
    /// # Errors
    /// [`Error::Invalid`] for an actor of no known kind.
    pub(super) fn asked(self, limit: u32, zone: &Zone) -> Result<Asked<RequestFilter>, Error> {
        let Self { route, status, rows } = self;
        let filter = RequestFilter {
            actor: rows.actor()?,
            route,
            status_class: status.map(StatusClass::hundred),
            since: rows.since.map(|time| time.since(zone.rules())),
            until: end(rows.until, zone),
            text: rows.q.clone(),
            ..RequestFilter::default()
        };
        Ok(Asked { filter, cursor: rows.cursor, limit })
    }
}

impl AuditParams {
    /// The audit entries that are meant, `limit` of them, of all tenants. Times without a zone are of `zone`.
    ///
    /// # Errors
    /// As [`RequestParams::asked`].
    pub(super) fn asked(self, limit: u32, zone: &Zone) -> Result<Asked<AuditFilter>, Error> {
        let Self { action, rows } = self;
        let filter = AuditFilter {
            actor: rows.actor()?,
            action,
            since: rows.since.map(|time| time.since(zone.rules())),
            until: end(rows.until, zone),
            text: rows.q.clone(),
            ..AuditFilter::default()
        };
        Ok(Asked { filter, cursor: rows.cursor, limit })
    }
}
