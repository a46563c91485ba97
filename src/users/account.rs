//! Registering and logging in: the work around the transaction, because hashing a password takes
//! far too long to happen inside one.

use crate::clock::Clock;
use crate::crypto::password::{LENGTH_MAX_BYTES, Verdict};
use crate::crypto::{Passwords, token};
use crate::db::{Db, Tx};
use crate::error::{Error, FieldError, Place, Result, Rule};

use super::model::{NewUser, PasswordPolicy, Registrar, Role, User};
use super::store::{self, UserRow};
use super::tokens;

/// Name of tokens made at a log-in.
const TOKEN_NAME: &str = "auth_token";

/// Checks a new password.
///
/// # Errors
/// [`Error::Invalid`] on `field`.
pub fn check_password(field: &str, password: &str, policy: PasswordPolicy) -> Result<()> {
    if password.chars().count() < policy.min_length {
        return Err(Error::field(field, Rule::MinLength(policy.min_length)));
    }
    if password.len() > LENGTH_MAX_BYTES {
        return Err(Error::field(field, Rule::MaxLength(LENGTH_MAX_BYTES)));
    }
    Ok(())
}

/// Makes a user and a token; gives both. The public may make an admin only as the first user.
///
/// # Errors
/// [`Error::Invalid`] on `email`, `username`, `password`.
pub async fn register(
    db: &Db,
    passwords: &Passwords,
    clock: &Clock,
    policy: PasswordPolicy,
    registrar: Registrar,
    input: NewUser,
) -> Result<(User, String)> {
    check_password("password", &input.password, policy)?;
    // Cheap and early: most refusals need no hash. The transaction below decides.
    let (email, username) = (input.email.clone(), input.username.clone());
    let taken = db.read(move |tx| {
        tx.snapshot()?;
        let email_taken = store::is_taken(tx, "email", &email)?;
        let username_taken = match &username {
            Some(username) => store::is_taken(tx, "username", username)?,
            None => false,
        };
        Ok([("email", email_taken), ("username", username_taken)])
    });
    let errors: Vec<FieldError> = taken
        .await?
        .into_iter()
        .filter(|(_, is_taken)| *is_taken)
        .map(|(field, _)| FieldError { path: field.into(), rule: Rule::Taken, place: Place::Body })
        .collect();
    if !errors.is_empty() {
        return Err(Error::Invalid(errors));
    }
    let password_hash = passwords.hash(input.password.clone()).await?;
    let (secret, now) = (token::new_user_token(), clock.now());
    db.write(move |tx| {
        let is_first = store::count(tx)? == 0;
        let may_choose = registrar == Registrar::Trusted || is_first;
        let role = if may_choose { input.role } else { Role::User };
        let username = match &input.username {
            Some(username) => username.clone(),
            None => free_username(tx, &input.email)?,
        };
        let row = UserRow {
            name: &input.name,
            email: &input.email,
            username: &username,
            password_hash: &password_hash,
            role,
            now,
        };
        let user = store::insert(tx, &row)?;
        let token = tokens::create(tx, user.id, TOKEN_NAME, &secret, now)?;
        Ok((user, token))
    })
    .await
}

/// The local part of the email address, with a number behind it when somebody has that already.
fn free_username(tx: &mut Tx<'_>, email: &str) -> Result<String> {
    let base: String = email.split('@').next().unwrap_or("user").chars().take(60).collect();
    if !store::is_taken(tx, "username", &base)? {
        return Ok(base);
    }
    // The user's future id is as good a number as any, and free more often than not.
    let mut suffix = store::count(tx)? + 1;
    loop {
        let candidate = format!("{base}{suffix}");
        if !store::is_taken(tx, "username", &candidate)? {
            return Ok(candidate);
        }
        suffix += 1;
    }
}

/// Checks email and password; gives the user and a new token.
///
/// # Errors
/// [`Error::LoginFailed`], after the same time, for an unknown address, a wrong password and a
/// disabled user.
pub async fn login(
    db: &Db,
    passwords: &Passwords,
    clock: &Clock,
    email: &str,
    password: String,
) -> Result<(User, String)> {
    let address = email.to_owned();
    let found = db.read(move |tx| store::find_login(tx, &address)).await?;
    let (user, hash) = found.map_or((None, None), |(user, hash)| (Some(user), hash));
    if password.len() > LENGTH_MAX_BYTES {
        return Err(Error::LoginFailed);
    }
    let verdict = passwords.verify(password.clone(), hash).await?;
    let Some(user) = user.filter(|user| user.is_active && verdict != Verdict::Wrong) else {
        return Err(Error::LoginFailed);
    };
    let renewed = if verdict == Verdict::RightButOutdated { Some(passwords.hash(password).await?) } else { None };
    let (secret, now) = (token::new_user_token(), clock.now());
    db.write(move |tx| {
        // The user may have been disabled or deleted while the hash was computed.
        let user = store::find(tx, user.id)?.filter(|user| user.is_active).ok_or(Error::LoginFailed)?;
        if let Some(hash) = &renewed {
            store::set_password_hash(tx, user.id, hash, now)?;
        }
        let token = tokens::create(tx, user.id, TOKEN_NAME, &secret, now)?;
        Ok((user, token))
    })
    .await
}

/// Changes a user's own password; other tokens of the user stop.
///
/// # Errors
/// [`Error::Invalid`] on `current_password` or `password`.
pub async fn change_password(
    db: &Db,
    passwords: &Passwords,
    clock: &Clock,
    policy: PasswordPolicy,
    (user_id, token_id): (crate::id::UserId, i64),
    current: String,
    new: String,
) -> Result<()> {
    check_password("password", &new, policy)?;
    let hash = db.read(move |tx| store::find_password_hash(tx, user_id)).await?;
    if current.len() > LENGTH_MAX_BYTES || passwords.verify(current, hash).await? == Verdict::Wrong {
        let rule = Rule::Other("current_password", "The current password is incorrect.".into());
        return Err(Error::field("current_password", rule));
    }
    let (hash, now) = (passwords.hash(new).await?, clock.now());
    db.write(move |tx| {
        store::set_password_hash(tx, user_id, &hash, now)?;
        tokens::revoke_all(tx, user_id, Some(token_id))?;
        Ok(())
    })
    .await
}
