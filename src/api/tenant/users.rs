//! `/api/users`

use poem::Request;
use poem_openapi::{Object, OpenApi};
use serde_json::json;

use crate::api::Tag;
use crate::api::kit::audit;
use crate::api::kit::closed::Closed;
use crate::api::kit::created::Created;
use crate::api::kit::credentials::{Admin, User};
use crate::api::kit::draft::Draft;
use crate::api::kit::etag::{Conditions, Tagged};
use crate::api::kit::page::{LaravelPage, PageUrls, Paging};
use crate::api::kit::params::Params;
use crate::api::kit::path::{Id, Path};
use crate::api::kit::per_page::PerPage;
use crate::api::kit::reply::{NoContent, Reply};
use crate::api::kit::request::client_addr;
use crate::app::App;
use crate::error::{Error, FieldError};
use crate::id::UserId;
use crate::users::{self, Changer, Role, UserFilter};

use super::auth::{RoleName, UserOut};
use super::user_in::{UserChange, UserIn, finished};

/// Users of the tenant.
pub struct UsersApi(pub App);

/// Which users.
#[derive(Debug, Object)]
struct UserListParams {
    /// Page, from 1. One that begins behind row 100,000 is refused.
    #[oai(validator(minimum(value = "1"), maximum(value = "100001")))]
    page: Option<i64>,
    /// Rows of a page; 10 when missing.
    per_page: Option<PerPage>,
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
        let paging = Paging::new(params.page, params.per_page.map(|rows| rows.0))?;
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
    async fn create(
        &self,
        admin: Admin,
        request: &Request,
        input: Draft<Closed<UserIn>>,
    ) -> Result<Created<UserOut>, Error> {
        let desk = self.0.user_desk(&admin.tenant, &admin.db);
        let user = desk.create(finished(input, &desk, None).await?.0.into()).await?;
        audit::record(request, "user.created", ("user", user.id.to_string()), json!({"role": user.role.as_str()}));
        Ok(Created::new(location(user.id), user.into()))
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
    /// Admins change everything, users their own name, email address, user name and picture. Another
    /// email address of their own takes `current_password`. It acts on the next request of the user.
    #[oai(path = "/users/:id", method = "put", method = "patch", operation_id = "users.update")]
    async fn update(
        &self,
        user: User,
        id: Path<Id>,
        request: &Request,
        conditions: Conditions,
        input: Draft<Closed<UserChange, UserOut>>,
    ) -> Result<Tagged<UserOut>, Error> {
        let (id, desk) = (visible(&user, &id)?, self.0.user_desk(&user.tenant, &user.db));
        let input = finished(input, &desk, Some(id)).await?.0;
        let changer = if user.owner().is_some() { input.own_changer() } else { Changer::Admin };
        // A stolen token must not become a way to guess the password.
        let attempt = match &changer {
            Changer::Own { .. } if input.may_guess_password() => {
                let (throttle, email) = (&self.0.login_throttle, &user.signed_in.user.email);
                Some(desk.begin_attempt(throttle, email, client_addr(request)).await?)
            }
            _ => None,
        };
        let keep = (id == user.signed_in.user.id).then_some(user.signed_in.token_id);
        let summary = input.summary();
        let check = move |before: &users::User| conditions.check_match(&UserOut::from(before.clone()));
        let outcome = desk.change(id, changer, input.into(), keep, check).await;
        let is_wrong = |error: &FieldError| error.path == "current_password";
        match (attempt, &outcome) {
            (Some(attempt), Err(Error::Invalid(errors))) if errors.iter().any(is_wrong) => drop(attempt),
            (Some(attempt), _) => attempt.withdraw(),
            (None, _) => {}
        }
        let changed = outcome?;
        audit::record(request, "user.changed", ("user", id.to_string()), summary);
        Ok(Tagged::changed(changed.into()))
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

/// Where a user is.
pub(super) fn location(id: UserId) -> String {
    format!("/api/users/{id}")
}

/// The id of a path, when the caller may see that user.
fn visible(user: &User, id: &Path<Id>) -> Result<UserId, Error> {
    let id = id.of("user")?;
    match user.owner() {
        Some(own) if own != id => Err(Error::not_found("user", id)),
        _ => Ok(id),
    }
}
