//! Credentials as argument types: a handler that names one cannot forget to check it, and the
//! document shows it. The order of checks is the order written here.

use std::hash::Hash;
use std::marker::PhantomData;
use std::sync::Arc;

use poem::{Request, RequestBody, Result};
use poem_openapi::registry::{MetaSecurityScheme, Registry};
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions};

use crate::app::App;
use crate::db::Db;
use crate::error::{Credential, Error, FieldError, Place, Rule};
use crate::rate_limit::PerMinute;
use crate::tenants::{ActiveTenant, KeyUse};
use crate::users::{Role, SignedIn};

use super::body::NAMES_TOLD_MAX;
use super::form;
use super::operation::Operation;
use super::request::{Actor, LocalOperator, client_addr, note_actor, note_allowance, note_language, note_tenant_key};

/// Names of the schemes in the document.
pub const MASTER_KEY: &str = "MasterKey";
/// See [`MASTER_KEY`].
pub const TENANT_KEY: &str = "TenantKey";
/// See [`MASTER_KEY`].
pub const USER_TOKEN: &str = "UserToken";
/// No scheme: tells the document's clean-up that only admins may call.
pub const ADMIN_ROLE: &str = "AdminRole";

/// No schemes either: credentials that may come along, and what they stand for.
const OPTIONAL: [(&str, &str); 2] = [("OptionalUserToken", USER_TOKEN), ("OptionalMasterKey", MASTER_KEY)];

/// The scheme that may come along, when `name` says that one may.
pub fn optional_scheme(name: &str) -> Option<&'static str> {
    OPTIONAL.iter().find(|(mark, _)| *mark == name).map(|(_, scheme)| *scheme)
}

/// What a scheme of the document asks for.
pub fn of_scheme(name: &str) -> Option<Credential> {
    match name {
        MASTER_KEY => Some(Credential::Master),
        TENANT_KEY => Some(Credential::TenantKey),
        USER_TOKEN => Some(Credential::UserToken),
        _ => None,
    }
}

/// The operator: the master key, or a command on this machine.
pub struct Operator;

/// A caller with a tenant key: which tenant, nothing more.
pub struct Tenant {
    /// The tenant.
    pub tenant: Arc<ActiveTenant>,
    /// Its file.
    pub db: Db,
}

/// A user's token or the master key, which may come along with a tenant key and vouch for the caller.
pub struct Voucher;

/// The operator, who may come along and is then shown more.
pub struct OptionalOperator;

/// Any signed-in user of the tenant.
pub struct Anyone;
/// Only admins of the tenant.
pub struct AdminsOnly;

/// Who of the signed-in users may call.
pub trait Audience: Send + Sync + 'static {
    /// What the document says of it, beside the schemes.
    const MARK: Option<&'static str> = None;

    /// True when this role may.
    fn admits(role: Role) -> bool;
}
impl Audience for Anyone {
    fn admits(_role: Role) -> bool {
        true
    }
}
impl Audience for AdminsOnly {
    const MARK: Option<&'static str> = Some(ADMIN_ROLE);

    fn admits(role: Role) -> bool {
        role == Role::Admin
    }
}

/// A caller with tenant key and bearer token.
pub struct User<A = Anyone> {
    /// The tenant.
    pub tenant: Arc<ActiveTenant>,
    /// Its file.
    pub db: Db,
    /// The user behind the token.
    pub signed_in: Arc<SignedIn>,
    audience: PhantomData<fn() -> A>,
}

/// A signed-in admin.
pub type Admin = User<AdminsOnly>;

impl<A> User<A> {
    /// Rows of other people are hidden from this user when it gives an id.
    pub fn owner(&self) -> Option<crate::id::UserId> {
        (self.signed_in.user.role != Role::Admin).then_some(self.signed_in.user.id)
    }
}

/// The application behind a request.
///
/// # Errors
/// [`Error::Internal`] when the router was built without it.
pub fn app(request: &Request) -> Result<&App, Error> {
    request.data::<App>().ok_or_else(|| Error::internal(anyhow::anyhow!("the router carries no application")))
}

/// The token of `Authorization: Bearer`.
fn bearer(request: &Request) -> Option<&str> {
    let (scheme, token) = request.header("authorization")?.split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
}

/// Takes a request from a bucket; what is left shows in the answer.
fn take<K: Hash + Eq + Clone>(request: &Request, limit: &PerMinute<K>, key: &K) -> Result<(), Error> {
    if let Some(allowance) = limit.take(key)? {
        note_allowance(request, allowance);
    }
    Ok(())
}

