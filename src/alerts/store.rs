//! The SQL of alerts, in the central file.

use std::collections::HashMap;
use std::time::Duration;

use crate::clock::Timestamp;
use crate::db::{Row, Tx};
use crate::error::{DbError, Result};
use crate::id::TenantId;
use crate::vals;

use super::channel::Channel;
use super::model::{Alert, Condition, News};

/// What lasts is told again after this.
const AGAIN_AFTER: Duration = Duration::from_secs(86_400);
/// With it everything that was not told within this, so that there is one message a day.
const ALONG: Duration = Duration::from_secs(3600);
/// Key of the last run whose heart was heard, among the settings.
const HEARTBEAT: &str = "alerts_heartbeat";

const COLUMNS: &str = "condition, tenant_id, tenant_name, detail, since";

fn read_alert(row: &Row<'_, '_>) -> Result<Alert, DbError> {
    let condition = row.text(0)?.parse();
    Ok(Alert {
        condition: condition.map_err(|()| DbError::Corrupt("alerts.condition is not readable".into()))?,
        tenant_id: row.text(1)?.into(),
        tenant_name: row.get(2)?,
        detail: row.get(3)?,
        since: row.get(4)?,
    })
}

/// What is so now, the longest first, and how many in all.
pub(super) fn lasting(tx: &mut Tx<'_>, limit: i64) -> Result<(Vec<Alert>, i64)> {
    tx.snapshot()?;
    let sql =
        format!("SELECT {COLUMNS} FROM alerts WHERE ended_at IS NULL ORDER BY since, condition, tenant_id LIMIT ?1");
    let all = tx.query(&sql, vals![limit], read_alert)?;
    Ok((all, tx.query_one("SELECT count(*) FROM alerts WHERE ended_at IS NULL", &[], |row| row.get(0))?))
}

/// True while it lasts.
pub(super) fn is_so(tx: &mut Tx<'_>, condition: Condition, tenant: &TenantId) -> Result<bool> {
    let sql = "SELECT EXISTS (SELECT 1 FROM alerts WHERE condition = ?1 AND tenant_id = ?2 AND ended_at IS NULL)";
    Ok(tx.query_one(sql, vals![condition.as_str(), tenant.as_str()], |row| row.get(0))?)
}

/// The name of a tenant; its id when there is none.
///
/// # Errors
/// Storage errors.
pub fn name_of(tx: &mut Tx<'_>, tenant: &TenantId) -> Result<String> {
    let name = tx.query_opt("SELECT name FROM tenants WHERE id = ?1", vals![tenant.as_str()], |row| row.get(0))?;
    Ok(name.unwrap_or_else(|| tenant.to_string()))
}

/// What has changed since the last look.
#[derive(Debug, Default)]
pub(super) struct Changes {
    /// Alerts that begin, begin again before their end was told, or have another detail.
    pub(super) so: Vec<Alert>,
    /// Keys of those that are over.
    pub(super) over: Vec<(Condition, TenantId)>,
}

impl Changes {
    pub(super) fn is_empty(&self) -> bool {
        self.so.is_empty() && self.over.is_empty()
    }
}

/// Compares what was found with what is known. What was raised is left to whom it happens to.
pub(super) fn compare(tx: &mut Tx<'_>, found: &[Alert]) -> Result<Changes> {
    let sql = "SELECT condition, tenant_id, detail, ended_at IS NOT NULL FROM alerts WHERE is_raised = 0";
    let known = tx.query(sql, &[], |row| {
        let condition: Result<Condition, ()> = row.text(0)?.parse();
        let condition = condition.map_err(|()| DbError::Corrupt("alerts.condition is not readable".into()))?;
        Ok(((condition, TenantId::from(row.text(1)?)), (row.get::<String>(2)?, row.get::<bool>(3)?)))
    })?;
    let mut known: HashMap<_, _> = known.into_iter().collect();
    let mut changes = Changes::default();
    for alert in found {
        let as_known = known.remove(&(alert.condition, alert.tenant_id.clone()));
        if as_known.is_none_or(|(detail, is_over)| is_over || detail != alert.detail) {
            changes.so.push(alert.clone());
        }
    }
    changes.over = known.into_iter().filter(|(_, (_, is_over))| !is_over).map(|(key, _)| key).collect();
    Ok(changes)
}

/// Writes changes down. What ends before anybody was told of it was nothing.
pub(super) fn apply(tx: &mut Tx<'_>, changes: &Changes, now: Timestamp) -> Result<()> {
    for alert in &changes.so {
        put(tx, alert, false)?;
    }
    for (condition, tenant) in &changes.over {
        end(tx, *condition, tenant, now)?;
    }
    forget_told(tx)
}

