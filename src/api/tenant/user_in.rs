//! Inputs that make and change users.

use poem_openapi::Object;
use poem_openapi::types::{Example, MaybeUndefined, ParseFromJSON};
use serde_json::{Value, json};

use crate::api::kit::draft::Draft;
use crate::api::kit::email::Email;
use crate::api::kit::given::Given;
use crate::api::kit::picture::PictureUrl;
use crate::error::Error;
use crate::id::UserId;
use crate::users::{Changer, NewUser, Role, UserDesk, UserPatch};

use super::auth::RoleName;

/// The fields of a user, when nothing is wrong with them. Where something is, the answer tells what
/// the tenant's data and rules say of the others too; `own` is the user that has them already.
///
/// # Errors
/// [`Error::Invalid`]; storage errors.
pub(super) async fn finished<T: ParseFromJSON + 'static>(
    mut input: Draft<T>,
    desk: &UserDesk<'_>,
    own: Option<UserId>,
) -> Result<T, Error> {
    if !input.is_fine() {
        let [email, username, password] = ["email", "username", "password"].map(|field| input.text(field));
        let errors = desk.refused_fields(email, username, password, own).await?;
        input.refuse(errors);
    }
    input.finish()
}

/// What every new user has, whoever makes it.
#[derive(Debug, Object)]
struct NewUserIn {
    /// Name.
    #[oai(validator(min_length = 1, max_length = 255))]
    name: String,
    /// Email address, unique in the tenant.
    email: Email,
    /// User name, unique in the tenant; made from the email address when missing.
    #[oai(validator(min_length = 1, max_length = 255))]
    username: Option<String>,
    /// Password, at least 6 characters unless the server or the tenant asks for more.
    #[oai(validator(min_length = 1, max_length = 1024))]
    password: String,
    /// The password again; checked when it is sent.
    password_confirmation: Option<String>,
}

impl NewUserIn {
    fn with_role(self, role: Option<RoleName>) -> NewUser {
        NewUser {
            name: self.name,
            email: self.email.0,
            username: self.username,
            password: self.password,
            role: role.map_or(Role::User, Role::from),
        }
    }
}

/// A new user.
#[derive(Debug, Object)]
#[oai(example)]
pub(super) struct RegisterIn {
    #[oai(flatten)]
    user: NewUserIn,
    /// Wanted role; `admin` is granted to a tenant's first user, and where an admin's bearer token
    /// or the master key comes along.
    role: Option<RoleName>,
}

impl Example for RegisterIn {
    fn example() -> Self {
        let user = NewUserIn {
            name: "John Doe".into(),
            email: Email("john@example.com".into()),
            username: Some("johndoe".into()),
            password: "password123".into(),
            password_confirmation: Some("password123".into()),
        };
        Self { user, role: Some(RoleName::User) }
    }
}

impl From<RegisterIn> for NewUser {
    fn from(input: RegisterIn) -> Self {
        input.user.with_role(input.role)
    }
}

/// A user that an admin makes.
#[derive(Debug, Object)]
#[oai(example)]
pub(super) struct UserIn {
    #[oai(flatten)]
    user: NewUserIn,
    /// Role; `user` when missing.
    role: Option<RoleName>,
}

impl Example for UserIn {
    fn example() -> Self {
        let user = NewUserIn {
            name: "Siti Rahma".into(),
            email: Email("siti@example.com".into()),
            username: Some("siti".into()),
            password: "password123".into(),
            password_confirmation: None,
        };
        Self { user, role: Some(RoleName::User) }
    }
}

impl From<UserIn> for NewUser {
    fn from(input: UserIn) -> Self {
        input.user.with_role(input.role)
    }
}

/// Changes to a user; fields that are left out stay as they are.
#[derive(Debug, Object)]
#[oai(rename = "UserPatch", example)]
pub(super) struct UserChange {
    /// Name.
    #[oai(validator(min_length = 1, max_length = 255))]
    name: Given<String>,
    /// Email address, unique in the tenant.
    email: Given<Email>,
    /// User name, unique in the tenant.
    #[oai(validator(min_length = 1, max_length = 255))]
    username: Given<String>,
    /// `http` or `https` URL of a picture, or a path; null removes it.
    avatar_url: MaybeUndefined<PictureUrl>,
    /// Role. Only an admin may change it.
    role: Given<RoleName>,
    /// False disables the user and ends its tokens. Only an admin may change it.
    is_active: Given<bool>,
    /// New password; ends the user's tokens. Only an admin may set it, users change their own with
    /// `PUT /api/me/password`.
    #[oai(validator(min_length = 1, max_length = 1024))]
    password: Given<String>,
    /// The password again; checked when it is sent.
    password_confirmation: Option<String>,
    /// The password as it is. Users need it to change their own email address, admins do not.
    current_password: Option<String>,
}

impl Example for UserChange {
    fn example() -> Self {
        Self {
            name: Given(Some("Siti Rahmawati".into())),
            email: Given(None),
            username: Given(None),
            avatar_url: MaybeUndefined::Value(PictureUrl("https://example.com/siti.jpg".into())),
            role: Given(Some(RoleName::User)),
            is_active: Given(None),
            password: Given(None),
            password_confirmation: None,
            current_password: None,
        }
    }
}

impl UserChange {
    /// Who changes, when it is the user itself.
    pub(super) fn own_changer(&self) -> Changer {
        Changer::Own { current_password: self.current_password.clone() }
    }

    /// True when a guess of the current password may be in it.
    pub(super) fn may_guess_password(&self) -> bool {
        self.email.0.is_some() && self.current_password.is_some()
    }

    /// What the audit log says of it: which fields, and of rights the new value.
    pub(super) fn summary(&self) -> Value {
        let sent = [
            ("name", self.name.0.is_some()),
            ("email", self.email.0.is_some()),
            ("username", self.username.0.is_some()),
            ("avatar_url", !self.avatar_url.is_undefined()),
            ("password", self.password.0.is_some()),
        ];
        let fields: Vec<&str> = sent.into_iter().filter(|(_, is_sent)| *is_sent).map(|(name, _)| name).collect();
        let role = self.role.0.map(|role| Role::from(role).as_str());
        json!({"fields": fields, "role": role, "is_active": self.is_active.0})
    }
}

impl From<UserChange> for UserPatch {
    fn from(input: UserChange) -> Self {
        Self {
            name: input.name.0,
            email: input.email.0.map(|email| email.0),
            username: input.username.0,
            role: input.role.0.map(Role::from),
            is_active: input.is_active.0,
            avatar_url: match input.avatar_url {
                MaybeUndefined::Undefined => None,
                MaybeUndefined::Null => Some(None),
                MaybeUndefined::Value(url) => Some(Some(url.0)),
            },
            password: input.password.0,
        }
    }
}
