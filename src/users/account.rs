//! Registering, logging in and changing users: the work around the transaction, because hashing a
//! password takes far too long to happen inside one.

use crate::clock::Clock;
use crate::crypto::password::{LENGTH_MAX_BYTES, Verdict};
use crate::crypto::{Passwords, token};
use crate::db::{Db, Tx};
use crate::error::{Error, FieldError, Place, Result, Rule};
use crate::id::UserId;
use crate::tenants::ActiveTenant;

use super::model::{Changer, NewUser, PasswordPolicy, Registrar, Role, User, UserPatch};
use super::store::{self, UserRow};
use super::tokens;

/// Name of tokens made at a log-in.
const TOKEN_NAME: &str = "auth_token";

/// The users of one tenant, with what their passwords and tokens take beside the tenant's file.
pub struct UserDesk<'a> {
    /// The tenant; its cached credentials become void when a right changes.
    pub tenant: &'a ActiveTenant,
    /// Its file.
    pub db: &'a Db,
    /// Makes and checks hashes.
    pub passwords: &'a Passwords,
    /// The time.
    pub clock: &'a Clock,
    /// Rules for new passwords.
    pub policy: PasswordPolicy,
}

/// A new user that was looked at; the transaction still decides.
struct Checked {
    user: NewUser,
    password_hash: String,
}

impl UserDesk<'_> {
    /// Makes a user and a token; gives both. The public may make an admin only as the first user.
    ///
    /// # Errors
    /// [`Error::Invalid`] on `email`, `username`, `password`.
    pub async fn register(&self, registrar: Registrar, new: NewUser) -> Result<(User, String)> {
        let checked = self.check(new).await?;
        let (secret, now) = (token::new_user_token(), self.clock.now());
        let work = move |tx: &mut Tx<'_>| {
            let user = checked.insert(tx, registrar, now)?;
            let made = tokens::create(tx, user.id, TOKEN_NAME, &secret, now)?;
            Ok((user, made.text))
        };
        self.db.write(work).await
    }

    /// Makes a user for somebody else, without a token.
    ///
    /// # Errors
    /// As [`UserDesk::register`].
    pub async fn create(&self, new: NewUser) -> Result<User> {
        let checked = self.check(new).await?;
        let now = self.clock.now();
        self.db.write(move |tx| checked.insert(tx, Registrar::Trusted, now)).await
    }

    /// Checks email and password; gives the user and a new token.
    ///
    /// # Errors
    /// [`Error::LoginFailed`], after the same time, for an unknown address, a wrong password and a
    /// disabled user.
    pub async fn login(&self, email: &str, password: String) -> Result<(User, String)> {
        let address = email.to_owned();
        let found = self.db.read(move |tx| store::find_login(tx, &address)).await?;
        let (user, hash) = found.map_or((None, None), |(user, hash)| (Some(user), hash));
        if password.len() > LENGTH_MAX_BYTES {
            return Err(Error::LoginFailed);
        }
        let verdict = self.passwords.verify(password.clone(), hash.clone()).await?;
        let Some(user) = user.filter(|user| user.is_active && verdict != Verdict::Wrong) else {
            return Err(Error::LoginFailed);
        };
        let is_outdated = verdict == Verdict::RightButOutdated;
        let renewed = if is_outdated { Some(self.passwords.hash(password).await?) } else { None };
        let (secret, now, raise) = (token::new_user_token(), self.clock.now(), self.tenant.epoch_raise());
        let work = move |tx: &mut Tx<'_>| {
            // The user may have been disabled or deleted, or got another password, while the hash
            // was computed.
            let user = store::find(tx, user.id)?.filter(|user| user.is_active).ok_or(Error::LoginFailed)?;
            if store::find_password_hash(tx, user.id)? != hash {
                return Err(Error::LoginFailed);
            }
            if let Some(renewed) = &renewed {
                store::set_password_hash(tx, user.id, renewed, now)?;
            }
            let made = tokens::create(tx, user.id, TOKEN_NAME, &secret, now)?;
            if made.has_ended_others {
                raise.arm();
            }
            Ok((user, made.text))
        };
        self.db.write(work).await
    }

    /// Changes a user. A new password and disabling end the user's tokens, except `keep`.
    ///
    /// `check` sees the user as it is and may refuse.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Forbidden`] for what the changer may not touch;
    /// [`Error::Invalid`] on `email`, `username`, `password`; [`Error::Conflict`] `last_admin`.
    pub async fn change(
        &self,
        id: UserId,
        changer: Changer,
        patch: UserPatch,
        keep: Option<i64>,
        check: impl Fn(&User) -> Result<()> + Send + 'static,
    ) -> Result<User> {
        let mut hash = None;
        if let Some(password) = &patch.password {
            changer.check_password_change()?;
            check_password("password", password, self.policy)?;
            hash = Some(self.passwords.hash(password.clone()).await?);
        }
        let (now, raise) = (self.clock.now(), self.tenant.epoch_raise());
        let work = move |tx: &mut Tx<'_>| {
            let before = store::get(tx, id)?;
            check(&before)?;
            changer.check(&before, &patch)?;
            let user = store::update(tx, id, &patch, now)?;
            if let Some(hash) = &hash {
                store::set_password_hash(tx, id, hash, now)?;
            }
            if hash.is_some() || (before.is_active && !user.is_active) {
                tokens::revoke_all(tx, id, keep)?;
            }
            raise.arm();
            Ok(user)
        };
        self.db.write(work).await
    }

    /// Deletes a user and with it the tokens.
    ///
    /// # Errors
    /// What `check` answers; [`Error::NotFound`]; [`Error::Conflict`] `last_admin`.
    pub async fn delete(&self, id: UserId, check: impl Fn(&User) -> Result<()> + Send + 'static) -> Result<()> {
        let raise = self.tenant.epoch_raise();
        let work = move |tx: &mut Tx<'_>| {
            check(&store::get(tx, id)?)?;
            store::delete(tx, id)?;
            raise.arm();
            Ok(())
        };
        self.db.write(work).await
    }

    /// Changes a user's own password; other tokens of the user stop.
    ///
    /// # Errors
    /// [`Error::Invalid`] on `current_password` or `password`.
    pub async fn change_password(&self, id: UserId, token_id: i64, current: String, new: String) -> Result<()> {
        let stored = self.db.read(move |tx| store::find_password_hash(tx, id)).await?;
        let is_wrong =
            current.len() > LENGTH_MAX_BYTES || self.passwords.verify(current, stored.clone()).await? == Verdict::Wrong;
        let mut errors = Vec::new();
        if is_wrong {
            errors.push(current_password_wrong());
        }
        errors.extend(refused_password("password", &new, self.policy));
        if !errors.is_empty() {
            return Err(Error::Invalid(errors));
        }
        let (hash, now, raise) = (self.passwords.hash(new).await?, self.clock.now(), self.tenant.epoch_raise());
        let work = move |tx: &mut Tx<'_>| {
            // Two changes at once: the later one was checked against a password that is gone.
            if store::find_password_hash(tx, id)? != stored {
                return Err(Error::Invalid(vec![current_password_wrong()]));
            }
            store::set_password_hash(tx, id, &hash, now)?;
            tokens::revoke_all(tx, id, Some(token_id))?;
            raise.arm();
            Ok(())
        };
        self.db.write(work).await
    }

    /// Ends one token of a user.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn revoke_token(&self, id: UserId, token_id: i64) -> Result<()> {
        let raise = self.tenant.epoch_raise();
        let work = move |tx: &mut Tx<'_>| {
            tokens::revoke(tx, id, token_id)?;
            raise.arm();
            Ok(())
        };
        self.db.write(work).await
    }

    /// Ends all tokens of a user but one; gives how many.
    ///
    /// # Errors
    /// Storage errors.
    pub async fn revoke_other_tokens(&self, id: UserId, keep: i64) -> Result<usize> {
        let raise = self.tenant.epoch_raise();
        let work = move |tx: &mut Tx<'_>| {
            let ended = tokens::revoke_all(tx, id, Some(keep))?;
            raise.arm();
            Ok(ended)
        };
        self.db.write(work).await
    }

    /// Cheap and early: most refusals need no hash.
    async fn check(&self, new: NewUser) -> Result<Checked> {
        let (email, username) = (new.email.clone(), new.username.clone());
        let taken = move |tx: &mut Tx<'_>| {
            tx.snapshot()?;
            store::taken_fields(tx, Some(&email), username.as_deref(), None)
        };
        let mut errors = self.db.read(taken).await?;
        errors.extend(refused_password("password", &new.password, self.policy));
        if !errors.is_empty() {
            return Err(Error::Invalid(errors));
        }
        let password_hash = self.passwords.hash(new.password.clone()).await?;
        Ok(Checked { user: new, password_hash })
    }
}

