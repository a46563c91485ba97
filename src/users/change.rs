//! Changing users, their passwords and their tokens. Whatever takes a right away voids the tenant's
//! cached credentials.

use crate::crypto::password::{LENGTH_MAX_BYTES, Verdict};
use crate::db::Tx;
use crate::error::{Error, FieldError, Place, Result, Rule};
use crate::id::UserId;

use super::account::{UserDesk, refused_password};
use super::model::{Changer, User, UserPatch, stored_email};
use super::{networks, store, tokens};

impl UserDesk<'_> {
    /// Changes a user. A new password ends the user's tokens except `keep`, disabling ends them all.
    ///
    /// `check` sees the user as it is and may refuse.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Forbidden`] for what the changer may not touch;
    /// [`Error::Invalid`] on `email`, `username`, `password`, `current_password`; [`Error::Conflict`]
    /// `last_admin`.
    pub async fn change(
        &self,
        id: UserId,
        changer: Changer,
        mut patch: UserPatch,
        keep: Option<i64>,
        check: impl Fn(&User) -> Result<()> + Send + 'static,
    ) -> Result<User> {
        patch.email = patch.email.map(|email| stored_email(&email).into_owned());
        let mut hash = None;
        if let Some(password) = &patch.password {
            changer.check_password_change()?;
            if refused_password("password", password, self.policy).is_some() {
                let (email, username) = (patch.email.as_deref(), patch.username.as_deref());
                let errors = self.refused_fields(email, username, Some(password), Some(id)).await?;
                return Err(Error::Invalid(errors));
            }
            hash = Some(self.passwords.hash(password.clone()).await?);
        }
        let shown = self.shown_password(id, &changer, &patch).await?;
        let (now, raise) = (self.clock.now(), self.tenant.epoch_raise());
        let work = move |tx: &mut Tx<'_>| {
            let before = store::get(tx, id)?;
            check(&before)?;
            changer.check(&before, &patch)?;
            if changer.must_know_password(&before, &patch) {
                check_shown(tx, id, shown.as_ref())?;
            }
            let user = store::update(tx, id, &patch, now)?;
            if let Some(hash) = &hash {
                store::set_password_hash(tx, id, hash, now)?;
            }
            // Whoever is enabled again logs in again, also where the user has disabled itself.
            let keep = keep.filter(|_| user.is_active);
            if hash.is_some() || (before.is_active && !user.is_active) {
                tokens::revoke_all(tx, id, keep)?;
            }
            if !user.is_active {
                networks::forget(tx, id)?;
            }
            raise.arm();
            Ok(user)
        };
        self.db.write(work).await
    }

    /// The stored hash of the password that the changer has shown, when these changes take it.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Invalid`] on `current_password`.
    async fn shown_password(&self, id: UserId, changer: &Changer, patch: &UserPatch) -> Result<Option<Shown>> {
        let Changer::Own { current_password } = changer else { return Ok(None) };
        if patch.email.is_none() {
            return Ok(None);
        }
        let read = move |tx: &mut Tx<'_>| {
            tx.snapshot()?;
            Ok((store::get(tx, id)?, store::find_password_hash(tx, id)?))
        };
        let (before, stored) = self.db.read(read).await?;
        if !changer.must_know_password(&before, patch) {
            return Ok(None);
        }
        let password = current_password.clone().ok_or_else(|| Error::field("current_password", Rule::Required))?;
        if self.is_wrong(password, stored.clone()).await? {
            return Err(Error::Invalid(vec![current_password_wrong()]));
        }
        Ok(Some(Shown(stored)))
    }

    async fn is_wrong(&self, password: String, stored: Option<String>) -> Result<bool> {
        Ok(password.len() > LENGTH_MAX_BYTES || self.passwords.verify(password, stored).await? == Verdict::Wrong)
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
        let mut errors = Vec::new();
        if self.is_wrong(current, stored.clone()).await? {
            errors.push(current_password_wrong());
        }
        errors.extend(refused_password("password", &new, self.policy));
        if !errors.is_empty() {
            return Err(Error::Invalid(errors));
        }
        let (hash, now, raise) = (self.passwords.hash(new).await?, self.clock.now(), self.tenant.epoch_raise());
        let shown = Shown(stored);
        let work = move |tx: &mut Tx<'_>| {
            check_shown(tx, id, Some(&shown))?;
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
}

/// The stored hash that a password was checked against.
struct Shown(Option<String>);

/// Two changes at once: the later one was checked against a password, or an address, that is gone.
fn check_shown(tx: &mut Tx<'_>, id: UserId, shown: Option<&Shown>) -> Result<()> {
    let stored = store::find_password_hash(tx, id)?;
    if shown.is_some_and(|shown| shown.0 == stored) {
        return Ok(());
    }
    Err(Error::Invalid(vec![current_password_wrong()]))
}

fn current_password_wrong() -> FieldError {
    let rule = Rule::Other("current_password", "The current password is incorrect.".into());
    FieldError { path: "current_password".into(), rule, place: Place::Body }
}