/// Asked once the caller is known: who has no credential learns nothing else first.
fn refuse_unknown_query(request: &Request) -> Result<(), Error> {
    let Some(query) = request.uri().query().filter(|query| !query.is_empty()) else { return Ok(()) };
    if !request.data::<&'static Operation>().is_some_and(|operation| operation.refuses_query) {
        return Ok(());
    }
    let names = form::pairs(query).map(|(name, _)| name.unwrap_or_else(|bytes| String::from_utf8_lossy(&bytes).into()));
    let unknown = |path| FieldError { path, rule: Rule::Unknown, place: Place::Query };
    Err(Error::Invalid(names.take(NAMES_TOLD_MAX).map(unknown).collect()))
}

async fn find_tenant(request: &Request) -> Result<Arc<ActiveTenant>, Error> {
    let key = request.header("x-tenant-api-key").map(str::trim).filter(|key| !key.is_empty());
    let key = match (key, request.headers().contains_key("x-tenant-api-key")) {
        (Some(key), _) => key,
        // A value that is no text is a wrong key, not a missing one.
        (None, true) if request.header("x-tenant-api-key").is_none() => "",
        (None, _) => return Err(Error::CredentialMissing(Credential::TenantKey)),
    };
    let app = app(request)?;
    match app.tenants.by_key(key).await {
        Ok(KeyUse { tenant_id, key_id, tenant }) => {
            note_tenant_key(request, tenant_id, key_id);
            if let Ok(tenant) = &tenant {
                note_language(request, tenant.settings.locale);
            }
            tenant
        }
        Err(error @ Error::CredentialInvalid { .. }) => {
            // Unknown keys share one bucket per address, so that guessing is slow.
            take(request, &app.per_address, &(0, client_addr(request)))?;
            Err(error)
        }
        Err(error) => Err(error),
    }
}

/// The user behind tenant key and bearer token, for operations where they are optional.
///
/// # Errors
/// As the extractor [`User`].
async fn signed_in(request: &Request, tenant: &ActiveTenant) -> Result<Arc<SignedIn>, Error> {
    let app = app(request)?;
    let token = bearer(request).ok_or(Error::CredentialMissing(Credential::UserToken))?;
    match app.sessions.by_token(tenant, token, app.tenants.open(tenant)).await {
        Ok(signed_in) => Ok(signed_in),
        Err(error @ Error::CredentialInvalid { .. }) => {
            take(request, &app.per_address, &(tenant.number, client_addr(request)))?;
            Err(error)
        }
        Err(error) => Err(error),
    }
}

impl Operator {
    /// Checks a request for the operator's credential.
    ///
    /// # Errors
    /// [`Error::CredentialMissing`], [`Error::CredentialInvalid`], [`Error::CentralDisabled`],
    /// [`Error::TooManyRequests`].
    pub fn check(request: &Request) -> Result<Self, Error> {
        let app = app(request)?;
        if request.data::<LocalOperator>().is_none() {
            let address = client_addr(request);
            let key = request.header("x-master-api-key").map(str::trim).filter(|key| !key.is_empty());
            let key = key.ok_or(Error::CredentialMissing(Credential::Master));
            if let Err(error) = key.and_then(|key| app.master_key.check(key)) {
                // Not the bucket of the right key: who guesses must not lock the operator out.
                take(request, &app.central_refused_limit, &address)?;
                return Err(error);
            }
            take(request, &app.central_limit, &address)?;
        }
        note_actor(request, Actor::Operator);
        Ok(Self)
    }
}

impl Voucher {
    /// Whether an admin of the tenant or the operator stands behind the request. A credential that is sent
    /// and wrong is an error, not a silent downgrade. Ask only where it makes a difference: clients of the
    /// original systems send a token that is long dead where none is needed.
    ///
    /// # Errors
    /// As the extractor [`User`] and [`Operator::check`].
    pub async fn is_of_an_admin(&self, request: &Request, tenant: &ActiveTenant) -> Result<bool, Error> {
        if request.headers().contains_key("x-master-api-key") {
            Operator::check(request)?;
            return Ok(true);
        }
        if bearer(request).is_none() {
            return Ok(false);
        }
        let signed_in = signed_in(request, tenant).await?;
        note_actor(request, Actor::User(signed_in.user.id));
        Ok(signed_in.user.role == Role::Admin)
    }
}

fn api_key(registry: &mut Registry, name: &'static str, header: &'static str, description: &'static str) {
    registry.create_security_scheme(
        name,
        MetaSecurityScheme {
            ty: "apiKey",
            description: Some(description),
            name: Some(header),
            key_in: Some("header"),
            scheme: None,
            bearer_format: None,
            flows: None,
            openid_connect_url: None,
        },
    );
}

