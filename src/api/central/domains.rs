//! `/api/central/tenants/{id}/domains`

use poem::Request;
use poem_openapi::{Object, OpenApi};
use serde::Serialize;
use serde_json::json;

use crate::api::Tag;
use crate::api::kit::audit;
use crate::api::kit::closed::Closed;
use crate::api::kit::created::Added;
use crate::api::kit::credentials::Operator;
use crate::api::kit::input::Input;
use crate::api::kit::path::{Id, Path};
use crate::api::kit::reply::Reply;
use crate::api::kit::time::Time;
use crate::app::App;
use crate::error::Error;
use crate::id::TenantId;
use crate::tenants::Domain;

use super::Done;
use super::tenant_out::location;

/// Domains of tenants.
pub struct DomainsApi(pub App);

/// A new domain.
#[derive(Debug, Object)]
struct DomainIn {
    /// Host name, such as `shop.example.com`.
    #[oai(validator(min_length = 1, max_length = 254))]
    domain: String,
}

/// A domain of a tenant. It is kept and shown, and routes nothing.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "Domain")]
struct DomainOut {
    /// Its id.
    id: i64,
    /// Host name, lower case.
    domain: String,
    /// Its tenant.
    tenant_id: String,
    /// Created.
    created_at: Time,
}

impl DomainOut {
    fn new(domain: Domain, tenant: &TenantId) -> Self {
        let created_at = Time(domain.created_at);
        Self { id: domain.id, domain: domain.domain, tenant_id: tenant.to_string(), created_at }
    }
}

/// Domains of a tenant.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "DomainList")]
struct DomainListOut {
    /// All of them.
    data: Vec<DomainOut>,
}

/// A domain that was just added.
#[derive(Debug, Object, Serialize)]
struct DomainAdded {
    /// For people.
    message: String,
    /// The domain.
    data: DomainOut,
}

#[OpenApi(prefix_path = "/api/central", tag = "Tag::CentralTenants")]
impl DomainsApi {
    /// List the domains of a tenant
    ///
    /// All of them, in the order they were added. No request is led to a tenant by a domain in this
    /// release: the tenant key decides.
    #[oai(path = "/tenants/:id/domains", method = "get", operation_id = "central.tenants.domains.list")]
    async fn list(&self, _operator: Operator, id: Path<String>) -> Result<Reply<DomainListOut>, Error> {
        let id = TenantId::from(id.0);
        let domains = self.0.tenants.list_domains(&id).await?;
        Ok(Reply(DomainListOut { data: domains.into_iter().map(|domain| DomainOut::new(domain, &id)).collect() }))
    }

    /// Add a domain to a tenant
    ///
    /// A domain belongs to one tenant of the server.
    #[oai(path = "/tenants/:id/domains", method = "post", operation_id = "central.tenants.domains.create")]
    async fn create(
        &self,
        _operator: Operator,
        request: &Request,
        id: Path<String>,
        input: Input<Closed<DomainIn>>,
    ) -> Result<Added<DomainAdded>, Error> {
        let id = TenantId::from(id.0);
        let domain = self.0.tenants.add_domain(&id, &input.fields().domain).await?;
        let facts = json!({"domain": domain.domain});
        audit::inside_tenant(request, "domain.added", &id, ("domain", domain.id.to_string()), facts);
        let location = format!("{}/domains/{}", location(&id), domain.id);
        let data = DomainOut::new(domain, &id);
        Ok(Added::new(location, DomainAdded { message: "Domain added successfully".into(), data }))
    }

    /// Remove a domain from a tenant
    ///
    /// Another tenant may have it then. An id of another tenant's domain is 404.
    #[oai(path = "/tenants/:id/domains/:domain_id", method = "delete", operation_id = "central.tenants.domains.delete")]
    async fn delete(
        &self,
        _operator: Operator,
        request: &Request,
        id: Path<String>,
        domain_id: Path<Id>,
    ) -> Result<Reply<Done>, Error> {
        let id = TenantId::from(id.0);
        // Which of the two is missing shows in the answer, and the tenant comes first.
        self.0.tenants.get(&id).await?;
        let domain_id = domain_id.of("domain")?;
        self.0.tenants.remove_domain(&id, domain_id).await?;
        audit::inside_tenant(request, "domain.removed", &id, ("domain", domain_id.to_string()), json!({}));
        Ok(Reply(Done::new("Domain removed successfully")))
    }
}
