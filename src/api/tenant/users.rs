//! `/api/users`

use poem::Request;
use poem_openapi::types::MaybeUndefined;
use poem_openapi::{Object, OpenApi};
use serde_json::{Value, json};

use crate::api::Tag;
use crate::api::kit::audit;
use crate::api::kit::credentials::{Admin, User};
use crate::api::kit::etag::{Conditions, Tagged};
use crate::api::kit::input::Input;
use crate::api::kit::page::{LaravelPage, PageUrls, Paging};
use crate::api::kit::params::Params;
use crate::api::kit::path::{Id, Path};
use crate::api::kit::reply::{Created, NoContent, Reply};
use crate::app::App;
use crate::error::Error;
use crate::users::{self, Changer, NewUser, Role, UserFilter, UserPatch};

use super::auth::{Email, RoleName, UserOut};

/// Users of the tenant.
pub struct UsersApi(pub App);

/// A user that an admin makes.
#[derive(Debug, Object)]
#[oai(example)]
struct UserIn {
    /// Name.
    #[oai(validator(min_length = 1, max_length = 255))]
    name: String,
    /// Email address, unique in the tenant.
    email: Email,
    /// User name, unique in the tenant; made from the email address when missing.
    #[oai(validator(min_length = 1, max_length = 255))]
    username: Option<String>,
    /// Password, at least 6 characters unless the server asks for more.
    #[oai(validator(min_length = 1, max_length = 1024))]
    password: String,
    /// The password again; checked when it is sent.
    password_confirmation: Option<String>,
    /// Role; `user` when missing.
    role: Option<RoleName>,
}

impl poem_openapi::types::Example for UserIn {
    fn example() -> Self {
        Self {
            name: "Siti Rahma".into(),
            email: Email("siti@example.com".into()),
            username: Some("siti".into()),
            password: "password123".into(),
            password_confirmation: None,
            role: Some(RoleName::User),
        }
    }
}

/// Changes to a user; fields that are left out stay as they are.
#[derive(Debug, Object)]
#[oai(rename = "UserPatch", example)]
struct UserChange {
    /// Name.
    #[oai(validator(min_length = 1, max_length = 255))]
    name: Option<String>,
    /// Email address, unique in the tenant.
    email: Option<Email>,
    /// User name, unique in the tenant.
    #[oai(validator(min_length = 1, max_length = 255))]
    username: Option<String>,
    /// URL of a picture; null removes it.
    #[oai(validator(max_length = 2048))]
    avatar_url: MaybeUndefined<String>,
    /// Role. Only an admin may change it.
    role: Option<RoleName>,
    /// False disables the user and ends its tokens. Only an admin may change it.
    is_active: Option<bool>,
    /// New password; ends the user's tokens. Only an admin may set it, users change their own with
    /// `PUT /api/me/password`.
    #[oai(validator(min_length = 1, max_length = 1024))]
    password: Option<String>,
    /// The password again; checked when it is sent.
    password_confirmation: Option<String>,
}

impl poem_openapi::types::Example for UserChange {
    fn example() -> Self {
        Self {
            name: Some("Siti Rahmawati".into()),
            email: None,
            username: None,
            avatar_url: MaybeUndefined::Value("https://example.com/siti.jpg".into()),
            role: Some(RoleName::User),
            is_active: None,
            password: None,
            password_confirmation: None,
        }
    }
}

impl UserChange {
    /// What the audit log says of it: which fields, and of rights the new value.
    fn summary(&self) -> Value {
        let sent = [
            ("name", self.name.is_some()),
            ("email", self.email.is_some()),
            ("username", self.username.is_some()),
            ("avatar_url", !self.avatar_url.is_undefined()),
            ("password", self.password.is_some()),
        ];
        let fields: Vec<&str> = sent.into_iter().filter(|(_, is_sent)| *is_sent).map(|(name, _)| name).collect();
        json!({"fields": fields, "role": self.role.map(|role| Role::from(role).as_str()), "is_active": self.is_active})
    }
}

impl From<UserChange> for UserPatch {
    fn from(input: UserChange) -> Self {
        Self {
            name: input.name,
            email: input.email.map(|email| email.0),
            username: input.username,
            role: input.role.map(Role::from),
            is_active: input.is_active,
            avatar_url: match input.avatar_url {
                MaybeUndefined::Undefined => None,
                MaybeUndefined::Null => Some(None),
                MaybeUndefined::Value(url) => Some(Some(url)),
            },
            password: input.password,
        }
    }
}

/// Which users.
#[derive(Debug, Object)]
struct UserListParams {
    /// Page, from 1.
    #[oai(validator(minimum(value = "1"), maximum(value = "1000000000")))]
    page: Option<i64>,
    /// Rows of a page; 10 when missing.
    #[oai(validator(minimum(value = "1"), maximum(value = "1000")))]
    per_page: Option<i64>,
    /// Part of the name, email address or user name, without regard to case.
    #[oai(validator(max_length = 255))]
    q: Option<String>,
    /// Only this role.
    role: Option<RoleName>,
    /// Only enabled (true) or disabled (false) ones.
    is_active: Option<bool>,
}

