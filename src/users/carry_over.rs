//! What a restore must not undo about people: access that was taken away since the backup.

use std::collections::{HashMap, HashSet};

use crate::clock::Timestamp;
use crate::db::Tx;
use crate::error::Result;
use crate::id::UserId;
use crate::vals;

use super::model::Role;

/// People and tokens as they are in the live file.
#[derive(Debug, Default)]
pub struct Present {
    users: HashMap<UserId, PresentUser>,
    tokens: Vec<PresentToken>,
    /// User, network and last log-in.
    networks: Vec<(UserId, String, Timestamp)>,
    /// Numbers that `AUTOINCREMENT` has given away, by table.
    sequences: Vec<(String, i64)>,
}

#[derive(Debug)]
struct PresentUser {
    uuid: String,
    role: String,
    is_active: bool,
    password_hash: Option<String>,
}

#[derive(Debug)]
struct PresentToken {
    id: i64,
    user_id: UserId,
    name: String,
    hash: String,
    abilities: String,
    last_used_at: Option<Timestamp>,
    expires_at: Option<Timestamp>,
    created_at: Timestamp,
    updated_at: Timestamp,
}

/// What was kept of the present.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CarriedOver {
    /// Tokens that go on being good.
    pub tokens: usize,
    /// Users whose role, state or password is not the backup's.
    pub users_kept: usize,
    /// Users that had been deleted and are back.
    pub users_back: usize,
}

/// Reads what is to be kept. A file that has lost its tables gives nothing.
///
/// # Errors
/// Storage errors.
pub fn present(tx: &mut Tx<'_>) -> Result<Present> {
    tx.snapshot()?;
    let tables = "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name IN ('users', 'personal_access_tokens', 'login_networks')";
    if tx.query_one(tables, &[], |row| row.get::<i64>(0))? < 3 {
        return Ok(Present::default());
    }
    let users = "SELECT id, uuid, role, is_active, password_hash FROM users";
    let users = tx.query(users, &[], |row| {
        let user =
            PresentUser { uuid: row.get(1)?, role: row.get(2)?, is_active: row.get(3)?, password_hash: row.get(4)? };
        Ok((row.get::<UserId>(0)?, user))
    })?;
    let tokens = "SELECT id, user_id, name, token, abilities, last_used_at, expires_at, created_at, updated_at \
                  FROM personal_access_tokens";
    let tokens = tx.query(tokens, &[], |row| {
        Ok(PresentToken {
            id: row.get(0)?,
            user_id: row.get(1)?,
            name: row.get(2)?,
            hash: row.get(3)?,
            abilities: row.get(4)?,
            last_used_at: row.get(5)?,
            expires_at: row.get(6)?,
            created_at: row.get(7)?,
            updated_at: row.get(8)?,
        })
    })?;
    let networks = "SELECT user_id, network, last_login_at FROM login_networks";
    let networks = tx.query(networks, &[], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    let sequences = tx.query("SELECT name, seq FROM sqlite_sequence", &[], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(Present { users: users.into_iter().collect(), tokens, networks, sequences })
}

/// Puts the present into a restored file: its tokens and known networks instead of the backup's, and for
/// each user the stricter role and state and the newer password. Ids that were given away since are not given again.
///
/// # Errors
/// Storage errors.
pub fn carry_over(tx: &mut Tx<'_>, present: &Present) -> Result<CarriedOver> {
    let had_admin = has_admin(tx)?;
    let mut carried = carry_nothing_over(tx)?;
    let restored = "SELECT id, uuid, role, is_active, password_hash FROM users";
    let restored = tx.query(restored, &[], |row| {
        Ok((
            row.get::<UserId>(0)?,
            row.get::<String>(1)?,
            row.get::<String>(2)?,
            row.get::<bool>(3)?,
            row.get::<Option<String>>(4)?,
        ))
    })?;
    let mut same = HashSet::new();
    for (id, uuid, role, is_active, password_hash) in restored {
        let Some(now) = present.users.get(&id).filter(|now| now.uuid == uuid) else {
            carried.users_back += usize::from(!present.users.is_empty());
            continue;
        };
        same.insert(id);
        let strict = if role == now.role { role.as_str() } else { Role::User.as_str() };
        let is_strict_active = is_active && now.is_active;
        if strict != role || is_strict_active != is_active || now.password_hash != password_hash {
            let sql = "UPDATE users SET role = ?2, is_active = ?3, password_hash = ?4 WHERE id = ?1";
            tx.execute(sql, vals![id, strict, is_strict_active, now.password_hash.as_deref()])?;
            carried.users_kept += 1;
        }
    }
    if had_admin && !has_admin(tx)? {
        // All of the backup's were demoted since, and all of today's were promoted since.
        for id in same.iter().filter(|id| present.users[*id].role == Role::Admin.as_str()) {
            tx.execute("UPDATE users SET role = 'admin' WHERE id = ?1 AND is_active = 1", vals![*id])?;
        }
    }
    for token in present.tokens.iter().filter(|token| same.contains(&token.user_id)) {
        let sql = "INSERT INTO personal_access_tokens (id, user_id, name, token, abilities, last_used_at, expires_at, \
                   created_at, updated_at) SELECT ?1, id, ?3, ?4, ?5, ?6, ?7, ?8, ?9 FROM users \
                   WHERE id = ?2 AND is_active = 1";
        carried.tokens += tx.execute(
            sql,
            vals![
                token.id,
                token.user_id,
                &token.name,
                &token.hash,
                &token.abilities,
                token.last_used_at,
                token.expires_at,
                token.created_at,
                token.updated_at
            ],
        )?;
    }
    for (user_id, network, at) in present.networks.iter().filter(|(id, ..)| same.contains(id)) {
        let sql = "INSERT INTO login_networks (user_id, network, last_login_at) VALUES (?1, ?2, ?3)";
        tx.execute(sql, vals![*user_id, network, *at])?;
    }
    for (table, last) in &present.sequences {
        let sql = "UPDATE sqlite_sequence SET seq = max(seq, ?2) WHERE name = ?1";
        if tx.execute(sql, vals![table, *last])? == 0 {
            tx.execute("INSERT INTO sqlite_sequence (name, seq) VALUES (?1, ?2)", vals![table, *last])?;
        }
    }
    Ok(carried)
}

/// Leaves no token of the backup good, and no network known.
///
/// # Errors
/// Storage errors.
pub fn carry_nothing_over(tx: &mut Tx<'_>) -> Result<CarriedOver> {
    tx.execute("DELETE FROM personal_access_tokens", &[])?;
    tx.execute("DELETE FROM login_networks", &[])?;
    Ok(CarriedOver::default())
}

/// What is kept where users and tokens stay as they are.
///
/// # Errors
/// Storage errors.
pub fn untouched(tx: &mut Tx<'_>) -> Result<CarriedOver> {
    let tokens = tx.query_one("SELECT count(*) FROM personal_access_tokens", &[], |row| row.get::<i64>(0))?;
    Ok(CarriedOver { tokens: usize::try_from(tokens).unwrap_or_default(), ..CarriedOver::default() })
}

fn has_admin(tx: &mut Tx<'_>) -> Result<bool> {
    let sql = "SELECT EXISTS (SELECT 1 FROM users WHERE role = 'admin' AND is_active = 1)";
    Ok(tx.query_one(sql, &[], |row| row.get(0))?)
}
