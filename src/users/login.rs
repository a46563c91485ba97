//! Logging in: from email and password to a token.

use std::net::IpAddr;

use crate::crypto::password::{LENGTH_MAX_BYTES, Verdict};
use crate::crypto::token;
use crate::db::Tx;
use crate::error::{Error, Result};

use super::account::{TOKEN_NAME, UserDesk};
use super::model::User;
use super::{networks, store, tokens};

/// How often a log-in starts again because the stored hash changed under it.
const LOGIN_TRIES: u32 = 3;

impl UserDesk<'_> {
    /// Checks email and password, sent from `address`; gives the user and a new token.
    ///
    /// # Errors
    /// [`Error::LoginFailed`], after the same time, for an unknown address, a wrong password and a
    /// disabled user.
    pub async fn login(&self, email: &str, password: String, address: IpAddr) -> Result<(User, String)> {
        let network = networks::neighbourhood(address);
        for _ in 0..LOGIN_TRIES {
            if let Some(done) = self.try_login(email, password.clone(), network.clone()).await? {
                return Ok(done);
            }
        }
        Err(Error::LoginFailed)
    }

    /// `None` when the stored hash changed while the password was checked against it: by a new
    /// password, or by another log-in that renewed an imported hash.
    async fn try_login(&self, email: &str, password: String, network: String) -> Result<Option<(User, String)>> {
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
            // The user may have been disabled or deleted while the hash was computed.
            let user = store::find(tx, user.id)?.filter(|user| user.is_active).ok_or(Error::LoginFailed)?;
            if store::find_password_hash(tx, user.id)? != hash {
                return Ok(None);
            }
            if let Some(renewed) = &renewed {
                store::set_password_hash(tx, user.id, renewed, now)?;
            }
            networks::record(tx, user.id, &network, now)?;
            let made = tokens::create(tx, user.id, TOKEN_NAME, &secret, now)?;
            if made.has_ended_others {
                raise.arm();
            }
            Ok(Some((user, made.text)))
        };
        self.db.write(work).await
    }
}
