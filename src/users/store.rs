//! The SQL of users. Functions run inside the caller's transaction.

use crate::clock::Timestamp;
use crate::db::{Row, Tx};
use crate::error::{DbError, Error, FieldError, Place, Result, Rule};
use crate::id::{UserId, uuid};
use crate::vals;

use super::model::{Role, User, UserFilter, UserPatch, stored_email};

pub(super) const COLUMNS: &str = "u.id, u.uuid, u.name, u.email, u.username, u.role, u.is_active, u.avatar_url, \
    u.email_verified_at, u.created_at, u.updated_at";

pub(super) fn read_user(row: &Row<'_, '_>) -> Result<User, DbError> {
    Ok(User {
        id: row.get(0)?,
        uuid: row.get(1)?,
        name: row.get(2)?,
        email: row.get(3)?,
        username: row.get(4)?,
        role: row.text(5)?.parse().map_err(|_| DbError::Corrupt("users.role is not readable".into()))?,
        is_active: row.get(6)?,
        avatar_url: row.get(7)?,
        email_verified_at: row.get(8)?,
        created_at: row.get(9)?,
        updated_at: row.get(10)?,
    })
}

fn refused(error: DbError) -> Error {
    Error::from(error).taken("users.email", "email").taken("users.username", "username")
}

/// A row about to be written; the password is hashed already.
pub(super) struct UserRow<'a> {
    pub(super) name: &'a str,
    pub(super) email: &'a str,
    pub(super) username: &'a str,
    pub(super) password_hash: &'a str,
    pub(super) role: Role,
    pub(super) now: Timestamp,
}

pub(super) fn insert(tx: &mut Tx<'_>, row: &UserRow<'_>) -> Result<User> {
    let id = tx
        .insert(
            "INSERT INTO users (uuid, name, email, username, password_hash, role, created_at, updated_at) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?7)",
            vals![
                &uuid().to_string(),
                row.name,
                row.email,
                row.username,
                row.password_hash,
                row.role.as_str(),
                row.now
            ],
        )
        .map_err(refused)?;
    get(tx, id)
}

/// The user with this id.
///
/// # Errors
/// Storage errors.
pub fn find(tx: &mut Tx<'_>, id: UserId) -> Result<Option<User>> {
    Ok(tx.query_opt(&format!("SELECT {COLUMNS} FROM users u WHERE u.id = ?1"), vals![id], read_user)?)
}

/// The user with this id.
///
/// # Errors
/// [`Error::NotFound`].
pub fn get(tx: &mut Tx<'_>, id: UserId) -> Result<User> {
    find(tx, id)?.ok_or_else(|| Error::not_found("user", id))
}

/// A user and the stored hash of the password, by email address. A file of an older ruko may have it
/// as it was sent.
pub(super) fn find_login(tx: &mut Tx<'_>, email: &str) -> Result<Option<(User, Option<String>)>> {
    let sql = format!("SELECT {COLUMNS}, u.password_hash FROM users u WHERE u.email IN (?1, ?2) ORDER BY u.id");
    Ok(tx.query_opt(&sql, vals![&*stored_email(email), email], |row| Ok((read_user(row)?, row.get(11)?)))?)
}

/// The stored hash of a user's password.
pub(super) fn find_password_hash(tx: &mut Tx<'_>, id: UserId) -> Result<Option<String>> {
    let sql = "SELECT password_hash FROM users WHERE id = ?1";
    Ok(tx.query_opt(sql, vals![id], |row| row.get::<Option<String>>(0))?.flatten())
}

/// How many users the tenant has.
///
/// # Errors
/// Storage errors.
pub fn count(tx: &mut Tx<'_>) -> Result<i64> {
    Ok(tx.query_one("SELECT n FROM row_counts WHERE name = 'users'", &[], |row| row.get(0))?)
}

/// True when a user other than `but` has this value.
pub(super) fn is_taken(tx: &mut Tx<'_>, column: &str, value: &str, but: Option<UserId>) -> Result<bool> {
    let sql = format!("SELECT EXISTS (SELECT 1 FROM users WHERE {column} = ?1 AND id IS NOT ?2)");
    Ok(tx.query_one(&sql, vals![value, but], |row| row.get(0))?)
}

