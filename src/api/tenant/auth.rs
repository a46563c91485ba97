//! `/api/register`, `/api/login`, `/api/logout`, `/api/me`, `/api/info`

use poem::Request;
use poem_openapi::{Enum, Object, OpenApi};
use serde::Serialize;
use serde_json::json;

use crate::api::Tag;
use crate::api::kit::audit;
use crate::api::kit::created::Created;
use crate::api::kit::credentials::{Tenant, User, Voucher};
use crate::api::kit::draft::Draft;
use crate::api::kit::etag::{Conditions, EntityTag, Tagged};
use crate::api::kit::input::Input;
use crate::api::kit::reply::Reply;
use crate::api::kit::request::client_addr;
use crate::api::kit::time::Time;
use crate::app::App;
use crate::error::Error;
use crate::users::{self, NewUser, Registrar, Role};

use super::user_in::{RegisterIn, finished};
use super::users as users_api;

/// Registration and log-in of a tenant's users.
pub struct AuthApi(pub App);

/// What a user may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum, Serialize)]
#[oai(rename_all = "snake_case", rename = "Role")]
#[serde(rename_all = "snake_case")]
pub enum RoleName {
    /// Everything inside the tenant, users included.
    Admin,
    /// The daily work.
    User,
}

impl From<Role> for RoleName {
    fn from(role: Role) -> Self {
        match role {
            Role::Admin => Self::Admin,
            Role::User => Self::User,
        }
    }
}

impl From<RoleName> for Role {
    fn from(role: RoleName) -> Self {
        match role {
            RoleName::Admin => Self::Admin,
            RoleName::User => Self::User,
        }
    }
}

/// A user of the tenant. The password is never shown.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "User")]
pub struct UserOut {
    /// Id inside the tenant.
    id: i64,
    /// Id that is unique everywhere.
    uuid: String,
    /// Name.
    name: String,
    /// Email address.
    email: String,
    /// User name.
    username: String,
    /// Role.
    role: RoleName,
    /// False once disabled.
    is_active: bool,
    /// Picture.
    avatar_url: Option<String>,
    /// When the email address was confirmed.
    email_verified_at: Option<Time>,
    /// Created.
    created_at: Time,
    /// Last changed.
    updated_at: Time,
}

impl From<users::User> for UserOut {
    fn from(user: users::User) -> Self {
        Self {
            id: user.id,
            uuid: user.uuid,
            name: user.name,
            email: user.email,
            username: user.username,
            role: user.role.into(),
            is_active: user.is_active,
            avatar_url: user.avatar_url,
            email_verified_at: user.email_verified_at.map(Time),
            created_at: Time(user.created_at),
            updated_at: Time(user.updated_at),
        }
    }
}

/// Email address and password.
#[derive(Debug, Object)]
#[oai(example)]
struct LoginIn {
    /// Email address.
    #[oai(validator(min_length = 1, max_length = 254))]
    email: String,
    /// Password.
    #[oai(validator(min_length = 1))]
    password: String,
}

impl poem_openapi::types::Example for LoginIn {
    fn example() -> Self {
        Self { email: "john@example.com".into(), password: "password123".into() }
    }
}

/// The tenant of an answer.
#[derive(Debug, Object, Serialize)]
struct TenantInfo {
    /// Its id.
    id: String,
    /// Its name.
    name: String,
    /// Logical name of its file.
    database: String,
}

/// A user that was just registered, with its first token.
#[derive(Debug, Object, Serialize)]
struct Registered {
    /// For people.
    message: String,
    /// The user.
    user: UserOut,
    /// Bearer token, shown once.
    token: String,
    /// The tenant.
    tenant: TenantInfo,
}

/// A new token.
#[derive(Debug, Object, Serialize)]
struct LoggedIn {
    /// For people.
    message: String,
    /// The user.
    user: UserOut,
    /// Bearer token, shown once.
    token: String,
    /// The tenant.
    tenant: TenantInfo,
}

/// A sentence.
#[derive(Debug, Object, Serialize)]
pub struct Message {
    /// For people.
    pub message: String,
}

/// Who asks, and in which tenant.
#[derive(Debug, Object, Serialize)]
struct Me {
    /// The user.
    user: UserOut,
    /// The tenant.
    tenant: TenantInfo,
}