#[OpenApi(prefix_path = "/api", tag = "Tag::Users")]
impl UsersApi {
    /// List users
    ///
    /// For admins. One page in Laravel's form, in the order the users were made.
    #[oai(path = "/users", method = "get", operation_id = "users.list")]
    async fn list(
        &self,
        admin: Admin,
        urls: PageUrls,
        params: Params<UserListParams>,
    ) -> Result<Reply<LaravelPage<UserOut>>, Error> {
        let params = params.0;
        let paging = Paging::new(params.page, params.per_page, self.0.config.limits.max_page_size)?;
        let role = params.role.map(Role::from);
        let filter = UserFilter { search: params.q, role, is_active: params.is_active };
        let (limit, offset) = (paging.per_page, paging.offset());
        let (rows, total) = admin.db.read(move |tx| users::list(tx, &filter, limit, offset)).await?;
        let rows = rows.into_iter().map(UserOut::from).collect();
        Ok(Reply(LaravelPage::new(&urls, rows, paging.page, paging.per_page, total)))
    }

    /// Create a user
    ///
    /// For admins. The answer carries no token: the user logs in with the password.
    #[oai(path = "/users", method = "post", operation_id = "users.create")]
    async fn create(&self, admin: Admin, request: &Request, input: Input<UserIn>) -> Result<Created<UserOut>, Error> {
        let input = input.0;
        let new = NewUser {
            name: input.name,
            email: input.email.0,
            username: input.username,
            password: input.password,
            role: input.role.map_or(Role::User, Role::from),
        };
        let user = self.0.user_desk(&admin.tenant, &admin.db).create(new).await?;
        audit::record(request, "user.created", ("user", user.id.to_string()), json!({"role": user.role.as_str()}));
        Ok(Created(user.into()))
    }

    /// Show a user
    ///
    /// For admins, and for users themselves. To others it does not exist.
    #[oai(path = "/users/:id", method = "get", operation_id = "users.show")]
    async fn show(&self, user: User, id: Path<Id>, conditions: Conditions) -> Result<Tagged<UserOut>, Error> {
        let id = visible(&user, &id)?;
        let found = user.db.read(move |tx| users::get(tx, id)).await?;
        Ok(Tagged::read(found.into(), conditions))
    }

    /// Change a user
    ///
    /// Admins change everything, users their own name, email address, user name and picture. It acts
    /// on the next request of the user.
    #[oai(path = "/users/:id", method = "put", operation_id = "users.update")]
    async fn update(
        &self,
        user: User,
        id: Path<Id>,
        request: &Request,
        conditions: Conditions,
        input: Input<UserChange>,
    ) -> Result<Tagged<UserOut>, Error> {
        self.change(&user, &id, request, conditions, input.0).await
    }

    /// Change a user (PATCH)
    ///
    /// The same as PUT.
    #[oai(path = "/users/:id", method = "patch", operation_id = "users.patch")]
    async fn patch(
        &self,
        user: User,
        id: Path<Id>,
        request: &Request,
        conditions: Conditions,
        input: Input<UserChange>,
    ) -> Result<Tagged<UserOut>, Error> {
        self.change(&user, &id, request, conditions, input.0).await
    }

    /// Delete a user
    ///
    /// For admins. The user's tokens stop at once; orders stay, without their user. The last active
    /// admin cannot be deleted.
    #[oai(path = "/users/:id", method = "delete", operation_id = "users.delete")]
    async fn delete(
        &self,
        admin: Admin,
        id: Path<Id>,
        request: &Request,
        conditions: Conditions,
    ) -> Result<NoContent, Error> {
        let id = id.of("user")?;
        let check = move |before: &users::User| conditions.check_match(&UserOut::from(before.clone()));
        self.0.user_desk(&admin.tenant, &admin.db).delete(id, check).await?;
        audit::record(request, "user.deleted", ("user", id.to_string()), json!({}));
        Ok(NoContent)
    }
}

/// The id of a path, when the caller may see that user.
fn visible(user: &User, id: &Path<Id>) -> Result<i64, Error> {
    let id = id.of("user")?;
    match user.owner() {
        Some(own) if own != id => Err(Error::not_found("user", id)),
        _ => Ok(id),
    }
}

impl UsersApi {
    async fn change(
        &self,
        user: &User,
        id: &Path<Id>,
        request: &Request,
        conditions: Conditions,
        input: UserChange,
    ) -> Result<Tagged<UserOut>, Error> {
        let id = visible(user, id)?;
        let changer = if user.owner().is_some() { Changer::Own } else { Changer::Admin };
        let keep = (id == user.signed_in.user.id).then_some(user.signed_in.token_id);
        let summary = input.summary();
        let check = move |before: &users::User| conditions.check_match(&UserOut::from(before.clone()));
        let desk = self.0.user_desk(&user.tenant, &user.db);
        let changed = desk.change(id, changer, input.into(), keep, check).await?;
        audit::record(request, "user.changed", ("user", id.to_string()), summary);
        Ok(Tagged::changed(changed.into()))
    }
}
