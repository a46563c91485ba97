//! Registering users: the work around the transaction, because hashing a password takes far too long
//! to happen inside one. Logging in and changing users stand beside it.

use crate::clock::Clock;
use crate::crypto::password::LENGTH_MAX_BYTES;
use crate::crypto::{Passwords, token};
use crate::db::{Db, Tx};
use crate::error::{Error, FieldError, Place, Result, Rule};
use crate::id::UserId;
use crate::tenants::ActiveTenant;

use super::model::{NewUser, PasswordPolicy, Registrar, Role, User, stored_email};
use super::store::{self, UserRow};
use super::tokens;

/// Name of tokens made at a log-in.
pub(super) const TOKEN_NAME: &str = "auth_token";

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

    /// What the tenant's data and its rules have against these fields of a user, as far as they are
    /// given; `own` is the user that has them already.
    ///
    /// # Errors
    /// Storage errors.
    pub async fn refused_fields(
        &self,
        email: Option<&str>,
        username: Option<&str>,
        password: Option<&str>,
        own: Option<UserId>,
    ) -> Result<Vec<FieldError>> {
        let (email, username) = (email.map(|email| stored_email(email).into_owned()), username.map(str::to_owned));
        let mut errors = Vec::new();
        if email.is_some() || username.is_some() {
            let taken = move |tx: &mut Tx<'_>| {
                tx.snapshot()?;
                store::taken_fields(tx, email.as_deref(), username.as_deref(), own)
            };
            errors = self.db.read(taken).await?;
        }
        errors.extend(password.and_then(|password| refused_password("password", password, self.policy)));
        Ok(errors)
    }

    /// Cheap and early: most refusals need no hash.
    async fn check(&self, mut new: NewUser) -> Result<Checked> {
        new.email = stored_email(&new.email).into_owned();
        let (email, username, password) = (new.email.as_str(), new.username.as_deref(), new.password.as_str());
        let errors = self.refused_fields(Some(email), username, Some(password), None).await?;
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

/// What is wrong with a new password.
pub(super) fn refused_password(field: &str, password: &str, policy: PasswordPolicy) -> Option<FieldError> {
    let rule = if password.chars().count() < policy.min_length {
        Rule::MinLength(policy.min_length)
    } else if password.len() > LENGTH_MAX_BYTES {
        Rule::MaxLength(LENGTH_MAX_BYTES)
    } else {
        return None;
    };
    Some(FieldError { path: field.into(), rule, place: Place::Body })
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