/// Writes an alert down; `since` is that of its begin.
pub(super) fn put(tx: &mut Tx<'_>, alert: &Alert, is_raised: bool) -> Result<()> {
    let sql = "INSERT INTO alerts (condition, tenant_id, tenant_name, detail, is_raised, since) \
               VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (condition, tenant_id) DO UPDATE SET \
               tenant_name = excluded.tenant_name, detail = excluded.detail, is_raised = excluded.is_raised, ended_at = NULL";
    let values = vals![
        alert.condition.as_str(),
        alert.tenant_id.as_str(),
        &alert.tenant_name,
        &alert.detail,
        is_raised,
        alert.since
    ];
    tx.execute(sql, values)?;
    Ok(())
}

/// An alert is over; false when it was not so.
pub(super) fn end(tx: &mut Tx<'_>, condition: Condition, tenant: &TenantId, now: Timestamp) -> Result<bool> {
    let sql = "UPDATE alerts SET ended_at = ?3 WHERE condition = ?1 AND tenant_id = ?2 AND ended_at IS NULL";
    Ok(tx.execute(sql, vals![condition.as_str(), tenant.as_str(), now])? > 0)
}

/// Lets go what is over and of which nobody waits to hear the end.
pub(super) fn forget_told(tx: &mut Tx<'_>) -> Result<()> {
    tx.execute("DELETE FROM alerts WHERE ended_at IS NOT NULL AND mailed_at IS NULL AND posted_at IS NULL", &[])?;
    Ok(())
}

/// A channel that is gone has told nothing to anybody.
pub(super) fn forget_channel(tx: &mut Tx<'_>, channel: Channel) -> Result<()> {
    let told = channel.column();
    tx.execute(&format!("UPDATE alerts SET {told} = NULL WHERE {told} IS NOT NULL"), &[])?;
    forget_told(tx)
}

/// True when there is something that a channel that is gone has told.
pub(super) fn has_told(tx: &mut Tx<'_>, channel: Channel) -> Result<bool> {
    let sql = format!("SELECT EXISTS (SELECT 1 FROM alerts WHERE {} IS NOT NULL)", channel.column());
    Ok(tx.query_one(&sql, &[], |row| row.get(0))?)
}

/// What a channel has to tell now, in no order.
pub(super) fn pending(tx: &mut Tx<'_>, channel: Channel, now: Timestamp) -> Result<Vec<(News, Alert)>> {
    let told = channel.column();
    // A time to come is of a clock that was wrong.
    let sql = format!(
        "SELECT {COLUMNS}, {told}, ended_at IS NOT NULL FROM alerts \
         WHERE (ended_at IS NULL AND ({told} IS NULL OR {told} NOT BETWEEN ?1 AND ?2)) \
         OR (ended_at IS NOT NULL AND {told} IS NOT NULL)"
    );
    let mut is_time = false;
    let mut all = tx.query(&sql, vals![now.minus(ALONG), now], |row| {
        let (told_at, is_over): (Option<Timestamp>, bool) = (row.get(5)?, row.get(6)?);
        let news = match told_at {
            _ if is_over => News::Ended,
            None => News::Begun,
            Some(_) => News::Lasting,
        };
        let is_due = |told: Timestamp| told <= now.minus(AGAIN_AFTER) || told > now;
        is_time |= news == News::Lasting && told_at.is_some_and(is_due);
        Ok((news, read_alert(row)?))
    })?;
    if !is_time {
        all.retain(|(news, _)| *news != News::Lasting);
    }
    Ok(all)
}

/// Writes down what a channel has told.
pub(super) fn told(tx: &mut Tx<'_>, channel: Channel, all: &[(News, Alert)], now: Timestamp) -> Result<()> {
    let column = channel.column();
    let so = format!("UPDATE alerts SET {column} = ?3 WHERE condition = ?1 AND tenant_id = ?2");
    let over = format!("UPDATE alerts SET {column} = NULL WHERE condition = ?1 AND tenant_id = ?2");
    for (news, alert) in all {
        let (condition, tenant) = (alert.condition.as_str(), alert.tenant_id.as_str());
        match news {
            News::Ended => tx.execute(&over, vals![condition, tenant])?,
            News::Begun | News::Lasting => tx.execute(&so, vals![condition, tenant, now])?,
        };
    }
    forget_told(tx)
}

/// The last run whose heart was heard.
pub(super) fn last_heartbeat(tx: &mut Tx<'_>) -> Result<Option<i64>> {
    let stored =
        tx.query_opt("SELECT value FROM settings WHERE key = ?1", vals![HEARTBEAT], |row| row.get::<String>(0))?;
    Ok(stored.and_then(|text| text.parse().ok()))
}

/// Writes it down.
pub(super) fn note_heartbeat(tx: &mut Tx<'_>, run: i64, now: Timestamp) -> Result<()> {
    let sql = "INSERT INTO settings (key, value, updated_at) VALUES (?1, ?2, ?3) \
               ON CONFLICT (key) DO UPDATE SET value = excluded.value, updated_at = excluded.updated_at";
    tx.execute(sql, vals![HEARTBEAT, &run.to_string(), now])?;
    Ok(())
}