/// The tenant behind a key.
#[derive(Debug, Object, Serialize)]
struct Info {
    /// Its id.
    tenant_id: String,
    /// Its name.
    tenant_name: String,
    /// Logical name of its file.
    database: String,
}

fn tenant_info(tenant: &crate::tenants::ActiveTenant) -> TenantInfo {
    TenantInfo { id: tenant.id.to_string(), name: tenant.name.clone(), database: tenant.db_name.to_string() }
}

#[OpenApi(prefix_path = "/api", tag = "Tag::Auth")]
impl AuthApi {
    /// Register a user
    ///
    /// The first user of a tenant may choose the role `admin`. Later ones become `user`, unless an
    /// admin's bearer token or the master key comes along. Where `role` is not `admin`, neither is looked at.
    #[oai(path = "/register", method = "post", operation_id = "auth.register")]
    async fn register(
        &self,
        caller: Tenant,
        voucher: Voucher,
        request: &Request,
        input: Draft<RegisterIn>,
    ) -> Result<Created<Registered>, Error> {
        let desk = self.0.user_desk(&caller.tenant, &caller.db);
        let new = NewUser::from(finished(input, &desk, None).await?);
        let is_trusted = new.role == Role::Admin && voucher.is_of_an_admin(request, &caller.tenant).await?;
        let registrar = if is_trusted { Registrar::Trusted } else { Registrar::Public };
        let (user, token) = desk.register(registrar, new).await?;
        if is_trusted {
            audit::record(request, "user.created", ("user", user.id.to_string()), json!({"role": user.role.as_str()}));
        }
        let (location, user) = (users_api::location(user.id), UserOut::from(user));
        let (tag, tenant) = (EntityTag::of(&user)?, tenant_info(&caller.tenant));
        let body = Registered { message: "User registered successfully".into(), user, token, tenant };
        Ok(Created::new(location, body).with_tag(tag))
    }

    /// Log in
    ///
    /// Answers with a bearer token. Other tokens of the user stay good.
    #[oai(path = "/login", method = "post", operation_id = "auth.login")]
    async fn login(&self, caller: Tenant, request: &Request, input: Input<LoginIn>) -> Result<Reply<LoggedIn>, Error> {
        let (app, input, address) = (&self.0, input.0, client_addr(request));
        let desk = app.user_desk(&caller.tenant, &caller.db);
        let attempt = desk.begin_attempt(&app.login_throttle, &input.email, address).await?;
        let outcome = desk.login(&input.email, input.password, address).await;
        match &outcome {
            Ok(_) => attempt.succeeded(),
            Err(Error::LoginFailed) => drop(attempt),
            Err(_) => attempt.withdraw(),
        }
        let (user, token) = outcome?;
        let tenant = tenant_info(&caller.tenant);
        Ok(Reply(LoggedIn { message: "Login successful".into(), user: user.into(), token, tenant }))
    }

    /// Log out
    ///
    /// The token of this request stops at once; others of the user stay good.
    #[oai(path = "/logout", method = "post", operation_id = "auth.logout")]
    async fn logout(&self, user: User) -> Result<Reply<Message>, Error> {
        let (user_id, token_id) = (user.signed_in.user.id, user.signed_in.token_id);
        self.0.user_desk(&user.tenant, &user.db).revoke_token(user_id, token_id).await?;
        Ok(Reply(Message { message: "Logout successful".into() }))
    }

    /// Who am I
    ///
    /// The user of the token, and the tenant of the key.
    #[oai(path = "/me", method = "get", operation_id = "auth.me")]
    async fn me(&self, user: User, conditions: Conditions) -> Result<Tagged<Me>, Error> {
        let me = Me { user: user.signed_in.user.clone().into(), tenant: tenant_info(&user.tenant) };
        Ok(Tagged::read(me, conditions))
    }

    /// Which tenant is this key for
    ///
    /// Needs no log-in: a client shows with it where its key leads.
    #[oai(path = "/info", method = "get", operation_id = "auth.info")]
    async fn info(&self, caller: Tenant, conditions: Conditions) -> Result<Tagged<Info>, Error> {
        let TenantInfo { id, name, database } = tenant_info(&caller.tenant);
        Ok(Tagged::read(Info { tenant_id: id, tenant_name: name, database }, conditions))
    }
}