fn register_tenant_key(registry: &mut Registry) {
    let text = "Says which tenant is meant (`tk_` and 64 hex digits). Sits in client apps and gives no rights alone.";
    api_key(registry, TENANT_KEY, "X-Tenant-API-Key", text);
}

fn register_master_key(registry: &mut Registry) {
    let text = "The operator's key (`MASTER_API_KEY`); shown at the first start of the server.";
    api_key(registry, MASTER_KEY, "X-Master-API-Key", text);
}

fn register_user_token(registry: &mut Registry) {
    registry.create_security_scheme(
        USER_TOKEN,
        MetaSecurityScheme {
            ty: "http",
            description: Some("Token of a user of the tenant, from `POST /api/login` (`11|abc123...`)."),
            name: None,
            key_in: None,
            scheme: Some("bearer"),
            bearer_format: Some("id|secret"),
            flows: None,
            openid_connect_url: None,
        },
    );
}

impl<'a> ApiExtractor<'a> for Operator {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::SecurityScheme];

    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        register_master_key(registry);
    }

    fn security_schemes() -> Vec<&'static str> {
        vec![MASTER_KEY]
    }

    async fn from_request(request: &'a Request, _: &mut RequestBody, _: ExtractParamOptions<()>) -> Result<Self> {
        let operator = Self::check(request)?;
        refuse_unknown_query(request)?;
        Ok(operator)
    }
}

impl<'a> ApiExtractor<'a> for Tenant {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::SecurityScheme];

    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        register_tenant_key(registry);
    }

    fn security_schemes() -> Vec<&'static str> {
        vec![TENANT_KEY]
    }

    async fn from_request(request: &'a Request, _: &mut RequestBody, _: ExtractParamOptions<()>) -> Result<Self> {
        let tenant = find_tenant(request).await?;
        let app = app(request)?;
        take(request, &app.per_address, &(tenant.number, client_addr(request)))?;
        refuse_unknown_query(request)?;
        let db = app.tenants.open(&tenant).await?;
        Ok(Self { tenant, db })
    }
}

impl<'a> ApiExtractor<'a> for Voucher {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::SecurityScheme];

    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        register_user_token(registry);
        register_master_key(registry);
    }

    fn security_schemes() -> Vec<&'static str> {
        OPTIONAL.iter().map(|(mark, _)| *mark).collect()
    }

    async fn from_request(_: &'a Request, _: &mut RequestBody, _: ExtractParamOptions<()>) -> Result<Self> {
        Ok(Self)
    }
}

impl OptionalOperator {
    /// Whether the master key came along. One that is wrong is an error, not a silent downgrade.
    ///
    /// # Errors
    /// As [`Operator::check`].
    pub fn is_there(&self, request: &Request) -> Result<bool, Error> {
        let is_there = request.headers().contains_key("x-master-api-key") || request.data::<LocalOperator>().is_some();
        if is_there {
            Operator::check(request)?;
        }
        Ok(is_there)
    }
}

impl<'a> ApiExtractor<'a> for OptionalOperator {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::SecurityScheme];

    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        register_master_key(registry);
    }

    fn security_schemes() -> Vec<&'static str> {
        vec![OPTIONAL[1].0]
    }

    async fn from_request(_: &'a Request, _: &mut RequestBody, _: ExtractParamOptions<()>) -> Result<Self> {
        Ok(Self)
    }
}

impl<'a, A: Audience> ApiExtractor<'a> for User<A> {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::SecurityScheme];

    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        register_tenant_key(registry);
        register_user_token(registry);
    }

    fn security_schemes() -> Vec<&'static str> {
        // Both are needed; the document's clean-up joins them into one requirement.
        [TENANT_KEY, USER_TOKEN].into_iter().chain(A::MARK).collect()
    }

    async fn from_request(request: &'a Request, _: &mut RequestBody, _: ExtractParamOptions<()>) -> Result<Self> {
        let tenant = find_tenant(request).await?;
        let signed_in = signed_in(request, &tenant).await?;
        note_actor(request, Actor::User(signed_in.user.id));
        let app = app(request)?;
        take(request, &app.per_token, &(tenant.number, signed_in.token_id))?;
        if !A::admits(signed_in.user.role) {
            return Err(Error::Forbidden("admins only").into());
        }
        refuse_unknown_query(request)?;
        let db = app.tenants.open(&tenant).await?;
        Ok(Self { tenant, db, signed_in, audience: PhantomData })
    }
}