/// Which of these a user other than `but` has already.
pub(super) fn taken_fields(
    tx: &mut Tx<'_>,
    email: Option<&str>,
    username: Option<&str>,
    but: Option<UserId>,
) -> Result<Vec<FieldError>> {
    let mut taken = Vec::new();
    for (column, value) in [("email", email), ("username", username)] {
        if let Some(value) = value
            && is_taken(tx, column, value, but)?
        {
            taken.push(FieldError { path: column.into(), rule: Rule::Taken, place: Place::Body });
        }
    }
    Ok(taken)
}

/// A page of users in the order they were made, and the rows on all pages.
///
/// # Errors
/// Storage errors.
pub fn list(tx: &mut Tx<'_>, filter: &UserFilter, limit: i64, offset: i64) -> Result<(Vec<User>, i64)> {
    let part = filter.search.as_deref();
    let role = filter.role.map(Role::as_str);
    let condition = "(?1 IS NULL OR found_in(?1, u.name, u.email, u.username)) AND (?2 IS NULL OR u.role = ?2) \
                     AND (?3 IS NULL OR u.is_active = ?3)";
    tx.snapshot()?;
    let is_whole = part.is_none() && role.is_none() && filter.is_active.is_none();
    let total = if is_whole {
        count(tx)?
    } else {
        let sql = format!("SELECT count(*) FROM users u WHERE {condition}");
        tx.query_one(&sql, vals![part, role, filter.is_active], |row| row.get(0))?
    };
    let sql = format!("SELECT {COLUMNS} FROM users u WHERE {condition} ORDER BY u.id LIMIT ?4 OFFSET ?5");
    let users = tx.query(&sql, vals![part, role, filter.is_active, limit, offset], read_user)?;
    Ok((users, total))
}

/// Changes a user's row; the password is not part of it. Losing the admin role or being disabled
/// is refused for the last active admin.
pub(super) fn update(tx: &mut Tx<'_>, id: UserId, patch: &UserPatch, now: Timestamp) -> Result<User> {
    let before = get(tx, id)?;
    let role = patch.role.unwrap_or(before.role);
    let is_active = patch.is_active.unwrap_or(before.is_active);
    if before.is_active && before.role == Role::Admin && !(is_active && role == Role::Admin) {
        refuse_without_admin(tx, id)?;
    }
    let taken = taken_fields(tx, patch.email.as_deref(), patch.username.as_deref(), Some(id))?;
    if !taken.is_empty() {
        return Err(Error::Invalid(taken));
    }
    // Another address has to be confirmed anew.
    tx.execute(
        "UPDATE users SET name = coalesce(?2, name), email = coalesce(?3, email), username = coalesce(?4, username), \
         email_verified_at = CASE WHEN ?3 IS NULL OR email = ?3 THEN email_verified_at END, \
         role = ?5, is_active = ?6, avatar_url = CASE WHEN ?7 THEN ?8 ELSE avatar_url END, updated_at = ?9 \
         WHERE id = ?1",
        vals![
            id,
            &patch.name,
            &patch.email,
            &patch.username,
            role.as_str(),
            is_active,
            patch.avatar_url.is_some(),
            patch.avatar_url.as_ref().and_then(Option::as_deref),
            now
        ],
    )
    .map_err(refused)?;
    get(tx, id)
}

/// Deletes a user and with it the tokens; orders stay without their user.
pub(super) fn delete(tx: &mut Tx<'_>, id: UserId) -> Result<()> {
    let user = get(tx, id)?;
    if user.is_active && user.role == Role::Admin {
        refuse_without_admin(tx, id)?;
    }
    tx.execute("DELETE FROM users WHERE id = ?1", vals![id])?;
    Ok(())
}

fn refuse_without_admin(tx: &mut Tx<'_>, leaving: UserId) -> Result<()> {
    let sql = "SELECT EXISTS (SELECT 1 FROM users WHERE role = 'admin' AND is_active = 1 AND id <> ?1)";
    let has_other: bool = tx.query_one(sql, vals![leaving], |row| row.get(0))?;
    if has_other {
        return Ok(());
    }
    Err(Error::conflict("last_admin", "This is the last active admin of the tenant; make another one first."))
}

/// Stores a new hash of the password.
pub(super) fn set_password_hash(tx: &mut Tx<'_>, id: UserId, hash: &str, now: Timestamp) -> Result<()> {
    let sql = "UPDATE users SET password_hash = ?2, updated_at = ?3 WHERE id = ?1";
    if tx.execute(sql, vals![id, hash, now])? == 0 { Err(Error::not_found("user", id)) } else { Ok(()) }
}
