//! Tokens of users, in the form of Laravel Sanctum: `id|secret`, stored as the hash of the secret.

use std::collections::HashMap;

use crate::clock::Timestamp;
use crate::crypto::token::{self, SecretHash};
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::id::UserId;
use crate::vals;

use super::model::User;
use super::store::{COLUMNS, read_user};

/// Tokens a user may hold; the oldest go first.
const TOKENS_MAX: i64 = 100;

/// A token as it may be shown at any time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// Its id, the part before the bar.
    pub id: i64,
    /// What it is called.
    pub name: String,
    /// When it was last used, to the minute.
    pub last_used_at: Option<Timestamp>,
    /// When it ends.
    pub expires_at: Option<Timestamp>,
    /// Created.
    pub created_at: Timestamp,
}

/// A token that was just made.
pub(super) struct NewToken {
    /// Its whole text, which is not stored.
    pub(super) text: String,
    /// True when older tokens of the user had to make room.
    pub(super) has_ended_others: bool,
}

/// Makes a token for a user. `secret` comes from [`token::new_user_token`], made outside the
/// transaction, for that may run twice.
pub(super) fn create(tx: &mut Tx<'_>, user_id: UserId, name: &str, secret: &str, now: Timestamp) -> Result<NewToken> {
    let sql = "INSERT INTO personal_access_tokens (user_id, name, token, created_at, updated_at) \
               VALUES (?1, ?2, ?3, ?4, ?4)";
    let hash = hex::encode(token::hash(secret));
    let id = tx.insert(sql, vals![user_id, name, &hash, now])?;
    let surplus = "DELETE FROM personal_access_tokens WHERE user_id = ?1 AND id <= \
                   (SELECT id FROM personal_access_tokens WHERE user_id = ?1 ORDER BY id DESC LIMIT 1 OFFSET ?2)";
    let ended = tx.execute(surplus, vals![user_id, TOKENS_MAX])?;
    Ok(NewToken { text: format!("{id}|{secret}"), has_ended_others: ended > 0 })
}

/// A token's user, when both are good for use.
pub(super) struct TokenRow {
    pub(super) user: User,
    pub(super) token_id: i64,
    pub(super) expires_at: Option<Timestamp>,
}

pub(super) fn find(tx: &mut Tx<'_>, hash: &SecretHash) -> Result<Option<TokenRow>> {
    let sql = format!(
        "SELECT {COLUMNS}, t.id, t.expires_at FROM personal_access_tokens t JOIN users u ON u.id = t.user_id \
         WHERE t.token = ?1 AND u.is_active = 1"
    );
    Ok(tx.query_opt(&sql, vals![&hex::encode(hash)], |row| {
        Ok(TokenRow { user: read_user(row)?, token_id: row.get(11)?, expires_at: row.get(12)? })
    })?)
}

/// The tokens of a user, newest first.
///
/// # Errors
/// Storage errors.
pub fn list(tx: &mut Tx<'_>, user_id: UserId) -> Result<Vec<Token>> {
    let sql = "SELECT id, name, last_used_at, expires_at, created_at FROM personal_access_tokens \
               WHERE user_id = ?1 ORDER BY id DESC";
    Ok(tx.query(sql, vals![user_id], |row| {
        Ok(Token {
            id: row.get(0)?,
            name: row.get(1)?,
            last_used_at: row.get(2)?,
            expires_at: row.get(3)?,
            created_at: row.get(4)?,
        })
    })?)
}

/// Revokes one token of a user. Callers void the cached ones.
pub(super) fn revoke(tx: &mut Tx<'_>, user_id: UserId, token_id: i64) -> Result<()> {
    let sql = "DELETE FROM personal_access_tokens WHERE user_id = ?1 AND id = ?2";
    if tx.execute(sql, vals![user_id, token_id])? == 0 { Err(Error::not_found("token", token_id)) } else { Ok(()) }
}

/// Revokes all tokens of a user but `keep`; gives how many. Callers void the cached ones.
pub(super) fn revoke_all(tx: &mut Tx<'_>, user_id: UserId, keep: Option<i64>) -> Result<usize> {
    let sql = "DELETE FROM personal_access_tokens WHERE user_id = ?1 AND id IS NOT ?2";
    Ok(tx.execute(sql, vals![user_id, keep])?)
}

/// Writes down when tokens were last used.
///
/// # Errors
/// Storage errors.
pub fn touch(tx: &mut Tx<'_>, used: &HashMap<i64, Timestamp>) -> Result<()> {
    for (id, at) in used {
        tx.execute("UPDATE personal_access_tokens SET last_used_at = ?2 WHERE id = ?1", vals![*id, *at])?;
    }
    Ok(())
}
