//! The plans of the central file, which tenants have one of.

use crate::db::Tx;
use crate::error::{Result, Rule};
use crate::vals;

use super::model::{Limits, Plan};

/// Why a tenant cannot have this plan: there are only some.
pub(super) fn error(tx: &mut Tx<'_>, code: &str) -> Result<Option<Rule>> {
    if find(tx, code)?.is_some() {
        return Ok(None);
    }
    let codes = tx.query("SELECT code FROM plans ORDER BY code", &[], |row| row.get(0))?;
    Ok(Some(Rule::OneOf(codes)))
}

pub(super) fn find(tx: &mut Tx<'_>, code: &str) -> Result<Option<Plan>> {
    let sql = "SELECT code, label, max_phone_numbers, max_messages_per_day, max_messages_per_month, \
               max_auto_replies, max_scheduled_messages FROM plans WHERE code = ?1";
    Ok(tx.query_opt(sql, vals![code], |row| {
        Ok(Plan {
            code: row.get(0)?,
            label: row.get(1)?,
            limits: Limits {
                max_phone_numbers: row.get(2)?,
                max_messages_per_day: row.get(3)?,
                max_messages_per_month: row.get(4)?,
                max_auto_replies: row.get(5)?,
                max_scheduled_messages: row.get(6)?,
            },
        })
    })?)
}