impl Checked {
    fn insert(&self, tx: &mut Tx<'_>, registrar: Registrar, now: crate::clock::Timestamp) -> Result<User> {
        let new = &self.user;
        let taken = store::taken_fields(tx, Some(&new.email), new.username.as_deref(), None)?;
        if !taken.is_empty() {
            return Err(Error::Invalid(taken));
        }
        let may_choose = registrar == Registrar::Trusted || store::count(tx)? == 0;
        let username = match &new.username {
            Some(username) => username.clone(),
            None => free_username(tx, &new.email)?,
        };
        let row = UserRow {
            name: &new.name,
            email: &new.email,
            username: &username,
            password_hash: &self.password_hash,
            role: if may_choose { new.role } else { Role::User },
            now,
        };
        store::insert(tx, &row)
    }
}

/// Checks a new password.
///
/// # Errors
/// [`Error::Invalid`] on `field`.
pub fn check_password(field: &str, password: &str, policy: PasswordPolicy) -> Result<()> {
    refused_password(field, password, policy).map_or(Ok(()), |error| Err(Error::Invalid(vec![error])))
}

fn refused_password(field: &str, password: &str, policy: PasswordPolicy) -> Option<FieldError> {
    let rule = if password.chars().count() < policy.min_length {
        Rule::MinLength(policy.min_length)
    } else if password.len() > LENGTH_MAX_BYTES {
        Rule::MaxLength(LENGTH_MAX_BYTES)
    } else {
        return None;
    };
    Some(FieldError { path: field.into(), rule, place: Place::Body })
}

fn current_password_wrong() -> FieldError {
    let rule = Rule::Other("current_password", "The current password is incorrect.".into());
    FieldError { path: "current_password".into(), rule, place: Place::Body }
}

/// The local part of the email address, with a number behind it when somebody has that already.
fn free_username(tx: &mut Tx<'_>, email: &str) -> Result<String> {
    let base: String = email.split('@').next().unwrap_or("user").chars().take(64).collect();
    if !store::is_taken(tx, "username", &base, None)? {
        return Ok(base);
    }
    // The user's future id is as good a number as any, and free more often than not.
    let mut suffix = store::count(tx)? + 1;
    loop {
        let candidate = format!("{base}{suffix}");
        if !store::is_taken(tx, "username", &candidate, None)? {
            return Ok(candidate);
        }
        suffix += 1;
    }
}
