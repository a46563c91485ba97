//! Domains of a tenant: stored, unique on the server, shown. They route nothing.

use crate::db::Tx;
use crate::error::{Error, Result, Rule};
use crate::id::TenantId;

use super::{Domain, Tenants, domain_store, store};

/// Domains a tenant may have at once.
const DOMAINS_MAX: i64 = 100;

impl Tenants {
    /// The domains of a tenant.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn list_domains(&self, id: &TenantId) -> Result<Vec<Domain>> {
        let id = id.clone();
        let work = move |tx: &mut Tx<'_>| {
            tx.snapshot()?;
            store::get(tx, id.as_str())?;
            domain_store::list(tx, id.as_str())
        };
        self.shared.central.read(work).await
    }

    /// Adds a domain.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Invalid`] on `domain`: taken or not a host name;
    /// [`Error::Conflict`] `too_many_domains`.
    pub async fn add_domain(&self, id: &TenantId, domain: &str) -> Result<Domain> {
        let domain = domain.strip_suffix('.').unwrap_or(domain).to_ascii_lowercase();
        if !is_host_name(&domain) {
            let rule =
                Rule::Other("host_name", "The domain field must be a host name such as shop.example.com.".into());
            return Err(Error::field("domain", rule));
        }
        let (id, now) = (id.clone(), self.shared.clock.now());
        let work = move |tx: &mut Tx<'_>| {
            store::get(tx, id.as_str())?;
            if domain_store::count(tx, id.as_str())? >= DOMAINS_MAX {
                let help = format!("A tenant may have {DOMAINS_MAX} domains; remove one first.");
                return Err(Error::conflict("too_many_domains", help));
            }
            domain_store::insert(tx, id.as_str(), &domain, now)
        };
        self.shared.central.write(work).await
    }

    /// Removes a domain.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn remove_domain(&self, id: &TenantId, domain_id: i64) -> Result<()> {
        let id = id.clone();
        let work = move |tx: &mut Tx<'_>| {
            store::get(tx, id.as_str())?;
            domain_store::remove(tx, id.as_str(), domain_id)
        };
        self.shared.central.write(work).await
    }
}

/// Labels of 1 to 63 letters, digits and inner dashes, 253 characters in all (RFC 1123).
pub(super) fn is_host_name(text: &str) -> bool {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    text.len() <= 253 && text.split('.').all(is_label)
}

#[cfg(test)]
mod tests {
    use super::is_host_name;

    #[test]
    fn host_names_are_told_from_other_text() {
        for good in ["shop", "shop.example.com", "xn--bcher-kva.example", "a-b.c"] {
            assert!(is_host_name(good), "{good}");
        }
        for bad in ["", ".", "a..b", "-a.b", "a-.b", "a b", "a/b", &"a".repeat(64), "exa_mple.com"] {
            assert!(!is_host_name(bad), "{bad}");
        }
    }
}
