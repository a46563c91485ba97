//! From where a user has logged in lately. It stands in the tenant's file, so that after a restart
//! too guessing from elsewhere does not keep an owner out.
//!
//! A new password leaves the networks as they are: whoever sets one while the account is under attack
//! has to get in with it. A user who is disabled loses them, a deleted one with the row.

use std::net::IpAddr;
use std::time::Duration;

use crate::clock::Timestamp;
use crate::db::Tx;
use crate::error::Result;
use crate::id::UserId;
use crate::vals;

use super::account::UserDesk;
use super::model::stored_email;
use super::throttle::{Attempt, LoginThrottle, network};

/// How long a network is known to an account.
const KNOWN_FOR: Duration = Duration::from_secs(30 * 86_400);
/// How old a log-in may be before a new one from there is written down.
const WRITTEN_EVERY: Duration = Duration::from_secs(86_400);
/// Networks of one user; those not used for longest go first.
const NETWORKS_MAX: i64 = 50;
/// Old rows, of any user, that one log-in clears away.
const CLEARED_AT_ONCE: i64 = 100;

impl UserDesk<'_> {
    /// Begins to check a password for an email address, as [`LoginThrottle`] allows.
    ///
    /// # Errors
    /// [`crate::error::Error::TooManyRequests`]; storage errors.
    pub async fn begin_attempt(&self, throttle: &LoginThrottle, email: &str, address: IpAddr) -> Result<Attempt> {
        throttle.begin(self.tenant.number, email, address, self.is_known(email, address)).await
    }

    async fn is_known(&self, email: &str, address: IpAddr) -> Result<bool> {
        let (email, network) = (email.to_owned(), neighbourhood(address));
        let since = self.clock.now().minus(KNOWN_FOR);
        self.db.read(move |tx| is_known(tx, &email, &network, since)).await
    }
}

fn is_known(tx: &mut Tx<'_>, email: &str, network: &str, since: Timestamp) -> Result<bool> {
    let sql = "SELECT EXISTS (SELECT 1 FROM users u JOIN login_networks n ON n.user_id = u.id \
               WHERE u.email IN (?1, ?2) AND n.network = ?3 AND n.last_login_at > ?4)";
    Ok(tx.query_one(sql, vals![&*stored_email(email), email, network, since], |row| row.get(0))?)
}

/// Writes a log-in from a [`neighbourhood`] down, unless that was done a short while ago.
pub(super) fn record(tx: &mut Tx<'_>, user_id: UserId, network: &str, now: Timestamp) -> Result<()> {
    let sql = "INSERT INTO login_networks (user_id, network, last_login_at) VALUES (?1, ?2, ?3) \
               ON CONFLICT (user_id, network) DO UPDATE SET last_login_at = ?3 \
               WHERE last_login_at NOT BETWEEN ?4 AND ?3";
    if tx.execute(sql, vals![user_id, network, now, now.minus(WRITTEN_EVERY)])? == 0 {
        return Ok(());
    }
    let old = "DELETE FROM login_networks WHERE (user_id, network) IN \
               (SELECT user_id, network FROM login_networks WHERE last_login_at <= ?1 ORDER BY last_login_at LIMIT ?2)";
    tx.execute(old, vals![now.minus(KNOWN_FOR), CLEARED_AT_ONCE])?;
    let surplus = "DELETE FROM login_networks WHERE user_id = ?1 AND network IN \
                   (SELECT network FROM login_networks WHERE user_id = ?1 ORDER BY last_login_at DESC LIMIT -1 OFFSET ?2)";
    tx.execute(surplus, vals![user_id, NETWORKS_MAX])?;
    Ok(())
}

/// Forgets from where a user has logged in.
pub(super) fn forget(tx: &mut Tx<'_>, user_id: UserId) -> Result<()> {
    tx.execute("DELETE FROM login_networks WHERE user_id = ?1", vals![user_id])?;
    Ok(())
}

/// Where a customer's next address will be: the /24 of IPv4, the /64 of IPv6.
pub(super) fn neighbourhood(address: IpAddr) -> String {
    match address {
        IpAddr::V4(v4) => {
            let [a, b, c, _] = v4.octets();
            format!("{a}.{b}.{c}.0/24")
        }
        IpAddr::V6(_) => format!("{}/64", network(address)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_share_a_network() {
        for (address, expected) in [
            ("203.0.113.9", "203.0.113.0/24"),
            ("203.0.113.255", "203.0.113.0/24"),
            ("2001:db8:0:7::1", "2001:db8:0:7::/64"),
            ("2001:db8:0:7:ffff::", "2001:db8:0:7::/64"),
        ] {
            assert_eq!(neighbourhood(address.parse().unwrap()), expected);
        }
    }
}
